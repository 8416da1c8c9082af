"""Scores of predicted probabilities against hand-worked numbers and their definitions."""

import numpy as np
import pytest

from cartsim.endpoints.scores import brier, censored_brier, concordance, reliability, resampled
from cartsim.errors import EndpointError


def test_brier_is_the_mean_squared_difference():
    assert brier([0.9, 0.2, 0.5], [1, 0, 1]) == pytest.approx((0.01 + 0.04 + 0.25) / 3)


def test_probabilities_outside_zero_to_one_are_refused():
    with pytest.raises(EndpointError, match="0 to 1"):
        brier([1.2], [1])


def test_concordance_counts_comparable_pairs():
    """Pairs: A-B, A-C, A-D right; B-C wrong; C is censored at 3, so C-D does not count; B-D a tie."""
    risk, time, event = [0.9, 0.3, 0.5, 0.3], [1, 2, 3, 4], [1, 1, 0, 0]
    assert concordance(risk, time, event) == pytest.approx((3 + 0 + 0.5) / 5)


def test_at_equal_times_an_event_comes_before_a_censoring():
    assert concordance([0.8, 0.1], [5, 5], [1, 0]) == 1.0
    assert np.isnan(concordance([0.8, 0.1], [5, 5], [1, 1]))


def test_without_censoring_the_censored_score_is_brier():
    rng = np.random.default_rng(1)
    free, time = rng.random(40), rng.exponential(200.0, 40)
    found = censored_brier(free, time, np.ones(40), day=150.0)
    assert found == pytest.approx(brier(free, time > 150.0))


def test_the_censored_score_by_hand():
    """G just before day 3 is 2/3 (one of three at risk left on day 2): weights 1, 0, 3/2, 3/2 of four."""
    free, time, event = [0.2, 0.5, 0.4, 0.7], [1, 2, 3, 9], [1, 0, 1, 0]
    expected = (0.2**2 + 1.5 * 0.4**2 + 1.5 * 0.3**2) / 4
    assert censored_brier(free, time, event, day=5.0) == pytest.approx(expected)


def test_weights_undo_random_censoring():
    """The mean over many patients is that of the uncensored ones."""
    rng = np.random.default_rng(2)
    count = 20_000
    true, leaves = rng.exponential(300.0, count), rng.uniform(50.0, 600.0, count)
    free = np.full(count, 0.6)
    found = censored_brier(free, np.minimum(true, leaves), true <= leaves, day=365.0)
    assert found == pytest.approx(brier(free, true > 365.0), abs=0.01)


def test_reliability_groups_patients_by_prediction():
    predicted, happened = np.repeat([0.1, 0.9], 10), np.array([0] * 9 + [1] + [1] * 10)
    table = reliability(predicted, happened, groups=2)
    assert table["observed"].tolist() == [0.1, 1.0]
    assert table["predicted"].tolist() == pytest.approx([0.1, 0.9])
    assert (table["lower"] <= table["observed"]).all()


def test_the_interval_of_a_mean_is_about_two_standard_errors():
    values = np.random.default_rng(3).standard_normal(200)
    found = resampled(lambda rows: float(values[rows].mean()), 200, np.random.default_rng(4))
    assert found.value == pytest.approx(values.mean())
    assert found.high - found.low == pytest.approx(4 * values.std() / 200**0.5, rel=0.1)
