"""The workbook that Fandrei et al. released, turned into tidy rows of transgene copies per ug of DNA."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from cartsim.data.cells import CellFault, is_missing, number
from cartsim.data.files import TextTable, read_table
from cartsim.errors import DataError, Finding

PCR_SHEET, PCR_HEADER_ROW = 2, 2
"""The third sheet holds the PCR results; one title row stands above its header (authors' script)."""

COPIES_PER_UG_FOR_ONE_PER_1000_CELLS = 290.0
"""How many copies/ug correspond to one copy per 1000 cells in the release (from the two PCR columns)."""

HEADER = ("patient", "time_day", "variable", "value", "unit", "flag", "product", "disease")
_PRODUCTS = {"a": "Ide-cel", "c": "Cilta-cel"}
_DAY = re.compile(r"^(.*?)[ _]*(\d+)$")


def tidy_workbook(path: str | Path) -> TextTable:
    """Transgene rows of the released workbook in the tidy layout.

    Written from the authors' preprocessing script, which reads the third sheet below one title row, takes
    `patient_id` and columns whose names end with the day, and labels one block of them copies per 1000
    cells. The block per ug of DNA is recognised by being about 290 times the other; anything else is
    refused, not guessed. Patients keep the release's numbers (F01 is patient 1).

    Raises
    ------
    DataError
        Where the sheet has another layout.
    """
    sheet = read_table(path, sheet=PCR_SHEET, header_row=PCR_HEADER_ROW)
    if sheet.header[0].strip().lower() != "patient_id":
        raise DataError([_other_layout(sheet, f"the first column is {sheet.header[0]!r}")])
    blocks = _blocks(sheet)
    copies, per_cells = _identify(sheet, blocks)
    products = _products(path)
    records, rows = [], []
    for record, row in zip(sheet.cells, sheet.rows, strict=True):
        patient = _patient(record[0])
        for day, index in sorted(blocks[copies].items()):
            if is_missing(record[index]):
                continue
            flag = "nominal_day"
            if day in blocks[per_cells] and _disagree(record[index], record[blocks[per_cells][day]]):
                flag += ";ratio_to_other_PCR_column_off"
            cells = (str(day), "car_transgene", record[index], "copies/ug", flag)
            records.append((patient, *cells, products.get(patient, ""), "RRMM"))
            rows.append(row)
    return replace(
        sheet, header=HEADER, cells=tuple(records), rows=tuple(rows), notes=("released workbook, PCR sheet",)
    )


def _other_layout(sheet: TextTable, what: str) -> Finding:
    return Finding(
        f"the PCR sheet is laid out otherwise than in the release: {what}",
        sheet.file,
        limit="patient_id and two blocks of columns that end with the day (authors' script)",
        remedy="arrange the PCR results as a long table and use read_data",
    )


def _blocks(sheet: TextTable) -> dict[str, dict[int, int]]:
    """Columns by the name before their day: {name: {day: column}}."""
    blocks: dict[str, dict[int, int]] = {}
    for index, name in enumerate(sheet.header[1:], start=1):
        match = _DAY.match(name.strip())
        if match:
            blocks.setdefault(match.group(1), {})[int(match.group(2))] = index
    return {name: days for name, days in blocks.items() if len(days) > 1}


def _identify(sheet: TextTable, blocks: dict[str, dict[int, int]]) -> tuple[str, str]:
    """Which block is per ug of DNA and which per 1000 cells, from the ratio between them."""
    found = [
        (high, low)
        for high in blocks
        for low in blocks
        if high != low and 0.8 < _median_ratio(sheet, blocks[high], blocks[low]) < 1.25
    ]
    if len(found) != 1:
        raise DataError([_other_layout(sheet, f"column blocks {', '.join(blocks) or 'none'}")])
    return found[0]


def _median_ratio(sheet: TextTable, high: dict[int, int], low: dict[int, int]) -> float:
    """Median ratio of two blocks over the ratio expected; NaN without common samples."""
    ratios = []
    for record in sheet.cells:
        for day in high.keys() & low.keys():
            first, second = _value(record[high[day]]), _value(record[low[day]])
            if first > 0.0 and second > 0.0:
                ratios.append(first / second / COPIES_PER_UG_FOR_ONE_PER_1000_CELLS)
    return float(np.median(ratios)) if ratios else float("nan")


def _disagree(first: str, second: str) -> bool:
    """True where the two columns of one sample are off by more than a fifth."""
    high, low = _value(first), _value(second)
    if not (high > 0.0 and low > 0.0):
        return False
    return not 0.8 < high / low / COPIES_PER_UG_FOR_ONE_PER_1000_CELLS < 1.25


def _value(cell: str) -> float:
    """The number in a cell, NaN where there is none: faults are the reader's business."""
    try:
        return number(cell)
    except CellFault:
        return float("nan")


def _patient(label: str) -> str:
    """F01 for patient 1 of the release."""
    digits = re.sub(r"\D", "", label)
    return f"F{int(digits):02d}" if digits else label


def _products(path: str | Path) -> dict[str, str]:
    """Product by patient from the clinical sheet, the first one; empty where it is laid out otherwise."""
    clinical = read_table(path, sheet=0)
    names = [name.strip().lower() for name in clinical.header]
    if "patient_id" not in names or "type_cart" not in names:
        return {}
    patient, product = names.index("patient_id"), names.index("type_cart")
    return {
        _patient(record[patient]): _PRODUCTS.get(record[product].strip().lower(), record[product])
        for record in clinical.cells
    }
