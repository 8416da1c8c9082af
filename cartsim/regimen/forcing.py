"""A course measured in the patient that drives the model, such as CAR+ counts, as events of the solver.

The input's state holds its logarithm: it is set at the start, and at every measurement its constant slope
changes. The solver stops at events and follows a constant slope exactly, so the equations see the straight
line in the logarithm, with a kink at each measurement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cartsim.errors import ModelError
from cartsim.regimen.doses import BOLUS, RATE_CHANGE
from cartsim.spec.model import Input, Model


@dataclass(frozen=True)
class Forcing:
    """One patient's measurements of one of the model's inputs.

    Between them the input follows a straight line in its logarithm; before the first and after the last it is
    constant. Values below the input's declared floor, zeros among them, enter at the floor.

    Parameters
    ----------
    name : the input's name
    times : day, rising, none twice; days before the start of the simulation are welcome
    values : one a time, >= 0, in the input's unit

    Raises
    ------
    ModelError
        Naming every fault of the series at once.
    """

    name: str
    times: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        times, values = (np.asarray(item, dtype=np.float64).ravel() for item in (self.times, self.values))
        faults = []
        if not len(times) or len(times) != len(values):
            faults.append(f"needs one value a time, at least one: {len(times)} times, {len(values)} values")
        if not np.isfinite(times).all():
            faults.append("has a time that is no finite number")
        fall = np.flatnonzero(~(np.diff(times) > 0.0))
        faults += [f"has day {times[i + 1]:g} after day {times[i]:g}; times must rise" for i in fall]
        wrong = np.flatnonzero(~(np.isfinite(values) & (values >= 0.0)))
        faults += [f"has the value {values[i]:g}; values are finite and >= 0" for i in wrong]
        if faults:
            raise ModelError(f"series of input {self.name!r} " + "; it ".join(faults))
        # tuples of plain numbers: equal series are equal regimens, and print alike into fingerprints
        object.__setattr__(self, "times", tuple(times.tolist()))
        object.__setattr__(self, "values", tuple(values.tolist()))

    def log_course(self, declared: Input) -> tuple[np.ndarray, np.ndarray]:
        """Days and logarithms of the measurements, each float64 (n,), raised to the floor where below it."""
        return np.array(self.times), np.log(np.maximum(self.values, declared.floor))

    def at(self, declared: Input, days: Sequence[float] | np.ndarray) -> np.ndarray:
        """The input at any days, in its unit: what the equations see."""
        return np.exp(np.interp(days, *self.log_course(declared)))


def forcing_faults(model: Model, series: Sequence[Forcing]) -> list[str]:
    """Series the model has no input for, inputs without a series, and inputs with two; in words."""
    given, known = [item.name for item in series], model.input_names
    faults = [f"no input is called {name!r}" for name in dict.fromkeys(given) if name not in known]
    faults += [f"no series for input {name!r}" for name in known if name not in given]
    return faults + [f"two series for input {name!r}" for name in sorted(set(given)) if given.count(name) > 1]


def forcing_rows(model: Model, series: Forcing, start: float) -> list[tuple[float, int, int, float]]:
    """(time, kind, state index, value) of one series for a simulation from day `start`."""
    which = model.input_names.index(series.name)
    target = len(model.own_states) + which
    days, logs = series.log_course(model.inputs[which])
    first = float(np.interp(start, days, logs))
    later = days > start
    knots, heights = np.append(start, days[later]), np.append(first, logs[later])
    slopes = np.diff(heights) / np.diff(knots)
    changes = np.diff(np.concatenate([[0.0], slopes, [0.0]]))
    bends = [
        (float(day), RATE_CHANGE, target, float(change))
        for day, change in zip(knots, changes, strict=True)
        if change != 0.0
    ]
    return [(start, BOLUS, target, first), *bends]
