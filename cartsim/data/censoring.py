"""Whether a reported value was measured, or only known to lie below, above or between limits."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cartsim.data.cells import Reported
from cartsim.data.dataset import INTERVAL, LEFT, QUANTIFIED, RIGHT

CODES = {
    "": None,
    "0": QUANTIFIED,
    "none": QUANTIFIED,
    "quantified": QUANTIFIED,
    "1": LEFT,
    "left": LEFT,
    "-1": RIGHT,
    "right": RIGHT,
    "interval": INTERVAL,
}
"""Censoring cells: Monolix codes 0, 1, -1, and the words left, right, interval, none."""

FLAGS = {"": None, "0": False, "n": False, "no": False, "false": False}
FLAGS |= {"1": True, "y": True, "yes": True, "true": True}
"""BLQ flags."""


@dataclass(frozen=True)
class Limits:
    """Limits that hold for one row, in the output's unit; None where unknown.

    `lower_bound` is Monolix' LIMIT: the far end of an interval.
    """

    lloq: float | None = None
    lod: float | None = None
    uloq: float | None = None
    lower_bound: float | None = None
    signed: bool = False

    @property
    def floor(self) -> float:
        """The lowest value the output can have."""
        return -math.inf if self.signed else 0.0


@dataclass(frozen=True)
class Observed:
    """A measurement ready for a likelihood; `below_unflagged`: under the LLOQ, but not flagged so."""

    value: float
    censoring: int
    lower: float
    upper: float
    lloq: float = math.nan
    below_unflagged: bool = False


class CensoringFault(ValueError):
    """A report that contradicts its limits; carries the column at fault, the limit and the remedy."""

    def __init__(
        self, what: str, *, column: str = "value", limit: object = None, remedy: str, key: str | None = None
    ) -> None:
        super().__init__(what)
        self.column, self.limit, self.remedy, self.key = column, limit, remedy, key


def observed(report: Reported, code: int | None, limits: Limits) -> Observed:
    """Decide the censoring of one report.

    Rules. Below the LLOQ: left-censored at the LLOQ, whether flagged or not. Not detected (zero, ND): left-
    censored at the LOD where one is known, else at the LLOQ. Detected below the LLOQ (DNQ, or a number
    between the two): between LOD and LLOQ where a LOD is known. CENS = 1 without a known LLOQ: the value
    is the limit, and LIMIT the lower end (Monolix). CENS = -1: above the value, up to LIMIT. A value
    equal to the LLOQ or the ULOQ is measured.

    Parameters
    ----------
    report : Reported
        Numbers in the output's unit.
    code : int or None
        The row's censoring code or flag; None where the table has none.
    limits : Limits

    Raises
    ------
    CensoringFault
        Where report, flag and limits contradict each other or a limit is missing.
    """
    _check_order(limits)
    if report.kind in {"below", "above"}:
        return _bound(report, limits)
    if report.kind == "above_limit" or (report.kind == "missing" and code == RIGHT):
        return _above(_known(limits.uloq, "ULOQ", "uloq"), limits)
    if report.kind == "detected":
        return _detected(limits)
    if report.kind == "not_detected":
        return _not_detected(limits)
    if report.kind == "blq" or (report.kind == "missing" and code == LEFT):
        return _below(_known(limits.lloq, "LLOQ", "lloq"), limits)
    if code == LEFT:
        return _flagged_below(report.number, limits)
    if code == RIGHT:
        return _flagged_above(report.number, limits)
    if code == INTERVAL:
        return _interval(report.number, limits)
    return _number(report.number, limits)


def _check_order(limits: Limits) -> None:
    """Limits must be positive and in the order LOD, LLOQ, ULOQ."""
    for name in ("lod", "lloq", "uloq"):
        value = getattr(limits, name)
        if value is not None and not value > 0.0 and not limits.signed:
            raise CensoringFault(
                f"the {name.upper()} is not positive", column=name, limit="> 0", remedy="correct the limit"
            )
    for low, high in (("lod", "lloq"), ("lloq", "uloq")):
        first, second = getattr(limits, low), getattr(limits, high)
        if first is not None and second is not None and first > second:
            raise CensoringFault(
                f"the {high.upper()} is below the {low.upper()}",
                column=high,
                limit=f">= {first:g}",
                remedy="correct one of the two limits",
            )


def _known(limit: float | None, name: str, argument: str) -> float:
    """The limit, or the request for it."""
    if limit is None:
        raise CensoringFault(
            f"a value outside the {name} where no {name} is known",
            limit=f"a known {name}",
            remedy=f"give {argument}= to read_data, or a column {name}",
            key=f"no {name}",
        )
    return limit


def _below(bound: float, limits: Limits, *, unflagged: bool = False) -> Observed:
    """Left-censored at `bound`, or between LIMIT and `bound`."""
    lloq = math.nan if limits.lloq is None else limits.lloq
    if limits.lower_bound is None or limits.lower_bound <= limits.floor:
        return Observed(bound, LEFT, limits.floor, bound, lloq, unflagged)
    if not limits.lower_bound < bound:
        raise CensoringFault(
            "LIMIT is not below the value of a left-censored row",
            column="limit",
            limit=f"< {bound:g}",
            remedy="LIMIT is the lower end of the interval, the value its upper end",
        )
    return Observed(bound, INTERVAL, limits.lower_bound, bound, lloq, unflagged)


def _above(bound: float, limits: Limits) -> Observed:
    """Right-censored at `bound`, or between `bound` and LIMIT."""
    lloq = math.nan if limits.lloq is None else limits.lloq
    if limits.lower_bound is None or limits.lower_bound == math.inf:
        return Observed(bound, RIGHT, bound, math.inf, lloq)
    if not limits.lower_bound > bound:
        raise CensoringFault(
            "LIMIT is not above the value of a right-censored row",
            column="limit",
            limit=f"> {bound:g}",
            remedy="with CENS = -1, LIMIT is the upper end of the interval",
        )
    return Observed(limits.lower_bound, INTERVAL, bound, limits.lower_bound, lloq)


def _bound(report: Reported, limits: Limits) -> Observed:
    """A report such as "<50" or ">5000"."""
    known = limits.lloq if report.kind == "below" else limits.uloq
    allowed = (known, limits.lod) if report.kind == "below" else (known,)
    if known is not None and not any(_same(report.number, limit) for limit in allowed):
        name = "LLOQ" if report.kind == "below" else "ULOQ"
        raise CensoringFault(
            f"conflicting {name}: the cell says {report.number:g}, the table or the argument {known:g}",
            limit=f"{known:g}",
            remedy="correct the one that is wrong",
        )
    if report.kind == "above":
        return _above(report.number, limits)
    below = _below(report.number, limits)
    return below if limits.lloq is not None else _with_lloq(below, report.number)


def _with_lloq(row: Observed, lloq: float) -> Observed:
    """The same observation, its limit now known to be the LLOQ."""
    return Observed(row.value, row.censoring, row.lower, row.upper, lloq, row.below_unflagged)


def _detected(limits: Limits, *, unflagged: bool = False) -> Observed:
    """Detected, not quantifiable: between LOD and LLOQ."""
    lloq = _known(limits.lloq, "LLOQ", "lloq")
    if limits.lod is None or limits.lod == lloq:
        return _below(lloq, limits, unflagged=unflagged)
    return Observed(lloq, INTERVAL, limits.lod, lloq, lloq, unflagged)


def _not_detected(limits: Limits) -> Observed:
    """Zero or ND: below the LOD, or the LLOQ where no LOD is known."""
    if limits.lod is not None:
        return _below(limits.lod, limits)
    return _below(_known(limits.lloq, "LLOQ", "lloq"), limits)


def _flagged_below(number: float, limits: Limits) -> Observed:
    """A number with CENS = 1 or a BLQ flag."""
    if limits.lloq is not None and number > limits.lloq and not _same(number, limits.lloq):
        raise CensoringFault(
            "flagged below the LLOQ, but the value is above it",
            limit=f"<= {limits.lloq:g}",
            remedy="correct the flag, the value or the LLOQ",
        )
    if limits.lloq is not None:
        return _below(limits.lloq, limits)
    if number <= limits.floor:
        return _below(_known(None, "LLOQ", "lloq"), limits)
    return _with_lloq(_below(number, limits), number)


def _flagged_above(number: float, limits: Limits) -> Observed:
    """A number with CENS = -1."""
    if limits.uloq is not None and number < limits.uloq and not _same(number, limits.uloq):
        raise CensoringFault(
            "flagged above the ULOQ, but the value is below it",
            limit=f">= {limits.uloq:g}",
            remedy="correct the flag, the value or the ULOQ",
        )
    return _above(number if limits.uloq is None else limits.uloq, limits)


def _interval(number: float, limits: Limits) -> Observed:
    """A row marked interval: LIMIT is the lower end, the value the upper."""
    if limits.lower_bound is None:
        raise CensoringFault(
            "an interval-censored row without LIMIT",
            column="limit",
            limit="a number below the value",
            remedy="LIMIT holds the lower end",
        )
    return _below(number, limits)


def _number(number: float, limits: Limits) -> Observed:
    """A number without a flag."""
    if number < 0.0 and not limits.signed:
        raise CensoringFault(
            "a negative concentration",
            limit=">= 0",
            remedy="correct it; an output that may be negative goes into signed=",
        )
    if number == 0.0 and not limits.signed:
        return _not_detected(limits)
    if limits.lod is not None and number < limits.lod:
        return _below(limits.lod, limits, unflagged=True)
    if limits.lloq is not None and number < limits.lloq and not _same(number, limits.lloq):
        return _detected(limits, unflagged=True)
    if limits.uloq is not None and number > limits.uloq and not _same(number, limits.uloq):
        return _above(limits.uloq, limits)
    lloq = math.nan if limits.lloq is None else limits.lloq
    return Observed(number, QUANTIFIED, number, number, lloq)


def _same(first: float, second: float | None) -> bool:
    """Equal up to the rounding of a unit conversion."""
    return second is not None and math.isclose(first, second, rel_tol=1e-12)
