"""Best response of myeloma patients by IMWG 2016: confirmed, before progression, with depth and MRD.

The rules of one visit are in `cartsim.endpoints.imwg_rules`; they and what is made of them here were tested
on worked tables and on simulation only: no series of M-protein of real patients was available.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cartsim.endpoints.checks import Array, Faults
from cartsim.endpoints.imwg_rules import (
    ImwgSettings,
    Marks,
    Measured,
    Response,
    measured_by,
    share_left,
    visit_responses,
)
from cartsim.endpoints.shares import share_table
from cartsim.endpoints.visits import MyelomaVisits

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ImwgOutcome:
    """Response of n patients over V visits.

    Parameters
    ----------
    days : (V,), day
        Of the visits, the baseline first.
    response : int8 (n, V)
        Codes of `Response` at each visit, unconfirmed; NE at the baseline and after death.
    confirmed : int8 (n, V)
        The same, a response lowered to what later visits confirm (SD where they confirm none).
    measured : int8 (n,)
        Codes of `Measured`: what the response is read from.
    best : int8 (n,)
        Best confirmed response before progression; PD where progression is all there is.
    first_response_day, progression_day : (n,), day
        Of the first confirmed PR or better before progression; of progression. NaN = none.
    last_evaluable_day : (n,), day
        Of the last visit that is not NE; NaN = none.
    depth : (n,)
        Lowest fraction of the baseline before progression, of the value that `measured` names; NaN = none.
    mrd_assessed, mrd_negative : bool (n,)
        Marrow known at a visit after the baseline; below the limit at one before progression. CR is not
        asked for.
    death_day : (n,), day
        As given; NaN = alive.
    """

    settings: ImwgSettings
    days: Array
    response: NDArray[np.int8]
    confirmed: NDArray[np.int8]
    measured: NDArray[np.int8]
    best: NDArray[np.int8]
    first_response_day: Array
    progression_day: Array
    last_evaluable_day: Array
    depth: Array
    mrd_assessed: Marks
    mrd_negative: Marks
    death_day: Array

    @property
    def measurable(self) -> Marks:
        """Patients with something measurable at baseline, (n,): the denominator of response."""
        return self.measured != Measured.NOTHING

    def table(self) -> pd.DataFrame:
        """One row a patient: measured_by, best_response, the days, depth and MRD."""
        import pandas as pd

        columns = {
            "measured_by": [Measured(code).name.lower() for code in self.measured],
            "best_response": [Response(code).label for code in self.best],
        }
        names = ("first_response_day", "progression_day", "last_evaluable_day", "death_day", "depth")
        columns |= {name: getattr(self, name) for name in (*names, "mrd_assessed", "mrd_negative")}
        return pd.DataFrame(columns)

    def summary(self, *, level: float = 0.95) -> pd.DataFrame:
        """Response rates with exact intervals, one row an item; columns as of `share_table`.

        Of all patients with measurable disease: those who are NE count as not responding.
        """
        known, best = self.measurable, self.best
        total = int(known.sum())
        at_least = {"ORR (PR or better)": Response.PR, "VGPR or better": Response.VGPR}
        at_least |= {"CR or better": Response.CR, "sCR": Response.SCR}
        counts = {name: (int((known & (best >= worst)).sum()), total) for name, worst in at_least.items()}
        for code in Response:
            counts[f"best response {code.label}"] = (int((known & (best == code)).sum()), total)
        negative, limit = int((known & self.mrd_negative).sum()), f"MRD < {self.settings.mrd:g}"
        counts[f"{limit}, of assessed"] = (negative, int((known & self.mrd_assessed).sum()))
        counts[f"{limit}, of all"] = (negative, total)
        counts["not measurable"] = (int((~known).sum()), known.size)
        return share_table(counts, level=level)

    def by_visit(self) -> pd.DataFrame:
        """Patients in each category at each visit, unconfirmed: day, evaluable, one column a category."""
        import pandas as pd

        rows = {"day": self.days, "evaluable": (self.response != Response.NE).sum(axis=0)}
        rows |= {code.label: (self.response == code).sum(axis=0) for code in Response}
        return pd.DataFrame(rows)


def imwg_response(
    visits: MyelomaVisits, *, death_day: ArrayLike | None = None, settings: ImwgSettings | None = None
) -> ImwgOutcome:
    """Response at each visit, best response and progression of n patients.

    Parameters
    ----------
    visits : MyelomaVisits
    death_day : (n,), day, NaN = alive; visits after it are not evaluable
    settings : ImwgSettings

    Raises EndpointError with all faults at once.
    """
    settings = settings or ImwgSettings()
    death = _death(death_day, visits.patients)
    alive = ~(visits.days > death[:, None])
    response = np.where(alive, visit_responses(visits, settings), Response.NE).astype(np.int8)
    measured = measured_by(visits, settings)
    held = _with_next(response, settings.confirmations, np.minimum)
    confirmed = np.where(response > Response.SD, np.maximum(held, Response.SD), response).astype(np.int8)
    progressed = _with_next(response, settings.pd_confirmations, np.maximum) == Response.PD
    progressed &= response == Response.PD
    ever = progressed.any(axis=1)
    counted = alive & (np.cumsum(progressed, axis=1) == 0)
    counted[:, 0] = False
    # An unconfirmed PD is neither a response nor progression.
    best = np.where(counted & (confirmed > Response.PD), confirmed, Response.NE).max(axis=1)
    left = np.where(counted, share_left(visits, measured), np.nan)
    after = alive & np.isfinite(visits.marrow) & (np.arange(visits.days.size) > 0)
    return ImwgOutcome(
        settings=settings,
        days=visits.days,
        response=response,
        confirmed=confirmed,
        measured=measured,
        best=np.where(ever & (best == Response.NE), Response.PD, best).astype(np.int8),
        first_response_day=_first(visits.days, counted & (confirmed >= Response.PR)),
        progression_day=_first(visits.days, progressed),
        last_evaluable_day=_last(visits.days, response != Response.NE),
        depth=np.fmin.reduce(left, axis=1),
        mrd_assessed=after.any(axis=1),
        mrd_negative=(counted & (visits.marrow < settings.mrd)).any(axis=1),
        death_day=death,
    )


def _with_next(codes: NDArray[np.int8], count: int, choose: np.ufunc) -> NDArray[np.int8]:
    """`choose` among each visit's code and those of the next `count` evaluable ones; SD where none came."""
    coming = np.full((len(codes), count), Response.SD, dtype=np.int8)
    chosen = codes.copy()
    for visit in range(codes.shape[1] - 1, -1, -1):
        code = codes[:, visit]
        for later in coming.T:
            chosen[:, visit] = choose(chosen[:, visit], later)
        moved = np.hstack([code[:, None], coming])[:, :count]
        coming = np.where((code != Response.NE)[:, None], moved, coming)
    return chosen


def _first(days: Array, marked: Marks) -> Array:
    return np.where(marked.any(axis=1), days[marked.argmax(axis=1)], np.nan)


def _last(days: Array, marked: Marks) -> Array:
    return _first(days[::-1], marked[:, ::-1])


def _death(death_day: ArrayLike | None, patients: int) -> Array:
    if death_day is None:
        return np.full(patients, np.nan)
    faults = Faults()
    death = faults.array("death_day", death_day, ndim=1)
    faults.shape("death_day", death, (patients,))
    faults.not_negative("death_day", death)
    faults.need(not np.isinf(death).any(), "death_day", "holds an infinite value; NaN = alive")
    faults.raise_any()
    return death
