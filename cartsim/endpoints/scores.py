"""How good predicted probabilities are: Brier score, reliability, concordance, and Brier with censoring.

Censored Brier score: inverse probability of censoring weights, Graf, Schmoor, Sauerbrei & Schumacher 1999
(Stat Med 18:2529). Concordance: Harrell, Lee & Mark 1996 (Stat Med 15:361). Intervals resample patients.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cartsim.endpoints.checks import Array, Faults
from cartsim.endpoints.shares import exact_share
from cartsim.endpoints.survival import follow_up

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Score:
    """A score with its interval (percentiles of resampled patients)."""

    value: float
    low: float
    high: float
    patients: int

    @property
    def text(self) -> str:
        """As it is printed."""
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def brier(predicted: ArrayLike, happened: ArrayLike) -> float:
    """Mean squared difference between probabilities (n,) and what happened (n,), True or 1 for an event."""
    predicted, happened = _paired(predicted, happened)
    return float(((predicted - happened) ** 2).mean())


def concordance(risk: ArrayLike, time: ArrayLike, event: ArrayLike) -> float:
    """Harrell's C: share of comparable pairs whose earlier event had the higher `risk`; ties count half.

    A pair is comparable where the shorter time ends with an event; at equal times an event comes before a
    censoring. NaN where there is no such pair.
    """
    risk, time, event = np.asarray(risk, float), np.asarray(time, float), np.asarray(event, bool)
    later = time[None, :] > time[:, None]
    later |= (time[None, :] == time[:, None]) & ~event[None, :]
    pairs = event[:, None] & later
    if not pairs.any():
        return float("nan")
    right = (risk[:, None] > risk[None, :]) + 0.5 * (risk[:, None] == risk[None, :])
    return float(right[pairs].mean())


def censored_brier(free: ArrayLike, time: ArrayLike, event: ArrayLike, *, day: float) -> float:
    """Graf's Brier score at one day, for predicted probabilities `free` (n,) of no event by then.

    (1/n) sum of free^2 / G(T-) over events up to the day, and of (1 - free)^2 / G(day-) over patients
    followed to it; G is the Kaplan-Meier estimate of not being censored. Patients censored before the day
    count through G only.
    """
    free, time, event = np.asarray(free, float), np.asarray(time, float), np.asarray(event, bool)
    hit = event & (time <= day)
    stays = (time > day) | ((time >= day) & ~event)
    weight = np.zeros(len(time))
    weight[hit] = 1.0 / _uncensored(time, event, time[hit])
    weight[stays] = 1.0 / _uncensored(time, event, np.array([day]))[0]
    return float((weight * np.where(hit, free**2, (1.0 - free) ** 2)).mean())


def _uncensored(time: Array, event: NDArray[np.bool_], at: Array) -> Array:
    """Kaplan-Meier estimate of not being censored just before each of `at`."""
    table = follow_up(time, event).table
    before = np.searchsorted(table["time"].to_numpy(), at, side="left")
    return np.concatenate([[1.0], table["survival"].to_numpy()])[before]


def resampled(
    score: Callable[[NDArray[np.int64]], float],
    patients: int,
    rng: np.random.Generator,
    *,
    times: int = 2_000,
    level: float = 0.95,
) -> Score:
    """A score of row numbers, and its percentile interval over resampled patients; NaN draws are left out."""
    values = [score(rng.integers(patients, size=patients)) for _ in range(times)]
    ends = np.nanquantile(values, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return Score(score(np.arange(patients)), float(ends[0]), float(ends[1]), patients)


def reliability(predicted: ArrayLike, happened: ArrayLike, *, groups: int = 5) -> pd.DataFrame:
    """Patients by predicted probability, in groups of about equal size, against what happened.

    Columns: group, patients, predicted (mean), observed (share), lower, upper (95 %, Clopper-Pearson).
    """
    import pandas as pd

    predicted, happened = _paired(predicted, happened)
    rows = []
    for number, part in enumerate(np.array_split(np.argsort(predicted, kind="stable"), groups), 1):
        if not len(part):
            continue
        share = exact_share(int(happened[part].sum()), len(part))
        rows.append(
            {
                "group": number,
                "patients": len(part),
                "predicted": predicted[part].mean(),
                "observed": happened[part].mean(),
                "lower": share.lower,
                "upper": share.upper,
            }
        )
    return pd.DataFrame(rows)


def _paired(predicted: ArrayLike, happened: ArrayLike) -> tuple[Array, Array]:
    faults = Faults()
    predicted, happened = np.asarray(predicted, float), np.asarray(happened, float)
    faults.need(predicted.shape == happened.shape, "happened", "differs in length from `predicted`")
    faults.need(predicted.size > 0, "predicted", "holds no patient")
    faults.need(bool(((predicted >= 0) & (predicted <= 1)).all()), "predicted", "is not within 0 to 1")
    faults.need(bool(np.isin(happened, (0, 1)).all()), "happened", "holds marks other than 0 and 1")
    faults.raise_any()
    return predicted, happened
