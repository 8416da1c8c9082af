"""The examples and the README's Python run as they are printed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).resolve().parent.parent / "examples").glob("[0-9]*.py"))
SLOW = {"04_rules_that_react"}  # it compiles a model with rules, alone
MOST_SECONDS = 300  # they take under 30 s on a quiet machine with compiled kernels; this one may be neither


@pytest.mark.parametrize(
    "example",
    [
        pytest.param(path, marks=[pytest.mark.slow] if path.stem in SLOW else [], id=path.stem)
        for path in EXAMPLES
    ],
)
def test_an_example_runs_and_prints(example: Path, tmp_path: Path, project: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-W", "error", str(example), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project)},
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip()
    assert list(tmp_path.iterdir())


def test_there_are_six_examples() -> None:
    assert [path.name[:2] for path in EXAMPLES] == ["01", "02", "03", "04", "05", "06"]


def test_the_python_of_the_readme_runs(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(project / "fits" / "six_patients", tmp_path / "fits" / "six_patients")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (project / "README.md").read_text(), flags=re.S)
    names: dict[str, object] = {}
    exec(compile("\n".join(blocks), "README.md", "exec"), names)
    assert (tmp_path / "sim6.html").stat().st_size > 100_000
    assert len(names["result"].summary()) == 7
    assert len(names["outcomes"]) == 200
