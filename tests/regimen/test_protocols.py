"""Ward protocols: doses by weight, courses and rules, as the sheet prints them."""

import numpy as np
import pytest

from cartsim.errors import ModelError
from cartsim.regimen.protocols import (
    anakinra,
    cells_per_kg,
    dexamethasone,
    dexamethasone_rule,
    lymphodepletion,
    tocilizumab,
    tocilizumab_mg,
    tocilizumab_rule,
)


@pytest.mark.parametrize(
    ("weight", "mg"), [(70.0, 560.0), (100.0, 800.0), (130.0, 800.0), (29.9, 358.8), (30.0, 240.0)]
)
def test_tocilizumab_is_8_mg_per_kg_12_below_30_kg_and_800_at_most(weight, mg):
    assert tocilizumab_mg(weight) == pytest.approx(mg)
    assert tocilizumab(3.0, weight=weight).amount == pytest.approx(mg)


@pytest.mark.parametrize("weight", [0.0, -70.0, np.nan, np.inf, 70_000.0])
def test_a_weight_that_is_none_is_refused(weight):
    with pytest.raises(ModelError, match="body weight in kg"):
        tocilizumab_mg(weight)


def test_a_second_dose_of_tocilizumab_comes_8_hours_after_the_first_at_the_earliest():
    rule = tocilizumab_rule(38.5, weight=70.0, at_most=2)
    assert rule.refractory == pytest.approx((12 + 8) / 24)
    assert rule.give[0].time == 0.5
    with pytest.raises(ModelError, match="8 h or more"):
        tocilizumab_rule(38.5, weight=70.0, at_most=2, repeat_after=0.25)


def test_courses_have_their_days_and_doses():
    course = dexamethasone(2.0)
    assert [dose.time for dose in course] == pytest.approx([2 + k / 4 for k in range(8)])
    assert {dose.amount for dose in course} == {10.0}
    assert [dose.time for dose in lymphodepletion()] == [-5.0, -4.0, -3.0]
    assert [dose.amount for dose in anakinra(0.0, weight=70.0)] == [100.0] * 4
    assert anakinra(0.0, weight=20.0)[0].amount == 40.0
    assert dexamethasone_rule(38.3).give[1].time == pytest.approx(1.5)


def test_cells_per_kg_are_capped():
    assert cells_per_kg(0.75e6, 70.0) == pytest.approx(52.5e6)
    assert cells_per_kg(0.75e6, 150.0, most=100e6) == 100e6
