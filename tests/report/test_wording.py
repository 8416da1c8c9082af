"""Numbers and names as a reader expects them."""

from __future__ import annotations

import pytest

from cartsim.report.wording import exact, number, power_of_ten, quantity, unit_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0079, "0.00790"),
        (24000.0, "24,000"),
        (9.3, "9.30"),
        (999.6, "1,000"),
        (4.5e8, "4.50 × 10⁸"),
        (-1.5e-7, "−1.50 × 10⁻⁷"),
        (0.0, "0"),
        (float("nan"), "–"),
        (float("inf"), "∞"),
        (None, "–"),
        ("text", "text"),
    ],
)
def test_numbers_keep_three_figures(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.01, "0.01"), (0.3, "0.3"), (100, "100"), (1e3, "10³"), (3e4, "3×10⁴"), (1e-6, "10⁻⁶")],
)
def test_ticks_of_a_log_axis(value, text):
    assert power_of_ten(value) == text


def test_limits_have_no_decimals_that_they_do_not_have():
    assert exact(50.0) == "50"
    assert exact(0.25) == "0.25"


def test_names_and_units_are_written_as_in_the_field():
    assert quantity("car_transgene") == "CAR transgene"
    assert (quantity("il6"), quantity("il8"), quantity("m_protein")) == ("IL-6", "IL-8", "M-protein")
    assert unit_text("copies/ug") == "copies/µg"
    assert unit_text("cells/uL") == "cells/µL"
    assert unit_text("1") == ""
