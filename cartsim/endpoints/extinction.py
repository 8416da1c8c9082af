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
from typing import TYPE_CHECKING

import numpy as np

from cartsim.endpoints.checks import Array, Faults
from cartsim.solve.trajectories import Trajectories

if TYPE_CHECKING:
    import pandas as pd

QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class BirthDeath:
    """Births and deaths per cell over time.

    Parameters
    ----------
    time : ndarray, shape (T,), day
        Strictly rising; the rates are followed by a cubic spline between these days.
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

    @property
    def log_growth(self) -> Array:
        """Log of the expected number of cells relative to the first day, float64 (T,)."""
        return _integrals(self)[0]

    def extinction(self, cells: float) -> Extinction:
        """Probability that all of `cells` cells of the first day are gone, by day."""
        faults = Faults()
        faults.need(bool(np.isfinite(cells)) and cells > 0.0, "cells", f"is {cells}; it must be above zero")
        faults.raise_any()
        with np.errstate(over="ignore"):
            return Extinction(self.time, np.exp(-cells * np.log1p(np.exp(-_integrals(self)[1]))))


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
    """Cure of every simulated patient: subject, cure_probability and cure_day_05 … (day; NaN if impossible).

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
            rows.append((subject, *[np.nan] * (1 + len(names))))
            continue
        rates = BirthDeath.of(run, patient, birth=birth, death=death)
        gone = rates.extinction(run.output(burden)[patient, 0])
        rows.append((subject, gone.cure_probability, *(gone.cure_day(q) for q in quantiles)))
    return pd.DataFrame(rows, columns=["subject", "cure_probability", *names])


def _integrals(rates: BirthDeath) -> tuple[Array, Array]:
    """Log of expected growth and log J, both float64 (T,); J spans hundreds of decades, hence the logs."""
    from scipy.interpolate import CubicSpline

    decline = CubicSpline(rates.time, rates.death - rates.birth).antiderivative()
    place, weight = np.polynomial.legendre.leggauss(5)
    width = np.diff(rates.time)
    inside = rates.time[:-1, None] + 0.5 * width[:, None] * (1.0 + place)
    killed = np.maximum(CubicSpline(rates.time, rates.death)(inside), 0.0)
    with np.errstate(divide="ignore"):
        pieces = np.log(0.5 * width[:, None] * weight * killed) + decline(inside)
    within = np.logaddexp.reduce(pieces, axis=1)
    return -decline(rates.time), np.concatenate([[-np.inf], np.logaddexp.accumulate(within)])
