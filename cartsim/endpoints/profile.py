"""One patient's concentrations as the non-compartmental analysis uses them: BLQ rules and areas."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cartsim.errors import CartsimError
from cartsim.units import MONTH_DAYS


@dataclass(frozen=True)
class NcaSettings:
    """The choices of the analysis.

    Parameters
    ----------
    early_days : float
        End of the first AUC window, day.
    late_months : float
        End of the second AUC window, months of `month_days`.
    month_days : float
        Length of a month, day.
    visit_windows : tuple of (int, float)
        Months at which detectability is read, and the half-width of each visit window in days: the sample
        nearest to the month's day within the window counts.
    slope_points : int
        Fewest samples for a half-life (after Tmax) or a doubling time (up to Tmax).
    adjusted_r2 : float
        Smallest adjusted R² of a half-life's regression.
    """

    early_days: float = 28.0
    late_months: float = 6.0
    month_days: float = MONTH_DAYS
    visit_windows: tuple[tuple[int, float], ...] = field(default=((1, 7.0), (3, 14.0), (6, 30.0)))
    slope_points: int = 3
    adjusted_r2: float = 0.8

    def __post_init__(self) -> None:
        for name in ("early_days", "late_months", "month_days"):
            if not 0.0 < getattr(self, name) < np.inf:
                raise CartsimError(f"{name} must be positive", value=getattr(self, name), limit="> 0")
        if self.slope_points < 3:
            raise CartsimError("an adjusted R² needs three points", value=self.slope_points, limit=">= 3")
        if not 0.0 <= self.adjusted_r2 < 1.0:
            raise CartsimError("adjusted_r2 must lie in [0, 1)", value=self.adjusted_r2, limit="[0, 1)")

    @property
    def late_days(self) -> float:
        """End of the second AUC window, day."""
        return self.late_months * self.month_days


@dataclass(frozen=True)
class Profile:
    """One subject's samples of one output from the infusion (day 0) on, one a time.

    `value` is NaN where a sample is below the limit; a sample above the upper limit has that limit as its
    value. `detected` is False only for left-censored samples.
    """

    time: np.ndarray
    value: np.ndarray
    detected: np.ndarray
    above: int = 0

    @classmethod
    def from_samples(cls, time: np.ndarray, value: np.ndarray, censoring: np.ndarray) -> Profile:
        """Put replicates together: the mean of those measured, BLQ where none is; day 0 and after only.

        Parameters
        ----------
        time, value : ndarray, shape (n,)
            Day; concentration or limit.
        censoring : ndarray of int, shape (n,)
            0 quantified, 1 left, 2 right, 3 between two limits (read as BLQ, but detected).
        """
        since = time >= 0.0
        time, value, censoring = time[since], value[since], censoring[since]
        days = np.unique(time)
        measured = np.isin(censoring, (0, 2))
        means = np.full(days.size, np.nan)
        detected = np.zeros(days.size, dtype=bool)
        for index, day in enumerate(days):
            here = time == day
            if (here & measured).any():
                means[index] = value[here & measured].mean()
            detected[index] = (censoring[here] != 1).any()
        return cls(days, means, detected, int((censoring == 2).sum()))

    @property
    def quantified(self) -> np.ndarray:
        """Which samples have a value."""
        return np.isfinite(self.value)

    @property
    def peak(self) -> int | None:
        """Index of the highest sample (the first of equals); None where all are BLQ."""
        return int(np.nanargmax(self.value)) if self.quantified.any() else None

    def curve(self) -> tuple[np.ndarray, np.ndarray]:
        """Times and values for areas, the BLQ rule applied.

        Before Tmax BLQ is 0, after it the first sample of each run of BLQ is 0 and the rest of the run is
        left out. Where nothing was sampled at the infusion, 0 at day 0 is added.
        """
        value = np.where(self.quantified, self.value, 0.0)
        peak = self.peak if self.peak is not None else self.time.size
        after = np.arange(self.time.size) > peak
        follows = np.concatenate([[False], ~self.quantified[:-1]]) if self.time.size else after
        kept = ~(after & ~self.quantified & follows)
        time, value = self.time[kept], value[kept]
        if time.size and time[0] > 0.0:
            time, value = np.concatenate([[0.0], time]), np.concatenate([[0.0], value])
        return time, value

    def area(self, until: float) -> float:
        """Area from day 0 to `until` by the linear-up log-down rule, the end interpolated; no extrapolation.

        After a final BLQ the curve is 0; where sampling stops earlier the area stops there.
        """
        time, value = self.curve()
        if time.size == 0:
            return float("nan")
        if until < time[-1]:
            end = int(np.searchsorted(time, until, side="right"))
            at_end = interpolate(time[end - 1], value[end - 1], time[end], value[end], until)
            time, value = np.append(time[:end], until), np.append(value[:end], at_end)
        return float(sum(map(segment_area, time[:-1], value[:-1], time[1:], value[1:])))


def falls(first: float, second: float) -> bool:
    """True where the log rule applies: a decline between two positive values.

    Below a millionth the two rules agree to 1e-13 and the logarithm's rounding would be larger.
    """
    return 0.0 < second < first * (1.0 - 1e-6)


def segment_area(start: float, first: float, end: float, second: float) -> float:
    """Area between two samples: logarithmic where values fall, linear otherwise."""
    if falls(first, second):
        return (first - second) * (end - start) / np.log(first / second)
    return 0.5 * (first + second) * (end - start)


def interpolate(start: float, first: float, end: float, second: float, time: float) -> float:
    """Value at `time` between two samples, by the rule of `segment_area`."""
    share = (time - start) / (end - start)
    if falls(first, second):
        return first * (second / first) ** share
    return first + (second - first) * share


@dataclass(frozen=True)
class LogLine:
    """A straight line through log values: slope (1/day), adjusted R², number of samples, days spanned."""

    slope: float
    adjusted_r2: float
    points: int
    days: float


def log_line(time: np.ndarray, value: np.ndarray) -> LogLine:
    """Least squares of log value on time; at least three samples."""
    height = np.log(value)
    centred = time - time.mean()
    slope = float(centred @ height / (centred @ centred))
    residual = height - height.mean() - slope * centred
    total = float(((height - height.mean()) ** 2).sum())
    unexplained = float(residual @ residual)
    r2 = 1.0 - unexplained / total if total > 0.0 else 0.0
    adjusted = 1.0 - (1.0 - r2) * (time.size - 1) / (time.size - 2)
    return LogLine(slope, adjusted, time.size, float(time[-1] - time[0]))
