"""Units of measurement: days, transgene copies, cells and DNA; used where data enter and leave."""

from __future__ import annotations

import math
import re
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from cartsim.errors import UnitError

if TYPE_CHECKING:
    import pint

MONTH_DAYS = 30.44
"""Length of a month in days wherever cartsim speaks of months (365.25 / 12 = 30.4375, rounded)."""

GENOMES_PER_UG = 151_500.0
"""Diploid human genomes in one microgram of DNA at 6.6 pg a genome (textbook value, an assumption)."""

_DEFINITIONS = (
    "copies = [transgene] = copy",
    "cells = [cell_number] = cell",
    "ug_gDNA = microgram",
    "IU = [international_unit]",
    "well = [culture_well]",
    "cell_index = [cell_index] = CI",
    "index = []",
    f"month = {MONTH_DAYS} * day",
)
_REWRITES = (
    (re.compile(r"[µμ]"), "u"),
    (re.compile(r"\bmc(?=[gLl]\b)"), "u"),
    (re.compile(r"\b(?:ug|microgram)[\s_]*(?:g|genomic)?[\s_]*DNA\b", re.IGNORECASE), "ug_gDNA"),
    (re.compile(r"^\s*x?\s*10\s*(?:\^|\*\*|[eE]\+?0?)\s*(\d+)\s*/\s*L\s*$"), r"1e\1*cells/L"),
    (re.compile(r"\b10\s*(?:\^|\*\*)\s*(\d+)\b"), r"1e\1"),
    (re.compile(r"\b(1(?:e\d+|0{2,}))[\s_]*cells?\b"), r"(\1*cells)"),
    (re.compile(r"\bmm3\b"), "mm**3"),
)
_CANONICAL = (
    "day",
    "copies/ug",
    "cells/uL",
    "cells",
    "copies/cells",
    "1/day",
)


@cache
def registry() -> pint.UnitRegistry:
    """The pint registry with copies, cells, ug_gDNA (= ug), IU and month = 30.44 day."""
    import pint

    # Month is redefined on purpose.
    units = pint.UnitRegistry(on_redefinition="ignore")
    for definition in _DEFINITIONS:
        units.define(definition)
    return units


def _quantity(text: str) -> pint.Quantity:
    """The unit as a pint quantity, spelling variants of laboratories included."""
    spelling = text.strip()
    for pattern, replacement in _REWRITES:
        spelling = pattern.sub(replacement, spelling)
    if spelling in {"", "."}:
        raise UnitError("a unit is missing", value=text, limit="such as copies/ug, cells/uL, pg/mL, day")
    try:
        quantity = _parse(spelling.replace("%", "percent"))
        if not 0.0 < quantity.magnitude < math.inf or (quantity.unitless and quantity.magnitude != 1):
            raise ValueError("a number instead of a unit")
        return quantity
    except Exception as fault:
        # pint answers a bad spelling with half a dozen exception types, tokenizer errors among them.
        raise UnitError(
            f"the unit {text!r} is not known ({type(fault).__name__})",
            value=text,
            limit="any unit pint knows, and copies, cells, ug_gDNA, IU, month",
            remedy="correct its spelling, for example copies/ug, cells/uL, pg/mL, mg/L, hour, day",
        ) from fault


def _parse(spelling: str) -> pint.Quantity:
    """pint's reading of a spelling; all-capital words (ADaM writes HOURS) in lower case where need be."""
    import pint

    try:
        return registry().Quantity(spelling)
    except pint.UndefinedUnitError:
        return registry().Quantity(spelling.lower())


@cache
def factor(unit: str, to: str) -> float:
    """The number by which a value in `unit` is multiplied to be in `to`.

    Raises
    ------
    UnitError
        Where a unit is unknown or the two do not measure the same thing. Copies per ug of DNA and
        cells per uL never convert into each other: see `cells_per_ul`.
    """
    source, target = _quantity(unit), _quantity(to)
    if source.dimensionality != target.dimensionality:
        assays = {str(canonical_unit(unit)), str(canonical_unit(to))} == {"copies/ug", "cells/uL"}
        raise UnitError(
            f"{unit} does not convert to {to}",
            value=unit,
            limit=f"units of the same kind as {to}",
            remedy="convert with cartsim.units.cells_per_ul or copies_per_ug, which ask for the white-cell "
            "count and the copies per cell"
            if assays
            else "correct the unit, or name the one that the file uses",
        )
    ratio = float((source / target).to_base_units().magnitude)
    # pg/mL to ng/L is 1, not 0.9999999999999999: decimal prefixes are exact.
    decade = 10.0 ** round(math.log10(ratio))
    return decade if math.isclose(ratio, decade, rel_tol=1e-12) else ratio


def convert(value: float | np.ndarray, unit: str, to: str) -> float | np.ndarray:
    """`value` in `unit`, expressed in `to`; errors name the value, its unit and what is allowed."""
    try:
        scale = factor(unit, to)
    except UnitError as fault:
        raise UnitError(fault.what, value=f"{value} {unit}", limit=fault.limit, remedy=fault.remedy) from None
    return value * scale


@cache
def is_same_kind(unit: str, other: str) -> bool:
    """True where the two units measure the same thing (both must be known)."""
    return _quantity(unit).dimensionality == _quantity(other).dimensionality


@cache
def canonical_unit(unit: str) -> str:
    """The unit in which cartsim holds values of this kind: day, copies/ug, cells/uL, cells.

    Mass concentrations have no single canonical unit (a cytokine is reported in pg/mL, C-reactive
    protein in mg/L): for those, and anything else, the unit itself is returned.
    """
    dimension = _quantity(unit).dimensionality
    for canonical in _CANONICAL:
        if _quantity(canonical).dimensionality == dimension:
            return canonical
    return unit.strip()


def cells_per_ul(
    copies_per_ug: float | np.ndarray,
    white_cells_per_ul: float | np.ndarray,
    copies_per_cell: float,
    *,
    genomes_per_ug: float = GENOMES_PER_UG,
) -> float | np.ndarray:
    """CAR+ cells per uL of blood that a qPCR result stands for: copies x WBC / (genomes x VCN).

    The result rests on the white-cell count at the time of the sample (at 5,000 cells/uL, 50 copies/ug is
    1.65 cells/uL; at 100 cells/uL it is 0.03) and on the vector copies a CAR+ cell carries, so both are
    asked for. It also assumes that all nucleated cells contribute DNA alike.

    Parameters
    ----------
    copies_per_ug : float or ndarray
        Transgene copies per ug of genomic DNA.
    white_cells_per_ul : float or ndarray
        White-cell count, cells/uL, at the same times.
    copies_per_cell : float
        Vector copies a CAR+ cell carries on average (VCN).
    """
    _require_positive(white_cells_per_ul, copies_per_cell, genomes_per_ug)
    return copies_per_ug * white_cells_per_ul / (genomes_per_ug * copies_per_cell)


def copies_per_ug(
    cells_per_ul: float | np.ndarray,
    white_cells_per_ul: float | np.ndarray,
    copies_per_cell: float,
    *,
    genomes_per_ug: float = GENOMES_PER_UG,
) -> float | np.ndarray:
    """Transgene copies per ug of DNA for CAR+ cells per uL; the inverse of `cells_per_ul`."""
    _require_positive(white_cells_per_ul, copies_per_cell, genomes_per_ug)
    return cells_per_ul * genomes_per_ug * copies_per_cell / white_cells_per_ul


def _require_positive(white_cells: float | np.ndarray, copies: float, genomes: float) -> None:
    """Refuse counts at or below zero, which would make the conversion meaningless."""
    for label, value in (
        ("white-cell count (cells/uL)", white_cells),
        ("vector copies per cell", copies),
        ("genomes per ug", genomes),
    ):
        if not np.all(np.asarray(value, dtype=np.float64) > 0.0):
            raise UnitError(f"the {label} must be positive", value=value, limit="> 0")


@cache
def time_power(unit: str) -> float:
    """The power of time in a unit: 1 for day, -1 for 1/day, 0 for cells."""
    return float(_quantity(unit).dimensionality.get("[time]", 0.0))
