"""What is kept of a patient's curves: peak, trough, area, days above a limit, each with unit and meaning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from cartsim.errors import ReductionError
from cartsim.kernels import reduce as kernels
from cartsim.spec.model import Model, Output, State

STATE = "state_"


@dataclass(frozen=True)
class Reduction:
    """One number of one curve; between grid times a curve is the straight line.

    The subclasses say which: `Peak`, `TimeOfPeak`, `Trough`, `TimeOfTrough`, `LowestShare`, `Area`,
    `FirstAbove`, `FirstBelow`, `LastAbove`, `TimeAbove`, `ValueAt`.

    Parameters
    ----------
    of : name of an output, or of a state with `state_` in front
    start, end : day; the closed window that is looked at, by default the whole grid. Ends between grid times
        are interpolated
    label : column name, by default made of the words above, as in `peak_il6` or `area_car_t_0_28d`
    """

    of: str
    start: float | None = field(default=None, kw_only=True)
    end: float | None = field(default=None, kw_only=True)
    label: str = field(default="", kw_only=True)

    kind: ClassVar[int]
    word: ClassVar[str]
    unit: ClassVar[str]
    meaning: ClassVar[str]

    @property
    def threshold(self) -> float | None:
        """The limit of those that have one, in the curve's unit."""
        return getattr(self, "limit", None)

    @property
    def name(self) -> str:
        """Column name."""
        if self.label:
            return self.label
        limit = "" if self.threshold is None else f"_{self.threshold:g}"
        if self.start is not None and self.end is not None:
            return f"{self.word}_{self.of}{limit}_{self.start:g}_{self.end:g}d"
        since = "" if self.start is None else f"_from_{self.start:g}d"
        until = "" if self.end is None else f"_to_{self.end:g}d"
        return f"{self.word}_{self.of}{limit}{since}{until}"

    def unit_in(self, model: Model) -> str:
        """Its unit, such as day, pg/mL or day cells/uL."""
        own = _item(self.of, model).unit
        return self.unit.format(unit=own) if own != "1" or self.unit != "day {unit}" else "day"

    def description(self, model: Model) -> str:
        """What it is in plain words."""
        item = _item(self.of, model)
        since = "" if self.start is None else f" from day {self.start:g}"
        until = "" if self.end is None else f" to day {self.end:g}"
        limit = "" if self.threshold is None else f"{self.threshold:g} {item.unit.removeprefix('1')}".strip()
        text = self.meaning.format(of=item.meaning, limit=limit)
        return f"{text}{since}{until}"

    def window(self, times: np.ndarray) -> tuple[float, float]:
        """First and last day looked at on a grid."""
        start, end = (
            times[0] if self.start is None else self.start,
            times[-1] if self.end is None else self.end,
        )
        return float(start), float(end)

    def faults(self, model: Model, times: np.ndarray) -> list[str]:
        """Everything that does not fit the model or the grid, in words."""
        found = []
        if _item(self.of, model) is None:
            known = [*model.output_names, *(STATE + name for name in model.state_names)]
            found.append(f"{model.name} has no output or state {self.of!r}; allowed: {', '.join(known)}")
        if self.threshold is not None and not np.isfinite(self.threshold):
            found.append(f"the limit {self.threshold} is no finite number")
        start, end = self.window(times)
        if not (times[0] <= start <= times[-1] and times[0] <= end <= times[-1]):
            found.append(
                f"day {start:g} to {end:g} is not inside the grid, day {times[0]:g} to {times[-1]:g}; "
                "lengthen the grid or narrow the window"
            )
        elif start > end:
            found.append(f"the window ends (day {end:g}) before it starts (day {start:g})")
        return found


def _item(name: str, model: Model) -> Output | State | None:
    """The output, or the state behind `state_`, of that name."""
    for prefix, items in (("", model.outputs), (STATE, model.states)):
        for item in items:
            if prefix + item.name == name:
                return item
    return None


@dataclass(frozen=True)
class Peak(Reduction):
    """Highest value."""

    kind, word, unit = kernels.PEAK, "peak", "{unit}"
    meaning = "highest value of {of}"


@dataclass(frozen=True)
class TimeOfPeak(Reduction):
    """Day of the highest value, the first of equals."""

    kind, word, unit = kernels.TIME_OF_PEAK, "time_of_peak", "day"
    meaning = "day of the highest value of {of}"


@dataclass(frozen=True)
class Trough(Reduction):
    """Lowest value."""

    kind, word, unit = kernels.TROUGH, "trough", "{unit}"
    meaning = "lowest value of {of}"


@dataclass(frozen=True)
class TimeOfTrough(Reduction):
    """Day of the lowest value, the first of equals."""

    kind, word, unit = kernels.TIME_OF_TROUGH, "time_of_trough", "day"
    meaning = "day of the lowest value of {of}"


@dataclass(frozen=True)
class LowestShare(Reduction):
    """Lowest value as a share of the one at the window's start (best fall of a marker); NaN if that is 0."""

    kind, word, unit = kernels.LOWEST_SHARE, "lowest_share", "1"
    meaning = "lowest value of {of} as a share of its first"


@dataclass(frozen=True)
class Area(Reduction):
    """Area under the curve by linear trapezoids; there is no log-down rule, so give a grid fine enough."""

    kind, word, unit = kernels.AREA, "area", "day {unit}"
    meaning = "area under {of} (linear trapezoids)"


@dataclass(frozen=True)
class FirstAbove(Reduction):
    """First day at or above a limit; NaN if never."""

    limit: float

    kind, word, unit = kernels.FIRST_ABOVE, "first_above", "day"
    meaning = "first day with {of} at or above {limit}; empty if never"


@dataclass(frozen=True)
class FirstBelow(Reduction):
    """First day at or below a limit; NaN if never."""

    limit: float

    kind, word, unit = kernels.FIRST_BELOW, "first_below", "day"
    meaning = "first day with {of} at or below {limit}; empty if never"


@dataclass(frozen=True)
class LastAbove(Reduction):
    """Last day at or above a limit; the window's end if still above there, NaN if never."""

    limit: float

    kind, word, unit = kernels.LAST_ABOVE, "last_above", "day"
    meaning = "last day with {of} at or above {limit} (the last day looked at if still so); empty if never"


@dataclass(frozen=True)
class TimeAbove(Reduction):
    """Days at or above a limit in all, in one piece or several."""

    limit: float

    kind, word, unit = kernels.TIME_ABOVE, "time_above", "day"
    meaning = "days with {of} at or above {limit}"


@dataclass(frozen=True)
class ValueAt(Reduction):
    """Value on one day, interpolated between grid times; the last one where that grid time is repeated.

    It takes no window.
    """

    day: float

    kind, word, unit = kernels.VALUE, "value", "{unit}"
    meaning = "{of}"

    @property
    def name(self) -> str:
        """Column name."""
        return self.label or f"value_{self.of}_{self.day:g}d"

    def description(self, model: Model) -> str:
        """What it is in plain words."""
        return f"{_item(self.of, model).meaning} on day {self.day:g}"

    def window(self, times: np.ndarray) -> tuple[float, float]:
        """The day itself."""
        return float(self.day), float(self.day)

    def faults(self, model: Model, times: np.ndarray) -> list[str]:
        """Everything that does not fit the model or the grid, in words."""
        given = self.start is not None or self.end is not None
        return super().faults(model, times) + ["a value on one day takes no window"] * given


@dataclass(frozen=True)
class Tables:
    """Reductions as the arrays that `cartsim.kernels.reduce.reduce_rows` reads; made by `tables`."""

    curves: np.ndarray
    days: np.ndarray
    weights: np.ndarray
    rules: np.ndarray
    limits: np.ndarray
    reads_outputs: bool


def check(reductions: Sequence[Reduction], model: Model, times: np.ndarray) -> None:
    """Refuse reductions that do not fit the model or the grid, naming every fault at once.

    Raises
    ------
    ReductionError
        For unknown names, windows outside the grid, limits that are no number, or two of the same name.
    """
    if not reductions:
        raise ReductionError([("(none)", "at least one reduction is needed")])
    faults, seen = [], set()
    for item in reductions:
        if not isinstance(item, Reduction) or type(item) is Reduction:
            faults.append((repr(item), "this is no reduction such as Peak('il6')"))
            continue
        faults += [(item.name, fault) for fault in item.faults(model, times)]
        if item.name in seen:
            faults.append((item.name, "two reductions have this name; give one a label"))
        seen.add(item.name)
    if faults:
        raise ReductionError(faults)


def tables(reductions: Sequence[Reduction], model: Model, times: np.ndarray) -> Tables:
    """The arrays of checked reductions on a grid (T,) in days; those of one curve and window share points."""
    columns = {
        name: k for k, name in enumerate([*model.output_names, *(STATE + n for n in model.state_names)])
    }
    wanted: dict[tuple[int, float, float], list[int]] = {}
    for target, item in enumerate(reductions):
        # An output that bears a state's prefixed name wins, as in `_item`.
        column = model.output_names.index(item.of) if item.of in model.output_names else columns[item.of]
        wanted.setdefault((column, *item.window(times)), []).append(target)
    curves = np.zeros((len(wanted), 6), dtype=np.int64)
    days, weights = np.zeros((len(wanted), len(times) + 2)), np.zeros((len(wanted), 2))
    order: list[int] = []
    for c, ((column, start, end), targets) in enumerate(sorted(wanted.items())):
        first = int(np.searchsorted(times, start, side="left"))
        beyond = int(np.searchsorted(times, end, side="right"))
        before, after = bool(times[first] > start), bool(times[beyond - 1] < end)
        points = np.concatenate([[start] * before, times[first:beyond], [end] * after])
        days[c, : len(points)] = points
        if before:
            weights[c, 0] = (start - times[first - 1]) / (times[first] - times[first - 1])
        if after:
            weights[c, 1] = (end - times[beyond - 1]) / (times[beyond] - times[beyond - 1])
        order += targets
        curves[c] = column, first, beyond - first, before, after, len(order)
    rules = np.array([[reductions[target].kind, target] for target in order], dtype=np.int64)
    limits = np.array([reductions[target].threshold for target in order], dtype=np.float64)
    reads_outputs = bool((curves[:, kernels.COLUMN] < len(model.outputs)).any())
    return Tables(curves, days, weights, rules, limits, reads_outputs)
