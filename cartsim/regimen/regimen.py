"""What is given to a patient: CAR-T infusions and drugs, by name, turned into the solver's event table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cartsim.errors import ModelError
from cartsim.regimen.events import BOLUS, RATE_CHANGE, EventTable, event_table
from cartsim.spec.model import Model


@dataclass(frozen=True)
class Dose:
    """One administration.

    `amount` is in the unit of the receiving state (CAR+ cells for an infusion), `time` and `duration` in
    days; duration 0 is a bolus. An empty `target` is the state that the model declares for the CAR-T
    infusion.
    """

    amount: float
    time: float = 0.0
    duration: float = 0.0
    target: str = ""

    def __post_init__(self) -> None:
        if not (np.isfinite(self.amount) and self.amount >= 0):
            raise ModelError("a dose must be a number >= 0", value=self.amount)
        if not np.isfinite(self.time) or not (np.isfinite(self.duration) and self.duration >= 0):
            raise ModelError("dose time and duration must be finite, duration >= 0", value=self)


@dataclass(frozen=True)
class Regimen:
    """All doses of one patient, in any order."""

    doses: tuple[Dose, ...] = ()

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

    def events(self, model: Model) -> list[tuple[float, int, int, float]]:
        """(time, kind, state index, value) of every dose; ModelError where the model cannot take it."""
        rows = []
        for dose in self.doses:
            name = dose.target or model.infusion
            if name is None:
                raise ModelError(
                    f"model {model.name} has no dose input",
                    value=dose,
                    remedy="leave the dose out: this model starts from its own baseline",
                )
            if name not in model.state_names:
                raise ModelError(
                    f"model {model.name} has no state to dose", value=name, limit=", ".join(model.state_names)
                )
            index = model.state_names.index(name)
            if dose.duration == 0:
                rows.append((dose.time, BOLUS, index, dose.amount))
                continue
            if not (model.states[index].dosed or name == model.infusion):
                raise ModelError(
                    f"state {name} of {model.name} takes a bolus only",
                    value=f"duration {dose.duration} day",
                    remedy="declare State(…, dosed=True) in the model file",
                )
            rate = dose.amount / dose.duration
            rows += [
                (dose.time, RATE_CHANGE, index, rate),
                (dose.time + dose.duration, RATE_CHANGE, index, -rate),
            ]
        return rows


def events_of(model: Model, regimens: Sequence[Regimen]) -> EventTable:
    """The event table of several patients, one regimen each."""
    return event_table([regimen.events(model) for regimen in regimens])
