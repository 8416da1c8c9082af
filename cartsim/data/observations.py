"""The measurements of a patient table: names, units, limits and censoring of every row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cartsim.data.cells import CellFault, Reported, is_missing, reported
from cartsim.data.censoring import CODES, FLAGS, CensoringFault, Limits, Observed, observed
from cartsim.data.dataset import LEFT, OBSERVATION_COLUMNS, RIGHT
from cartsim.data.options import UnitTable
from cartsim.data.rows import Row, RowReader, SortedRows

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ObservationRows:
    """The measurements as a table, the rows left out by reason, and what there is to say about them."""

    table: pd.DataFrame
    dropped: Mapping[str, list[int]]
    notes: tuple[str, ...]


def observation_table(rows: SortedRows, reader: RowReader, units: UnitTable) -> ObservationRows:
    """Turn measurement rows into numbers in canonical units with their censoring."""
    import pandas as pd

    dropped: dict[str, list[int]] = {}
    records, unflagged, undetected = [], 0, 0
    seen: dict[tuple[str, ...], int] = {}
    first_dose: dict[str, float] = {}
    for dose in rows.doses:
        first_dose[dose.subject] = min(dose.time, first_dose.get(dose.subject, dose.time))
    _check_names(rows.observations, reader)
    _check_several(rows.observations, reader)
    for row in rows.observations:
        output = _output(row, reader)
        if output is None:
            continue
        reason = _left_out(row, output, reader)
        if reason is not None:
            dropped.setdefault(reason, []).append(row.number)
            continue
        _check_time(row, first_dose, reader)
        _check_identical(row, seen, reader)
        report = _report(row, reader)
        code = _code(row, reader)
        if report is None or code == "fault":
            continue
        if report.kind == "missing" and code not in {LEFT, RIGHT}:
            if reader.options.drop_missing:
                dropped.setdefault("no value", []).append(row.number)
            else:
                reader.fault(row.number, row.subject, "value")(
                    "no value",
                    value=row.cells.get("value", ""),
                    remedy="fill it in, set MDV to 1, or leave such rows out with drop_missing=True",
                )
            continue
        found = _observed(row, output, report, code, reader, units)
        if found is not None:
            records.append(_record(row, output, found, units))
            unflagged += found.below_unflagged
            undetected += report.kind == "not_detected"
    table = pd.DataFrame(records, columns=list(OBSERVATION_COLUMNS))
    types: dict[str, str] = dict.fromkeys(("time", "value", "lower", "upper", "lloq"), "float64")
    types |= dict.fromkeys(("subject", "output", "unit"), "str")
    types |= dict.fromkeys(("censoring", "row"), "int64")
    table = table.astype(types)
    return ObservationRows(table, dropped, tuple(_notes(table, unflagged, undetected, reader)))


def _record(row: Row, output: str, found: Observed, units: UnitTable) -> tuple:
    """One row of the observation table."""
    return (
        row.subject,
        row.time,
        output,
        found.value,
        found.censoring,
        found.lower,
        found.upper,
        units.of(output),
        found.lloq,
        row.number,
    )


def _notes(table: pd.DataFrame, unflagged: int, undetected: int, reader: RowReader) -> list[str]:
    """What was assumed about the values."""
    notes = []
    for output in dict.fromkeys(table["output"]):
        for name in ("lloq", "lod", "uloq"):
            limit = reader.options.limit(name, output)
            if limit is not None and name not in reader.roles:
                notes.append(f"{name.upper()} of {output} set to {limit:g} by argument")
    if unflagged:
        notes.append(f"values below their limit without a flag, censored: {unflagged}")
    if undetected:
        notes.append(f"cells that say ND or the like, read as not detected: {undetected}")
    replicates = int(table.duplicated(["subject", "output", "time"]).sum())
    if replicates:
        notes.append(f"further samples at the time of another, kept as replicates: {replicates}")
    return notes


def _check_several(rows: Sequence[Row], reader: RowReader) -> None:
    """One name for all measurements needs a table that measures one thing."""
    if not isinstance(reader.options.outputs, str):
        return
    role = "output" if "output" in reader.roles else "target"
    values = list(dict.fromkeys(row.text(role) for row in rows))
    if len(values) > 1:
        other = next(row for row in rows if row.text(role) != rows[0].text(role))
        reader.fault(other.number, other.subject, role)(
            "one output name for a table that measures several things",
            value=", ".join(values),
            limit="one value",
            remedy=f"name each: columns={{'output': '{reader.column(role)}'}}, outputs={{'...': '...'}}",
        )


def _check_names(rows: Sequence[Row], reader: RowReader) -> None:
    """Names in outputs= and only= must be there."""
    outputs, only = reader.options.outputs, reader.options.only
    mapping = outputs if isinstance(outputs, Mapping) else {}
    there = {row.text("output") for row in rows}
    named = {mapping.get(name, name) for name in there}
    if isinstance(outputs, str):
        named = {outputs}
    for argument, names, known in (("outputs", mapping, there), ("only", only or (), named)):
        for name in names:
            if name not in known:
                reader.findings.add(
                    f"{argument}= names an output the table does not have",
                    column=reader.column("output"),
                    value=name,
                    limit=", ".join(sorted(known)) or "none",
                    remedy="correct the name",
                )


def _output(row: Row, reader: RowReader) -> str | None:
    """The name of what was measured."""
    outputs = reader.options.outputs
    note = reader.fault(row.number, row.subject, "output")
    if "output" not in reader.roles:
        if isinstance(outputs, str):
            return outputs
        note(
            "no column says what was measured",
            key="no output",
            limit="a column such as output, variable, DVID, PARAMCD",
            remedy="add one, or name the only output with outputs='car_transgene'",
        )
        return None
    name = row.text("output")
    if not name:
        note("no output", value=row.cells["output"], remedy="say what was measured")
        return None
    if isinstance(outputs, str):
        return outputs
    if outputs and name not in outputs and name.isdigit():
        note(
            "an output code without a name",
            key=("output", name),
            value=name,
            limit=", ".join(outputs),
            remedy=f"add it to outputs={{'{name}': '...'}}",
        )
        return None
    return (outputs or {}).get(name, name)


def _left_out(row: Row, output: str, reader: RowReader) -> str | None:
    """Why a measurement is left out at the caller's wish, if it is."""
    options = reader.options
    if options.only is not None and output not in options.only:
        return "another output (only=)"
    if options.drop_before is not None and row.time < options.drop_before:
        return f"before day {options.drop_before:g} (drop_before=)"
    return None


def _check_time(row: Row, first_dose: Mapping[str, float], reader: RowReader) -> None:
    """A negative time is a fault unless a dose comes no later (time then counts from elsewhere)."""
    if (
        reader.options.drop_before is None
        and row.time < 0.0
        and not first_dose.get(row.subject, 0.0) <= row.time
    ):
        reader.fault(row.number, row.subject, "time")(
            "a sample before day 0 with no dose before it",
            key=("before", row.subject),
            value=row.text("time"),
            limit=">= 0",
            remedy="leave pre-infusion samples out with drop_before=0, or add the dose rows",
        )


def _check_identical(row: Row, seen: dict[tuple[str, ...], int], reader: RowReader) -> None:
    """A row that repeats another in every cell is taken for a copying error, not for a replicate."""
    earlier = seen.setdefault(row.record, row.number)
    if earlier != row.number:
        reader.fault(row.number, row.subject, "value")(
            f"the row repeats row {earlier} in every cell",
            value=row.text("value"),
            remedy="delete it, or number true replicates in a column of their own",
        )


def _report(row: Row, reader: RowReader) -> Reported | None:
    """What the value cell says; the text column (AVALC) where it is empty."""
    role = "value" if row.text("value") or not row.text("text") else "text"
    text = row.text(role)
    try:
        return reported(text, decimal=reader.decimal)
    except CellFault as fault:
        reader.fault(row.number, row.subject, role)(str(fault), value=text, remedy=fault.remedy)
        return None


def _code(row: Row, reader: RowReader) -> int | str | None:
    """The row's censoring code from the CENS and BLQ columns; "fault" (with a finding) where unclear."""
    code = _look_up(row, reader, "censoring", CODES, "0, 1, -1, left, right, interval, none")
    flag = _look_up(row, reader, "blq", FLAGS, "0, 1, N, Y")
    if "fault" in (code, flag):
        return "fault"
    if flag and code == RIGHT:
        reader.fault(row.number, row.subject, "blq")(
            "flagged below and above a limit at once", value=row.text("blq"), remedy="correct one flag"
        )
        return "fault"
    return LEFT if flag and not code else code


def _look_up(row: Row, reader: RowReader, role: str, codes: Mapping[str, object], limit: str) -> object:
    """The meaning of a code cell."""
    text = row.text(role).lower()
    text = text[:-2] if text.endswith(".0") else text
    if text in codes:
        return codes[text]
    reader.fault(row.number, row.subject, role)(
        f"unknown {reader.column(role)} code", value=row.text(role), limit=limit, remedy="correct the code"
    )
    return "fault"


def _observed(
    row: Row, output: str, report: Reported, code: int | None, reader: RowReader, units: UnitTable
) -> Observed | None:
    """Value and limits in the output's unit, and what they mean together."""
    column = "unit" if "unit" in reader.roles else "value"
    scale = units.scale(
        output, row.text("unit"), row=row.number, column=reader.column(column), subject=row.subject
    )
    limits = None if scale is None else _limits(row, output, scale, reader)
    if limits is None:
        return None
    report = replace(report, number=report.number * scale)
    if code == LEFT and limits.lloq is None and not row.text("censoring") and report.kind == "number":
        # A BLQ flag, unlike CENS, does not say that the number is the limit.
        report = Reported("blq")
    try:
        return observed(report, code, limits)
    except CensoringFault as fault:
        reader.fault(row.number, row.subject, fault.column)(
            f"{output}: {fault}",
            key=(fault.key, output) if fault.key else None,
            value=row.cells.get(fault.column, ""),
            limit=fault.limit,
            remedy=fault.remedy,
        )
        return None


def _limits(row: Row, output: str, scale: float, reader: RowReader) -> Limits | None:
    """The row's limits: its own columns, else the arguments; both only where they agree."""
    found: dict[str, float | None] = {}
    for name in ("lloq", "lod", "uloq"):
        given = reader.options.limit(name, output)
        cell = reader.number(row, name)
        if row.text(name) and cell is None:
            return None
        in_table = None if cell is None else cell * scale
        if given is not None and in_table is not None and abs(given - in_table) > 1e-9 * given:
            reader.fault(row.number, row.subject, name)(
                f"conflicting {name.upper()} of {output}: {in_table:g} in the table, {given:g} by argument",
                key=("conflict", name, output, in_table),
                value=row.text(name),
                limit=f"{given:g}",
                remedy=f"leave {name}= out, or correct the table",
            )
            return None
        found[name] = in_table if in_table is not None else given
    text = row.text("limit").lower()
    if text in {"inf", "-inf"}:
        bound: float | None = float(text)
    else:
        bound = reader.number(row, "limit")
        if text and not is_missing(text) and bound is None:
            return None
        bound = None if bound is None else bound * scale
    return Limits(**found, lower_bound=bound, signed=output in reader.options.signed)
