"""Loaders of published patient sets, Fandrei 2024 (BCMA) and Penn CTL019 in this file; none is shipped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cartsim.data.brummer2022 import brummer2022_in_vitro
from cartsim.data.car22 import car22_lichtenstein2021
from cartsim.data.columns import locate
from cartsim.data.dataset import Dataset
from cartsim.data.fandrei_workbook import tidy_workbook
from cartsim.data.files import TextTable, read_table
from cartsim.data.options import ReadOptions
from cartsim.data.read import dataset_from
from cartsim.data.tidy import (
    cells,
    check_outputs,
    flagged,
    left_out,
    other_outputs,
    path_of,
    tidy_table,
    with_outcomes,
)
from cartsim.errors import CartsimError, DataError

OUTPUT = "car_transgene"

REINFUSION_DAY = {"p04409-05": 392.0, "p04409-10": 70.0}
"""Day of a second CTL019 infusion, counted from the first; none is reported for the other patients."""

_TIDY_FILES = {
    "fandrei2024": "fandrei2024_bcma_mm_dev.csv",
    "penn_ctl019": "penn_ctl019_nobles2020_dev.csv",
}

_FANDREI_OUTCOMES = "fandrei2024_outcomes_dev.csv"
_FANDREI_COVARIATES = {"tocilizumab": "toci", "steroids": "steroid", "crs_grade": "crs_grade"}
"""Covariate and the column of the outcome table it is read from."""


def fandrei2024(
    path: str | Path | None = None,
    *,
    lloq: float = 50.0,
    others: Mapping[str, float | None] | Sequence[str] = (),
    drop_suspected_typing_errors: bool = False,
    drop_before: float = 0.0,
    drop_up_to: Mapping[str, float] | None = None,
    covariates: Sequence[str] = (),
    outcomes: str | Path | None = None,
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
    others : mapping or sequence, optional
        More outputs of the tidy table, each in the release's unit. With the LLOQ assumed for their zeros,
        such as {"car_t": 0.2} for CAR+ T cells by flow cytometry (cells/uL, actual days); by name alone, or
        with None, where there are no zeros: ("il6", "crp", "sbcma") for IL-6 (pg/mL, mostly in febrile
        patients: its absence is informative), CRP (mg/L) and soluble BCMA (ng/mL, some days approximate).
    drop_suspected_typing_errors : bool
        Leave the flagged rows out (counted).
    drop_before : float
        Day; earlier samples are left out (counted). Soluble BCMA before the infusion, from leukapheresis on,
        is kept with -365.
    drop_up_to : mapping, optional
        Output -> day up to which its samples are left out (counted), such as {"il6": 0.0}: on the day of the
        infusion, known by calendar day, IL-6 was drawn for fever that had begun.
    covariates : sequence of str, optional
        More covariates, from the table of outcomes: tocilizumab and steroids (yes or no, their days are not
        in the release), crs_grade (0 is none).
    outcomes : str or Path, optional
        That table, one row a patient; by default the one in the folder CARTSIM_REAL_DATA names.

    Returns
    -------
    Dataset
        Output `car_transgene` in copies/ug and those of `others`, covariates product and disease and those
        asked for.

    Raises
    ------
    CartsimError
        For outputs or covariates that the tables do not have, with those they have; for a patient without a
        row of outcomes.
    """
    path = path_of("fandrei2024", path, _TIDY_FILES["fandrei2024"])
    table = (
        tidy_workbook(path) if path.suffix.lower() in {".xlsx", ".xlsm"} else tidy_table(path, "fandrei2024")
    )
    unknown = sorted(set(covariates) - set(_FANDREI_COVARIATES))
    if unknown:
        known = ", ".join(_FANDREI_COVARIATES)
        raise CartsimError("fandrei2024 knows no such covariate", value=", ".join(unknown), limit=known)
    if covariates:
        told = read_table(path_of("fandrei2024", outcomes, _FANDREI_OUTCOMES))
        table = with_outcomes(table, told, {name: _FANDREI_COVARIATES[name] for name in covariates})
    others = dict(others) if isinstance(others, Mapping) else dict.fromkeys(others)
    check_outputs(table, list(others), "fandrei2024")
    suspected = flagged(table, "ratio_to_other_PCR_column_off", output=OUTPUT)
    rules: dict[str, set[int]] = {}
    notes = []
    if drop_suspected_typing_errors:
        rules["suspected typing error (the release's two PCR columns disagree)"] = suspected
    elif suspected:
        notes.append(f"rows where the release's two PCR columns disagree, kept: {len(suspected)}")
    for output, day in (drop_up_to or {}).items():
        rules[f"{output} up to day {day:g} (drop_up_to=)"] = _up_to(table, output, day)
    return _load(
        table,
        rules,
        {OUTPUT: lloq, **others},
        "Fandrei et al. 2024",
        notes,
        name="fandrei2024",
        drop_before=drop_before,
        covariates=covariates,
    )


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
    path = path_of("penn_ctl019", path, _TIDY_FILES["penn_ctl019"])
    table = read_table(path) if columns else tidy_table(path, "penn_ctl019")
    rules = {"before the infusion (marked pre_dose)": flagged(table, "pre_dose")}
    spikes = flagged(table, "implausible_spike_check")
    notes = []
    if keep_implausible:
        notes.append(f"rows marked as an implausible spike, kept: {len(spikes)}")
    else:
        rules["marked as an implausible spike"] = spikes
    if truncate_at_reinfusion:
        second = flagged(table, "after_reinfusion_series") | _after_reinfusion(table, columns)
        rules["second course (from reinfusion on)"] = second
    limits = {OUTPUT: lloq}
    return _load(table, rules, limits, "Nobles et al. 2020", notes, name="penn_ctl019", columns=columns)


LOADERS: Mapping[str, Callable[..., Dataset]] = {
    "fandrei2024": fandrei2024,
    "penn_ctl019": penn_ctl019,
    "car22_lichtenstein2021": car22_lichtenstein2021,
    "brummer2022_in_vitro": brummer2022_in_vitro,
}
"""Loaders by name, for fit folders."""


def _up_to(table: TextTable, output: str, day: float) -> set[int]:
    """File rows of an output up to a day; times that are no numbers are left to the reader."""
    rows = set()
    for row, name, text in zip(table.rows, cells(table, "variable"), cells(table, "time_day"), strict=True):
        try:
            early = name == output and float(text) <= day
        except ValueError:
            continue
        if early:
            rows.add(row)
    return rows


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
    limits: Mapping[str, float | None],
    source: str,
    notes: Sequence[str],
    *,
    name: str,
    columns: Mapping[str, str] | None = None,
    drop_before: float = 0.0,
    covariates: Sequence[str] = (),
) -> Dataset:
    """Leave rows out by rule (each counted once, other outputs first), then check and convert the rest."""
    if not columns:
        rules = {"another output": other_outputs(table, limits), **rules}
    table, dropped = left_out(table, rules)
    wanted = tuple(column for column in ("product", "disease", *covariates) if column in table.header)
    options = ReadOptions(
        lloq=dict(limits),
        units={OUTPUT: "copies/ug", "time": "day"},
        outputs=OUTPUT if columns else None,
        columns=dict(columns or {}),
        covariates=wanted,
        drop_before=drop_before,
    )
    return dataset_from(
        table, options, name=name, source=f"{source}: {table.file}", dropped=dropped, notes=notes
    )
