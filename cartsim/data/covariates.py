"""Covariates of a patient table: what stays the same within each subject."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cartsim.data.cells import CellFault, is_missing, number
from cartsim.data.rows import Row, RowReader

if TYPE_CHECKING:
    import pandas as pd


def covariate_table(
    rows: Sequence[Row], subjects: Sequence[str], reader: RowReader
) -> tuple[pd.DataFrame, list[str]]:
    """One row a subject; and the names of columns left unused because they change within a subject.

    Without `covariates=`, every column without another role that is constant within each subject becomes
    a covariate (empty cells are ignored). Columns named in `covariates=` must be constant, or be given the
    rule "first": the value of the subject's first row that has one.
    """
    import pandas as pd

    asked = reader.options.covariates
    rules = dict(asked) if hasattr(asked, "items") else dict.fromkeys(asked or (), "constant")
    spare = [
        (index, name)
        for index, name in enumerate(reader.table.header)
        if index not in reader.roles.values() and name.strip()
    ]
    known = {name for _, name in spare}
    for name in rules:
        if name not in known:
            reader.findings.add(
                "covariates= names a column the table does not have, or that has another role",
                row=reader.table.header_row,
                column=name,
                limit=", ".join(sorted(known)) or "none",
            )
    columns, unused = {}, []
    for index, name in spare:
        if asked is not None and name not in rules:
            continue
        values, changing = _by_subject(rows, index)
        if changing and rules.get(name) != "first":
            if name in rules:
                _refuse(reader, name, changing)
            else:
                unused.append(name)
            continue
        if values:
            columns[name] = _typed([values.get(subject) for subject in subjects], reader.decimal)
    table = pd.DataFrame(columns, index=pd.Index(list(subjects), name="subject", dtype="str"))
    return table, unused


def _by_subject(rows: Sequence[Row], index: int) -> tuple[dict[str, str], Row | None]:
    """The first value of each subject, and the first row that departs from it."""
    values: dict[str, str] = {}
    changing = None
    for row in rows:
        cell = row.record[index].strip()
        if is_missing(cell):
            continue
        if values.setdefault(row.subject, cell) != cell and changing is None:
            changing = row
    return values, changing


def _refuse(reader: RowReader, name: str, row: Row) -> None:
    """A covariate that was asked for and changes."""
    reader.findings.add(
        "a covariate changes within a subject",
        row=row.number,
        column=name,
        subject=row.subject,
        value=row.record[reader.table.header.index(name)],
        limit="one value a subject",
        remedy=f"correct it, or take the first value with covariates={{'{name}': 'first'}}",
    )


def _typed(values: list[str | None], decimal: str) -> pd.Series | list:
    """Numbers where every value is one, text otherwise."""
    try:
        return [float("nan") if value is None else number(value, decimal=decimal) for value in values]
    except CellFault:
        return values
