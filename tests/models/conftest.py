"""The large solvers of the shipped models are compiled beside the tests that come first, on a second core."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
COMPILE = f"""
import sys
sys.path.insert(0, {str(HERE.parents[1])!r})
import numpy as np
from cartsim.models import load_model
from cartsim.simulate import batch
for name in ("singh2021_bb2121", "kirouac2023"):
    model = load_model(name)
    batch(model, model.values[None], np.array([1.0]))
"""
_beside: list[subprocess.Popen] = []


def pytest_collection_finish(session: pytest.Session) -> None:
    wanted = any(HERE in item.path.parents for item in session.items)
    if wanted and not session.config.option.collectonly:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        _beside.append(subprocess.Popen([sys.executable, "-c", COMPILE], **quiet))


@pytest.fixture(scope="session", autouse=True)
def compiled_beside() -> None:
    """Wait for the other process; should it have failed, the tests compile for themselves."""
    for process in _beside:
        process.wait()


def pytest_sessionfinish() -> None:
    for process in _beside:
        if process.poll() is None:
            process.terminate()
        process.wait()
