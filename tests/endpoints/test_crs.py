"""CRS from temperature curves drawn by hand, one rule a row, and the surrogate grade against its map."""

from dataclasses import replace

import numpy as np
import pytest

from cartsim.endpoints.crs import (
    THETA_2_CD22,
    THETA_2_CLASS,
    THETA_2_LOCAL,
    CrsSettings,
    cytokine_release,
    grade_probability,
    il6_at_grade,
)
from cartsim.endpoints.stretches import at_or_above
from cartsim.errors import EndpointError

NAN = np.nan
DAYS = np.arange(0.0, 60.25, 0.25)
NORMAL = [(0.0, 37.0), (60.0, 37.0)]
# 37 until day 2, 39 on days 3-5, 37 from day 6: 38 is crossed at 2.5 and 5.5, 37.8 downwards at 5.6.
ONE_FEVER = [(0.0, 37.0), (2.0, 37.0), (3.0, 39.0), (5.0, 39.0), (6.0, 37.0), (60.0, 37.0)]
# At or above 38 from 19.875 to 20.125, exactly 6 h; then 5.3 h.
SIX_HOURS = [(0.0, 36.0), (19.75, 37.5), (20.0, 38.5), (20.25, 37.5), (60.0, 36.0)]
FIVE_HOURS = [(0.0, 36.0), (19.75, 37.5), (20.0, 38.4), (20.25, 37.5), (60.0, 36.0)]
SHORT_THEN_LONG = [(0.0, 37.0), (0.75, 37.0), (1.0, 38.0), (1.25, 37.0), *ONE_FEVER[1:]]
TWO_FEVERS = [*ONE_FEVER[:-1], (10.0, 37.0), (11.0, 39.0), (12.0, 37.0), (60.0, 37.0)]
LATE_WARMTH = [*ONE_FEVER[:-1], (8.0, 37.0), (9.0, 37.9), (10.0, 36.9), (60.0, 36.9)]
ENDLESS = [(0.0, 37.0), (2.0, 37.0), (3.0, 39.0), (60.0, 39.0)]
AT_DAY_50 = [(0.0, 37.0), (49.0, 37.0), (50.0, 39.0), (51.0, 37.0), (60.0, 37.0)]
FROM_THE_START = [(0.0, 38.5), (1.0, 38.5), (2.0, 36.5), (60.0, 36.5)]


def drawn(*curves, days=DAYS):
    """Curves, each [(day, temperature), ...], on the grid."""
    return np.array([np.interp(days, *np.transpose(curve)) for curve in curves])


def judge(*curves, therapy=NAN, il6=None, uniform=0.999999, settings=None, days=DAYS):
    temperature = drawn(*curves, days=days)
    n = len(temperature)
    return cytokine_release(
        days,
        temperature,
        np.full(temperature.shape, 50.0) if il6 is None else np.broadcast_to(il6, temperature.shape),
        anti_cytokine_day=np.broadcast_to(therapy, (n,)),
        uniform=np.broadcast_to(uniform, (n,)),
        settings=settings,
    )


RULES = [  # curve, therapy, CRS, fever onset, onset, end, resolved
    pytest.param(NORMAL, NAN, False, NAN, NAN, NAN, True, id="no fever, no CRS"),
    pytest.param(ONE_FEVER, NAN, True, 2.5, 2.5, 5.6, True, id="crossings lie between the times"),
    pytest.param(SIX_HOURS, NAN, True, 19.875, 19.875, 20.175, True, id="exactly six hours count"),
    pytest.param(
        [(0.0, 37.9), (60.0, 37.9)], NAN, False, NAN, NAN, NAN, True, id="warm to the end, no fever"
    ),
    pytest.param(FIVE_HOURS, NAN, False, 20.0 - 0.1 / 0.9, NAN, NAN, True, id="less than six hours do not"),
    pytest.param(SHORT_THEN_LONG, NAN, True, 1.0, 2.5, 5.6, True, id="onset of the fever that lasts"),
    pytest.param(TWO_FEVERS, NAN, True, 2.5, 2.5, 11.6, True, id="the end is that of the last fever"),
    pytest.param(LATE_WARMTH, NAN, True, 2.5, 2.5, 9.1, True, id="the end is read at 37.8, not at 38"),
    pytest.param(ENDLESS, NAN, True, 2.5, 2.5, 40.0, False, id="nothing is read after day 40"),
    pytest.param(AT_DAY_50, NAN, False, NAN, NAN, NAN, True, id="fever after day 40 is no CRS"),
    pytest.param(FROM_THE_START, NAN, True, 0.0, 0.0, 1.35, True, id="fever from the first time on"),
    pytest.param(ONE_FEVER, 4.0, True, 2.5, 2.5, 5.6, True, id="therapy does not end CRS"),
    pytest.param(ONE_FEVER, 2.75, True, 2.5, 2.5, 5.6, True, id="six hours before therapy, just"),
    pytest.param(ONE_FEVER, 2.74, False, 2.5, NAN, NAN, True, id="therapy before six hours of fever"),
    pytest.param(ONE_FEVER, 1.0, False, 2.5, NAN, NAN, True, id="fever only after therapy"),
    pytest.param(TWO_FEVERS, 2.6, False, 2.5, NAN, NAN, True, id="a second fever after therapy"),
]


@pytest.mark.parametrize(("curve", "therapy", "crs", "fever", "onset", "end", "resolved"), RULES)
def test_a_curve_drawn_by_hand(curve, therapy, crs, fever, onset, end, resolved):
    found = judge(curve, therapy=therapy)
    assert (found.crs[0], found.resolved[0]) == (crs, resolved)
    read = [found.fever_onset[0], found.onset[0], found.end[0], found.duration[0]]
    np.testing.assert_allclose(read, [fever, onset, end, end - onset], atol=1e-9)


def test_patients_are_judged_alike_alone_and_together():
    together = judge(*(rule.values[0] for rule in RULES), therapy=[rule.values[1] for rule in RULES])
    np.testing.assert_array_equal(together.crs, [rule.values[2] for rule in RULES])
    np.testing.assert_allclose(together.onset, [rule.values[4] for rule in RULES], atol=1e-9)
    np.testing.assert_allclose(together.end, [rule.values[5] for rule in RULES], atol=1e-9)


def test_a_shorter_time_is_enough_where_the_settings_say_so():
    assert judge(FIVE_HOURS, settings=CrsSettings(fever_days=5 / 24)).crs[0]


def test_a_coarser_grid_of_the_same_straight_lines_gives_the_same_course():
    corners = np.array([0.0, 2.0, 3.0, 5.0, 6.0, 60.0])
    coarse, fine = judge(ONE_FEVER, days=corners), judge(ONE_FEVER)
    assert coarse.onset[0] == pytest.approx(fine.onset[0], abs=1e-12)
    assert coarse.end[0] == pytest.approx(fine.end[0], abs=1e-12)


def test_a_touch_is_a_stretch_without_length():
    found = at_or_above(np.arange(3.0), np.array([[37.0, 38.0, 37.0], [38.0, 37.0, 38.0]]), 38.0)
    assert found.patient.tolist() == [0, 1, 1]
    assert found.start.tolist() == found.end.tolist() == [1.0, 0.0, 2.0]
    assert found.open.tolist() == [False, False, True]


def test_stretches_agree_with_a_fine_grid():
    rng = np.random.default_rng(3)
    time = np.sort(rng.uniform(0.0, 10.0, 30))
    values = rng.normal(size=(40, 30))
    found = at_or_above(time, values, 0.3)
    lengths = np.bincount(found.patient, found.end - found.start, minlength=40)
    fine = np.linspace(time[0], time[-1], 200_001)
    wanted = [(np.interp(fine, time, row) >= 0.3).mean() * (time[-1] - time[0]) for row in values]
    np.testing.assert_allclose(lengths, wanted, atol=1e-3)  # 15 stretches, two ends of 5e-5 d each


def test_the_peak_of_il6_is_read_up_to_therapy():
    rising = 10.0 + 100.0 * DAYS  # 410 at day 4, higher after
    untreated = judge(ONE_FEVER, il6=np.where(DAYS < 10.0, rising, 5.0))
    treated = judge(ONE_FEVER, il6=np.where(DAYS < 10.0, rising, 5.0), therapy=4.1)
    assert (untreated.il6_peak[0], untreated.il6_peak_day[0]) == (985.0, 9.75)
    assert (treated.il6_peak[0], treated.il6_peak_day[0]) == (410.0, 4.0)


def test_a_value_at_the_hour_of_therapy_still_counts():
    assert judge(ONE_FEVER, il6=10.0 + DAYS, therapy=4.0).il6_peak_day[0] == 4.0


def test_grades_follow_the_fit_on_the_cd22_set():
    # Half of the patients with CRS have grade >= 2 at 10**(2.23 / 1.23) = 65 pg/mL.
    assert grade_probability(10 ** (2.23 / 1.23), THETA_2_CD22) == pytest.approx(0.5)
    assert grade_probability(66.0, THETA_2_CD22) == pytest.approx(0.5, abs=0.005)  # 66 from unrounded numbers
    found = judge(ONE_FEVER, il6=10 ** (4.13 / 1.23), settings=CrsSettings(theta_2=THETA_2_CD22))
    assert found.probability_3[0] == pytest.approx(0.5)
    assert found.probability_2[0] == pytest.approx(1 / (1 + np.exp(-1.9)))


@pytest.mark.parametrize("theta_2", [THETA_2_LOCAL, THETA_2_CLASS, THETA_2_CD22])
def test_the_probabilities_of_one_patient_by_product(theta_2):
    found = judge(ONE_FEVER, il6=1000.0, settings=CrsSettings(theta_2=theta_2))
    odds = np.exp(1.23 * 3.0 - theta_2)
    assert found.probability_2[0] == pytest.approx(odds / (1 + odds))
    odds *= np.exp(-1.9)
    assert found.probability_3[0] == pytest.approx(odds / (1 + odds))


def test_the_uniform_number_draws_the_surrogate_grade():
    found = judge(ONE_FEVER, il6=1000.0)
    two, three = found.probability_2[0], found.probability_3[0]
    uniform = [three - 1e-9, three, two - 1e-9, two, 0.99]
    assert judge(*[ONE_FEVER] * 5, il6=1000.0, uniform=uniform).surrogate_grade.tolist() == [3, 2, 2, 1, 1]


def test_without_crs_the_grade_is_0_whatever_the_number_and_il6():
    found = judge(NORMAL, il6=1e6, uniform=0.0)
    assert found.surrogate_grade[0] == 0
    assert (found.probability_2[0], found.probability_3[0]) == (0.0, 0.0)


def test_arms_that_share_their_numbers_never_grade_a_lower_il6_higher():
    uniform = np.random.default_rng(1).random(500)
    curves = [ONE_FEVER] * 500
    low, high = (judge(*curves, il6=il6, uniform=uniform).surrogate_grade for il6 in (200.0, 2000.0))
    assert (low <= high).all()
    assert (low < high).any()


def test_shares_of_grades_drawn_are_their_probabilities():
    uniform = (np.arange(1000) + 0.5) / 1000
    found = judge(*[ONE_FEVER] * 1000, il6=1e4, uniform=uniform)
    assert (found.surrogate_grade >= 2).mean() == pytest.approx(found.probability_2[0], abs=1e-3)
    assert (found.surrogate_grade >= 3).mean() == pytest.approx(found.probability_3[0], abs=1e-3)


def test_il6_of_zero_is_the_lowest_grade():
    assert judge(ONE_FEVER, il6=0.0, uniform=0.0).surrogate_grade[0] == 1


@pytest.fixture
def with_one_failure():
    temperature = drawn(ONE_FEVER, ONE_FEVER, NORMAL)
    temperature[1, 20:] = NAN
    return cytokine_release(
        DAYS,
        temperature,
        np.full(temperature.shape, 50.0),
        anti_cytokine_day=[4.0, 4.0, NAN],
        uniform=[0.5, 0.0, 0.0],
    )


def test_a_patient_with_missing_values_is_counted_as_not_evaluable(with_one_failure):
    found = with_one_failure
    assert found.evaluable.tolist() == [True, False, True]
    assert found.surrogate_grade.tolist() == [1, -1, 0]
    assert np.isnan([found.onset[1], found.il6_peak[1], found.probability_2[1]]).all()


def test_the_summary_counts_evaluable_patients_with_exact_intervals(with_one_failure):
    summary = with_one_failure.summary().set_index("item")
    assert summary["count"].to_dict() == {
        "CRS, any": 1,
        "surrogate grade 0": 1,
        "surrogate grade 1": 1,
        "surrogate grade 2": 0,
        "surrogate grade 3": 0,
        "surrogate grade >= 2": 0,
        "surrogate grade >= 3": 0,
        "anti-cytokine therapy": 1,
        "CRS not resolved by the last day": 0,
        "not evaluable": 1,
    }
    assert summary.loc["CRS, any", "total"] == 2
    assert summary.loc["surrogate grade >= 3", "upper"] == pytest.approx(1 - 0.025**0.5)  # 0 of 2


def test_the_table_has_a_row_a_patient_and_the_timing_only_those_with_crs(with_one_failure):
    table = with_one_failure.table()
    assert len(table) == 3
    assert table["onset"].tolist()[0] == pytest.approx(2.5)
    timing = with_one_failure.timing().set_index("item")
    assert timing.loc["duration", ["n", "median"]].tolist() == pytest.approx([1, 3.1])
    assert judge(NORMAL).timing()["median"].isna().all()


def test_crs_that_goes_on_is_counted_among_those_with_crs():
    summary = judge(ENDLESS, ONE_FEVER, NORMAL).summary().set_index("item")
    assert summary.loc["CRS not resolved by the last day", ["count", "total"]].tolist() == [1, 2]


def test_nobody_gives_an_empty_outcome():
    found = cytokine_release(DAYS, *[np.empty((0, DAYS.size))] * 2, anti_cytokine_day=[], uniform=[])
    assert len(found.table()) == 0
    assert (found.summary()["text"] == "0/0").all()


def test_all_faults_of_the_values_are_named_at_once():
    with pytest.raises(EndpointError) as caught:
        cytokine_release(
            [0.0, 2.0, 1.0],
            np.zeros((2, 3)),
            np.zeros((2, 4)),
            anti_cytokine_day=[-1.0, NAN],
            uniform=[0.5, 1.0, NAN],
        )
    assert {name for name, _ in caught.value.faults} == {"time", "il6", "anti_cytokine_day", "uniform"}
    assert len(caught.value.faults) == 5


def test_all_faults_of_the_settings_are_named_at_once():
    with pytest.raises(EndpointError) as caught:
        CrsSettings(fever_days=0.0, theta_3_minus_2=-1.0, resolved_below=39.0, theta_2=NAN)
    names = {name for name, _ in caught.value.faults}
    assert names == {"fever_days", "theta_3_minus_2", "resolved_below", "theta_2"}
    assert replace(CrsSettings(), theta_2=THETA_2_CLASS).theta_3 == pytest.approx(5.4)


def test_the_il6_of_a_grade_has_that_grades_probability():
    for cut, share in ((3.5, 0.5), (5.4, 0.2)):
        limit = il6_at_grade(cut, probability=share)
        assert grade_probability(np.array([limit]), cut, slope=1.23)[0] == pytest.approx(share)
    with pytest.raises(EndpointError, match="between 0 and 1"):
        il6_at_grade(3.5, probability=1.0)
