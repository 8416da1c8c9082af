"""Many parameter rows solved at once, on arrays: `batch`, and the checked `Plan` behind it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from cartsim.errors import CartsimWarning, SolveError
from cartsim.kernels.methods import Method, default_method
from cartsim.kernels.work import Found, Work
from cartsim.regimen.events import EventTable, SolverEvents, no_events
from cartsim.spec.generate import closed_form_module, solver_module
from cartsim.spec.model import Model

OUT_OF_STEP = 7
STATUS = {
    0: "fine",
    1: "step cap reached",
    2: "not finite",
    3: "step too small",
    4: "runaway",
    # Cells fell below what the solver resolves (1e-60 scales) and multiplied again: their number is unknown.
    5: "regrown from unresolved",
    # Cells took off from near rest so fast that errors grow 12,000-fold.
    6: "too sensitive",
    OUT_OF_STEP: "out of step",  # only where neighbours in parameters are solved together
}
# What the kernels are compiled for; a read-only array (pandas gives such) would compile them a second time.
KERNEL_ARRAY = ("C_CONTIGUOUS", "WRITEABLE")
# Patients a task; results do not depend on it. Large enough that lanes stay full, small enough to share out.
CHUNK = 256


@dataclass(frozen=True)
class Batch:
    """Solved rows: for each parameter row its times in order.

    Attributes
    ----------
    outputs : float64 (rows, O), in the model's output units; NaN from the time a solve failed
    states : float64 (rows, N)
    offsets : int64 (n + 1,), rows of patient i are offsets[i] .. offsets[i + 1] - 1
    status : int64 (n,), see `STATUS`
    counts : int64 (n, 3), accepted steps, rejected steps, tiny negatives set to zero
    firings : float64 (n, K), day when each rule of the regimen fired for the first, second … time, NaN where
        it did not; the columns are the slots of the subject's `RuleTable.labels`
    """

    outputs: np.ndarray
    states: np.ndarray
    offsets: np.ndarray
    status: np.ndarray
    counts: np.ndarray
    firings: np.ndarray


def batch(
    model: Model,
    parameters: np.ndarray,
    times: np.ndarray | tuple[np.ndarray, np.ndarray],
    *,
    events: EventTable | None = None,
    subject: np.ndarray | None = None,
    start: float = 0.0,
    method: Method | None = None,
    threads: int = 1,
) -> Batch:
    """Solve the model for n parameter rows.

    Parameters
    ----------
    parameters : float64 (n, P), all parameters in the model's order
    times : float64 (T,) shared by all rows, or (flat, offsets) with the times of each subject; day
    events : EventTable of the subjects, or one subject's for all
    subject : int64 (n,), whose times and events each row uses; by default row i is subject i
    start : float, day; when the initial state holds
    method : Method; by default the closed form where it applies (start 0, no events), else Rodas5P at 1e-6
    threads : int; the result has the same bits for any number

    Notes
    -----
    A value at the time of a dose is the one just after it. A failed solve is a status, never an exception.
    """
    parameters, width = np.require(parameters, np.float64, KERNEL_ARRAY), len(model.parameters)
    if parameters.ndim != 2 or parameters.shape[1] != width:
        raise SolveError("parameters have the wrong shape", value=parameters.shape, limit=f"(n, {width})")
    flat, time_offsets, shared = _times(times)
    if events is None:
        events = no_events(len(time_offsets) - 1)
    who = _subjects(subject, len(parameters), shared, events.subjects)
    subjects = max(len(time_offsets) - 1, events.subjects)
    if shared and subjects > 1:
        # Every subject reads the same times: a repeated flat copy keeps the kernels free of special cases.
        time_offsets = np.arange(subjects + 1, dtype=np.int64) * len(flat)
        flat = np.tile(flat, subjects)
    plan = Plan(model, flat, time_offsets, events.for_solver(model, subjects), start, method)
    return plan.solve(parameters, who, threads)


def plan_one(
    model: Model,
    times: np.ndarray,
    *,
    events: EventTable | None = None,
    start: float = 0.0,
    method: Method | None = None,
) -> Plan:
    """Check the times and events of one subject once, for a fit that solves them many thousand times."""
    flat, time_offsets, _ = _times(times)
    return Plan(model, flat, time_offsets, (events or no_events()).for_solver(model, 1), start, method)


@dataclass(frozen=True)
class Plan:
    """Checked times and events of some subjects, ready for `solve`; made by `plan_one` and `batch`."""

    model: Model
    times: np.ndarray
    time_offsets: np.ndarray
    events: SolverEvents
    start: float
    method: Method | None

    def __post_init__(self) -> None:
        for what, given in (("an output time", self.times), ("a dose or event", self.events.rows[:, 0])):
            if len(given) and given.min() < self.start:
                limit = f">= {self.start} day"
                raise SolveError(f"{what} lies before the start", value=float(given.min()), limit=limit)

    @property
    def closed_form(self) -> bool:
        """Whether the model's own solution serves instead of the solver."""
        return self.method is None and bool(self.model.solution) and not self.events and self.start == 0.0

    def solve(
        self,
        parameters: np.ndarray,
        subject: np.ndarray | None = None,
        threads: int = 1,
        *,
        into: Batch | None = None,
        observed: bool = True,
    ) -> Batch:
        """Solve parameter rows (n, P) for the subjects (n,) they name, by default all for the first.

        `into` is the result of an earlier call with the same rows, to be written over: fresh memory costs as
        much as many steps. Without `observed` only the states are computed and the outputs are NaN.
        """
        model, count = self.model, len(parameters)
        if subject is None:
            subject, length = np.zeros(count, dtype=np.int64), len(self.times)
            offsets = np.arange(0, (count + 1) * length, length) if length else np.zeros(count + 1, np.int64)
        else:
            known = len(self.time_offsets) - 1
            if count and not (subject.min() >= 0 and subject.max() < known):
                raise SolveError("a row names no subject", value=subject, limit=f"0 to {known - 1}")
            lengths = np.diff(self.time_offsets)[subject]
            offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        slots = self.events.rules.slots
        result = empty_batch(model, count, offsets, slots, observed=observed) if into is None else into
        if into is not None:
            if into.firings.shape != (count, slots) or not np.array_equal(into.offsets, offsets):
                raise SolveError("an earlier result has other rows", value=len(into.status), limit=count)
            into.status[:], into.firings[:] = 0, np.nan
        in_chunks(self.task(parameters, subject, result, observed=observed), count, CHUNK, threads)
        return result

    def task(
        self, parameters: np.ndarray, subject: np.ndarray, result: Batch, *, observed: bool = True
    ) -> Callable[[int, int], None]:
        """What solves patients first .. last - 1 into `result`; outputs only where `observed`."""
        model, events = self.model, self.events
        layout = (self.times, self.time_offsets, result.offsets)
        if self.closed_form:
            module, work = closed_form_module(model), None
        else:
            method = self.method or default_method()
            watched = events.rules.watched
            if method.in_step and (watched or len(parameters) % method.lanes):
                raise SolveError(
                    "neighbours in step come in full groups of lanes and without rules",
                    value=(len(parameters), watched),
                    limit=f"a multiple of {method.lanes}",
                )
            module = solver_module(model, method.tableau, lanes=method.lanes, watched=watched)
            what = (events.offsets, events.rows, *events.rules[:3], method.control(self.start))
            work = Work(parameters, subject, *layout, *what)
            found = Found(result.states, result.status, result.counts, result.firings)

        def solve(first: int, last: int) -> None:
            if work is None:
                module.closed_form(first, last, parameters, subject, *layout, result.states)
            else:
                module.solve(first, last, work, found)
            if not observed:
                return
            module.observe(first, last, parameters, subject, *layout, result.states, result.outputs)
            if result.status[first:last].any():  # an output that reads no state would hide the failure
                rows = slice(result.offsets[first], result.offsets[last])
                result.outputs[rows][np.isnan(result.states[rows]).any(axis=1)] = np.nan

        return solve


def empty_batch(
    model: Model, count: int, offsets: np.ndarray, firings: int = 0, *, observed: bool = True
) -> Batch:
    """Room for the rows of `count` patients by their offsets; statuses start as fine, firings as none."""
    shape = (offsets[-1], len(model.outputs))
    return Batch(
        np.empty(shape) if observed else np.broadcast_to(np.nan, shape),
        np.empty((offsets[-1], len(model.states))),
        offsets,
        np.zeros(count, dtype=np.int64),
        np.zeros((count, 3), dtype=np.int64),
        np.full((count, firings), np.nan),
    )


def in_chunks(
    task: Callable[[int, int], None],
    count: int,
    length: int,
    threads: int,
    told: Callable[[int], None] = lambda done: None,
) -> None:
    """Work through patients 0 .. count - 1 in chunks, on `threads` cores (the kernels hold no GIL).

    `told` hears, in the calling thread, how many are done. An exception or Ctrl-C stops after the chunks that
    are at work.
    """
    bounds = [(first, min(first + length, count)) for first in range(0, count, length)]
    together = threads > 1 and len(bounds) > 1
    for first, last in bounds[: 1 if together else None]:
        task(first, last)  # the first one compiles, before threads start
        told(last)
    if not together:
        return
    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(task, first, last) for first, last in bounds[1:]]
        try:
            for future, (_, last) in zip(futures, bounds[1:], strict=True):
                future.result()
                told(last)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _times(times: np.ndarray | tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray, bool]:
    shared = not isinstance(times, tuple)
    flat = np.atleast_1d(np.asarray(times if shared else times[0], dtype=np.float64))
    offsets = np.asarray([0, len(flat)] if shared else times[1], dtype=np.int64)
    if not (offsets[0] == 0 and offsets[-1] == len(flat) and (np.diff(offsets) >= 0).all()):
        raise SolveError("offsets must rise from 0 to the number of times", value=offsets, limit=len(flat))
    rising = np.diff(flat) >= 0
    inside = np.ones(len(rising), dtype=bool)
    inside[offsets[1:-1][(offsets[1:-1] > 0) & (offsets[1:-1] < len(flat))] - 1] = False
    if not np.isfinite(flat).all() or not rising[inside].all():
        raise SolveError("output times must be finite and rising within each subject")
    return np.require(flat, None, KERNEL_ARRAY), np.require(offsets, None, KERNEL_ARRAY), shared


def _subjects(subject: np.ndarray | None, count: int, shared: bool, event_subjects: int) -> np.ndarray:
    if subject is not None:
        who = np.require(subject, np.int64, KERNEL_ARRAY)
        if who.shape != (count,):
            raise SolveError("one subject index a parameter row is needed", value=who.shape, limit=(count,))
        return who
    one = shared and event_subjects == 1
    return np.zeros(count, dtype=np.int64) if one else np.arange(count, dtype=np.int64)


def default_threads() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def warn_of_failures(model: Model, status: np.ndarray) -> None:
    """Tell the user of the caller how many solves failed and why (`CartsimWarning`)."""
    failed = status[status != 0]
    if len(failed):
        reasons = ", ".join(f"{STATUS[code]}: {(failed == code).sum()}" for code in np.unique(failed))
        warnings.warn(
            f"{len(failed)} of {len(status)} solves of {model.name} failed ({reasons}); their values are NaN",
            CartsimWarning,
            stacklevel=3,
        )
