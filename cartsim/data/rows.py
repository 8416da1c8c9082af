"""Sorting a table's rows into measurements, doses and rows to leave out, each with its reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from cartsim.data.cells import CellFault, is_missing, number
from cartsim.data.columns import unit_in_header
from cartsim.data.files import TextTable
from cartsim.data.options import Collector, ReadOptions
from cartsim.errors import UnitError
from cartsim.units import factor

MAX_DAY = 36_525.0
"""No patient is followed for a century: later times mean a wrong time unit."""


@dataclass(frozen=True)
class Row:
    """One row of the file; `time` in days, `time_scale` days per file time unit, cells by role."""

    number: int
    subject: str
    time: float
    time_scale: float
    cells: Mapping[str, str]
    record: tuple[str, ...]

    def text(self, role: str) -> str:
        """The cell of a role; empty where the table has no such column or the cell holds nothing."""
        cell = self.cells.get(role, "")
        return "" if is_missing(cell) else cell


@dataclass(frozen=True)
class SortedRows:
    """The rows by kind, the reasons of those left out, and whether a time unit had to be assumed."""

    observations: tuple[Row, ...]
    doses: tuple[Row, ...]
    dropped: Mapping[str, list[int]]
    all_rows: tuple[Row, ...]
    time_unit_assumed: bool


class RowReader:
    """Reads cells of one table by role and notes faults where they are."""

    def __init__(
        self, table: TextTable, roles: Mapping[str, int], options: ReadOptions, findings: Collector
    ) -> None:
        self.table, self.roles, self.options, self.findings = table, roles, options, findings
        self.decimal = options.decimal or "."
        stated = unit_in_header(table.header[roles["time"]])
        self._time_unit = options.units.get("time") or stated
        self.time_unit_assumed = self._time_unit is None and "time_unit" not in roles

    def column(self, role: str) -> str:
        """The header of a role as the file spells it."""
        return self.table.header[self.roles[role]] if role in self.roles else role

    def fault(self, row: int, subject: str | None, role: str) -> Callable[..., None]:
        """A way to note a fault in one cell."""
        return partial(self.findings.add, row=row, column=self.column(role), subject=subject)

    def number(self, row: Row, role: str, *, default: float | None = None) -> float | None:
        """The number in a cell, `default` where it is empty; None and a finding where it is not a number."""
        return self._number(row.number, row.subject, role, row.text(role), default)

    def _number(
        self, row: int, subject: str | None, role: str, text: str, default: float | None
    ) -> float | None:
        if not text:
            return default
        try:
            return number(text, decimal=self.decimal)
        except CellFault as fault:
            self.fault(row, subject, role)(str(fault), value=text, remedy=fault.remedy)
            return None

    def rows(self) -> list[Row]:
        """All rows with a subject and a usable time; findings for the others."""
        rows = []
        for record, row in zip(self.table.cells, self.table.rows, strict=True):
            cells = {role: record[index] for role, index in self.roles.items()}
            subject = cells["subject"].strip()
            if is_missing(subject):
                self.fault(row, None, "subject")("no subject", value=subject, remedy="fill the identifier in")
                continue
            scale = self._time_scale(row, subject, cells)
            time = self._time(row, subject, cells["time"], scale)
            if time is not None and scale is not None:
                rows.append(Row(row, subject, time, scale, cells, record))
        return rows

    def _time_scale(self, row: int, subject: str, cells: Mapping[str, str]) -> float | None:
        """Days per unit of the time column."""
        stated = cells.get("time_unit", "").strip()
        unit = stated if not is_missing(stated) else (self._time_unit or "day")
        try:
            return factor(unit, "day")
        except UnitError:
            self.findings.add(
                "the unit of time is not a time",
                key=("time unit", unit),
                row=row,
                column=self.column("time_unit" if stated else "time"),
                subject=subject,
                value=unit,
                limit="day, hour, week, month (30.44 day)",
                remedy="correct it, or give units={'time': 'hour'}",
            )
            return None

    def _time(self, row: int, subject: str, text: str, scale: float | None) -> float | None:
        """The time in days."""
        note = self.fault(row, subject, "time")
        if is_missing(text):
            note("no time", value=text, remedy="fill it in, or leave the row out of the table")
            return None
        time = self._number(row, subject, "time", text, None)
        if time is None or scale is None:
            return None
        if abs(time * scale) > MAX_DAY:
            note(
                "a time more than a century away",
                value=f"{text} ({time * scale:g} days)",
                limit=f"{MAX_DAY:g} days",
                remedy="check the unit of time",
            )
            return None
        return time * scale


def sort_rows(reader: RowReader) -> SortedRows:
    """Tell measurements from doses by EVID, MDV and AMT, as NONMEM and Monolix do."""
    rows = reader.rows()
    observations, doses = [], []
    dropped: dict[str, list[int]] = {}
    for row in rows:
        kind = _kind(row, reader)
        if kind == "observation":
            observations.append(row)
        elif kind == "dose":
            doses.append(row)
        elif kind is not None:
            dropped.setdefault(kind, []).append(row.number)
    return SortedRows(tuple(observations), tuple(doses), dropped, tuple(rows), reader.time_unit_assumed)


def _kind(row: Row, reader: RowReader) -> str | None:
    """observation, dose, the reason to drop the row, or None where it is faulty."""
    if row.text("exclude").lower() not in {"", "0", "n", "no", "false"}:
        return f"marked in column {reader.column('exclude')}"
    event = _code(row, reader, "event", {"0", "1", "2", "3", "4"}, "0 observation, 1 dose, 2 other")
    missing = _code(row, reader, "missing", {"0", "1"}, "0 or 1")
    amount = reader.number(row, "amount", default=0.0)
    if event == "fault" or missing == "fault" or amount is None:
        return None
    note = reader.fault(row.number, row.subject, "event")
    if event in {"3", "4"}:
        note("resets (EVID 3, 4) are not supported", value=event, remedy="give the subject a new identifier")
        return None
    if event == "2":
        return "EVID 2: neither a measurement nor a dose"
    has_value = bool(row.text("value") or row.text("text")) and missing != "1"
    if event == "1" or (event == "" and amount != 0.0 and not has_value):
        return _dose_kind(row, reader, amount)
    if amount != 0.0:
        reader.fault(row.number, row.subject, "amount")(
            "an amount on a measurement row",
            value=row.text("amount"),
            limit="0 or empty",
            remedy="put the dose on a row of its own (EVID 1)",
        )
        return None
    return "MDV 1: no measurement" if missing == "1" else "observation"


def _dose_kind(row: Row, reader: RowReader, amount: float) -> str | None:
    """dose, where the amount can be given."""
    if amount > 0.0:
        return "dose"
    reader.fault(row.number, row.subject, "amount")(
        "a dose without a positive amount",
        value=row.text("amount") or "empty",
        limit="> 0",
        remedy="fill the amount in, or set EVID to 2",
    )
    return None


def _code(row: Row, reader: RowReader, role: str, allowed: set[str], limit: str) -> str:
    """A whole-number code as text, "" where there is none, "fault" (with a finding) otherwise."""
    text = row.text(role)
    code = text[:-2] if text.endswith(".0") else text
    if code == "" or code in allowed:
        return code
    reader.fault(row.number, row.subject, role)(
        f"unknown {reader.column(role)} code", value=text, limit=limit, remedy="correct the code"
    )
    return "fault"
