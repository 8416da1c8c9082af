"""Reading a patient table: a CSV or Excel file in, a checked dataset in canonical units out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cartsim.data.cells import decimal_sign
from cartsim.data.columns import locate
from cartsim.data.covariates import covariate_table
from cartsim.data.dataset import Dataset
from cartsim.data.doses import dose_table
from cartsim.data.files import TextTable, read_table
from cartsim.data.observations import ObservationRows, observation_table
from cartsim.data.options import Collector, ReadOptions, UnitTable
from cartsim.data.rows import RowReader, SortedRows, sort_rows
from cartsim.data.summary import DroppedRows, few_samples_text, summarise
from cartsim.errors import CartsimWarning, DataError

if TYPE_CHECKING:
    import pandas as pd


def read_data(
    path: str | Path,
    *,
    lloq: float | Mapping[str, float] | None = None,
    lod: float | Mapping[str, float] | None = None,
    uloq: float | Mapping[str, float] | None = None,
    units: Mapping[str, str] | None = None,
    convert_to: Mapping[str, str] | None = None,
    outputs: str | Mapping[str, str] | None = None,
    only: str | Sequence[str] | None = None,
    columns: Mapping[str, str] | None = None,
    covariates: Mapping[str, str] | Sequence[str] | None = None,
    drop_before: float | None = None,
    drop_missing: bool = False,
    signed: Sequence[str] = (),
    decimal: str | None = None,
    sheet: str | int | None = None,
    encoding: str | None = None,
    header_row: int = 1,
    name: str | None = None,
) -> Dataset:
    """Read a patient table: one row a measurement or a dose.

    The long table has the columns subject, time, output, value, unit and, where they apply, censoring or
    blq, limit, lloq, lod, uloq, amount, dose_unit, duration, target. NONMEM and Monolix names (ID TIME DV AMT
    EVID CMT DVID MDV CENS LIMIT RATE ADDL II ...) and ADaM names (USUBJID AFRLT PARAMCD AVAL AVALU ...) are
    understood, in any case; `cartsim.data.columns.ALIASES` lists them. Other columns that are constant
    within each subject become covariates.

    Values may be numbers or reports: "<50", ">5000", BLQ, ND (not detected), DNQ (detected, not
    quantifiable). Zero means not detected. A number below the LLOQ is left-censored even without a flag.
    Several rows at one time are replicates; rows identical in every cell are a fault. Rows need not be in
    order of time. Times are in days unless the header or a time_unit column says otherwise.

    Parameters
    ----------
    path : str or Path
        CSV (comma, semicolon or tab) or Excel file. Lines beginning with # are comments.
    lloq, lod, uloq : float or mapping of output to float, optional
        Limits of quantification and detection, in the output's canonical unit, for tables without them.
    units : mapping, optional
        Unit of an output ("dose", "time") where the table does not say it.
    convert_to : mapping, optional
        Unit to hold an output in; by default copies/ug, cells/uL, cells, otherwise the file's first.
    outputs : str or mapping, optional
        New names of the outputs ({"1": "car_transgene"}); a str names the only output of a table without
        an output column.
    only : str or sequence of str, optional
        Outputs to keep (new names); rows of others are counted as dropped.
    columns : mapping, optional
        Role to header for other column names.
    covariates : sequence or mapping, optional
        Columns to keep as covariates, with the rule "constant" (default) or "first".
    drop_before : float, optional
        Day before which samples are left out (counted). Without it a sample before day 0 needs a dose at or
        before its time.
    drop_missing : bool
        Leave out measurement rows without a value (counted) instead of refusing them.
    signed : sequence of str
        Outputs that may be negative.
    decimal : "." or ",", optional
        Decimal sign; found out by default where that is safe.
    sheet : str or int, optional
        Sheet of a workbook; the first by default.
    encoding : str, optional
        Text encoding; UTF-8, UTF-16 with a mark and Windows-1252 are recognised.
    header_row : int
        Row of the header, for tables with titles above it.
    name : str, optional
        Name of the study; the file's name by default.

    Raises
    ------
    DataError
        With every problem of the table at once, each with file, row, column and subject.

    Warns
    -----
    CartsimWarning
        Where subjects have fewer than three samples of any output.
    """
    options = ReadOptions(
        lloq=lloq,
        lod=lod,
        uloq=uloq,
        units=dict(units or {}),
        convert_to=dict(convert_to or {}),
        outputs=outputs,
        only=(only,) if isinstance(only, str) else (tuple(only) if only is not None else None),
        columns=dict(columns or {}),
        covariates=covariates,
        drop_before=drop_before,
        drop_missing=drop_missing,
        signed=tuple(signed),
        decimal=decimal,
    )
    table = read_table(path, sheet=sheet, encoding=encoding, header_row=header_row)
    return dataset_from(table, options, name=name or Path(path).stem, source=str(path))


def dataset_from(
    table: TextTable,
    options: ReadOptions,
    *,
    name: str,
    source: str,
    dropped: Sequence[DroppedRows] = (),
    notes: Sequence[str] = (),
) -> Dataset:
    """Check and convert a table of text cells; `dropped` are rows a loader has already left out."""
    import warnings

    findings = Collector(table.file)
    reader = _reader(table, options, findings)
    rows = sort_rows(reader)
    units = UnitTable(options, findings)
    observed = observation_table(rows, reader, units)
    doses = dose_table(rows.doses, reader, units)
    subjects = _subjects(rows, observed.table, doses)
    covariates, unused = covariate_table(rows.all_rows, subjects, reader)
    if not len(observed.table) and not findings.findings:
        findings.add(
            "no measurement is left", remedy="check only=, drop_before= and the EVID and MDV columns"
        )
    if findings.findings:
        raise DataError(findings.findings)
    observations, doses = _ordered(observed.table, subjects), _ordered(doses, subjects)
    lost = [*dropped, *_lost(table, rows, observed)]
    summary = summarise(
        observations,
        doses,
        subjects,
        file=table.file,
        sha256=table.sha256,
        rows_read=len(table.rows) + len(table.commented) + sum(drop.count for drop in dropped),
        dropped=lost,
        notes=(*table.notes, *notes, *_notes(rows, observed, units, reader, unused, subjects)),
    )
    if summary.few_samples:
        warnings.warn(few_samples_text(summary.few_samples), CartsimWarning, stacklevel=3)
    return Dataset(
        name=name,
        source=source,
        sha256=table.sha256,
        subjects=subjects,
        observations=observations,
        doses=doses,
        covariates=covariates,
        limits=observations.dropna(subset="lloq").groupby("output", sort=False)["lloq"].max().to_dict(),
        summary=summary,
    )


def _reader(table: TextTable, options: ReadOptions, findings: Collector) -> RowReader:
    """A reader of the table's cells; without subject, time and value there is nothing to read."""
    roles, faults = locate(table.header, table.file, options.columns)
    findings.extend(faults)
    if not {"subject", "time", "value"} <= set(roles):
        raise DataError(findings.findings)
    reader = RowReader(table, roles, options, findings)
    numbers = [cells[roles[role]] for cells in table.cells for role in ("time", "value")]
    reader.decimal = options.decimal or decimal_sign(numbers, table.delimiter)
    return reader


def _lost(table: TextTable, rows: SortedRows, observed: ObservationRows) -> list[DroppedRows]:
    """Rows left out, by reason."""
    reasons = {"commented out with #": table.commented, **rows.dropped, **observed.dropped}
    return [DroppedRows(reason, tuple(numbers)) for reason, numbers in reasons.items() if numbers]


def _subjects(rows: SortedRows, observations: pd.DataFrame, doses: pd.DataFrame) -> tuple[str, ...]:
    """Subjects with a measurement or a dose, in order of first appearance in the file."""
    kept = set(observations["subject"]) | set(doses["subject"])
    return tuple(dict.fromkeys(row.subject for row in rows.all_rows if row.subject in kept))


def _ordered(table: pd.DataFrame, subjects: Sequence[str]) -> pd.DataFrame:
    """Sorted by subject (order of first appearance) and time; ties keep the file's order."""
    rank = {subject: index for index, subject in enumerate(subjects)}
    order = table.assign(rank=table["subject"].map(rank)).sort_values(["rank", "time"], kind="stable").index
    return table.loc[order].reset_index(drop=True)


def _notes(
    rows: SortedRows,
    observed: ObservationRows,
    units: UnitTable,
    reader: RowReader,
    unused: Sequence[str],
    subjects: Sequence[str],
) -> list[str]:
    """What was assumed or done on the way, in plain words."""
    notes = []
    if rows.time_unit_assumed:
        notes.append("times taken as days: the table names no unit (units={'time': 'hour'} otherwise)")
    if reader.decimal == "," and reader.options.decimal is None:
        notes.append("decimal commas read")
    notes += [
        f"{output} converted from {unit} to {target}: {count} rows"
        for (output, unit, target), count in units.converted.items()
    ]
    notes += observed.notes
    unsorted = _out_of_order(rows)
    if unsorted:
        notes.append(f"subjects whose rows were not in order of time, sorted: {unsorted}")
    lost = [s for s in dict.fromkeys(row.subject for row in rows.all_rows) if s not in set(subjects)]
    if lost:
        notes.append(f"subjects with no row left: {', '.join(lost)}")
    if unused:
        notes.append(f"columns not used because they change within a subject: {', '.join(unused)}")
    return notes


def _out_of_order(rows: SortedRows) -> int:
    """How many subjects have a measurement of an output before an earlier one of the same output."""
    last: dict[tuple[str, str], float] = {}
    late = set()
    for row in rows.observations:
        key = (row.subject, row.text("output"))
        if row.time < last.get(key, row.time):
            late.add(row.subject)
        last[key] = row.time
    return len(late)
