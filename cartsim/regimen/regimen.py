"""What is given to a patient, and what drives the model in it, turned into the solver's event table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cartsim.errors import ModelError
from cartsim.regimen.doses import Dose, dose_rows
from cartsim.regimen.events import EventTable, event_table
from cartsim.regimen.forcing import Forcing, forcing_faults, forcing_rows
from cartsim.regimen.rules import Rule, rule_table
from cartsim.spec.model import Course, Model


@dataclass(frozen=True)
class Regimen:
    """All doses of one patient, in any order, the rules by which more are given, and the model's inputs.

    `inputs` are the patient's own measured series, one for each input that the model declares.

    Raises
    ------
    ModelError
        Where two rules bear one name: their firings could not be told apart.
    """

    doses: tuple[Dose, ...] = ()
    rules: tuple[Rule, ...] = ()
    inputs: tuple[Forcing, ...] = ()

    def __post_init__(self) -> None:
        inputs = (self.inputs,) if isinstance(self.inputs, Forcing) else tuple(self.inputs)
        object.__setattr__(self, "inputs", inputs)
        names = [rule.name for rule in self.rules]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ModelError("two rules of a regimen have the same name", value=", ".join(twice))

    @classmethod
    def single(cls, amount: float, *, time: float = 0.0, duration: float = 0.0) -> Regimen:
        """One CAR-T infusion."""
        return cls((Dose(amount, time, duration),))

    @classmethod
    def split(cls, amount: float, *, fractions: Sequence[float], times: Sequence[float]) -> Regimen:
        """One product given in parts, e.g. fractions (0.1, 0.3, 0.6) on days (0, 1, 2)."""
        if abs(sum(fractions) - 1.0) > 1e-9 or len(fractions) != len(times):
            raise ModelError("fractions must add up to 1, one for each time", value=(fractions, times))
        return cls(tuple(Dose(amount * share, day) for share, day in zip(fractions, times, strict=True)))

    @classmethod
    def published(cls, model: Model, *, scenario: str | None = None, amount: float | None = None) -> Regimen:
        """A scenario's published dosing, or `amount` in all by the same course; empty without one."""
        course = model.course(scenario)
        if amount is not None:
            course = Course(amount) if course is None else replace(course, amount=amount)
        if course is None or not course.amount:
            return cls()
        return cls.split(course.amount, fractions=course.shares, times=course.days)

    def repeated(self, every: float, times: int) -> Regimen:
        """The same doses `times` times, each round `every` days after the one before; the rest stays."""
        if not (np.isfinite(every) and every > 0.0) or times < 1:
            raise ModelError("doses repeat after > 0 days, at least once in all", value=(every, times))
        rounds = [replace(d, time=d.time + k * every) for k in range(times) for d in self.doses]
        return replace(self, doses=tuple(rounds))

    def events(self, model: Model, *, start: float = 0.0) -> list[tuple[float, int, int, float]]:
        """(time, kind, state index, value) of every dose and of the inputs' courses from day `start`.

        Raises
        ------
        ModelError
            Where the model cannot take a dose, or its inputs and the series given are not the same.
        """
        _check_inputs(model, [self])
        driven = [row for series in self.inputs for row in forcing_rows(model, series, start)]
        return driven + [row for dose in self.doses for row in dose_rows(model, dose)]


def events_of(model: Model, regimens: Sequence[Regimen], *, start: float = 0.0) -> EventTable:
    """The event table of several patients, one regimen each, for a simulation from day `start`."""
    _check_inputs(model, regimens)
    table = event_table([regimen.events(model, start=start) for regimen in regimens])
    if not any(regimen.rules for regimen in regimens):
        return table
    return replace(table, rules=rule_table(model, [regimen.rules for regimen in regimens]))


def _check_inputs(model: Model, regimens: Sequence[Regimen]) -> None:
    """ModelError that names every series too many or too few, of all patients at once."""
    faults: list[str] = []
    for number, regimen in enumerate(regimens, 1):
        patient = f"patient {number}: " if len(regimens) > 1 else ""
        faults += [patient + fault for fault in forcing_faults(model, regimen.inputs)]
    if faults:
        raise ModelError(
            f"inputs of model {model.name}: " + "; ".join(faults),
            limit=", ".join(model.input_names) or "none",
            remedy="Regimen(doses, inputs=(Forcing(name, times, values), ...)), one series an input",
        )
