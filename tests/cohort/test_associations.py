"""Associations: known correlations and hazards, and what cannot be said."""

import numpy as np
import pytest
from scipy.stats import norm

from cartsim.cohort.associations import hazard_ratio, rank_correlation
from cartsim.errors import ModelError


def test_the_interval_of_a_rank_correlation_covers_as_often_as_it_says():
    """Bivariate normal with correlation 0.5: Spearman's is 6/pi asin(0.25) = 0.4826."""
    rng = np.random.default_rng(2)
    truth, inside = 6 / np.pi * np.arcsin(0.25), 0
    for _ in range(400):
        x = rng.standard_normal(80)
        y = 0.5 * x + np.sqrt(0.75) * rng.standard_normal(80)
        found = rank_correlation(x, y, level=0.9)
        inside += found.lower <= truth <= found.upper
    half = norm.ppf(0.995) * np.sqrt(0.9 * 0.1 / 400)
    assert abs(inside / 400 - 0.9) < half


def test_a_hazard_ratio_is_recovered_per_standard_deviation():
    rng = np.random.default_rng(3)
    x = 4.0 * rng.standard_normal(4000)
    time = rng.exponential(1.0 / np.exp(0.5 * x / x.std(ddof=1)))
    event = time < 2.0
    found = hazard_ratio(x, np.minimum(time, 2.0), event)
    assert found.lower < np.exp(0.5) < found.upper
    assert found.value == pytest.approx(np.exp(0.5), rel=0.06)


def test_missing_patients_are_left_out_and_counted_and_nothing_is_made_of_nothing():
    x, y = np.arange(20.0), np.arange(20.0) ** 2
    x[3] = np.nan
    assert rank_correlation(x, y).patients == 19
    with pytest.raises(ModelError, match="ten complete patients"):
        rank_correlation(np.ones(50), np.arange(50.0))
    with pytest.raises(ModelError, match="needs events"):
        hazard_ratio(np.arange(20.0), np.ones(20), np.zeros(20))
