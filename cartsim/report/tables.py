"""Tables of the report as rows of finished text: significant figures, units, flags in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cartsim.report.wording import ABSENT, exact, fixed, labelled, number, quantity, unit_text, whole

if TYPE_CHECKING:
    from pandas import DataFrame

WIDE = 9  # columns from which a table of few rows is turned on its side


@dataclass(frozen=True)
class Cell:
    """One field: its text, whether it is a number (right-aligned) or heads its row."""

    text: str
    numeric: bool = False


@dataclass(frozen=True)
class Grid:
    """A table ready to print: column heads and rows of cells, the first cell heading its row."""

    heads: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]


def grid(frame: DataFrame, units: Mapping[str, str] | None = None) -> Grid:
    """Turn any table into text, columns with their unit; a wide table of few rows is turned on its side."""
    names = [labelled(column, (units or {}).get(column)) for column in frame.columns]
    numeric = [frame[column].dtype.kind in "fiu" for column in frame.columns]
    lines = [tuple(Cell(name, kind) for name, kind in zip(names, numeric, strict=True))]
    for row in frame.itertuples(index=False, name=None):
        lines.append(tuple(_cell(value, kind) for value, kind in zip(row, numeric, strict=True)))
    if len(numeric) > WIDE and 1 < len(lines) <= WIDE:
        lines = [
            tuple(Cell(cell.text, numeric=place > 0) for place, cell in enumerate(line))
            for line in zip(*lines, strict=True)
        ]
    return Grid(lines[0], tuple(lines[1:]))


def endpoint_grid(summary: DataFrame, *, extremes: bool) -> Grid:
    """Turn the summary of `Outcomes` (metric, unit, statistic, text, evaluable, subjects) into text.

    Without `extremes` a median stands alone: the ends of its range are two patients' own values.
    """
    heads = ("Endpoint", "Meaning", "Statistic", "Result", "Unit", "Evaluable")
    rows = []
    for row in summary.itertuples(index=False):
        spread = "range" in row.statistic
        result = number(row.center) if spread and not extremes else _EXPONENT.sub(_in_words, row.text)
        statistic = row.statistic.split(" [")[0] if not extremes else row.statistic
        texts = (quantity(row.metric), row.description, statistic, result, unit_text(row.unit))
        evaluable = Cell(f"{row.evaluable} of {row.subjects}", numeric=True)
        rows.append((*(Cell(text, numeric=place == 3) for place, text in enumerate(texts)), evaluable))
    return Grid(tuple(Cell(head, numeric=place in (3, 5)) for place, head in enumerate(heads)), tuple(rows))


_EXPONENT = re.compile(r"\d+(?:\.\d+)?e[+-]\d+")


def _in_words(match: re.Match[str]) -> str:
    return number(float(match.group()))


@dataclass(frozen=True)
class ParameterRow:
    """One parameter of one patient, as text; `remark` in words where something is to be distrusted."""

    subject: str
    name: str
    meaning: str
    unit: str
    prior: str
    median: str
    interval: str
    contraction: str
    r_hat: str
    ess_bulk: str
    ess_tail: str
    informed: bool
    remarks: tuple[str, ...]


def parameter_rows(parameters: DataFrame, gate_limits: Mapping[str, float]) -> list[ParameterRow]:
    """Turn the parameter table into text, one entry a row."""
    return [
        ParameterRow(
            subject=str(row.subject),
            name=str(row.name),
            meaning=str(row.meaning),
            unit=unit_text(row.unit),
            prior=_sentence(row.prior),
            median=number(row.median),
            interval=f"{number(row.lower)} to {number(row.upper)}",
            contraction=fixed(row.contraction, 2),
            r_hat=fixed(row.r_hat, 3),
            ess_bulk=whole(row.ess_bulk),
            ess_tail=whole(row.ess_tail),
            informed=bool(row.informed),
            remarks=tuple(_remarks(row, gate_limits)),
        )
        for row in parameters.itertuples(index=False)
    ]


def by_parameter(rows: list[ParameterRow]) -> list[tuple[ParameterRow, list[ParameterRow]]]:
    """Gather the patients of each parameter (and prior, should patients differ in it) under one head."""
    groups: dict[tuple[str, str], list[ParameterRow]] = {}
    for row in rows:
        groups.setdefault((row.name, row.prior), []).append(row)
    return [(members[0], members) for members in groups.values()]


def _remarks(row: object, gate_limits: Mapping[str, float]) -> list[str]:
    words = []
    if not row.informed:
        words.append("not informed by the data")
    if "r_hat" in gate_limits and row.r_hat > gate_limits["r_hat"]:
        words.append(f"R-hat above {exact(gate_limits['r_hat'])}")
    if "ess" in gate_limits and min(row.ess_bulk, row.ess_tail) < gate_limits["ess"]:
        words.append(f"ESS below {exact(gate_limits['ess'])}")
    return words


def _sentence(value: object) -> str:
    return ABSENT if pd.isna(value) else str(value)


def _cell(value: object, numeric: bool) -> Cell:
    if pd.isna(value):
        return Cell(ABSENT, numeric)
    if isinstance(value, (bool, np.bool_)):
        return Cell("yes" if value else "no")
    if numeric or isinstance(value, float):
        text = whole(value) if float(value).is_integer() and abs(value) < 1e7 else number(value)
        return Cell(text, numeric=True)
    return Cell(unit_text(value) or ABSENT)
