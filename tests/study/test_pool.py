"""Patients in separate processes: same results, honest progress, errors and stops that reach the caller."""

import os
import pickle
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from cartsim.errors import CartsimError, ConfigError, DataError, Finding
from cartsim.study.pool import Progress, run_all

# A worker imports the task by name; a test file is not importable there, so the tasks get their own file.
TASKS = """
import os, time
from dataclasses import dataclass

@dataclass(frozen=True)
class Square:
    value: int
    def __call__(self, progress):
        progress(self.value, 10)
        return self.value**2, os.getpid()

@dataclass(frozen=True)
class Fails:
    def __call__(self, progress):
        from cartsim.errors import CartsimError
        raise CartsimError("this patient cannot be fitted")

@dataclass(frozen=True)
class Long:
    folder: str
    def __call__(self, progress):
        for step in range(600):
            open(os.path.join(self.folder, "steps"), "a").write("x")
            time.sleep(0.05)
            progress(step, 600)
"""


@dataclass(frozen=True)
class Local:
    value: int

    def __call__(self, progress: Progress) -> tuple[int, int]:
        progress(self.value, 10)
        return self.value**2, os.getpid()


class Seen:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int, int]] = []
        self.finished: list[int] = []

    def advance(self, index: int, done: int, planned: int) -> None:
        self.steps.append((index, done, planned))

    def finish(self, index: int, result: object) -> None:
        self.finished.append(index)


@pytest.fixture
def tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "pool_tasks.py").write_text(TASKS)
    monkeypatch.syspath_prepend(str(tmp_path))
    import pool_tasks

    return pool_tasks


def test_one_worker_stays_in_this_process() -> None:
    seen = Seen()
    results = run_all([Local(2), Local(3)], workers=1, watcher=seen)
    assert results == [(4, os.getpid()), (9, os.getpid())]
    assert seen.steps == [(0, 2, 10), (1, 3, 10)]
    assert seen.finished == [0, 1]


def test_two_workers_give_the_results_in_order_from_other_processes(tasks) -> None:
    seen = Seen()
    results = run_all([tasks.Square(value) for value in range(5)], workers=2, watcher=seen)
    assert [square for square, _ in results] == [0, 1, 4, 9, 16]
    assert os.getpid() not in {process for _, process in results}
    assert sorted(seen.finished) == [0, 1, 2, 3, 4]
    assert set(seen.steps) <= {(value, value, 10) for value in range(5)}


def test_an_error_in_a_worker_reaches_the_caller_as_itself(tasks) -> None:
    with pytest.raises(CartsimError, match="this patient cannot be fitted"):
        run_all([tasks.Fails(), tasks.Square(1)], workers=2, watcher=Seen())


def test_a_stop_ends_the_workers_soon(tasks, tmp_path: Path) -> None:
    class Interrupts(Seen):
        def advance(self, index: int, done: int, planned: int) -> None:
            raise KeyboardInterrupt

    begin = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        run_all([tasks.Long(str(tmp_path))] * 3, workers=2, watcher=Interrupts())
    assert time.perf_counter() - begin < 20.0  # each task alone would take 30 s
    written = (tmp_path / "steps").stat().st_size
    time.sleep(0.3)
    assert (tmp_path / "steps").stat().st_size == written


@pytest.mark.parametrize(
    "error",
    [DataError([Finding("a fault", "a.csv", row=3)]), ConfigError("fit.toml", [("seed", "missing")])],
    ids=["data", "settings"],
)
def test_errors_that_carry_findings_survive_the_way_back(error: CartsimError) -> None:
    back = pickle.loads(pickle.dumps(error))
    assert (type(back), str(back)) == (type(error), str(error))
