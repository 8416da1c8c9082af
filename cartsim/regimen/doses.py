"""One administration, and what it does to the states of a model."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cartsim.errors import ModelError
from cartsim.spec.model import Model

# kinds of events: add `value` to a state; change the input rate of a state by `value` per day
BOLUS, RATE_CHANGE = 1, 2


@dataclass(frozen=True)
class Dose:
    """One administration.

    `amount` is in the unit of the receiving state (CAR+ cells for an infusion), `time` and `duration` in
    days; duration 0 is a bolus. An empty `target` is what the model declares for the CAR-T infusion: a
    state, or several that share it.
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


def dose_rows(model: Model, dose: Dose) -> list[tuple[float, int, int, float]]:
    """(time, kind, state index, value) of one dose; ModelError where the model cannot take it."""
    receiving = {dose.target: 1.0} if dose.target else model.infused
    if not receiving:
        raise ModelError(
            f"model {model.name} has no dose input",
            value=dose,
            remedy="leave the dose out: this model starts from its own baseline",
        )
    return [
        row
        for name, share in receiving.items()
        for row in _rows_into(model, name, replace(dose, amount=dose.amount * share))
    ]


def _rows_into(model: Model, name: str, dose: Dose) -> list[tuple[float, int, int, float]]:
    """The rows of what one state receives."""
    known = [state.name for state in model.own_states]
    if name not in known:
        raise ModelError(f"model {model.name} has no state to dose", value=name, limit=", ".join(known))
    index = model.state_names.index(name)
    if dose.duration == 0:
        return [(dose.time, BOLUS, index, dose.amount)]
    if not (model.states[index].dosed or name in model.infused):
        raise ModelError(
            f"state {name} of {model.name} takes a bolus only",
            value=f"duration {dose.duration} day",
            remedy="declare State(…, dosed=True) in the model file",
        )
    rate = dose.amount / dose.duration
    return [
        (dose.time, RATE_CHANGE, index, rate),
        (dose.time + dose.duration, RATE_CHANGE, index, -rate),
    ]
