"""Time to an event: Kaplan-Meier with log-log intervals, numbers at risk, medians, follow-up and log-rank.

The estimates are scipy's (`ecdf` and `logrank` of `CensoredData`). Limits of survival are Greenwood's on the
complementary log-log scale; they do not exist where nobody had an event yet (survival 1) nor where everybody
had (survival 0) and are NaN there: for "0 of n" use `cartsim.endpoints.shares.exact_share`.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cartsim.endpoints.checks import Array, Faults
from cartsim.endpoints.shares import check_level
from cartsim.errors import EndpointError

if TYPE_CHECKING:
    import pandas as pd
    from scipy.stats import CensoredData

ROUNDING = 1e-12  # survival is a product of fractions: 0.5 may be one rounding off


@dataclass(frozen=True)
class Median:
    """Median time with its interval (Brookmeyer and Crowley, log-log), days; NaN = not reached.

    The median is the first time at which survival is 0.5 or less; each limit is read the same way off the
    limit of survival.
    """

    value: float
    lower: float
    upper: float

    @property
    def reached(self) -> bool:
        """Whether half of the patients had the event."""
        return bool(np.isfinite(self.value))


@dataclass(frozen=True)
class KaplanMeier:
    """A Kaplan-Meier estimate.

    Parameters
    ----------
    time : ndarray, shape (n,)
        Day of event or censoring, one a patient.
    event : ndarray of bool, shape (n,)
        True for an event.
    level : float
        Of the intervals.
    table : DataFrame
        One row a distinct time: time, at_risk (just before it), events, censored, survival, lower, upper
        (log-log), plain_lower, plain_upper (plain Greenwood, not clipped, only so named).
    """

    time: Array
    event: NDArray[np.bool_]
    level: float
    table: pd.DataFrame

    @property
    def patients(self) -> int:
        """How many patients."""
        return self.time.size

    @property
    def events(self) -> int:
        """How many of them had the event."""
        return int(self.event.sum())

    @property
    def median(self) -> Median:
        """Median time to the event with its interval."""
        return Median(*(self._first_half(column) for column in ("survival", "lower", "upper")))

    def at_risk(self, times: ArrayLike) -> NDArray[np.int64]:
        """How many were still followed, event-free, just before each of `times` (m,), days."""
        ordered = np.sort(self.time)
        return self.patients - np.searchsorted(ordered, _asked(times), side="left")

    def at(self, times: ArrayLike) -> pd.DataFrame:
        """Survival at each of `times` (m,), days: time, at_risk, survival, lower, upper (log-log).

        After the last follow-up survival is NaN, unless it had reached 0.
        """
        return self._steps(times, ("survival", "lower", "upper"))

    def plain_greenwood_at(self, times: ArrayLike) -> pd.DataFrame:
        """Survival at `times` with the plain (untransformed) Greenwood interval, columns so named.

        Raises EndpointError where a limit leaves 0 to 1, as it does in a trial of six: clipping would hide
        that the normal approximation has failed.
        """
        table = self._steps(times, ("survival", "plain_lower", "plain_upper"))
        outside = (table["plain_lower"] < -ROUNDING) | (table["plain_upper"] > 1.0 + ROUNDING)
        if outside.any():
            days = ", ".join(f"{day:g}" for day in table.loc[outside, "time"])
            what = f"the plain Greenwood interval leaves 0 to 1 at day {days} ({self.patients} patients)"
            raise EndpointError([("times", f"{what}; use the log-log interval of `at`")])
        return table

    def _steps(self, times: ArrayLike, columns: tuple[str, ...]) -> pd.DataFrame:
        import pandas as pd

        times = _asked(times)
        last = np.searchsorted(self.table["time"].to_numpy(), times, side="right")
        beyond = (times > self.time.max()) & (self.table["survival"].iloc[-1] > 0.0)
        found = {"time": times, "at_risk": self.at_risk(times)}
        for column in columns:
            before = 1.0 if column == "survival" else np.nan
            steps = np.concatenate([[before], self.table[column].to_numpy()])
            found[column] = np.where(beyond, np.nan, steps[last])
        return pd.DataFrame(found)

    def _first_half(self, column: str) -> float:
        low = np.flatnonzero(self.table[column].to_numpy() <= 0.5 + ROUNDING)
        return float(self.table["time"].iloc[low[0]]) if low.size else float("nan")


def kaplan_meier(time: ArrayLike, event: ArrayLike, *, level: float = 0.95) -> KaplanMeier:
    """Kaplan-Meier estimate of the share without the event.

    Parameters
    ----------
    time : (n,)
        Day of event or censoring. An event comes before a censoring of the same day.
    event : (n,)
        True (1) for an event, False (0) for censoring.
    level : float
        Of the intervals.

    Raises EndpointError with all faults at once: lengths that differ, no patient, NaN, negative times,
    marks other than 0 and 1, a level outside 0 to 1.
    """
    import pandas as pd
    from scipy.stats import ecdf

    time, event = _checked(time, event, level=level)
    survival = ecdf(_censored(time, event)).sf
    with (
        warnings.catch_warnings()
    ):  # scipy warns where an interval does not exist; here it is NaN by contract
        warnings.simplefilter("ignore", RuntimeWarning)
        limits = survival.confidence_interval(level, method="log-log")
    days, share = survival.quantiles, survival.probabilities
    events, leaving = (
        np.bincount(np.searchsorted(days, some), minlength=days.size) for some in (time[event], time)
    )
    risk = time.size - np.searchsorted(np.sort(time), days, side="left")
    lower, upper = limits.low.probabilities, limits.high.probabilities
    exists = (share > ROUNDING) & (share < 1.0)
    half = _plain_half_width(share, events, risk, level)
    columns = {"time": days, "at_risk": risk, "events": events, "censored": leaving - events}
    columns |= {"survival": share}
    columns |= {"lower": np.where(exists, lower, np.nan), "upper": np.where(exists, upper, np.nan)}
    columns |= {"plain_lower": share - half, "plain_upper": share + half}
    return KaplanMeier(time, event, level, pd.DataFrame(columns))


def follow_up(time: ArrayLike, event: ArrayLike, *, level: float = 0.95) -> KaplanMeier:
    """Reverse Kaplan-Meier: time to censoring, events censored (Schemper and Smith); its median is reported.

    The marks are exchanged and nothing else, so that a censoring comes before an event of the same day.
    """
    time, event = _checked(time, event, level=level)
    return kaplan_meier(time, ~event, level=level)


@dataclass(frozen=True)
class LogRank:
    """Two-sided log-rank comparison of two groups.

    `statistic` is the standardised difference (its square is chi-squared with 1 degree of freedom),
    positive where the first group has more events than expected; `table` has one row a group: group,
    patients, events.
    """

    statistic: float
    p_value: float
    table: pd.DataFrame


def log_rank(first: KaplanMeier, second: KaplanMeier) -> LogRank:
    """Compare two estimates by the log-rank test (`scipy.stats.logrank`).

    Raises EndpointError where neither group has an event that the other could be compared at.
    """
    import pandas as pd
    from scipy.stats import logrank

    groups = (first, second)
    with np.errstate(invalid="ignore"):  # 0/0 where no event tells the groups apart: refused below
        test = logrank(*(_censored(group.time, group.event) for group in groups))
    if not np.isfinite(test.statistic):
        raise EndpointError([("event", "no event while both groups were at risk: nothing to compare")])
    table = pd.DataFrame(
        {
            "group": ["first", "second"],
            "patients": [group.patients for group in groups],
            "events": [group.events for group in groups],
        }
    )
    return LogRank(float(test.statistic), float(test.pvalue), table)


def _plain_half_width(share: Array, events: NDArray, risk: NDArray, level: float) -> Array:
    """Half the plain Greenwood interval; NaN where survival is 0 or 1 (scipy's own is clipped to 0-1)."""
    from scipy.stats import norm

    staying = np.where(risk > events, risk - events, 1)  # where all have the event survival is 0: no interval
    variance = np.cumsum(events / (risk * staying))
    exists = (share > ROUNDING) & (share < 1.0)
    return np.where(exists, norm.isf((1.0 - level) / 2.0) * share * np.sqrt(variance), np.nan)


def _censored(time: Array, event: NDArray[np.bool_]) -> CensoredData:
    from scipy.stats import CensoredData

    return CensoredData(uncensored=time[event], right=time[~event])


def _asked(times: ArrayLike) -> Array:
    faults = Faults()
    times = faults.array("times", np.atleast_1d(times), ndim=1)
    faults.no_missing("times", times)
    faults.not_negative("times", times)
    faults.raise_any()
    return times


def _checked(time: ArrayLike, event: ArrayLike, *, level: float) -> tuple[Array, NDArray[np.bool_]]:
    faults = Faults()
    time = faults.array("time", time, ndim=1)
    event = faults.marks("event", event)
    faults.no_missing("time", time)
    faults.not_negative("time", time)
    if not faults.found or (time.size and event.size):
        faults.need(time.size == event.size, "event", f"has {event.size} patients, `time` has {time.size}")
        faults.need(time.size > 0, "time", "holds no patient")
    check_level(faults, level)
    faults.raise_any()
    return time, event
