"""Kaplan-Meier, medians, follow-up, log-rank and exact shares against published steps and sums by hand."""

from fractions import Fraction
from math import comb, exp, log, sqrt

import numpy as np
import pytest

from cartsim.endpoints.shares import exact_share, share_table
from cartsim.endpoints.survival import follow_up, kaplan_meier, log_rank
from cartsim.errors import EndpointError

YEAR = 365.0
Z = 1.959963984540054  # 97.5 % point of the normal distribution
LATER = [400.0, 410.0, 420.0, 500.0]


def by_hand(time, event, day):
    """Survival at `day` as a fraction of whole numbers, with the log-log limits of Greenwood."""
    share, variance = Fraction(1), Fraction(0)
    for step in sorted({t for t, e in zip(time, event, strict=True) if e and t <= day}):
        risk = sum(t >= step for t in time)
        events = sum(t == step and bool(e) for t, e in zip(time, event, strict=True))
        share *= Fraction(risk - events, risk)
        variance += Fraction(events, risk * (risk - events)) if risk > events else 0
    if share in (0, 1):
        return float(share), float("nan"), float("nan")
    spread = Z * sqrt(variance) / log(share)
    return float(share), float(share) ** exp(-spread), float(share) ** exp(spread)


@pytest.mark.parametrize(
    ("time", "event", "expected"),
    [
        pytest.param([240, *LATER, 390], [1, 0, 0, 0, 0, 0], (0.8333, 0.2731, 0.9747), id="OS, one of six"),
        pytest.param([100, 240, *LATER], [1, 1, 0, 0, 0, 0], (0.6667, 0.1946, 0.9044), id="PFS, 6 then 5"),
        pytest.param([240, 240, *LATER], [1, 1, 0, 0, 0, 0], (0.6667, 0.1946, 0.9044), id="PFS, two tied"),
    ],
)
def test_the_steps_of_the_trial_of_six_at_12_months(time, event, expected):
    row = kaplan_meier(time, event).at(YEAR).iloc[0]
    assert (row["survival"], row["lower"], row["upper"]) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize("seed", range(5))
def test_every_step_agrees_with_the_product_worked_in_fractions(seed):
    # Whole days make many ties of events with events and with censorings.
    rng = np.random.default_rng(seed)
    time, event = rng.integers(1, 12, 25).astype(float), rng.random(25) < 0.5
    days = np.arange(1.0, time.max() + 1.0)
    table = kaplan_meier(time, event).at(days)
    wanted = np.array([by_hand(time.tolist(), event.tolist(), day) for day in days])
    np.testing.assert_allclose(table[["survival", "lower", "upper"]], wanted, rtol=1e-12)
    assert table["at_risk"].tolist() == [sum(time >= day) for day in days]


def test_an_event_comes_before_a_censoring_of_the_same_day():
    table = kaplan_meier([3.0, 3.0, 5.0], [1, 0, 0]).table
    assert table.loc[0, ["at_risk", "events", "censored"]].tolist() == [3, 1, 1]
    assert table.loc[0, "survival"] == pytest.approx(2 / 3)


def test_without_an_event_survival_is_1_without_an_interval():
    curve = kaplan_meier([10.0, 20.0], [0, 0])
    row = curve.at(15.0).iloc[0]
    assert row["survival"] == 1.0
    assert row[["lower", "upper"]].isna().all()
    assert not curve.median.reached


def test_with_all_events_survival_ends_at_0_and_stays_there():
    curve = kaplan_meier([10.0, 20.0, 30.0], [1, 1, 1])
    assert curve.at([30.0, 99.0])["survival"].tolist() == [0.0, 0.0]
    assert curve.at(30.0)[["lower", "upper"]].isna().all(axis=None)
    assert curve.median.value == 20.0


@pytest.mark.parametrize(("event", "survival", "median"), [(1, 0.0, 7.0), (0, 1.0, np.nan)])
def test_one_patient(event, survival, median):
    curve = kaplan_meier([7.0], [event])
    assert curve.at(7.0).loc[0, "survival"] == survival
    np.testing.assert_equal(curve.median.value, median)
    np.testing.assert_equal([curve.median.lower, curve.median.upper], [np.nan, np.nan])


def test_after_the_last_follow_up_survival_is_not_known():
    table = kaplan_meier([10.0, 20.0], [1, 0]).at([20.0, 20.5])
    np.testing.assert_equal(table["survival"].tolist(), [0.5, np.nan])
    assert table["at_risk"].tolist() == [1, 0]


def test_the_median_and_its_limits_are_where_each_curve_first_reaches_one_half():
    time = np.arange(1.0, 21.0)
    event = np.ones(20)
    curve = kaplan_meier(time, event)
    assert curve.median.value == 10.0  # survival is exactly 1/2 after the tenth of twenty
    steps = [by_hand(time, event, day) for day in time]
    first = [next(day for day, step in zip(time, steps, strict=True) if step[k] <= 0.5) for k in (1, 2)]
    assert [curve.median.lower, curve.median.upper] == first


def test_a_median_that_is_not_reached_is_not_a_number():
    curve = kaplan_meier([240, 240, *LATER], [1, 1, 0, 0, 0, 0])
    assert np.isnan(curve.median.value)
    assert np.isnan(curve.median.upper)
    assert curve.median.lower == 240.0


def test_the_number_at_risk_counts_those_followed_up_to_the_day():
    curve = kaplan_meier([10.0, 20.0, 20.0, 30.0], [1, 1, 0, 0])
    assert curve.at_risk([0.0, 10.0, 10.1, 20.0, 30.0, 31.0]).tolist() == [4, 4, 3, 3, 1, 0]
    assert (curve.patients, curve.events) == (4, 2)


def test_follow_up_is_the_median_time_to_censoring():
    # Deaths at 5 and 15; censorings at 10, 20, 30: of 4 at risk one, of 2 one: 3/4, 3/8.
    curve = follow_up([5.0, 10.0, 15.0, 20.0, 30.0], [1, 0, 1, 0, 0])
    assert curve.at([10.0, 20.0])["survival"].tolist() == pytest.approx([3 / 4, 3 / 8])
    assert curve.median.value == 20.0


def test_the_plain_interval_is_refused_where_it_leaves_0_to_1():
    with pytest.raises(EndpointError, match="leaves 0 to 1 at day 365"):
        kaplan_meier([240, *LATER, 390], [1, 0, 0, 0, 0, 0]).plain_greenwood_at(YEAR)


def test_the_plain_interval_is_labelled_and_right_where_it_is_given():
    time, event = np.arange(1.0, 101.0), np.tile([1, 0], 50)
    row = kaplan_meier(time, event).plain_greenwood_at(50.0).iloc[0]
    share, variance = 1.0, 0.0
    for risk in range(100, 50, -2):
        share, variance = share * (1 - 1 / risk), variance + 1 / (risk * (risk - 1))
    half = Z * share * sqrt(variance)
    found = row[["survival", "plain_lower", "plain_upper"]].tolist()
    assert found == pytest.approx([share, share - half, share + half], rel=1e-12)


def test_log_rank_agrees_with_observed_and_expected_by_hand():
    times = {"first": [6.0, 7.0, 10.0, 15.0, 19.0, 25.0], "second": [1.0, 3.0, 7.0, 8.0, 12.0, 15.0]}
    marks = {"first": [1, 0, 1, 1, 0, 1], "second": [1, 1, 1, 1, 0, 1]}
    difference = variance = 0.0
    pooled = sorted({t for g in times for t, e in zip(times[g], marks[g], strict=True) if e})
    for day in pooled:
        risk = [sum(t >= day for t in times[g]) for g in times]
        dead = [sum(t == day and e for t, e in zip(times[g], marks[g], strict=True)) for g in times]
        n, d = sum(risk), sum(dead)
        difference += dead[0] - d * risk[0] / n
        if n > 1:
            variance += d * (n - d) * risk[0] * risk[1] / (n * n * (n - 1))
    test = log_rank(*(kaplan_meier(times[g], marks[g]) for g in times))
    assert test.statistic**2 == pytest.approx(difference**2 / variance, rel=1e-12)
    assert np.sign(test.statistic) == np.sign(difference)
    assert test.table["events"].tolist() == [4, 5]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(([5.0, 6.0], [0, 0]), ([7.0], [1]), id="one group left before the other's event"),
        pytest.param(([5.0], [1]), ([5.0], [1]), id="everybody had the event on one day"),
    ],
)
def test_log_rank_without_a_comparable_event_is_refused(first, second):
    with pytest.raises(EndpointError, match="nothing to compare"):
        log_rank(kaplan_meier(*first), kaplan_meier(*second))


@pytest.mark.parametrize(
    ("count", "lower", "upper"),
    [(5, 0.359, 0.996), (4, 0.223, 0.957), (0, 0.0, 0.459)],
)
def test_exact_intervals_of_a_trial_of_six(count, lower, upper):
    share = exact_share(count, 6)
    assert share.share == count / 6
    assert (share.lower, share.upper) == pytest.approx((lower, upper), abs=5e-4)


@pytest.mark.parametrize("count", range(1, 6))
def test_the_limits_leave_a_fortieth_in_each_binomial_tail(count):
    share = exact_share(count, 6)

    def tail(p, counts):
        return sum(comb(6, k) * p**k * (1 - p) ** (6 - k) for k in counts)

    assert tail(share.lower, range(count, 7)) == pytest.approx(0.025, rel=1e-6)
    assert tail(share.upper, range(count + 1)) == pytest.approx(0.025, rel=1e-6)


def test_a_share_is_printed_with_its_counts_and_of_nobody_it_is_not_a_number():
    assert exact_share(5, 6).text == "5/6 (83.3%, 95% CI 35.9-99.6%)"
    assert np.isnan(exact_share(0, 0).share)
    table = share_table({"ORR": (5, 6), "none": (0, 0)}, level=0.9)
    assert table["text"].tolist() == ["5/6 (83.3%, 90% CI 41.8-99.1%)", "0/0"]


def test_a_share_names_all_faults_of_its_counts():
    with pytest.raises(EndpointError) as caught:
        exact_share(7, 6, level=1.0)
    assert {name for name, _ in caught.value.faults} == {"count", "level"}
    with pytest.raises(EndpointError, match="below 0"):
        exact_share(-1, 6)


def test_all_faults_of_the_times_are_named_at_once():
    with pytest.raises(EndpointError) as caught:
        kaplan_meier([5.0, -1.0, np.nan], [0, 3], level=95)
    message = str(caught.value)
    for part in ("1 negative", "1 missing", "other than 0 and 1", "2 patients, `time` has 3", "level: is 95"):
        assert part in message


def test_no_patient_at_all_is_a_fault():
    with pytest.raises(EndpointError, match="no patient"):
        kaplan_meier([], [])
