"""One virtual patient as its page shows it: curves, drugs given, CRS, response at each visit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cartsim.cohort.outcomes import RTOL, Followed, curves_at, followed, grid
from cartsim.cohort.products import TrialPopulation
from cartsim.endpoints.imwg_rules import Measured, Response
from cartsim.errors import SolveError
from cartsim.kernels.methods import Method, Rodas5P
from cartsim.solve.batch import STATUS

if TYPE_CHECKING:
    import pandas as pd

SMOOTH = np.arange(0.0, 30.01, 0.05)  # day; cytokines rise within hours
JUST_BEFORE = 1e-3  # day


@dataclass(frozen=True)
class PatientCourse:
    """One virtual patient.

    Parameters
    ----------
    patient : int
    course : DataFrame
        `time` (day) and every output of the model, to the last day of follow-up or to death.
    doses : DataFrame
        `time` (day), `drug`, `amount` of what rules gave; the CAR-T cells themselves are not in it.
    crs : (onset day, last day, surrogate grade), None without CRS
    responses : DataFrame
        `time` (day), `response` at each visit while alive: best confirmed so far, PD from progression on.
    best : best confirmed response, as printed
    measured_by : what the response is read from: m_protein, flc, marrow or nothing
    progression_day, death_day : day, NaN = none
    """

    patient: int
    course: pd.DataFrame
    doses: pd.DataFrame
    crs: tuple[float, float, int] | None
    responses: pd.DataFrame
    best: str
    measured_by: str
    progression_day: float
    death_day: float


def patient_course(
    population: TrialPopulation, patient: int, *, method: Method | None = None
) -> PatientCourse:
    """Patient number `patient` of a product, the same one as in `outcome_table`.

    Raises
    ------
    SolveError
        Where the patient could not be solved: there is no course to show.
    """
    import pandas as pd

    method = method or Rodas5P(rtol=RTOL)
    seen = followed(population, patient, patient + 1, method, 1)
    status = int(seen.curves.status[0])
    if status:
        raise SolveError(f"virtual patient {patient} could not be solved", value=STATUS[status])
    death = float(seen.death_day[0])
    end = death if np.isfinite(death) else np.inf
    drugs, responses = given(seen, 0), visit_words(seen, 0)
    smooth = _fine(grid(population), drugs["time"].to_numpy())
    curves, _ = curves_at(population, seen.treated, smooth, method=method)
    course = pd.DataFrame({"time": smooth, **{name: values[0] for name, values in curves.outputs.items()}})
    onset, crs_end, grade = seen.crs.onset[0], seen.crs.end[0], int(seen.crs.surrogate_grade[0])
    return PatientCourse(
        patient,
        course[course["time"] <= end].reset_index(drop=True),
        drugs[drugs["time"] <= end].reset_index(drop=True),
        (float(onset), min(float(crs_end), end), grade) if seen.crs.crs[0] else None,
        responses[responses["time"] <= end].reset_index(drop=True),
        Response(int(seen.response.best[0])).label,
        Measured(int(seen.response.measured[0])).name.lower(),
        float(seen.response.progression_day[0]),
        death,
    )


def _fine(days: np.ndarray, doses: np.ndarray) -> np.ndarray:
    """Days close enough together for smooth curves, with a jump at each dose and not before it."""
    daily = np.arange(0.0, days[-1] + 0.1)
    shown = doses[doses < days[-1]]
    return np.unique(np.concatenate([days, daily, SMOOTH, shown, np.maximum(shown - JUST_BEFORE, 0.0)]))


def given(seen: Followed, row: int) -> pd.DataFrame:
    """What the rules gave to one patient: time (day), drug, amount, in the order of time."""
    import pandas as pd

    found, slot = [], 0
    for rule in seen.treated.regimens[row].rules:
        fired = seen.firings[row, slot : slot + rule.at_most]
        slot += rule.at_most
        found += [
            (float(day) + dose.time, rule.name, dose.amount)
            for day in fired[np.isfinite(fired)]
            for dose in rule.give
        ]
    return pd.DataFrame(sorted(found), columns=["time", "drug", "amount"]).astype(
        {"time": float, "amount": float}
    )


def visit_words(seen: Followed, row: int) -> pd.DataFrame:
    """Best confirmed response so far at each visit after infusion, PD from progression on: time, response.

    A response is not lost by a rise that is not yet progression, as in a trial's report.
    """
    import pandas as pd

    response = seen.response
    codes = np.maximum.accumulate(response.confirmed[row])
    codes[response.days >= response.progression_day[row]] = Response.PD
    codes[response.days > response.death_day[row]] = Response.NE
    words = [Response(int(code)).label for code in codes]
    return pd.DataFrame({"time": response.days, "response": words}).iloc[1:].reset_index(drop=True)
