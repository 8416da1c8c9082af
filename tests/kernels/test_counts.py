"""Probabilities of counts equal SciPy's and 50-digit references, up to the limits of mean and dispersion."""

import math

import mpmath
import numpy as np
import pytest
from scipy import stats

from cartsim.kernels import counts, residual

mpmath.mp.dps = 50
COUNTS = [0, 1, 7, 150, 40_000]


@pytest.mark.parametrize("mean", [1e-9, 0.3, 7.0, 160.0, 1e6])
def test_poisson_probabilities_equal_scipys(mean):
    got = [counts.log_poisson(float(k), mean) for k in COUNTS]
    assert got == pytest.approx(stats.poisson(mean).logpmf(COUNTS), rel=1e-10, abs=1e-10)


def exact_negative_binomial(count, mean, phi):
    k, m, p = mpmath.mpf(count), mpmath.mpf(mean), mpmath.mpf(phi)
    ways = mpmath.loggamma(k + p) - mpmath.loggamma(p) - mpmath.loggamma(k + 1)
    return float(ways + p * mpmath.log(p / (p + m)) + k * mpmath.log(m / (p + m)))


@pytest.mark.parametrize("phi", [1e-3, 0.5, 9.99, 10.0, 300.0, 1e6, 1e12])
@pytest.mark.parametrize("mean", [1e-6, 2.0, 160.0, 4e4])
def test_negative_binomial_probabilities_equal_a_50_digit_reference(mean, phi):
    got = [counts.log_negative_binomial(float(k), mean, phi) for k in COUNTS]
    expected = [exact_negative_binomial(k, mean, phi) for k in COUNTS]
    assert got == pytest.approx(expected, rel=1e-10, abs=1e-9)


def test_negative_binomial_probabilities_equal_scipys():
    phi, mean = 3.0, 20.0
    got = [counts.log_negative_binomial(float(k), mean, phi) for k in COUNTS[:4]]
    assert got == pytest.approx(stats.nbinom(phi, phi / (phi + mean)).logpmf(COUNTS[:4]), rel=1e-10)


def test_infinite_dispersion_is_poisson():
    assert counts.log_negative_binomial(4.0, 3.0, math.inf) == counts.log_poisson(4.0, 3.0)


@pytest.mark.parametrize("mean", [math.nan, -1.0, math.inf])
def test_an_impossible_mean_makes_a_count_impossible(mean):
    assert counts.log_poisson(2.0, mean) == -math.inf
    assert counts.log_negative_binomial(2.0, mean, 3.0) == -math.inf


def test_a_mean_of_zero_allows_no_event():
    assert [counts.log_poisson(k, 0.0) for k in (0.0, 1.0)] == [0.0, -math.inf]
    assert [counts.log_negative_binomial(k, 0.0, 2.0) for k in (0.0, 1.0)] == [0.0, -math.inf]


def test_a_fall_by_rounding_is_no_rise_and_a_real_fall_is_impossible():
    assert counts.rise(12.0, 10.0) == 2.0
    assert counts.rise(1e6, 1e6 + 0.1) == 0.0
    assert math.isnan(counts.rise(10.0, 12.0))


def test_the_batched_likelihood_takes_counts_in_full_and_of_intervals():
    outputs = np.array([[[3.0], [8.0], [20.0]]])  # a cumulative output at three times
    kinds = (
        residual.POISSON,
        residual.POISSON_RISE,
        residual.NEGATIVE_BINOMIAL,
        residual.NEGATIVE_BINOMIAL_RISE,
    )
    codes = np.array([[2, 0, 0, kind, 0, 1] for kind in kinds])
    numbers = np.array([[9.0, 0.0, 0.0, 0.0, 0.0]] * 4)
    result = np.empty((1, 4))
    residual.pointwise(outputs, np.array([[5.0]]), codes, numbers, result)
    expected = [
        stats.poisson(20.0).logpmf(9),
        stats.poisson(12.0).logpmf(9),
        stats.nbinom(5.0, 5.0 / 25.0).logpmf(9),
        stats.nbinom(5.0, 5.0 / 17.0).logpmf(9),
    ]
    assert result[0] == pytest.approx(expected, rel=1e-12)


def test_a_poisson_count_needs_no_standard_deviation():
    codes, numbers = np.array([[0, 0, 0, residual.POISSON, 0, 0]]), np.array([[2.0, 0.0, 0.0, 0.0, 0.0]])
    got = residual.log_likelihood(np.full((3, 1, 1), 2.5), np.empty((3, 0)), codes, numbers)
    assert got == pytest.approx(np.full(3, stats.poisson(2.5).logpmf(2)))
