"""Spread and drift read off summaries that are what the method takes them for."""

import numpy as np
import pytest

from cartsim.clones.drift import DriftInference, succession_summary
from cartsim.clones.selection import SpreadInference
from cartsim.clones.succession import Succession
from cartsim.errors import FitError


def test_a_spread_is_read_off_summaries_that_are_normal_about_it():
    """Summaries linear in the spread with known noise: the posterior is the truncated normal."""
    rng = np.random.default_rng(6)
    spreads = rng.uniform(0.0, 0.3, 3000)
    summaries = np.column_stack([10.0 * spreads, -5.0 * spreads]) + 0.2 * rng.standard_normal((3000, 2))
    inference = SpreadInference(spreads, summaries, most=0.3)
    post = inference.posterior(np.array([1.5, -0.75]))
    sd = 0.2 / np.sqrt(10.0**2 + 5.0**2)
    assert post.quantile(0.5) == pytest.approx(0.15, abs=0.003)
    assert post.quantile(0.95) - post.quantile(0.05) == pytest.approx(2 * 1.645 * sd, rel=0.15)
    assert post.log_bayes_factor > 5.0
    assert inference.posterior(np.array([0.0, 0.0])).log_bayes_factor < 0.0, (
        "the neutral model needs no spread"
    )
    doubt = inference.log_bayes_factor_error(np.array([0.0, 0.0]), rng=rng, resamples=10)
    assert 0.0 < doubt < 0.5, "thousands of courses leave little"
    with pytest.raises(FitError, match="too few"):
        SpreadInference(spreads[:10], summaries[:10], most=0.3)


def test_spread_and_lineages_are_read_off_summaries_that_are_normal_about_them():
    """Four noisy sums of both unknowns: posteriors of the exact least-squares widths, uncorrelated noise."""
    rng, count = np.random.default_rng(7), 3000
    spread, log_lineages = rng.uniform(0.0, 0.3, count), rng.uniform(-2.0, 0.0, count)
    mix = np.array([[10.0, 0.0], [0.0, 2.0], [5.0, 1.0], [-5.0, 1.0]])
    summaries = np.column_stack([spread, log_lineages]) @ mix.T + 0.2 * rng.standard_normal((count, 4))
    inference = DriftInference(spread, 10.0**log_lineages, summaries, most=0.3, lineages_range=(0.01, 1.0))
    post = inference.posterior(mix @ (0.15, -1.0))
    sd = 0.2 * np.sqrt(np.diag(np.linalg.inv(mix.T @ mix)))
    assert post.quantile("spread", 0.5) == pytest.approx(0.15, abs=0.005)
    assert np.log10(post.quantile("lineages", 0.5)) == pytest.approx(-1.0, abs=0.04)
    width = post.quantile("spread", 0.95) - post.quantile("spread", 0.05)
    assert width == pytest.approx(2 * 1.645 * sd[0], rel=0.2)
    width = np.log10(post.quantile("lineages", 0.95) / post.quantile("lineages", 0.05))
    assert width == pytest.approx(2 * 1.645 * sd[1], rel=0.2)
    assert post.log_bayes_factor > 5.0
    assert inference.posterior(mix @ (0.0, -1.0)).log_bayes_factor < 0.0
    with pytest.raises(FitError, match="no such unknown"):
        post.quantile("luck", 0.5)
    with pytest.raises(FitError, match="too few"):
        DriftInference(spread[:9], spread[:9], summaries[:9], most=0.3, lineages_range=(0.01, 1.0))


def test_a_summary_says_that_nothing_changed_where_nothing_did():
    shares = np.full(50, 0.02)
    still = Succession(np.array([1.0, 2.0]), np.full((2, 5, 50), 1e6), shares, np.ones((4, 50)), 0.0)
    found = succession_summary(still, 100_000, np.random.default_rng(1)).reshape(2, 5)
    np.testing.assert_allclose(found[:, 0], np.log(50), atol=1e-3)
    np.testing.assert_allclose(found[:, 2], np.log(50))
    assert (found[:, 3:] > 4.0).all(), "overlaps near 1"
