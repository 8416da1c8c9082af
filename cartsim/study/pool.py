"""Patients worked on side by side in separate processes, with one progress bar and a clean stop."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

Result = TypeVar("Result")
Progress = Callable[[int, int], None]
"""Told how many sampler steps are done and how many are planned."""


class Watcher(Protocol):
    """Sees the work of all tasks, each known by its place in the list."""

    def advance(self, index: int, done: int, planned: int) -> None:
        """A task has done so many steps of those planned so far."""

    def finish(self, index: int, result: Any) -> None:
        """A task is done."""


class Task(Protocol[Result]):
    """One patient's work; must be picklable and give the same result in any process."""

    def __call__(self, progress: Progress) -> Result: ...


class Stopped(BaseException):
    """Raised inside a worker at its next report of progress after the run was asked to stop."""


def default_workers() -> int:
    """Two, or fewer where this process may use fewer cores: patients are the unit of parallel work."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(2, available))


def run_all(tasks: Sequence[Task[Result]], *, workers: int, watcher: Watcher) -> list[Result]:
    """Results of the tasks in their order, whatever the number of workers.

    With one worker everything runs in this process. Ctrl-C lets the workers stop at their next step and is
    passed on; what they have written so far stays.
    """
    if workers <= 1 or len(tasks) <= 1:
        return [_watched(index, task, watcher) for index, task in enumerate(tasks)]
    # Workers share the cores already; BLAS threads inside them only wait for each other.
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    context = multiprocessing.get_context("spawn")  # a fork would copy numba's and HDF5's locks
    reports, stop = context.Queue(), context.Event()
    pool = ProcessPoolExecutor(
        min(workers, len(tasks)), mp_context=context, initializer=_begin, initargs=(reports, stop)
    )
    with pool, _stopping(pool, stop):
        places = {pool.submit(_work, index, task): index for index, task in enumerate(tasks)}
        pending = set(places)
        while pending:
            done, pending = wait(pending, timeout=0.2, return_when=FIRST_COMPLETED)
            while not reports.empty():
                watcher.advance(*reports.get())
            for future in done:  # a failed patient ends the run here, not after all others
                watcher.finish(places[future], future.result())
        return [future.result() for future in places]


@contextmanager
def _stopping(pool: ProcessPoolExecutor, stop: Any) -> Iterator[None]:
    try:
        yield
    except BaseException:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
        raise


_here: dict[str, Any] = {}  # this worker's queue and stop sign, set once by `_begin`


def _begin(reports: Any, stop: Any) -> None:
    """Set up a worker: Ctrl-C is the parent's business, and no worker outlives a killed parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _here.update(reports=reports, stop=stop)
    parent = multiprocessing.parent_process()

    def leave_with_parent() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=leave_with_parent, daemon=True).start()


def _watched(index: int, task: Task[Result], watcher: Watcher) -> Result:
    result = task(lambda done, planned: watcher.advance(index, done, planned))
    watcher.finish(index, result)
    return result


def _work(index: int, task: Task[Result]) -> Result:
    def progress(done: int, planned: int) -> None:
        if _here["stop"].is_set():
            raise Stopped
        _here["reports"].put((index, done, planned))

    return task(progress)
