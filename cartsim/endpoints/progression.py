"""Progression-free survival and duration of response, from IMWG responses and deaths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.endpoints.checks import Array
from cartsim.endpoints.survival import KaplanMeier, kaplan_meier

if TYPE_CHECKING:
    from cartsim.endpoints.imwg import ImwgOutcome


@dataclass(frozen=True)
class TimeToEvent:
    """One time a patient, (m,) each: row of the patient, days, and whether it ends with an event."""

    patient: NDArray[np.int64]
    time: Array
    event: NDArray[np.bool_]

    def kaplan_meier(self, *, level: float = 0.95) -> KaplanMeier:
        """Their Kaplan-Meier estimate."""
        return kaplan_meier(self.time, self.event, level=level)


def progression_free(outcome: ImwgOutcome) -> TimeToEvent:
    """Days from infusion to progression or death, whichever first; death counts whenever it comes.

    Censored at the last evaluable visit; at day 0 without one after infusion. All patients are in it.
    """
    first = np.fmin(outcome.progression_day, outcome.death_day)
    event = np.isfinite(first)
    last = np.fmax(outcome.last_evaluable_day, 0.0)  # NaN where there is none
    return TimeToEvent(np.arange(first.size), np.where(event, first, last), event)


def duration_of_response(outcome: ImwgOutcome) -> TimeToEvent:
    """Days from the first confirmed PR or better to progression or death, of responders only."""
    whole = progression_free(outcome)
    responders = np.flatnonzero(np.isfinite(outcome.first_response_day))
    time = whole.time[responders] - outcome.first_response_day[responders]
    return TimeToEvent(responders, time, whole.event[responders])
