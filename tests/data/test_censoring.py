"""What a report, a flag and the limits mean together: measured, below, above or between."""

import math

import pytest

from cartsim.data.cells import CellFault, decimal_sign, number, reported
from cartsim.data.censoring import CensoringFault, Limits, observed
from cartsim.data.dataset import INTERVAL, LEFT, QUANTIFIED, RIGHT

INF = math.inf
# report, flag, limits: value, censoring, lower, upper
MEANT = {
    "a number": ("80", None, {}, (80, QUANTIFIED, 80, 80)),
    "a number at the LLOQ is measured": ("50", None, {"lloq": 50}, (50, QUANTIFIED, 50, 50)),
    "a number at the ULOQ is measured": ("900", None, {"uloq": 900}, (900, QUANTIFIED, 900, 900)),
    "a number below the LLOQ": ("20", None, {"lloq": 50}, (50, LEFT, 0, 50)),
    "a number between LOD and LLOQ": ("20", None, {"lloq": 50, "lod": 10}, (50, INTERVAL, 10, 50)),
    "a number below the LOD": ("5", None, {"lloq": 50, "lod": 10}, (10, LEFT, 0, 10)),
    "zero": ("0", None, {"lloq": 50}, (50, LEFT, 0, 50)),
    "zero with a LOD": ("0", None, {"lloq": 50, "lod": 10}, (10, LEFT, 0, 10)),
    "a number above the ULOQ": ("901", None, {"uloq": 900}, (900, RIGHT, 900, INF)),
    "<50": ("<50", None, {}, (50, LEFT, 0, 50)),
    "<50 with that LLOQ": ("< 50", None, {"lloq": 50}, (50, LEFT, 0, 50)),
    "<10 with that LOD": ("<10", None, {"lloq": 50, "lod": 10}, (10, LEFT, 0, 10)),
    ">5000": (">5000", None, {}, (5000, RIGHT, 5000, INF)),
    "at least 5000": ("≥5000", None, {}, (5000, RIGHT, 5000, INF)),
    "BLQ": ("BLQ", None, {"lloq": 50}, (50, LEFT, 0, 50)),
    "BLQ with a LOD is still only below the LLOQ": ("blq", None, {"lloq": 50, "lod": 9}, (50, LEFT, 0, 50)),
    "ND": ("ND", None, {"lloq": 50}, (50, LEFT, 0, 50)),
    "ND with a LOD": ("n.d.", None, {"lloq": 50, "lod": 10}, (10, LEFT, 0, 10)),
    "DNQ": ("DNQ", None, {"lloq": 50, "lod": 10}, (50, INTERVAL, 10, 50)),
    "DNQ without a LOD": ("DNQ", None, {"lloq": 50}, (50, LEFT, 0, 50)),
    ">ULOQ": (">ULOQ", None, {"uloq": 900}, (900, RIGHT, 900, INF)),
    "CENS 1, the value is the limit": ("50", LEFT, {}, (50, LEFT, 0, 50)),
    "CENS 1 with LIMIT": ("50", LEFT, {"lower_bound": 10}, (50, INTERVAL, 10, 50)),
    "CENS 1 with LIMIT 0": ("50", LEFT, {"lower_bound": 0}, (50, LEFT, 0, 50)),
    "CENS 1, half the LLOQ written": ("25", LEFT, {"lloq": 50}, (50, LEFT, 0, 50)),
    "CENS 1, empty": (".", LEFT, {"lloq": 50}, (50, LEFT, 0, 50)),
    "CENS -1": ("900", RIGHT, {}, (900, RIGHT, 900, INF)),
    "CENS -1 with LIMIT": ("900", RIGHT, {"lower_bound": 1200}, (1200, INTERVAL, 900, 1200)),
    "CENS -1, empty": ("", RIGHT, {"uloq": 900}, (900, RIGHT, 900, INF)),
    "interval": ("50", INTERVAL, {"lower_bound": 10}, (50, INTERVAL, 10, 50)),
    "a signed output below its limit": ("0.1", None, {"lloq": 0.2, "signed": True}, (0.2, LEFT, -INF, 0.2)),
    "a signed output may be negative": ("-3", None, {"signed": True}, (-3, QUANTIFIED, -3, -3)),
}


@pytest.mark.parametrize("case", MEANT, ids=list(MEANT))
def test_a_report_means_what_the_field_means_by_it(case):
    text, code, limits, expected = MEANT[case]
    found = observed(reported(text), code, Limits(**limits))
    assert (found.value, found.censoring, found.lower, found.upper) == expected


def test_a_number_below_its_limit_without_a_flag_is_marked_so():
    assert observed(reported("20"), None, Limits(lloq=50)).below_unflagged
    assert not observed(reported("20"), LEFT, Limits(lloq=50)).below_unflagged
    assert not observed(reported("0"), None, Limits(lloq=50)).below_unflagged


@pytest.mark.parametrize(
    ("text", "code", "limits"),
    [
        ("0", None, {}),
        ("ND", None, {}),
        ("BLQ", None, {}),
        ("DNQ", None, {"lod": 1}),
        (">ULOQ", None, {}),
        ("0", LEFT, {}),
    ],
)
def test_a_missing_limit_is_asked_for(text, code, limits):
    with pytest.raises(CensoringFault, match="is known") as caught:
        observed(reported(text), code, Limits(**limits))
    assert "read_data" in caught.value.remedy


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1", 1.0), (" 2.5 ", 2.5), (".5", 0.5), ("1e3", 1000.0), ("-1.5E-2", -0.015), ("+7", 7.0)],
)
def test_numbers_are_read(text, expected):
    assert number(text) == expected


@pytest.mark.parametrize("text", ["0x10", "1_000", "1e", "--1", "5 %", "five", "1,234.5"])
def test_what_only_looks_like_a_number_is_refused(text):
    with pytest.raises(CellFault):
        number(text)


@pytest.mark.parametrize(
    ("cells", "delimiter", "sign"),
    [
        (["1,5", "2"], ";", ","),
        (["1,5", "2.5"], ";", "."),
        (["1,234", "2,500"], ";", "."),
        (["0,234"], ";", ","),
        (["1,5"], ",", "."),
        (["<0,5"], "\t", ","),
    ],
)
def test_a_decimal_comma_is_only_assumed_where_nothing_else_fits(cells, delimiter, sign):
    assert decimal_sign(cells, delimiter) == sign
