"""The measures of cellular kinetics: Cmax, Tmax, AUC, half-life and the rest, each with unit and meaning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from cartsim.endpoints.profile import LogLine, NcaSettings, Profile, log_line
from cartsim.errors import CartsimError

NAN = float("nan")


@dataclass(frozen=True)
class Analysis:
    """What the measures are read from: the profile, the settings and the two regressions."""

    profile: Profile
    settings: NcaSettings
    terminal: LogLine | None
    expansion: LogLine | None

    @classmethod
    def of(cls, profile: Profile, settings: NcaSettings) -> Analysis:
        """Fit the regressions once."""
        return cls(profile, settings, terminal_line(profile, settings), expansion_line(profile, settings))


@dataclass(frozen=True)
class Metric:
    """One measure.

    Parameters
    ----------
    name : str
        Column of the table.
    unit : str
        `{unit}` stands for the output's unit.
    description : str
        One sentence; `{early}`, `{late}`, `{r2}`, `{points}` stand for settings.
    compute : callable
        (analysis, values of the metrics it depends on) to a number.
    depends_on : tuple of str
        Metrics computed before.
    statistic : str
        geometric (mean with CV %), median (with range), share (of patients), or "" for none.
    valid_unless : str
        A metric that, where true, keeps this one out of the summary.
    """

    name: str
    unit: str
    description: str
    compute: Callable[[Analysis, Mapping[str, float]], float]
    depends_on: tuple[str, ...] = ()
    statistic: str = ""
    valid_unless: str = ""

    def __post_init__(self) -> None:
        if self.statistic not in {"", "geometric", "median", "share"}:
            raise CartsimError("unknown statistic", value=self.statistic, limit="geometric, median, share")


def _peak(profile: Profile, array: np.ndarray) -> float:
    return NAN if profile.peak is None else float(array[profile.peak])


def _last(profile: Profile, array: np.ndarray) -> float:
    where = np.flatnonzero(profile.quantified)
    return float(array[where[-1]]) if where.size else NAN


def _auc_last(analysis: Analysis, known: Mapping[str, float]) -> float:
    if np.isnan(known["tlast"]):
        return 0.0 if analysis.profile.time.size else NAN
    return analysis.profile.area(known["tlast"])


def _truncated(profile: Profile, end: float) -> float:
    return float(profile.time.size == 0 or profile.time[-1] < end)


def _time_to_blq(analysis: Analysis, known: Mapping[str, float]) -> float:
    profile = analysis.profile
    lost = profile.time[~profile.quantified & (profile.time > known["tlast"])]
    return float(lost[0]) if lost.size else NAN


def terminal_line(profile: Profile, settings: NcaSettings) -> LogLine | None:
    """The regression behind the half-life: the last samples after Tmax, as many as fit best.

    Starting from the last `slope_points` quantified samples, earlier ones are added; the fit with the
    highest adjusted R² wins, the one with more samples among those within 0.0001 of it.
    """
    if profile.peak is None:
        return None
    used = np.flatnonzero(profile.quantified)
    used = used[used > profile.peak]
    fits = [
        log_line(profile.time[used[-count:]], profile.value[used[-count:]])
        for count in range(settings.slope_points, used.size + 1)
    ]
    fits = [fit for fit in fits if fit.slope < 0.0]
    if not fits:
        return None
    best = max(fit.adjusted_r2 for fit in fits)
    return max((fit for fit in fits if fit.adjusted_r2 >= best - 1e-4), key=lambda fit: fit.points)


def expansion_line(profile: Profile, settings: NcaSettings) -> LogLine | None:
    """The regression behind the doubling time: quantified samples from the trough to Tmax.

    The trough is the lowest quantified sample after the last BLQ before Tmax (cells first leave the blood
    and expand from there).
    """
    if profile.peak is None:
        return None
    blq = np.flatnonzero(~profile.quantified[: profile.peak])
    first = int(blq[-1]) + 1 if blq.size else 0
    rise = slice(first + int(np.argmin(profile.value[first : profile.peak + 1])), profile.peak + 1)
    if rise.stop - rise.start < settings.slope_points:
        return None
    return log_line(profile.time[rise], profile.value[rise])


def _half_life(analysis: Analysis, _: Mapping[str, float]) -> float:
    line = analysis.terminal
    if line is None or line.adjusted_r2 < analysis.settings.adjusted_r2:
        return NAN
    return float(np.log(2.0) / -line.slope)


def _of_line(line: LogLine | None, name: str) -> float:
    return NAN if line is None else float(getattr(line, name))


def _span(analysis: Analysis, known: Mapping[str, float]) -> float:
    return _of_line(analysis.terminal, "days") / known["half_life"]


def _doubling_time(analysis: Analysis, _: Mapping[str, float]) -> float:
    line = analysis.expansion
    return NAN if line is None or line.slope <= 0.0 else float(np.log(2.0) / line.slope)


def detectable(profile: Profile, month: int, settings: NcaSettings) -> float:
    """1 or 0: whether the sample nearest to the month's day, within its window, was detected; NaN if none."""
    target, width = month * settings.month_days, dict(settings.visit_windows)[month]
    away = np.abs(profile.time - target)
    if away.size == 0 or away.min() > width:
        return NAN
    return float(profile.detected[np.argmin(away)])


def metrics(settings: NcaSettings) -> tuple[Metric, ...]:
    """All measures in an order that respects what depends on what."""
    early, late = settings.early_days, settings.late_days
    first, second = f"auc_0_{early:g}d", f"auc_0_{settings.late_months:g}m"
    listed = (
        Metric("samples", "", "samples from day 0 on", lambda a, k: float(a.profile.time.size)),
        Metric("samples_blq", "", "of these below the LLOQ",
               lambda a, k: float((~a.profile.quantified).sum())),
        Metric("samples_above", "", "rows above the upper limit, taken at that limit",
               lambda a, k: float(a.profile.above)),
        Metric("follow_up", "day", "day of the last sample",
               lambda a, k: float(a.profile.time[-1]) if a.profile.time.size else NAN, statistic="median"),
        Metric("cmax", "{unit}", "highest observed value",
               lambda a, k: _peak(a.profile, a.profile.value), statistic="geometric"),
        Metric("tmax", "day", "day of the highest observed value",
               lambda a, k: _peak(a.profile, a.profile.time), statistic="median"),
        Metric("clast", "{unit}", "last quantified value",
               lambda a, k: _last(a.profile, a.profile.value), statistic="geometric"),
        Metric("tlast", "day", "day of the last quantified value",
               lambda a, k: _last(a.profile, a.profile.time), statistic="median"),
        Metric("auc_last", "day {unit}", "area from day 0 to Tlast",
               _auc_last, ("tlast",), "geometric"),
        Metric(f"{first}_truncated", "", "1 where sampling stops before day {early}",
               lambda a, k: _truncated(a.profile, early)),
        Metric(first, "day {unit}", "area from day 0 to day {early}",
               lambda a, k: a.profile.area(early), (), "geometric", f"{first}_truncated"),
        Metric(f"{second}_truncated", "", "1 where sampling stops before day {late}",
               lambda a, k: _truncated(a.profile, late)),
        Metric(second, "day {unit}", "area from day 0 to day {late}",
               lambda a, k: a.profile.area(late), (), "geometric", f"{second}_truncated"),
        Metric("doubling_time", "day", "ln 2 / slope from the trough to Tmax, {points} samples or more",
               _doubling_time, (), "median"),
        Metric("doubling_points", "", "samples behind the doubling time",
               lambda a, k: _of_line(a.expansion, "points")),
        Metric("half_life", "day", "ln 2 / slope after Tmax, {points} samples or more, adjusted R² >= {r2}",
               _half_life, (), "median"),
        Metric("half_life_points", "", "samples behind the best terminal regression",
               lambda a, k: _of_line(a.terminal, "points")),
        Metric("half_life_adjusted_r2", "", "adjusted R² of the best terminal regression",
               lambda a, k: _of_line(a.terminal, "adjusted_r2")),
        Metric("half_life_span", "", "days of that regression in half-lives", _span, ("half_life",)),
        Metric("time_to_blq", "day", "day of the first BLQ sample after Tlast; empty while still quantified",
               _time_to_blq, ("tlast",), "median"),
        *(_detectable_metric(month, width, settings) for month, width in settings.visit_windows),
    )  # fmt: skip
    done: set[str] = set()
    for metric in listed:
        if not {*metric.depends_on, *filter(None, [metric.valid_unless])} <= done:
            raise CartsimError("a metric stands before what it depends on", value=metric.name)
        done.add(metric.name)
    return listed


def _detectable_metric(month: int, width: float, settings: NcaSettings) -> Metric:
    day = month * settings.month_days
    return Metric(
        f"detectable_month_{month}",
        "",
        f"1 where the sample nearest to day {day:.4g} (± {width:g} d) was detected; empty without one",
        lambda a, k: detectable(a.profile, month, settings),
        statistic="share",
    )
