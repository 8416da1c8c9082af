"""Loaders of two published patient sets, Fandrei 2024 (BCMA) and Penn CTL019; their data are not shipped."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cartsim.data.columns import locate
from cartsim.data.dataset import Dataset
from cartsim.data.fandrei_workbook import tidy_workbook
from cartsim.data.files import TextTable, read_table
from cartsim.data.options import ReadOptions
from cartsim.data.read import dataset_from
from cartsim.data.summary import DroppedRows
from cartsim.errors import CartsimError, DataError

FOLDER_VARIABLE = "CARTSIM_REAL_DATA"
OUTPUT = "car_transgene"

REINFUSION_DAY = {"p04409-05": 392.0, "p04409-10": 70.0}
"""Day of a second CTL019 infusion, counted from the first; none is reported for the other patients."""

_TIDY = ("patient", "time_day", "variable", "value", "unit", "flag")
_TIDY_FILES = {
    "fandrei2024": "fandrei2024_bcma_mm_dev.csv",
    "penn_ctl019": "penn_ctl019_nobles2020_dev.csv",
}


def fandrei2024(
    path: str | Path | None = None,
    *,
    lloq: float = 50.0,
    others: Mapping[str, float] | None = None,
    drop_suspected_typing_errors: bool = False,
) -> Dataset:
    """BCMA CAR-T transgene in myeloma (ide-cel and cilta-cel), Fandrei et al. 2024, Blood Cancer Discovery.

    Sampled on nominal days (7, 14, 30, 100), so Tmax is coarse; most patients have three or four samples.
    The release names no LLOQ: 50 copies/ug, the usual figure for such assays, is assumed for the samples
    reported as zero.

    Rows flagged `ratio_to_other_PCR_column_off` (the release gives each sample twice, per ug of DNA and per
    1000 cells) are kept by default and counted in the notes: the per-ug values agree with their
    patients' other samples, the ratio is off because the other column has a misplaced decimal point in one
    case and is rounded to 1 in the other.

    Parameters
    ----------
    path : str or Path, optional
        The tidy table (columns patient, time_day, variable, value, unit, flag ...), or the authors' workbook
        `data/cart_bridging_data.xlsx` of github.com/fraunhofer-izi/Fandrei_et_al_2024. Without it the tidy
        table is looked for in the folder that the environment variable CARTSIM_REAL_DATA names.
    lloq : float
        Copies/ug.
    others : mapping, optional
        More outputs of the tidy table with the LLOQ assumed for their zeros, such as {"car_t": 0.2} for CAR+
        T cells by flow cytometry (cells/uL, actual days).
    drop_suspected_typing_errors : bool
        Leave the flagged rows out (counted).

    Returns
    -------
    Dataset
        Output `car_transgene` in copies/ug and those of `others`, covariates product and disease.
    """
    path = _path("fandrei2024", path)
    table = (
        tidy_workbook(path) if path.suffix.lower() in {".xlsx", ".xlsm"} else _tidy_table(path, "fandrei2024")
    )
    flagged = _flagged(table, "ratio_to_other_PCR_column_off", output=OUTPUT)
    rules: dict[str, set[int]] = {}
    notes = []
    if drop_suspected_typing_errors:
        rules["suspected typing error (the release's two PCR columns disagree)"] = flagged
    elif flagged:
        notes.append(f"rows where the release's two PCR columns disagree, kept: {len(flagged)}")
    limits = {OUTPUT: lloq, **(others or {})}
    return _load(table, rules, limits, "Fandrei et al. 2024", notes, name="fandrei2024")


def penn_ctl019(
    path: str | Path | None = None,
    *,
    lloq: float = 5.0,
    keep_implausible: bool = False,
    truncate_at_reinfusion: bool = True,
    columns: Mapping[str, str] | None = None,
) -> Dataset:
    """CTL019 transgene in the blood of patients with CLL, Nobles et al. 2020 (up to 5.5 years).

    Zero means not detected and the release names no LLOQ; 5 copies/ug is assumed (most low values are
    5-30; vary it: 2.4 and 10). Left out, each counted: marrow samples, samples before the first infusion
    (negative days and day-0 samples marked pre_dose), the row marked as an implausible spike (one value far
    above the patient's peak on day 3, before expansion), and for the two patients who were infused again
    everything of the second course: rows marked so and all from that day on. Doses, often split over three
    days, are not in the release.

    Parameters
    ----------
    path : str or Path, optional
        The tidy table, or a CSV export of the authors' `vcn_data.rds` with `columns` naming its columns
        (the release's own layout is not known to cartsim; such an export must hold blood samples only).
        Without it the tidy table is looked for in the folder CARTSIM_REAL_DATA names.
    lloq : float
        Copies/ug.
    keep_implausible : bool
        Keep the row marked as an implausible spike.
    truncate_at_reinfusion : bool
        Leave second courses out.
    columns : mapping, optional
        Role (subject, time, value) to header, for tables of another layout; time must be in days.

    Returns
    -------
    Dataset
        Output `car_transgene` in copies/ug, covariates product and disease.
    """
    path = _path("penn_ctl019", path)
    table = read_table(path) if columns else _tidy_table(path, "penn_ctl019")
    rules = {"before the infusion (marked pre_dose)": _flagged(table, "pre_dose")}
    spikes = _flagged(table, "implausible_spike_check")
    notes = []
    if keep_implausible:
        notes.append(f"rows marked as an implausible spike, kept: {len(spikes)}")
    else:
        rules["marked as an implausible spike"] = spikes
    if truncate_at_reinfusion:
        second = _flagged(table, "after_reinfusion_series") | _after_reinfusion(table, columns)
        rules["second course (from reinfusion on)"] = second
    limits = {OUTPUT: lloq}
    return _load(table, rules, limits, "Nobles et al. 2020", notes, name="penn_ctl019", columns=columns)


LOADERS: Mapping[str, Callable[..., Dataset]] = {"fandrei2024": fandrei2024, "penn_ctl019": penn_ctl019}
"""Loaders by name, for fit folders."""


def _path(loader: str, path: str | Path | None) -> Path:
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
    return Path(folder) / _TIDY_FILES[loader]


def _tidy_table(path: Path, loader: str) -> TextTable:
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


def _cells(table: TextTable, name: str) -> list[str]:
    """One column by header; empty cells where there is none."""
    if name not in table.header:
        return [""] * len(table.rows)
    index = table.header.index(name)
    return [record[index] for record in table.cells]


def _flagged(table: TextTable, flag: str, *, output: str | None = None) -> set[int]:
    """File rows that carry a flag (flags are separated by semicolons), of one output only where named."""
    cells = zip(table.rows, _cells(table, "flag"), _cells(table, "variable"), strict=True)
    return {row for row, flags, name in cells if flag in flags.split(";") and output in (None, name)}


def _after_reinfusion(table: TextTable, columns: Mapping[str, str] | None) -> set[int]:
    """File rows from the day of a second infusion on; cells that are no numbers are left to the reader."""
    roles, faults = locate(table.header, table.file, columns)
    if faults:
        raise DataError(faults)
    rows = set()
    for row, record in zip(table.rows, table.cells, strict=True):
        day = REINFUSION_DAY.get(record[roles["subject"]])
        try:
            time = float(record[roles["time"]])
        except ValueError:
            continue
        if day is not None and time >= day:
            rows.add(row)
    return rows


def _load(
    table: TextTable,
    rules: Mapping[str, set[int]],
    limits: Mapping[str, float],
    source: str,
    notes: Sequence[str],
    *,
    name: str,
    columns: Mapping[str, str] | None = None,
) -> Dataset:
    """Leave rows out by rule (each counted once, other outputs first), then check and convert the rest."""
    dropped = []
    gone: set[int] = set()
    if not columns:
        names = zip(table.rows, _cells(table, "variable"), strict=True)
        rules = {"another output": {row for row, output in names if output not in limits}, **rules}
    for reason, marked in rules.items():
        here = marked - gone
        gone |= here
        if here:
            dropped.append(DroppedRows(reason, tuple(sorted(here))))
    kept = [index for index, row in enumerate(table.rows) if row not in gone]
    table = replace(
        table,
        cells=tuple(table.cells[index] for index in kept),
        rows=tuple(table.rows[index] for index in kept),
    )
    wanted = tuple(column for column in ("product", "disease") if column in table.header)
    options = ReadOptions(
        lloq=dict(limits),
        units={OUTPUT: "copies/ug", "time": "day"},
        outputs=OUTPUT if columns else None,
        columns=dict(columns or {}),
        covariates=wanted,
        drop_before=0.0,
    )
    return dataset_from(
        table, options, name=name, source=f"{source}: {table.file}", dropped=dropped, notes=notes
    )
