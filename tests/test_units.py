"""Units of copies, cells, DNA and time: what converts, and what is refused."""

import numpy as np
import pytest

from cartsim.errors import UnitError
from cartsim.units import canonical_unit, cells_per_ul, convert, copies_per_ug, factor, is_same_kind


@pytest.mark.parametrize(
    ("unit", "to", "expected"),
    [
        ("hour", "day", 1 / 24),
        ("HOURS", "day", 1 / 24),
        ("week", "day", 7.0),
        ("month", "day", 30.44),
        ("copies/ug_gDNA", "copies/ug", 1.0),
        ("copies/µg gDNA", "copies/ug", 1.0),
        ("copies/μg genomic DNA", "copies/ug", 1.0),
        ("copies/ng", "copies/ug", 1000.0),
        ("10^9/L", "cells/uL", 1000.0),
        ("cells/mm3", "cells/uL", 1.0),
        ("10^6 cells", "cells", 1e6),
        ("copies/1000_cells", "copies/cells", 1e-3),
        ("pg/mL", "ng/L", 1.0),
        ("mg/L", "ug/mL", 1.0),
        ("%", "percent", 1.0),
    ],
)
def test_units_as_laboratories_spell_them_convert(unit, to, expected):
    # Conversion factors are products of a few decimal prefixes: a handful of roundings at most.
    assert factor(unit, to) == pytest.approx(expected, rel=1e-14)


def test_decimal_prefixes_convert_exactly():
    assert factor("pg/mL", "ng/L") == 1.0
    assert factor("cells/mm3", "cells/uL") == 1.0


def test_arrays_convert_at_once():
    np.testing.assert_allclose(convert(np.array([24.0, 48.0]), "hour", "day"), [1.0, 2.0], rtol=1e-15)


def test_the_canonical_unit_follows_the_kind_of_quantity():
    assert canonical_unit("week") == "day"
    assert canonical_unit("copies/ng") == "copies/ug"
    assert canonical_unit("10^9/L") == "cells/uL"
    assert canonical_unit("1e6 cells") == "cells"
    assert canonical_unit("mg/L") == "mg/L"
    assert is_same_kind("mg/L", "pg/mL")
    assert not is_same_kind("mg/L", "copies/ug")


def test_copies_per_ug_never_become_cells_per_ul_silently():
    with pytest.raises(UnitError, match="white-cell") as caught:
        convert(50.0, "copies/ug", "cells/uL")
    assert "50.0 copies/ug" in str(caught.value)
    assert "allowed" in str(caught.value)


@pytest.mark.parametrize("unit", ["copis/ug", "", "copies/", "day*(", ".", "50", "0 day", "-1 day"])
def test_an_unknown_unit_is_named_with_the_value_and_what_is_allowed(unit):
    with pytest.raises(UnitError) as caught:
        convert(3.5, unit, "day")
    assert "3.5" in str(caught.value)
    assert "allowed" in str(caught.value)


def test_the_explicit_conversion_needs_white_cells_and_vector_copies():
    # 50 copies/ug at one copy a cell: 1.65 cells/uL at 5,000 white cells/uL, 0.03 at 100 (inference notes).
    assert cells_per_ul(50.0, 5000.0, 1.0) == pytest.approx(1.65, abs=0.005)
    assert cells_per_ul(50.0, 100.0, 1.0) == pytest.approx(0.033, abs=0.0005)
    assert cells_per_ul(50.0, 5000.0, 2.0) == pytest.approx(1.65 / 2, abs=0.005)
    assert copies_per_ug(cells_per_ul(77.0, 812.0, 2.2), 812.0, 2.2) == pytest.approx(77.0, rel=1e-14)
    with pytest.raises(TypeError):
        cells_per_ul(50.0)


@pytest.mark.parametrize(("white_cells", "copies"), [(0.0, 1.0), (5000.0, -1.0), (float("nan"), 1.0)])
def test_the_explicit_conversion_refuses_impossible_counts(white_cells, copies):
    with pytest.raises(UnitError, match="must be positive"):
        cells_per_ul(50.0, white_cells, copies)
