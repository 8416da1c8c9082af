"""Loader of the CD22 CAR-T set of Lichtenstein 2021: serum cytokines day by day, and weekly CAR+ counts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from cartsim.data.dataset import Dataset
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
    with_column,
    with_outcomes,
)

NAME = "car22_lichtenstein2021"
OUTPUTS = ("car_t", "il6", "ifng", "il8", "il10", "crp", "ferritin")
_FILE, _OUTCOMES = "car22_lichtenstein2021_dev.csv", "car22_lichtenstein2021_outcomes_dev.csv"
_CEILING = "at_inferred_uloq"
_COVARIATES = {
    "crs_grade": "crs_grade",
    "tocilizumab": "toci",
    "steroids": "steroid",
    "anakinra": "anakinra",
    "hlh_like": "carHLH",
    "dose_level": "dose_level",
}
"""Covariate and the column of the outcome table it is read from."""


def car22_lichtenstein2021(
    path: str | Path | None = None,
    *,
    outcomes: str | Path | None = None,
    outputs: Sequence[str] = OUTPUTS,
    lloq: Mapping[str, float] | None = None,
    ceilings: Mapping[str, float] | None = None,
    drop_before: float = 0.0,
) -> Dataset:
    """Cytokines and CAR+ cells after CD22 CAR-T in B-ALL, Lichtenstein et al. 2021, Blood 138:2469.

    34 patients, doi:10.1182/blood.2021011898. Serum cytokines (multiplex) on up to 20 nearly daily samples
    from day 0 to 31, CAR+ cells by flow cytometry about weekly (days 6, 13, 20, 26), CRP and ferritin with
    the routine laboratory. CAR+ counts are too sparse to show the peak: they suit as a model's input
    (`Forcing`), hardly as a fitted course. CRS began on day 8 (median), the cytokines peak around day 10.

    The release names no limit of quantification. Floors and ceilings were inferred from values that pile up
    there, several to an analyte: rows flagged `lloq_inferred` are left-censored at the floor in the table,
    rows flagged `at_inferred_uloq` right-censored at their own value. Values that pile up and are not flagged
    (CRP at 301 mg/L, IL-10 at 745 pg/mL) are kept as measured and counted in the notes; `ceilings` censors
    them. CAR+ cells reported as zero are left-censored at 0.1 cells/uL, an assumption (two positive values
    lie below it and are censored too; vary it: 0.04 and 0.5).

    Tocilizumab, steroids and anakinra are known as given or not, never with a day: IL-6 after tocilizumab
    cannot be told from IL-6 before it, though its clearance differs. Doses are given as levels only.

    Parameters
    ----------
    path : str or Path, optional
        The tidy table (columns patient, time_day, variable, value, unit, blq, lloq, flag ...), arranged from
        the authors' release (repository car22-hlh). Without it the table is looked for in the folder that
        the environment variable CARTSIM_REAL_DATA names.
    outcomes : str or Path, optional
        The table of outcomes, one row a patient; by default the one beside the tidy table in that folder,
        and none where `path` is given.
    outputs : sequence of str
        Outputs of the table to read; there are also il15, il18, tnfa, gmcsf, il1b, il2, il4, il12p70, il13,
        mip1a, ldh, cd3, cd4, cd8, b_cells and nk, the last two with zeros that need `lloq`.
    lloq : mapping, optional
        LLOQ assumed for outputs without one in the table, in their unit; {"car_t": 0.1} unless said.
    ceilings : mapping, optional
        Output -> value from which on a sample is right-censored at its own value, such as {"crp": 301.0,
        "il10": 745.0}.
    drop_before : float
        Day; earlier samples are left out (counted). -7 keeps CAR+ counts and ferritin taken before the
        infusion.

    Returns
    -------
    Dataset
        The outputs in the release's units (pg/mL; CRP mg/L, ferritin ug/L, CAR+ cells cells/uL); covariates
        product and disease, and from the outcomes crs_grade (0 is none), tocilizumab, steroids,
        anakinra, hlh_like (yes or no) and dose_level.

    Raises
    ------
    CartsimError
        For outputs that the table does not have, or a patient without a row of outcomes.
    """
    in_folder = path is None
    table = tidy_table(path_of(NAME, path, _FILE), NAME)
    check_outputs(table, outputs, NAME)
    check_outputs(table, [*(lloq or {}), *(ceilings or {})], NAME)
    table, dropped = left_out(table, {"another output": other_outputs(table, outputs)})
    table, notes = _with_ceilings(table, ceilings or {})
    covariates = [name for name in ("product", "disease") if name in table.header]
    if outcomes is not None or in_folder:
        table = with_outcomes(table, read_table(path_of(NAME, outcomes, _OUTCOMES)), _COVARIATES)
        covariates += list(_COVARIATES)
    options = ReadOptions(
        lloq={"car_t": 0.1, **(lloq or {})},
        units={"time": "day"},
        covariates=tuple(covariates),
        drop_before=drop_before,
    )
    return dataset_from(
        table,
        options,
        name=NAME,
        source=f"Lichtenstein et al. 2021: {table.file}",
        dropped=dropped,
        notes=notes,
    )


def _with_ceilings(table: TextTable, ceilings: Mapping[str, float]) -> tuple[TextTable, list[str]]:
    """The table with a column CENS, -1 where right-censored, and what was found at the upper end."""
    at_ceiling, codes = flagged(table, _CEILING), []
    by_choice: Counter[str] = Counter()
    measured: dict[str, Counter[float]] = {}
    rows = zip(table.rows, cells(table, "variable"), cells(table, "value"), strict=True)
    for row, output, text in rows:
        value = _number(text)
        over = value >= ceilings.get(output, math.inf)
        by_choice[output] += over and row not in at_ceiling
        codes.append("-1" if over or row in at_ceiling else "")
        if not codes[-1] and not math.isnan(value):
            measured.setdefault(output, Counter())[value] += 1
    notes = [f"{name} from {ceilings[name]:g} on, right-censored: {n}" for name, n in by_choice.items() if n]
    for output, values in measured.items():
        largest = max(values)
        if values[largest] > 1:
            notes.append(f"{output} at its largest value {largest:g} without a flag: {values[largest]}")
    return with_column(table, "cens", codes), notes


def _number(text: str) -> float:
    """The number in a cell, NaN where there is none: what is no number is for the reader to refuse."""
    try:
        return float(text)
    except ValueError:
        return math.nan
