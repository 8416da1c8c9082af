"""Cohorts of any size: a patient is solved, reduced to a few numbers at once, and its curves forgotten."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING

import numpy as np

from cartsim.errors import ModelError, SolveError
from cartsim.kernels.methods import Method
from cartsim.kernels.reduce import reduce_rows
from cartsim.models import load_model
from cartsim.regimen.events import EventTable, SolverEvents, no_events
from cartsim.regimen.regimen import Regimen, events_of
from cartsim.solve.batch import KERNEL_ARRAY, STATUS, Batch, Plan, empty_batch, in_chunks, warn_of_failures
from cartsim.solve.reductions import Reduction, Tables, check, tables
from cartsim.spec.model import Model

if TYPE_CHECKING:
    import pandas as pd

# Patients whose parameter rows are asked for at once: long enough that asking costs nothing.
TASK = 1024
# Patients solved at once: with fewer, lanes wait for the last one; with more, their rows leave the cache
# (measured on 16 states: 64 patients cost no more a patient than 256; 12 MB cost a seventh more than 4 MB).
FEWEST, MOST, BUFFER_BYTES = 64, 256, 4_000_000

Rows = Callable[[int, int], np.ndarray]
"""rows(first, last) → parameters float64 (last - first, P) of patients first .. last - 1, the same whatever
the split; called from several threads."""


@dataclass(frozen=True)
class Reduced:
    """A cohort as one row of numbers a patient.

    Attributes
    ----------
    values : float64 (n, R), in the order and units of `reductions`; NaN for a failed patient and where a
        number does not exist (a limit never reached)
    status : int64 (n,), 0 is fine, otherwise see `cartsim.solve.batch.STATUS`
    counts : int64 (n, 3), accepted steps, rejected steps, tiny negatives set to zero
    firings : float64 (n, K), day when each rule fired, NaN where it did not; in the order of the patient's
        rules, as many columns for each as it may fire
    firing_names : names of these columns, such as day_of_tocilizumab_1, where all have the same rules
    """

    model: Model
    reductions: tuple[Reduction, ...]
    values: np.ndarray
    status: np.ndarray
    counts: np.ndarray
    firings: np.ndarray
    firing_names: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the numbers, such as peak_il6."""
        return tuple(item.name for item in self.reductions)

    @property
    def statuses(self) -> dict[str, int]:
        """How many patients ended with which status, in words."""
        codes, counts = np.unique(self.status, return_counts=True)
        return {STATUS[int(code)]: int(count) for code, count in zip(codes, counts, strict=True)}

    def value(self, name: str) -> np.ndarray:
        """One number of all patients by name, float64 (n,)."""
        if name not in self.names:
            raise ModelError("no such number was kept", value=name, limit=", ".join(self.names))
        return self.values[:, self.names.index(name)]

    def legend(self) -> pd.DataFrame:
        """One row a number: name, unit, and what it is in plain words."""
        import pandas as pd

        model = self.model
        rows = [(item.name, item.unit_in(model), item.description(model)) for item in self.reductions]
        return pd.DataFrame(rows, columns=["name", "unit", "description"])

    def to_dataframe(self) -> pd.DataFrame:
        """One row a patient: its number from 0 on as `patient`, `status`, the numbers and firings by name."""
        import pandas as pd

        columns = {"patient": np.arange(len(self.status)), "status": self.status}
        columns |= dict(zip(self.names, self.values.T, strict=True))
        if self.firing_names:
            columns |= dict(zip(self.firing_names, self.firings.T, strict=True))
        return pd.DataFrame(columns)


def reduce_cohort(
    model: Model | str,
    parameters: np.ndarray | Rows,
    times: Sequence[float] | np.ndarray,
    reductions: Sequence[Reduction],
    *,
    count: int | None = None,
    events: EventTable | None = None,
    regimen: Regimen | None = None,
    start: float = 0.0,
    method: Method | None = None,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Reduced:
    """Solve a cohort and keep only the asked numbers: memory grows by these alone, not by the curves.

    Parameters
    ----------
    model : Model, or the name or file of one
    parameters : float64 (n, P), all parameters in the model's order; or a function (first, last) that gives
        the rows of patients first .. last - 1, the same whatever the split, from several threads at once
    times : float64 (T,), day, rising: the grid on which the curves are read
    reductions : Peak("il6"), Area("car_t", start=0, end=28) …
    count : patients, where `parameters` is a function
    events : doses of one subject, for all, or of n subjects; none by default
    regimen : instead of `events`: a Regimen for everyone; when its rules fired is kept for each patient
    start, method : as for `batch`
    threads : int; the result has the same bits for any number
    progress : hears (patients done, patients) from time to time, in the calling thread

    Raises
    ------
    ReductionError
        Naming every unknown output, window outside the grid and the like at once.
    SolveError
        For parameter rows of the wrong shape, or times that do not rise.

    Warns
    -----
    CartsimWarning
        If solves failed, with how many and why; these patients stay in the result as NaN, with their status.
    """
    model = load_model(model) if isinstance(model, str) else model
    rows, count = _rows(model, parameters, count)
    if regimen is not None:
        if events is not None:
            raise SolveError("give either events or a regimen, not both", value=regimen)
        events = events_of(model, [regimen], start=start)
    events = events or no_events()
    if events.subjects not in (1, count):
        raise SolveError("events are for another number of patients", value=events.subjects, limit=(1, count))
    grid = np.require(np.atleast_1d(np.asarray(times, dtype=np.float64)), None, KERNEL_ARRAY)
    if not len(grid) or not np.isfinite(grid).all() or (np.diff(grid) < 0).any():
        raise SolveError("times must be finite and rising, at least one", value=grid)
    check(reductions, model, grid)
    table = tables(reductions, model, grid)
    bytes_each = 8 * len(grid) * (len(model.states) + len(model.outputs) * table.reads_outputs)
    length = min(MOST, max(FEWEST, BUFFER_BYTES // bytes_each))
    work = _Work(model, grid, table, events.for_solver(model, events.subjects), start, method, length)
    result = Reduced(
        model,
        tuple(reductions),
        np.empty((count, len(reductions))),
        np.empty(count, dtype=np.int64),
        np.empty((count, 3), dtype=np.int64),
        np.empty((count, work.events.rules.slots)),
        work.events.rules.firing_names,
    )
    free: SimpleQueue[Batch] = SimpleQueue()
    for _ in range(max(threads, 1)):
        free.put(work.buffers())

    def task(first: int, last: int) -> None:
        buffers = free.get()
        try:
            given = rows(first, last)
            for begin in range(first, last, length):
                end = min(begin + length, last)
                work.run(begin, end, given[begin - first : end - first], buffers, result)
        finally:
            free.put(buffers)

    told = (lambda done: None) if progress is None else (lambda done: progress(done, count))
    in_chunks(task, count, _task_length(count, threads), threads, told)
    warn_of_failures(model, result.status)
    return result


@dataclass(frozen=True)
class _Work:
    """One cohort's grid, tables and events; `run` takes a chunk from parameters to numbers."""

    model: Model
    grid: np.ndarray
    table: Tables
    events: SolverEvents
    start: float
    method: Method | None
    length: int

    def buffers(self) -> Batch:
        """Rows of the longest chunk; the pages of what is never written cost no memory."""
        return empty_batch(
            self.model,
            self.length,
            np.arange(self.length + 1, dtype=np.int64) * len(self.grid),
            self.events.rules.slots,
        )

    def run(self, first: int, last: int, parameters: np.ndarray, buffers: Batch, result: Reduced) -> None:
        """Patients first .. last - 1."""
        plan, subject = self.plan(first, last)
        buffers.status[:], buffers.firings[:] = 0, np.nan
        count, table = last - first, self.table
        plan.task(parameters, subject, buffers, observed=table.reads_outputs)(0, count)
        reduce_rows(
            count,
            len(self.grid),
            table.curves,
            table.days,
            table.weights,
            table.rules,
            table.limits,
            buffers.outputs,
            buffers.states,
            buffers.status,
            result.values[first:last],
        )
        result.status[first:last] = buffers.status[:count]
        result.counts[first:last] = buffers.counts[:count]
        result.firings[first:last] = buffers.firings[:count]

    def plan(self, first: int, last: int) -> tuple[Plan, np.ndarray]:
        """Times and events of a chunk's patients, and which of them each uses."""
        count, length = last - first, len(self.grid)
        shared = len(self.events.offsets) == 2
        events = self.events if shared else self.events.part(first, last)
        subject = np.zeros(count, np.int64) if shared else np.arange(count)
        subjects = 1 if shared else count
        times, offsets = np.tile(self.grid, subjects), np.arange(subjects + 1) * length
        return Plan(self.model, times, offsets, events, self.start, self.method), subject


def _task_length(count: int, threads: int) -> int:
    """Patients a task: TASK, fewer where threads would lack work (the first task runs alone)."""
    share = count // (4 * max(threads, 1)) if threads > 1 else TASK
    return min(TASK, max(MOST, -(-share // MOST) * MOST))


def _rows(model: Model, parameters: np.ndarray | Rows, count: int | None) -> tuple[Rows, int]:
    """Checked rows by (first, last), and how many patients there are."""
    width = len(model.parameters)
    if not callable(parameters):
        given = np.asarray(parameters)
        if given.ndim != 2 or given.shape[1] != width:
            raise SolveError("parameters have the wrong shape", value=given.shape, limit=f"(n, {width})")
        if count is not None and count != len(given):
            raise SolveError("count differs from the number of parameter rows", value=count, limit=len(given))
        parameters, count = (lambda first, last: given[first:last]), len(given)
    elif count is None or count < 0:
        raise SolveError(
            "parameters given as a function need the number of patients", value=count, limit=">= 0"
        )

    def rows(first: int, last: int) -> np.ndarray:
        found = np.require(parameters(first, last), np.float64, KERNEL_ARRAY)
        if found.shape != (last - first, width):
            raise SolveError(
                f"the function gave parameters of the wrong shape for patients {first} to {last - 1}",
                value=found.shape,
                limit=(last - first, width),
            )
        return found

    return rows, count
