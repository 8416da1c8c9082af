"""Random courses of a tumour: cured on which day, or progressed on which day; exact where cells are few.

While the tumour is large, chance averages out and its expected number is followed. From `exact_below` cells
on, every division and death is drawn; a tumour that has grown back to ten times that number is followed by
its expectation again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cartsim.endpoints.checks import Array, Faults
from cartsim.endpoints.extinction import BirthDeath, first_day, regrowth_day

REGROWN = 10.0
"""Times `exact_below`: the count from which chance no longer matters; relative spread of 1e5 cells 0.3%."""


@dataclass(frozen=True)
class TumorCourses:
    """How n random courses of one patient's tumour went, float64 (n,), day; inf = never by the last day.

    `cured` is the day on which the last cell died, `progressed` that of progression; never both.
    """

    cured: Array
    progressed: Array

    @property
    def cure_share(self) -> float:
        """Share of the courses that end in cure."""
        return float(np.isfinite(self.cured).mean())


def exact_courses(
    rates: BirthDeath, cells: int, rng: np.random.Generator, *, courses: int = 1, stop_at: float = np.inf
) -> tuple[Array, Array]:
    """Every division and death of `cells` cells, `courses` times: (day, count) at the end of each, (n,).

    A course ends at extinction (count 0), at `stop_at` cells or on the last day. Within an interval of
    `rates.time` the rates are the mean of its ends. The work grows with the number of events: for large
    tumours use `tumor_courses`.
    """
    from cartsim.kernels.birth_death import birth_death_course

    faults = Faults()
    faults.need(cells >= 1 and float(cells).is_integer(), "cells", f"is {cells}; whole cells are needed")
    faults.need(courses >= 1, "courses", f"is {courses}; at least one is needed")
    faults.raise_any()
    birth, death = _by_interval(rates)
    ends = [
        birth_death_course(rng, rates.time, birth, death, rates.time[0], float(cells), stop_at)
        for _ in range(courses)
    ]
    day, count = np.array(ends, dtype=np.float64).T
    return day, count


def tumor_courses(
    rates: BirthDeath,
    cells: float,
    rng: np.random.Generator,
    *,
    courses: int = 1,
    exact_below: float = 1e4,
    progression: float = 1.2,
) -> TumorCourses:
    """Random courses of a tumour of full size.

    Parameters
    ----------
    rates : BirthDeath
        Per cell, from the infusion until killing and regrowth are over.
    cells : float
        Tumour cells on the first day, at least ten times `exact_below`; fewer: see `exact_courses`.
    rng : numpy.random.Generator
    courses : int
    exact_below : float
        Cells; from here down every event is drawn.
    progression : float
        Relative to `cells`; progression is the first day after the lowest point on which the tumour has
        this size (Kimmel 2021: 120% of the first).
    """
    from cartsim.kernels.birth_death import birth_death_course

    large = REGROWN * exact_below
    faults = Faults()
    faults.need(exact_below >= 1.0, "exact_below", f"is {exact_below}; it must be one cell or more")
    faults.need(large <= cells < np.inf, "cells", f"is {cells}; at least {large:g} is needed here")
    faults.need(courses >= 1, "courses", f"is {courses}; at least one is needed")
    faults.need(progression > 0.0, "progression", f"is {progression}; it must be above zero")
    faults.raise_any()
    birth, death = _by_interval(rates)
    cured, progressed = np.full(courses, np.inf), np.full(courses, np.inf)
    for i in range(courses):
        day, count = rates.time[0], float(cells)
        while count > 0.0 and day < rates.time[-1]:
            day, progressed[i] = _expected(rates, day, count, few=exact_below, many=progression * cells)
            if day < rates.time[-1]:
                day, count = birth_death_course(
                    rng, rates.time, birth, death, day, float(round(exact_below)), large
                )
        cured[i] = day if count == 0.0 else np.inf
    return TumorCourses(cured, progressed)


def _expected(rates: BirthDeath, day: float, count: float, *, few: float, many: float) -> tuple[float, float]:
    """Follow the expected number: the day it falls to `few`, and the day it has grown back to `many`."""
    time, size = rates.expected(day, count)
    falls = first_day(time, np.log(few) - size)
    return falls, regrowth_day(time, size, np.log(many)) if falls == np.inf else np.inf


def _by_interval(rates: BirthDeath) -> tuple[Array, Array]:
    """Birth and death rates of the intervals between the days, float64 (T - 1,)."""
    return tuple(np.ascontiguousarray(0.5 * (rate[1:] + rate[:-1])) for rate in (rates.birth, rates.death))
