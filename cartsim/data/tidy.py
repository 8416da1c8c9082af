"""The tidy layout in which published patient sets are kept: where the file lies, flags, rows left out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cartsim.data.files import TextTable, read_table
from cartsim.data.summary import DroppedRows
from cartsim.errors import CartsimError

FOLDER_VARIABLE = "CARTSIM_REAL_DATA"
YES_NO_COVARIATES = ("tocilizumab", "steroids", "anakinra", "hlh_like")
_YES_NO = {"0": "no", "0.0": "no", "1": "yes", "1.0": "yes"}
_TIDY = ("patient", "time_day", "variable", "value", "unit", "flag")


def path_of(loader: str, path: str | Path | None, file: str) -> Path:
    """The file given, or the tidy table in the folder of the environment variable."""
    if path is not None:
        return Path(path)
    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder:
        raise CartsimError(
            f"{loader} needs the published data, which are not part of cartsim",
            limit=f"a path, or a folder in the environment variable {FOLDER_VARIABLE}",
            remedy="obtain the authors' release (see the loader's description) and give its path",
        )
    return Path(folder) / file


def tidy_table(path: Path, loader: str) -> TextTable:
    """The tidy layout, or the statement that the file has another one."""
    table = read_table(path)
    missing = [name for name in _TIDY if name not in table.header]
    if missing:
        raise CartsimError(
            f"{table.file} is not in the layout that {loader} reads",
            value=f"without {', '.join(missing)}",
            limit=f"columns {', '.join(_TIDY)}",
            remedy="arrange the release in these columns, or read it with read_data",
        )
    return table


def cells(table: TextTable, name: str) -> list[str]:
    """One column by header; empty cells where there is none."""
    if name not in table.header:
        return [""] * len(table.rows)
    index = table.header.index(name)
    return [record[index] for record in table.cells]


def flagged(table: TextTable, flag: str, *, output: str | None = None) -> set[int]:
    """File rows that carry a flag (flags are separated by semicolons), of one output only where named."""
    marks = zip(table.rows, cells(table, "flag"), cells(table, "variable"), strict=True)
    return {row for row, flags, name in marks if flag in flags.split(";") and output in (None, name)}


def check_outputs(table: TextTable, names: Sequence[str], loader: str) -> None:
    """CartsimError for outputs that the table does not have."""
    known = sorted(set(cells(table, "variable")))
    unknown = [name for name in names if name not in known]
    if unknown:
        raise CartsimError(
            f"{loader}: {table.file} measures no such output",
            value=", ".join(unknown),
            limit=", ".join(known),
        )


def other_outputs(table: TextTable, wanted: Mapping[str, object] | Sequence[str]) -> set[int]:
    """File rows of outputs that are not wanted."""
    names = zip(table.rows, cells(table, "variable"), strict=True)
    return {row for row, output in names if output not in wanted}


def left_out(table: TextTable, rules: Mapping[str, set[int]]) -> tuple[TextTable, list[DroppedRows]]:
    """The table without the rows of each rule; a row counts under the first rule that names it."""
    dropped: list[DroppedRows] = []
    gone: set[int] = set()
    for reason, marked in rules.items():
        here = marked - gone
        gone |= here
        if here:
            dropped.append(DroppedRows(reason, tuple(sorted(here))))
    kept = [index for index, row in enumerate(table.rows) if row not in gone]
    rest = replace(
        table,
        cells=tuple(table.cells[index] for index in kept),
        rows=tuple(table.rows[index] for index in kept),
    )
    return rest, dropped


def with_column(table: TextTable, name: str, column: Sequence[str]) -> TextTable:
    """The table with one more column."""
    longer = tuple((*record, text) for record, text in zip(table.cells, column, strict=True))
    return replace(table, header=(*table.header, name), cells=longer)


def with_outcomes(table: TextTable, outcomes: TextTable, covariates: Mapping[str, str]) -> TextTable:
    """The table with covariates of each patient, read from its row of outcomes, in every one of its rows.

    `covariates` names the column of the outcome table each is read from; those in `YES_NO_COVARIATES` become
    yes or no.

    Raises
    ------
    CartsimError
        Naming every patient without a row of outcomes and every column that is missing.
    """
    known = dict.fromkeys(cells(outcomes, "patient"))
    missing = sorted(set(cells(table, "patient")) - set(known))
    absent = [column for column in covariates.values() if column not in outcomes.header]
    if missing or absent:
        raise CartsimError(
            f"{outcomes.file} does not tell the outcomes of {table.file}",
            value=f"patients without a row: {', '.join(missing) or 'none'}; columns missing: "
            f"{', '.join(absent) or 'none'}",
        )
    for name, column in covariates.items():
        values = dict(zip(cells(outcomes, "patient"), cells(outcomes, column), strict=True))
        if name in YES_NO_COVARIATES:
            values = {patient: _YES_NO.get(text, text) for patient, text in values.items()}
        table = with_column(table, name, [values[patient] for patient in cells(table, "patient")])
    return table
