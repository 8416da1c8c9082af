"""Whether a tumour dies out by chance: the probability of cure by day, in closed form.

The equations of a model give the expected number of tumour cells, which comes back from far below one cell.
Real cells are whole: each divides at a birth rate and dies at a death rate that changes with the CAR-T cells.
For independent cells the probability that all are gone by day t is exact (Kendall 1948, Ann Math Stat 19:1):

    J(t) = integral of death(s) exp(integral of (death - birth) to s) ds
    P(gone by t) = (J / (1 + J))^n for n cells on the first day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from cartsim.endpoints.checks import Array, Faults
from cartsim.solve.trajectories import Trajectories

if TYPE_CHECKING:
    import pandas as pd
    from scipy.interpolate import PPoly

QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class BirthDeath:
    """Births and deaths per cell over time.

    Parameters
    ----------
    time : ndarray, shape (T,), day
        Strictly rising; the rates are followed by monotone cubics between these days (a jump, as by a
        second dose, is spread over its interval).
    birth, death : ndarray, shape (T,), 1/day
        Per cell, not negative.

    Raises
    ------
    EndpointError
        For rates that are missing, negative or not one a day.
    """

    time: Array
    birth: Array
    death: Array

    def __post_init__(self) -> None:
        faults = Faults()
        for name in ("time", "birth", "death"):
            values = faults.array(name, getattr(self, name), ndim=1)
            faults.no_missing(name, values)
            object.__setattr__(self, name, values)
        faults.need(len(self.time) >= 2, "time", "has fewer than two days")
        faults.rising("time", self.time)
        for name in ("birth", "death"):
            faults.not_negative(name, getattr(self, name))
            faults.shape(name, getattr(self, name), self.time.shape)
        faults.raise_any()

    @classmethod
    def of(
        cls, run: Trajectories, patient: int, *, birth: str = "tumor_birth", death: str = "tumor_death"
    ) -> BirthDeath:
        """The rates of one patient of a simulation, from two outputs in 1/day."""
        return cls(run.times, run.output(birth)[patient], run.output(death)[patient])

    @cached_property
    def log_growth(self) -> Array:
        """Log of the expected number of cells relative to the first day, float64 (T,)."""
        return -self._decline(self.time)

    @cached_property
    def _decline(self) -> PPoly:
        """Integral of death - birth from the first day, as a function of the day."""
        from scipy.interpolate import PchipInterpolator

        return PchipInterpolator(self.time, self.death - self.birth).antiderivative()

    @cached_property
    def _log_kill(self) -> Array:
        """log J, float64 (T,); J spans hundreds of decades, hence the logarithm."""
        from scipy.interpolate import PchipInterpolator

        place, weight = np.polynomial.legendre.leggauss(5)
        half = 0.5 * np.diff(self.time)[:, None]
        inside = self.time[:-1, None] + half * (1.0 + place)
        death = PchipInterpolator(self.time, self.death)(inside)
        with np.errstate(divide="ignore"):
            pieces = np.log(half * weight * death) + self._decline(inside)
        within = np.logaddexp.reduce(pieces, axis=1)
        return np.concatenate([[-np.inf], np.logaddexp.accumulate(within)])

    def expected(self, day: float, cells: float) -> tuple[Array, Array]:
        """From `cells` on `day`: that day and the later ones, and the log of the expected number on them."""
        time = np.concatenate([[day], self.time[self.time > day]])
        return time, np.log(cells) - (self._decline(time) - self._decline(day))

    def extinction(self, cells: float) -> Extinction:
        """Probability that all of `cells` cells of the first day are gone, by day."""
        faults = Faults()
        faults.need(bool(np.isfinite(cells)) and cells > 0.0, "cells", f"is {cells}; it must be above zero")
        faults.raise_any()
        with np.errstate(over="ignore"):
            return Extinction(self.time, np.exp(-cells * np.log1p(np.exp(-self._log_kill))))

    def progression_day(self, fold: float = 1.2) -> float:
        """First day after the lowest point with `fold` times the first day's expected cells; inf if never."""
        return regrowth_day(self.time, self.log_growth, np.log(fold))


@dataclass(frozen=True)
class Extinction:
    """Probability that no cell is left, by day; `probability` has shape (T,) and never falls."""

    time: Array
    probability: Array

    @property
    def cure_probability(self) -> float:
        """By the last day; later cures are missed, so simulate until the killing is over."""
        return float(self.probability[-1])

    def cure_day(self, quantile: float) -> float:
        """Day by which this share of all cures has come; NaN where cure is impossible."""
        if not self.cure_probability > 0.0:
            return float("nan")
        share = self.probability / self.cure_probability
        after = int(np.searchsorted(share, quantile))
        if after == 0:
            return float(self.time[0])
        before, later = share[after - 1], share[after]
        inside = (quantile - before) / (later - before)
        return float(self.time[after - 1] + inside * (self.time[after] - self.time[after - 1]))


def extinction_table(
    run: Trajectories,
    *,
    burden: str = "tumor",
    birth: str = "tumor_birth",
    death: str = "tumor_death",
    quantiles: Sequence[float] = QUANTILES,
) -> pd.DataFrame:
    """Cure of every simulated patient: subject, cure_probability, cure_day_05 … and progression_day.

    Days of cure are NaN where cure is impossible. progression_day is that of the expected number of cells
    (120% of the first day's, after the lowest point), for those who are not cured; inf where there is none.

    Parameters
    ----------
    run : Trajectories
        From the infusion until the killing is over; a patient whose solve failed has NaN throughout.
    burden : str
        Output that counts the tumour cells of the whole body; its first value is their number.
    birth, death : str
        Outputs in 1/day per tumour cell.
    quantiles : sequence of float
        Shares of the cures whose day is given.
    """
    import pandas as pd

    names = [f"cure_day_{100 * q:02.0f}" for q in quantiles]
    rows = []
    for patient, subject in enumerate(run.subjects):
        if run.status[patient]:
            rows.append((subject, *[np.nan] * (2 + len(names))))
            continue
        rates = BirthDeath.of(run, patient, birth=birth, death=death)
        gone = rates.extinction(run.output(burden)[patient, 0])
        days = (gone.cure_day(q) for q in quantiles)
        rows.append((subject, gone.cure_probability, *days, rates.progression_day()))
    return pd.DataFrame(rows, columns=["subject", "cure_probability", *names, "progression_day"])


def regrowth_day(time: Array, size: Array, limit: float) -> float:
    """First day after the lowest `size` on which it is at `limit` or above; inf where there is none."""
    lowest = int(np.argmin(size))
    return first_day(time[lowest:], size[lowest:] - limit)


def first_day(time: Array, excess: Array) -> float:
    """First day with `excess` at or above zero, on straight lines between days; inf where there is none."""
    reached = np.flatnonzero(excess >= 0.0)
    if not len(reached):
        return np.inf
    k = int(reached[0])
    if k == 0:
        return float(time[0])
    return float(time[k] - excess[k] * (time[k] - time[k - 1]) / (excess[k] - excess[k - 1]))
