"""What a single cell says: a number, a limit such as "<50", a word such as BLQ, or nothing."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

MISSING = frozenset({"", ".", "na", "n/a", "nan", "null", "none", "-", "missing", "#n/a"})
"""Cells that hold nothing, in lower case."""

BELOW_LLOQ = frozenset(
    {"blq", "bloq", "blloq", "bql", "<lloq", "<loq", "<llq", "below lloq", "below loq", "below limit"}
)
NOT_DETECTED = frozenset(
    {"nd", "n.d.", "not detected", "undetected", "undetectable", "negative", "<lod", "<llod", "bld", "blod"}
)
DETECTED_BELOW_LLOQ = frozenset(
    {"dnq", "detected", "detected <lloq", "detected, not quantifiable", "positive"}
)
ABOVE_ULOQ = frozenset({"alq", "aloq", "auloq", ">uloq", ">loq", "above uloq", "above limit"})

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_COMMA_NUMBER = re.compile(r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?")
_BOUND = re.compile(r"(<=?|>=?|≤|≥)\s*(\S+)")
_DATE = re.compile(
    r"\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[./]\d{1,2}[./]\d{2,4}|\d{1,2}:\d{2}|\d{1,2}[- ]?[A-Za-z]{3}[- ]?\d{2,4}"
)


class CellFault(ValueError):
    """A cell that is not what its column holds; the message says what it is and `remedy` what to do."""

    def __init__(self, what: str, remedy: str | None = None) -> None:
        super().__init__(what)
        self.remedy = remedy


@dataclass(frozen=True)
class Reported:
    """A reported measurement.

    `kind` is number, below, above (with `number` the bound), blq, not_detected, detected, above_limit
    (with no number) or missing.
    """

    kind: str
    number: float = math.nan


def is_missing(text: str) -> bool:
    """True for cells that hold nothing: empty, a point, NA."""
    return text.strip().lower() in MISSING


def number(text: str, *, decimal: str = ".") -> float:
    """The number in a cell.

    Raises
    ------
    CellFault
        For anything that is not a finite number, with the likely reason.
    """
    text = text.strip()
    if decimal == "," and "," in text:
        text = text.replace(",", ".", 1) if _COMMA_NUMBER.fullmatch(text) else text
    if _NUMBER.fullmatch(text):
        value = float(text)
        if not math.isfinite(value):
            raise CellFault("the number is infinite", "give a finite number, or the limit as text: >5000")
        return value
    if text.lower().lstrip("+-") in {"inf", "infinity"}:
        raise CellFault("the number is infinite", "give a finite number, or the limit as text: >5000")
    if _COMMA_NUMBER.fullmatch(text):
        raise CellFault(
            "a comma in a number: a decimal comma, or a thousands separator?",
            "read with decimal=',' if it is a decimal comma; otherwise write 1234.5",
        )
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", text):
        raise CellFault("thousands separators in a number", "write 1234567.8")
    if _DATE.search(text):
        raise CellFault(
            "a date or clock time where a number belongs",
            "write times as numbers counted from the first infusion",
        )
    raise CellFault("not a number", "correct the cell, or leave it out of the table")


def reported(text: str, *, decimal: str = ".") -> Reported:
    """The measurement in a cell: a number, "<50", ">5000", BLQ, ND (not detected), DNQ, or nothing."""
    word = text.strip().lower()
    if word in MISSING:
        return Reported("missing")
    for kind, words in (
        ("blq", BELOW_LLOQ),
        ("not_detected", NOT_DETECTED),
        ("detected", DETECTED_BELOW_LLOQ),
        ("above_limit", ABOVE_ULOQ),
    ):
        if word in words:
            return Reported(kind)
    bound = _BOUND.fullmatch(text.strip())
    if bound:
        kind = "below" if bound.group(1)[0] in "<≤" else "above"
        return Reported(kind, number(bound.group(2), decimal=decimal))
    return Reported("number", number(text, decimal=decimal))


def decimal_sign(cells: list[str], delimiter: str) -> str:
    """The decimal sign a column of numbers uses.

    A comma is taken for a decimal sign only where commas cannot separate cells (semicolon, tab, Excel),
    no number has a point, and at least one comma is not followed by exactly three digits.
    """
    if delimiter == ",":
        return "."
    bare = [cell.strip().lstrip("<>=≤≥ ") for cell in cells]
    commas = [cell for cell in bare if _COMMA_NUMBER.fullmatch(cell)]
    points = any("." in cell and _NUMBER.fullmatch(cell) for cell in bare)
    plain = any(not re.fullmatch(r"[+-]?[1-9]\d{0,2},\d{3}", cell) for cell in commas)
    return "," if commas and plain and not points else "."
