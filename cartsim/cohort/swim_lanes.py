"""What became of each virtual patient over time: response segments, CRS, drugs, progression and death."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from cartsim.cohort.outcomes import RTOL, Followed, followed
from cartsim.cohort.patient_course import given, visit_words
from cartsim.cohort.products import TrialPopulation
from cartsim.kernels.methods import Method, Rodas5P

if TYPE_CHECKING:
    import pandas as pd

BEFORE_FIRST_VISIT = "NE"


@dataclass(frozen=True)
class SwimLanes:
    """Some patients' courses, the longest without progression first.

    `segments`: patient, start, end (day), response (best confirmed so far, PD from progression on, NE before
    the first visit), to death or the end of follow-up. `crs`: patient, start, end, grade. `events`: patient,
    time, event (a drug's name, progression, death, or ongoing at the end of follow-up). `failed` are patients
    who could not be solved and are in none of them.
    """

    segments: pd.DataFrame
    crs: pd.DataFrame
    events: pd.DataFrame
    failed: tuple[int, ...]


def swim_lanes(
    population: TrialPopulation,
    count: int,
    *,
    first: int = 0,
    method: Method | None = None,
    threads: int = 1,
) -> SwimLanes:
    """Lanes of patients first .. first + count - 1, the same ones as in `outcome_table`."""
    import pandas as pd

    seen = followed(population, first, first + count, method or Rodas5P(rtol=RTOL), threads)
    follow_up = population.products.observation.follow_up
    solved = np.flatnonzero(seen.curves.status == 0)
    ends = np.where(np.isfinite(seen.death_day), seen.death_day, follow_up)
    free = np.fmin(seen.response.progression_day, ends)
    order = sorted(solved, key=lambda row: (-free[row], -ends[row], row))
    segments, crs, events = [], [], []
    for row in order:
        patient, end = first + int(row), float(ends[row])
        segments += [(patient, *segment) for segment in _segments(seen, row, end)]
        if seen.crs.crs[row]:
            fever = seen.crs.onset[row], min(seen.crs.end[row], end)
            crs.append((patient, *fever, int(seen.crs.surrogate_grade[row])))
        events += [(patient, *event) for event in _events(seen, row, end)]
    return SwimLanes(
        pd.DataFrame(segments, columns=["patient", "start", "end", "response"]),
        pd.DataFrame(crs, columns=["patient", "start", "end", "grade"]),
        pd.DataFrame(events, columns=["patient", "time", "event"]),
        tuple(first + int(row) for row in np.flatnonzero(seen.curves.status != 0)),
    )


def _segments(seen: Followed, row: int, end: float) -> list[tuple[float, float, str]]:
    """Runs of one response, from infusion to the end."""
    visits = visit_words(seen, row)
    visits = visits[visits["time"] < end]
    starts, words = [0.0, *visits["time"]], [BEFORE_FIRST_VISIT, *visits["response"]]
    changes = [0, *(k for k in range(1, len(words)) if words[k] != words[k - 1])]
    edges = [*(float(starts[k]) for k in changes), end]
    return [(left, right, words[k]) for k, (left, right) in zip(changes, pairwise(edges), strict=True)]


def _events(seen: Followed, row: int, end: float) -> list[tuple[float, str]]:
    drugs = given(seen, row)
    first_doses = drugs[drugs["time"] <= end].drop_duplicates("drug")
    found = [
        (float(day), str(drug)) for day, drug in zip(first_doses["time"], first_doses["drug"], strict=True)
    ]
    progression, death = float(seen.response.progression_day[row]), float(seen.death_day[row])
    if progression <= end:
        found.append((progression, "progression"))
    found.append((end, "death" if np.isfinite(death) else "ongoing"))
    return found
