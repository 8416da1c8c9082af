"""The leap draws from the fitted multivariate t and reports its exact density ratio."""

import numpy as np
import pytest
from scipy import stats

from cartsim.kernels.leap import cholesky_of_spread, student_t_leap


def test_the_factor_is_that_of_the_sample_covariance():
    others = np.random.default_rng(1).standard_normal((30, 4)) @ np.diag([1.0, 5.0, 0.1, 100.0])
    centre, root = np.empty(4), np.zeros((4, 4))
    cholesky_of_spread(others, centre, root)
    assert centre == pytest.approx(others.mean(axis=0), rel=1e-12)
    assert root @ root.T == pytest.approx(np.cov(others.T), rel=1e-9)


def test_the_ratio_is_that_of_multivariate_t_densities():
    rng = np.random.default_rng(2)
    sample, others = rng.standard_normal((6, 3)), rng.standard_normal((20, 3)) * [1.0, 2.0, 3.0] + 1.0
    stretch = np.sqrt(5.0 / rng.chisquare(5.0, 6))
    proposed, ratio = np.empty((6, 3)), np.empty(6)
    student_t_leap(sample, others, rng.standard_normal((6, 3)), stretch, 5.0, proposed, ratio)
    fitted = stats.multivariate_t(others.mean(axis=0), np.cov(others.T), df=5.0)
    assert ratio == pytest.approx(fitted.logpdf(sample) - fitted.logpdf(proposed), rel=1e-8)


def test_draws_have_the_fitted_centre_and_spread():
    rng = np.random.default_rng(3)
    count = 100_000
    sample, others = np.zeros((count, 2)), rng.standard_normal((50, 2)) @ [[1.0, 0.5], [0.0, 2.0]] + 3.0
    stretch = np.sqrt(8.0 / rng.chisquare(8.0, count))
    proposed, ratio = np.empty((count, 2)), np.empty(count)
    student_t_leap(sample, others, rng.standard_normal((count, 2)), stretch, 8.0, proposed, ratio)
    assert proposed.mean(axis=0) == pytest.approx(others.mean(axis=0), abs=0.05)
    # a t with 8 degrees of freedom has 8 / 6 of the variance of its normal; Monte Carlo error about 1%
    assert np.cov(proposed.T) == pytest.approx(np.cov(others.T) * 8.0 / 6.0, rel=0.05, abs=0.05)


def test_a_half_that_is_flat_in_a_direction_still_gives_finite_numbers():
    rng = np.random.default_rng(4)
    others = np.column_stack([rng.standard_normal(10), np.full(10, 2.0)])
    proposed, ratio = np.empty((5, 2)), np.empty(5)
    student_t_leap(others[:5], others, rng.standard_normal((5, 2)), np.ones(5), 5.0, proposed, ratio)
    assert np.isfinite(proposed).all()
    assert np.isfinite(ratio).all()
