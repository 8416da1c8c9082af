"""Loader of the culture wells of Brummer 2022: glioma cells killed by CAR-T cells, with dexamethasone."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cartsim.data.dataset import Dataset
from cartsim.data.files import TextTable
from cartsim.data.options import ReadOptions
from cartsim.data.read import dataset_from
from cartsim.data.summary import DroppedRows
from cartsim.data.tidy import cells, path_of, tidy_table
from cartsim.errors import CartsimError

NAME = "brummer2022_in_vitro"
_FILE = "brummer2022_carrgodex_invitro_dev.csv"
CELLS_PER_INDEX = 1e4
"""Cells in one cell index (CI), as the authors convert them: 2,500 CAR-T cells are 0.25 CI."""
LOW_DOSE = 0.01
"""ug/mL; dexamethasone from here on is level "high" of the covariate."""

_INDEX, _COUNT = "tumor_cell_index", "car_t_endpoint"
_WELLS = re.compile(
    r"(?P<line>[^|]+)\|E(?P<effectors>\d+)\|dex(?P<dex>[\d.]+)\|(?P<wells>[A-H]\d+(-[A-H]\d+)?)"
)
_COLUMNS = ("amount", "dose_unit", "line", "dexamethasone", "effectors")


def brummer2022_in_vitro(
    path: str | Path | None = None,
    *,
    lines: Sequence[str] = (),
    drop_before: float = 0.25,
    spacing: float = 0.25,
) -> Dataset:
    """Killing curves of glioma lines by IL13Ra2 CAR-T cells with dexamethasone, Brummer et al. 2022.

    72 curves of the cell index (impedance), each the mean of two wells, over six days: three lines, four
    numbers of CAR-T cells (0, 500, 1,250, 2,500), six concentrations of dexamethasone (0 to 1 ug/mL); and
    the CAR-T cells of the 144 single wells counted at the end. Day 0 is when CAR-T cells are added. In the
    first hours the index dips and recovers because medium is changed, not because cells die.

    Curves are sampled every one to two hours: neighbouring samples repeat each other, so that a fit to all
    of them is far too sure of itself. `spacing` keeps one sample in so many days. The index has no zero of
    its own: empty wells read down to -0.2.

    Parameters
    ----------
    path : str or Path, optional
        The tidy table, arranged from the authors' release (github.com/alexbbrummer/CARRGODEX). Without it
        the table is looked for in the folder that the environment variable CARTSIM_REAL_DATA names.
    lines : sequence of str
        Glioma lines to read; all unless said.
    drop_before : float
        Day; earlier samples are left out (counted).
    spacing : float
        Days; the first sample of each interval of this length is kept, the others are left out (counted).

    Returns
    -------
    Dataset
        Subjects are curves. Outputs tumor_cell_index and car_t in CI (counts in CI of 10,000 cells; wells
        without CAR-T cells have none); a dose of CAR-T cells in CI on day 0 where there are any; covariates
        line, dexamethasone (without, low below 0.01 ug/mL, high) and effectors (cells).

    Raises
    ------
    CartsimError
        For lines that the table does not have, or a subject that does not name its wells.
    """
    table = tidy_table(path_of(NAME, path, _FILE), NAME)
    wells = _wells(table)
    known = sorted({found["line"] for found in wells.values()})
    unknown = sorted(set(lines) - set(known))
    if unknown:
        raise CartsimError(f"{NAME} has no such line", value=", ".join(unknown), limit=", ".join(known))
    table, dropped = _as_curves(table, wells, set(lines) or set(known), drop_before, spacing)
    options = ReadOptions(
        units={"time": "day"},
        covariates=("line", "dexamethasone", "effectors"),
        signed=(_INDEX,),
        drop_before=drop_before,
    )
    return dataset_from(
        table, options, name=NAME, source=f"Brummer et al. 2022: {table.file}", dropped=dropped, notes=[]
    )


def _wells(table: TextTable) -> dict[str, re.Match]:
    """What each subject's name says of its wells."""
    names = dict.fromkeys(cells(table, "patient"))
    found = {name: _WELLS.fullmatch(name) for name in names}
    strange = [name for name, match in found.items() if match is None]
    if strange:
        raise CartsimError(
            f"{NAME}: subjects do not name line, CAR-T cells, dexamethasone and wells",
            value=", ".join(strange[:5]),
            limit="such as PBT030|E2500|dex0.01|B7-B8",
        )
    return found


def _as_curves(
    table: TextTable, wells: Mapping[str, re.Match], lines: set[str], first: float, spacing: float
) -> tuple[TextTable, list[DroppedRows]]:
    """The table with single wells under their curve, counts in CI, thinned, a dose in front of each curve."""
    curve_of = {
        (name.rpartition("|")[0], well): name
        for name, match in wells.items()
        for well in (match["wells"].split("-") if "-" in match["wells"] else ())
    }
    place = {name: table.header.index(name) for name in ("patient", "time_day", "variable", "value", "unit")}
    kept, rows, taken = [], [], set()
    left_out: dict[str, list[int]] = defaultdict(list)
    for row, record in zip(table.rows, table.cells, strict=True):
        name, output = record[place["patient"]], record[place["variable"]]
        match, record = wells[name], list(record)
        reason = _reason(match, output, record[place["time_day"]], name, taken, lines, first, spacing)
        if reason:
            left_out[reason].append(row)
            continue
        if output == _COUNT:
            name = curve_of.get((name.rpartition("|")[0], match["wells"]), name)
            record[place["patient"]], record[place["variable"]] = name, "car_t"
            record[place["value"]] = repr(float(record[place["value"]]) / CELLS_PER_INDEX)
            record[place["unit"]] = "CI"
        kept.append((*record, "", "", *_covariates(match)))
        rows.append(row)
    doses, numbers = _doses(kept, rows, place, wells)
    dropped = [DroppedRows(reason, tuple(found)) for reason, found in left_out.items()]
    header = (*table.header, *_COLUMNS)
    return replace(table, header=header, cells=(*doses, *kept), rows=(*numbers, *rows)), dropped


def _reason(
    match: re.Match,
    output: str,
    day: str,
    name: str,
    taken: set[tuple[str, int]],
    lines: set[str],
    first: float,
    spacing: float,
) -> str:
    """Why a row is left out, empty where it is kept; `taken` are the intervals that have their sample."""
    if match["line"] not in lines:
        return "another line"
    if output not in (_INDEX, _COUNT):
        return "another output"
    if output == _COUNT:
        return "count in a well without CAR-T cells" if match["effectors"] == "0" else ""
    time = float(day)
    if time < first:
        return ""  # counted by the reader under drop_before
    interval = (name, int((time - first + 1e-3) / spacing))
    if interval in taken:
        return "between the samples kept (spacing=)"
    taken.add(interval)
    return ""


def _covariates(match: re.Match) -> tuple[str, str, str]:
    dose = float(match["dex"])
    level = "without" if dose == 0.0 else "low" if dose < LOW_DOSE else "high"
    return match["line"], level, match["effectors"]


def _doses(
    kept: Sequence[Sequence[str]],
    rows: Sequence[int],
    place: Mapping[str, int],
    wells: Mapping[str, re.Match],
) -> tuple[list[tuple[str, ...]], list[int]]:
    """One dose row a curve with CAR-T cells, under the file row of its first sample."""
    doses: dict[str, tuple[tuple[str, ...], int]] = {}
    for row, record in zip(rows, kept, strict=True):
        name = record[place["patient"]]
        effectors = float(wells[name]["effectors"])
        if name in doses or effectors == 0.0:
            continue
        empty = [""] * (len(record) - len(_COLUMNS))
        empty[place["patient"]], empty[place["time_day"]] = name, "0"
        given = (repr(effectors / CELLS_PER_INDEX), "CI", *_covariates(wells[name]))
        doses[name] = ((*empty, *given), row)
    return [record for record, _ in doses.values()], [row for _, row in doses.values()]
