"""The waist: parameters in, trajectories out. `batch` works on arrays, `simulate` by name."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cartsim.errors import CartsimWarning, ModelError, SolveError
from cartsim.kernels.methods import Method, default_method
from cartsim.models import load_model
from cartsim.regimen.events import EventTable, no_events
from cartsim.regimen.regimen import Regimen, events_of
from cartsim.spec.generate import closed_form_module, solver_module
from cartsim.spec.model import Model

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

STATUS = {0: "fine", 1: "step cap reached", 2: "not finite", 3: "step too small", 4: "runaway"}
# Cells fell below what the solver resolves (1e-100 scales) and multiplied again: their number is unknown.
# Cells took off from near rest so fast that errors grow 12,000-fold.
STATUS |= {5: "regrown from unresolved", 6: "too sensitive"}
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
    """

    outputs: np.ndarray
    states: np.ndarray
    offsets: np.ndarray
    status: np.ndarray
    counts: np.ndarray


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
    plan = Plan(model, flat, time_offsets, *events.for_solver(model, subjects), start, method)
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
    return Plan(model, flat, time_offsets, *(events or no_events()).for_solver(model, 1), start, method)


@dataclass(frozen=True)
class Plan:
    """Checked times and events of some subjects, ready for `solve`; made by `plan_one` and `batch`."""

    model: Model
    times: np.ndarray
    time_offsets: np.ndarray
    event_offsets: np.ndarray
    event_rows: np.ndarray
    start: float
    method: Method | None

    def __post_init__(self) -> None:
        for what, given in (("an output time", self.times), ("a dose or event", self.event_rows[:, 0])):
            if len(given) and given.min() < self.start:
                limit = f">= {self.start} day"
                raise SolveError(f"{what} lies before the start", value=float(given.min()), limit=limit)

    def solve(self, parameters: np.ndarray, subject: np.ndarray | None = None, threads: int = 1) -> Batch:
        """Solve parameter rows (n, P) for the subjects (n,) they name, by default all for the first."""
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
        result = Batch(
            np.empty((offsets[-1], len(model.outputs))),
            np.empty((offsets[-1], len(model.states))),
            offsets,
            np.zeros(count, dtype=np.int64),
            np.zeros((count, 3), dtype=np.int64),
        )
        layout = (self.times, self.time_offsets, offsets)
        if self.method is None and model.solution and not len(self.event_rows) and self.start == 0.0:
            module, problem = closed_form_module(model), None
        else:
            method = self.method or default_method()
            module = solver_module(model, method.tableau)
            events = (self.event_offsets, self.event_rows, method.control(self.start))
            problem = (parameters, subject, *layout, *events)

        def task(first: int, last: int) -> None:
            if problem is None:
                module.closed_form(first, last, parameters, subject, *layout, result.states)
            else:
                module.solve(first, last, *problem, result.states, result.status, result.counts)
            module.observe(first, last, parameters, subject, *layout, result.states, result.outputs)
            if result.status[first:last].any():  # an output that reads no state would hide the failure
                rows = slice(offsets[first], offsets[last])
                result.outputs[rows][np.isnan(result.states[rows]).any(axis=1)] = np.nan

        _run(task, count, threads)
        return result


def _run(task, count: int, threads: int) -> None:
    """Work through the patients in chunks, on `threads` cores (the kernels hold no GIL)."""
    bounds = [(first, min(first + CHUNK, count)) for first in range(0, count, CHUNK)]
    if threads <= 1 or len(bounds) <= 1:
        for first, last in bounds:
            task(first, last)
        return
    task(*bounds[0])  # compiles, once, before the threads start
    with ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(task, first, last) for first, last in bounds[1:]]:
            future.result()


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


@dataclass(frozen=True)
class Trajectories:
    """What the model says of n patients at T times.

    Attributes
    ----------
    subjects : tuple of str, length n
    times : float64 (T,), day
    values : float64 (n, T, O), the outputs, in `output_names` order; NaN where a solve failed
    states : float64 (n, T, N), in `state_names` order
    status : int64 (n,), 0 is fine, otherwise see `cartsim.simulate.STATUS`
    parameters : float64 (n, P), what was simulated
    """

    model: Model
    subjects: tuple[str, ...]
    times: np.ndarray
    values: np.ndarray
    states: np.ndarray
    status: np.ndarray
    parameters: np.ndarray

    @property
    def output_names(self) -> tuple[str, ...]:
        return self.model.output_names

    @property
    def state_names(self) -> tuple[str, ...]:
        return self.model.state_names

    def output(self, name: str) -> np.ndarray:
        """One output by name, float64 (n, T)."""
        if name not in self.output_names:
            raise ModelError(
                f"model {self.model.name} has no such output", value=name, limit=", ".join(self.output_names)
            )
        return self.values[:, :, self.output_names.index(name)]

    def state(self, name: str) -> np.ndarray:
        """One state by name, float64 (n, T)."""
        if name not in self.state_names:
            raise ModelError(
                f"model {self.model.name} has no such state", value=name, limit=", ".join(self.state_names)
            )
        return self.states[:, :, self.state_names.index(name)]

    def to_dataframe(self) -> pd.DataFrame:
        """One row a patient and time: subject, time, the outputs, then the states (`state_` in front)."""
        import pandas as pd

        count, length = len(self.subjects), len(self.times)
        columns = {"subject": np.repeat(self.subjects, length), "time": np.tile(self.times, count)}
        columns |= {name: self.output(name).ravel() for name in self.output_names}
        columns |= {f"state_{name}": self.state(name).ravel() for name in self.state_names}
        return pd.DataFrame(columns)

    def to_xarray(self) -> xr.Dataset:
        """Outputs and states as variables over (subject, time) with units; status and parameters too."""
        import xarray as xr

        variables = {
            item.name if kind == "output" else f"state_{item.name}": (
                ("subject", "time"),
                getattr(self, kind)(item.name),
                {"units": item.unit, "long_name": item.meaning},
            )
            for kind, items in (("output", self.model.outputs), ("state", self.model.states))
            for item in items
        }
        variables["status"] = (("subject",), self.status)
        variables["parameters"] = (("subject", "parameter"), self.parameters)
        return xr.Dataset(
            variables,
            coords={
                "subject": list(self.subjects),
                "time": ("time", self.times, {"units": "day"}),
                "parameter": list(self.model.parameter_names),
            },
            attrs={"model": self.model.name, "source": str(self.model.source)},
        )


def simulate(
    model: Model | str,
    *,
    times: Sequence[float] | np.ndarray,
    parameters: Mapping[str, float] | pd.DataFrame | None = None,
    dose: float | None = None,
    regimen: Regimen | Sequence[Regimen] | None = None,
    scenario: str | None = None,
    start: float = 0.0,
    method: Method | None = None,
    threads: int | None = None,
) -> Trajectories:
    """Simulate one patient or a cohort by name.

    Parameters
    ----------
    model : Model, or the name or file of one
    times : day, rising, >= start; a value at the time of a dose is the one just after it
    parameters : values by name; or a table, one row a patient, parameters as columns. What is not named
        keeps the scenario's or the model's own value
    dose : amount infused at `start`, in the unit of the model's infusion state (CAR+ cells); by default the
        model's published dose; 0 for none
    regimen : a Regimen for everyone or one for each patient, instead of `dose`
    scenario : a published scenario or parameter set of the model, by name
    method : Rodas4, Rodas5P or DormandPrince with its tolerance; by default the closed form where the model
        has one, else Rodas5P(rtol=1e-8)
    threads : cores to use; all by default. Results do not depend on it

    Raises
    ------
    ModelError
        For unknown names, or a dose the model cannot take.

    Warns
    -----
    CartsimWarning
        If solves failed, with how many and why; the values from there on are NaN.
    """
    model = load_model(model) if isinstance(model, str) else model
    base = model.vector(scenario=scenario)
    subjects, table = _parameter_rows(model, base, parameters)
    events = _doses(model, dose, regimen, len(table), start)
    grid = np.atleast_1d(np.asarray(times, dtype=np.float64))
    if method is None and (model.solution is None or len(events.time) or start != 0.0):
        method = default_method(1e-8)
    solved = batch(
        model, table, grid, events=events, start=start, method=method, threads=threads or default_threads()
    )
    _warn_of_failures(model, solved.status)
    shape = (len(table), len(grid), -1)
    return Trajectories(
        model,
        subjects,
        grid,
        solved.outputs.reshape(shape),
        solved.states.reshape(shape),
        solved.status,
        table,
    )


def _parameter_rows(
    model: Model, base: np.ndarray, parameters: Mapping[str, float] | pd.DataFrame | None
) -> tuple[tuple[str, ...], np.ndarray]:
    """Subject names and float64 (n, P)."""
    if parameters is None or isinstance(parameters, Mapping):
        table = base[None].copy()
        for name, value in (parameters or {}).items():
            table[0, model.index(name)] = value
        return ("1",), table
    columns = [name for name in parameters.columns if name != "subject"]
    table = np.tile(base, (len(parameters), 1))
    for name in columns:
        table[:, model.index(name)] = parameters[name].to_numpy(dtype=np.float64)
    labels = parameters["subject"] if "subject" in parameters.columns else parameters.index
    return tuple(str(label) for label in labels), table


def _doses(
    model: Model, dose: float | None, regimen: Regimen | Sequence[Regimen] | None, count: int, start: float
) -> EventTable:
    if regimen is not None and dose is not None:
        raise ModelError("give either a dose or a regimen, not both", value=dose)
    if regimen is None:
        amount = model.dose if dose is None else dose
        doses = Regimen.single(amount, time=start) if amount else Regimen()
        return events_of(model, [doses])
    if isinstance(regimen, Regimen):
        return events_of(model, [regimen])
    if len(regimen) != count:
        raise ModelError("one regimen a patient is needed", value=len(regimen), limit=count)
    return events_of(model, regimen)


def _warn_of_failures(model: Model, status: np.ndarray) -> None:
    failed = status[status != 0]
    if len(failed):
        reasons = ", ".join(f"{STATUS[code]}: {(failed == code).sum()}" for code in np.unique(failed))
        warnings.warn(
            f"{len(failed)} of {len(status)} solves of {model.name} failed ({reasons}); their values are NaN",
            CartsimWarning,
            stacklevel=3,
        )
