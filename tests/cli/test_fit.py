"""`cartsim fit` stopped from the keyboard or killed: nothing is lost, and the message says how to go on."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SHORT = (
    "\n[sampler]\nwalkers = 16\nburn_in = 100\ncheck_every = 100\nmax_steps = 1500\ncheckpoint_every = 50\n"
)
CODE = "from cartsim.cli.app import main; main()"


@pytest.fixture
def folder(project: Path, tmp_path: Path) -> Path:
    copied = tmp_path / "small"
    shutil.copytree(project / "fits" / "six_patients", copied)
    (copied / "fit.toml").write_text((copied / "fit.toml").read_text() + SHORT)
    return copied


def start(folder: Path, project: Path, *words: str) -> subprocess.Popen:
    """The command in a process group of its own, so that a signal to the group reaches it as Ctrl-C does."""
    return subprocess.Popen(
        [sys.executable, "-c", CODE, "fit", str(folder), "--no-report", *words],
        cwd=folder.parent,
        env={**os.environ, "PYTHONPATH": str(project)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def wait_for_checkpoints(out: Path) -> None:
    for _ in range(1200):
        if len(list(out.glob("chains/*/*.h5"))) >= 3:
            return
        time.sleep(0.1)
    raise AssertionError("no checkpoint was written within two minutes")


@pytest.mark.slow
def test_ctrl_c_stops_cleanly_and_the_run_is_resumed(folder: Path, project: Path) -> None:
    out = folder.parent / "out"
    process = start(folder, project, "--out", str(out))
    wait_for_checkpoints(out)
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert f"cartsim fit {folder} --out {out} --resume" in said
    assert "Traceback" not in said
    resumed = start(folder, project, "--out", str(out), "--resume")
    said, _ = resumed.communicate(timeout=600)
    assert resumed.returncode in (0, 1), said  # these chains are too short for the gates
    assert len(json.loads((out / "result.json").read_text())["patients"]) == 6


@pytest.mark.slow
def test_no_worker_outlives_a_killed_run(folder: Path, project: Path) -> None:
    out = folder.parent / "out"
    process = start(folder, project, "--out", str(out))
    wait_for_checkpoints(out)
    process.kill()
    # The pipe closes only when the last process holding it has ended: TimeoutExpired means a worker lives on.
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
