"""How numbers, units and quantities are written for a reader: three figures, µg, Cmax."""

from __future__ import annotations

import math
import re

ABSENT = "–"
_NAMES = {
    "car": "CAR",
    "t": "T",
    "dna": "DNA",
    "pcr": "PCR",
    "crp": "CRP",
    "bcma": "BCMA",
    "sbcma": "sBCMA",
    "il2": "IL-2",
    "il6": "IL-6",
    "il8": "IL-8",
    "il10": "IL-10",
    "il15": "IL-15",
    "ifng": "IFN-γ",
    "tnf": "TNF",
    "cmax": "Cmax",
    "tmax": "Tmax",
    "clast": "Clast",
    "tlast": "Tlast",
    "auc": "AUC",
    "auclast": "AUClast",
    "blq": "BLQ",
    "lloq": "LLOQ",
    "cv": "CV",
    "n": "n",
}

_WHOLE = {
    "m_protein": "M-protein",
    "auc_last": "AUClast",
    "auc_0_28d": "AUC0-28d",
    "auc_0_6m": "AUC0-6m",
    "auc_0_28d_truncated": "AUC0-28d truncated",
    "auc_0_6m_truncated": "AUC0-6m truncated",
    "half_life_adjusted_r2": "Half life: adjusted R²",
    "half_life_points": "Half life: points",
    "half_life_span": "Half life: span",
}


def quantity(name: str) -> str:
    """Write a snake_case name as a reader says it: `car_transgene` becomes `CAR transgene`."""
    if name in _WHOLE:
        return _WHOLE[name]
    words = [_NAMES.get(word, word) for word in str(name).split("_") if word]
    text = " ".join(words)
    return text[:1].upper() + text[1:] if len(text) > 1 and text[:2].islower() else text


def unit_text(unit: object) -> str:
    """Write a unit with the micro sign and products with a dot; nothing for a pure number."""
    text = "" if unit is None else str(unit).replace("day ", "day·")
    if text.lower() in ("", "1", "dimensionless", "nan", "none"):
        return ""
    return re.sub(r"\bu(g|L|l|mol|M)\b", r"µ\1", text)


def labelled(name: str, unit: object) -> str:
    """Write a quantity with its unit in brackets, as on an axis."""
    units = unit_text(unit)
    return f"{quantity(name)} ({units})" if units else quantity(name)


def parameter_label(name: str, unit: object) -> str:
    """Write a parameter by the model's own name, as the user types it, with its unit."""
    units = unit_text(unit)
    return f"{name} ({units})" if units else str(name)


def number(value: object, figures: int = 3) -> str:
    """Write a number to `figures` significant digits, readable at any size; a dash if there is none."""
    if value is None or isinstance(value, str):
        return value or ABSENT if isinstance(value, str) else ABSENT
    value = float(value)  # type: ignore[arg-type]
    if math.isnan(value):
        return ABSENT
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0.0:
        return "0"
    rounded = float(f"{value:.{figures - 1}e}")
    exponent = math.floor(math.log10(abs(rounded)))
    if exponent >= 7 or exponent < -4:
        mantissa = f"{rounded / 10.0**exponent:.{figures - 1}f}"
        text = f"{mantissa} × 10{_superscript(exponent)}"
    else:
        text = f"{rounded:,.{max(0, figures - 1 - exponent)}f}"
    return text.replace("-", "−")


def whole(value: object) -> str:
    """Write a count without decimals; a dash if there is none."""
    if value is None or math.isnan(float(value)):  # type: ignore[arg-type]
        return ABSENT
    return f"{float(value):,.0f}".replace("-", "−")  # type: ignore[arg-type]


def fixed(value: object, decimals: int) -> str:
    """Write a number to a fixed count of decimals, such as R-hat to three; a dash if there is none."""
    if value is None or not math.isfinite(float(value)):  # type: ignore[arg-type]
        return ABSENT
    return f"{float(value):.{decimals}f}".replace("-", "−")  # type: ignore[arg-type]


def exact(value: float, _position: int | None = None) -> str:
    """Write a declared limit or a tick, such as an LLOQ of 50, without decimals it does not have.

    Usable as a matplotlib tick formatter.
    """
    return f"{float(value):,.10g}".replace("-", "−")


def power_of_ten(value: float, _position: int | None = None) -> str:
    """Write a tick of a log axis: 0.1, 1, 30, 100, 10³, 3×10⁴; usable as a matplotlib tick formatter."""
    if value <= 0:
        return exact(value)
    exponent = math.floor(math.log10(value) + 1e-9)
    if -2 <= exponent <= 2:
        return exact(value)
    mantissa = round(value / 10.0**exponent, 6)
    return f"10{_superscript(exponent)}" if mantissa == 1 else f"{mantissa:g}×10{_superscript(exponent)}"


def _superscript(exponent: int) -> str:
    return str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
