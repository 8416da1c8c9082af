"""Tables of clones (TCR-seq or integration sites): one row a clone in a sample, AIRR names understood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cartsim.data.cells import CellFault, is_missing, number
from cartsim.data.columns import header_key, unit_in_header
from cartsim.data.files import TextTable, read_table
from cartsim.data.options import Collector
from cartsim.data.rows import MAX_DAY
from cartsim.data.write import replace_text
from cartsim.errors import DataError, UnitError
from cartsim.units import factor

if TYPE_CHECKING:
    import pandas as pd

SAMPLE = ("subject", "time", "compartment")
COLUMNS = (*SAMPLE, "phenotype", "clone", "count")
# Role -> headers in the order of preference: the AIRR Community's names first.
CLONE_ALIASES: Mapping[str, tuple[str, ...]] = {
    "clone": (
        *("clone_id", "clonotype_id", "raw_clonotype_id", "clone", "clonotype", "integration_site", "site"),
        *("posid", "junction", "junction_aa", "cdr3", "cdr3_aa", "cdr3_nt"),
    ),
    "count": (
        *("duplicate_count", "umi_count", "templates", "count", "counts", "cells", "cell_count"),
        *("estabund", "reads", "consensus_count"),
    ),
    "subject": ("subject_id", "subject", "patient", "patient_id", "usubjid", "id", "repertoire_id"),
    "time": (
        *("time_day", "time_days", "time", "day", "days", "collection_time_point_relative", "timepoint"),
        *("time_week", "time_weeks", "time_month", "time_months", "time_hour", "time_hours"),
    ),
    "time_unit": ("time_unit", "collection_time_point_relative_unit"),
    "compartment": ("compartment", "tissue", "sample_type", "cell_compartment"),
    "phenotype": ("phenotype", "cell_phenotype", "cell_subset", "cell_type", "celltype"),
    "productive": ("productive",),
}
PRODUCT = frozenset({"product", "infusion product", "infusion_product", "ip", "drug product"})
WRITTEN = ("subject_id", "time_day", "compartment", "phenotype", "clone_id", "duplicate_count")
REQUIRED = ("clone", "count")
_NO = frozenset({"f", "false", "0", "no"})


@dataclass(frozen=True)
class CloneTable:
    """Counts of clones by sample.

    `rows`: DataFrame of `subject` (text), `time` (day from the first infusion), `compartment`, `phenotype`
    and `clone` (text), `count` (whole cells, templates or reads, >= 1); one row for each combination. `notes`
    say which columns were read and what was left out.
    """

    rows: pd.DataFrame
    file: str
    notes: tuple[str, ...] = ()

    def counts(self, **sample: object) -> pd.DataFrame:
        """Clones (rows) by time (columns, day) of a subject and compartment, 0 where it was not seen."""
        rows = self.rows
        for name, value in sample.items():
            rows = rows[rows[name] == value]
        wide = rows.pivot_table(index="clone", columns="time", values="count", aggfunc="sum", fill_value=0)
        return wide.sort_index(axis=1)

    def followed(self) -> dict[tuple[str, str], pd.DataFrame]:
        """`counts` of every subject and compartment; a sample of the product comes before those of blood.

        A compartment named as in `PRODUCT` is no series of its own where the subject has another one; it is
        left out of a series that has a sample of that day itself.
        """
        import pandas as pd

        found = {}
        for subject, rows in self.rows.groupby("subject", sort=False):
            product = rows["compartment"].str.lower().isin(PRODUCT)
            first = CloneTable(rows[product], self.file)
            for compartment in dict.fromkeys(rows["compartment"][~product]) or dict.fromkeys(
                rows["compartment"]
            ):
                wide = self.counts(subject=subject, compartment=compartment)
                if product.any() and not product.all():
                    before = first.counts(subject=subject)
                    before = before[[day for day in before if day not in set(wide.columns)]]
                    wide = pd.concat([wide, before], axis=1).fillna(0).astype(int).sort_index(axis=1)
                found[subject, compartment] = wide
        return found


def read_clone_table(
    path: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    time_unit: str | None = None,
    encoding: str | None = None,
    sheet: str | int | None = None,
) -> CloneTable:
    """Read a table with one row a clone in a sample, tab or comma separated or Excel.

    Needed are a clone and its count; subject, time, compartment, phenotype are optional: without them all
    rows are one subject, day 0, blood cells of every phenotype. Names of the AIRR Community's standard
    (clone_id, duplicate_count, subject_id, cell_subset, collection_time_point_relative with its unit,
    productive) and common others are found; where several columns could be the count or the clone, the
    first in `CLONE_ALIASES` is read and a note says so. Rows of the same clone in the same sample are added;
    rows with count 0, and those that are not productive, are left out.

    Parameters
    ----------
    path : str or Path
    columns : mapping, optional
        Role (a key of `CLONE_ALIASES`) to header, for tables that use other names.
    time_unit : str, optional
        Where neither header nor a column of units states it; day by default.
    encoding, sheet : see `cartsim.data.files.read_table`

    Raises
    ------
    DataError
        Every fault at once with file, row, column, value and remedy: columns that are missing; counts that
        are not whole numbers >= 0, among them shares; clones without a name; times that are no numbers.
    """
    import pandas as pd

    table = read_table(path, sheet=sheet, encoding=encoding)
    findings = Collector(table.file)
    roles, notes = _roles(table, dict(columns or {}), findings)
    if findings.findings:
        raise DataError(findings.findings)
    scale = _day_scale(table, roles, time_unit, findings)
    found, zero, unproductive = [], 0, 0
    for record, row in zip(table.cells, table.rows, strict=True):
        cell = {role: record[place] for role, place in roles.items()}
        if cell.get("productive", "").lower() in _NO and not is_missing(cell.get("productive", "")):
            unproductive += 1
            continue
        clone = cell["clone"].strip()
        if is_missing(clone):
            findings.add(
                "the row names no clone",
                key="no clone",
                row=row,
                column=table.header[roles["clone"]],
                remedy="give every row its clone, or name another column with columns={'clone': ...}",
            )
        count = _count(cell["count"], row, table.header[roles["count"]], findings)
        time = _time(cell, scale, row, table, roles, findings)
        if count == 0:
            zero += 1
        elif count is not None and time is not None:
            words = (cell.get("compartment", ""), cell.get("phenotype", ""))
            compartment, phenotype = ("" if is_missing(word) else word.strip() for word in words)
            found.append(
                (cell.get("subject", "1").strip(), time, compartment or "blood", phenotype, clone, count)
            )
    if not found and not findings.findings:
        findings.add("no clone was counted in any row", remedy="check the column of counts")
    if findings.findings:
        raise DataError(findings.findings)
    rows = pd.DataFrame(found, columns=list(COLUMNS)).groupby(list(COLUMNS[:-1]), as_index=False).sum()
    added = len(found) - len(rows)
    left_out = (
        (unproductive, "rows that are not productive left out"),
        (zero, "rows with count 0 left out"),
        (added, "rows added to another one of the same clone in the same sample"),
    )
    notes += [f"{number:,} {what}" for number, what in left_out if number]
    return CloneTable(rows, table.file, (*table.notes, *notes))


def write_clone_table(rows: pd.DataFrame, path: str | Path, *, comment: str | None = None) -> None:
    """Write clones as a tab-separated table with AIRR names; `read_clone_table` returns the same rows.

    Parameters
    ----------
    rows : DataFrame
        With the columns of `CloneTable.rows`.
    path : str or Path
        Replaced in one step.
    comment : str, optional
        Lines before the header, each after "# ", such as "SIMULATED data".
    """
    text = "".join(f"# {line}\n" for line in (comment or "").splitlines())
    written = rows[list(COLUMNS)].set_axis(list(WRITTEN), axis=1)
    replace_text(
        path, text + written.to_csv(index=False, sep="\t", lineterminator="\n", float_format="%.10g")
    )


def _roles(
    table: TextTable, named: Mapping[str, str], findings: Collector
) -> tuple[dict[str, int], list[str]]:
    """Role to column index, and a note on every column that was chosen among several."""
    keys, roles, notes = [header_key(name) for name in table.header], {}, []
    for role, header in named.items():
        if role not in CLONE_ALIASES:
            findings.add("no such role of a column", value=role, limit=", ".join(CLONE_ALIASES))
        elif header_key(header) not in keys:
            findings.add(
                f"there is no column for the {role}", row=1, value=header, limit=", ".join(table.header)
            )
        else:
            roles[role] = keys.index(header_key(header))
    for role, aliases in CLONE_ALIASES.items():
        found = [keys.index(alias) for alias in aliases if alias in keys]
        if role in roles or not found:
            continue
        roles[role] = found[0]
        if len(found) > 1:
            others = ", ".join(table.header[place] for place in found[1:])
            notes.append(f"the {role} is read from {table.header[found[0]]}, not from {others}")
    for role in REQUIRED:
        if role not in roles and role not in named:
            findings.add(
                f"no column holds the {role}",
                row=1,
                value=", ".join(table.header)[:200],
                limit=", ".join(CLONE_ALIASES[role]),
                remedy=f"rename a column, or name it with columns={{'{role}': 'your header'}}",
            )
    for role, what in (("subject", "one subject"), ("time", "one sample, day 0")):
        if role not in roles:
            notes.append(f"no column of {role}: all rows are {what}")
    return roles, notes


def _day_scale(
    table: TextTable, roles: Mapping[str, int], time_unit: str | None, findings: Collector
) -> float | None:
    """Days in one unit of time; None where a column of units states it for every row."""
    if "time" not in roles:
        return 1.0
    if "time_unit" in roles and time_unit is None:
        return None
    unit = time_unit or unit_in_header(table.header[roles["time"]]) or "day"
    return _days_of(unit, None, table.header[roles["time"]], findings)


def _days_of(unit: str, row: int | None, column: str, findings: Collector) -> float:
    try:
        return factor(unit, "day")
    except UnitError:
        findings.add(
            "no unit of time", key=f"unit {unit}", row=row, column=column, value=unit,
            limit="day, week, month, hour",
        )  # fmt: skip
        return 1.0


def _count(text: str, row: int, column: str, findings: Collector) -> int | None:
    place = {"row": row, "column": column, "value": text}
    try:
        value = number(text) if not is_missing(text) else None
    except CellFault as fault:
        findings.add(str(fault), remedy=fault.remedy or "give whole numbers", **place)
        return None
    if value is not None and value >= 0 and value.is_integer():
        return int(value)
    if value is not None and value >= 0:
        findings.add(
            "a count is not whole", key="not whole", limit="0, 1, 2, ...",
            remedy="give counts of cells, templates or reads: how sure a diversity is depends on them, "
            "shares do not say it", **place,
        )  # fmt: skip
    else:
        findings.add(
            "a count is missing" if value is None else "a count is negative", limit=">= 0",
            key=f"count {value is None}", remedy="correct the cell, or leave the row out", **place,
        )  # fmt: skip
    return None


def _time(
    cell: Mapping[str, str],
    scale: float | None,
    row: int,
    table: TextTable,
    roles: Mapping[str, int],
    findings: Collector,
) -> float | None:
    """Day of the sample; None and a finding where the cell holds no usable number."""
    if "time" not in roles:
        return 0.0
    column, text = table.header[roles["time"]], cell["time"]
    try:
        value = number(text)
    except CellFault as fault:
        what = "the row has no time" if is_missing(text) else str(fault)
        findings.add(
            what, key=f"time {text}", row=row, column=column, value=text,
            remedy="write times as numbers counted from the first infusion, such as -60 or 28",
        )  # fmt: skip
        return None
    if scale is None:
        scale = _days_of(cell["time_unit"], row, table.header[roles["time_unit"]], findings)
    if not abs(value * scale) <= MAX_DAY:
        findings.add(
            "a time of more than a century", key="century", row=row, column=column, value=text,
            limit=f"{MAX_DAY:g} days", remedy="state the unit of time",
        )  # fmt: skip
        return None
    return value * scale
