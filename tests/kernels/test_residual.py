"""Residual densities equal 50-digit references, censored or not, far into both tails."""

import math
import os
import subprocess
import sys

import mpmath
import numpy as np
import pytest

from cartsim.kernels import residual

mpmath.mp.dps = 50


def exact_normal_cdf(z):
    return mpmath.erfc(-mpmath.mpf(z) / mpmath.sqrt(2)) / 2


def exact_t_lower(t, df):
    """Student-t distribution function at -|t|."""
    t, df = mpmath.mpf(t), mpmath.mpf(df)
    return mpmath.betainc(df / 2, mpmath.mpf(1) / 2, 0, df / (df + t * t), regularized=True) / 2


def exact_log(probability):
    return float(mpmath.log(probability))


def test_log_phi_equals_a_50_digit_reference_from_minus_40_to_10():
    z = np.concatenate([np.linspace(-40.0, 10.0, 401), [-20.0 - 1e-12, -20.0, -1e-300, 0.0, 1e-300]])
    got = np.array([residual.log_normal_cdf(v) for v in z])
    reference = np.array([exact_log(exact_normal_cdf(v)) for v in z])
    assert np.max(np.abs(got / reference - 1.0)) < 1e-10


@pytest.mark.parametrize("z", [-1e3, -1e8, -1e100])
def test_log_phi_stays_finite_where_phi_underflows(z):
    leading = -(mpmath.mpf(z) ** 2) / 2 - mpmath.log(-mpmath.mpf(z)) - mpmath.log(2 * mpmath.pi) / 2
    assert residual.log_normal_cdf(z) == pytest.approx(float(leading), rel=1e-6)


def test_log_phi_has_its_limits_at_infinity():
    assert residual.log_cdf(-math.inf, 0.0) == -math.inf
    assert residual.log_cdf(math.inf, 0.0) == 0.0
    assert residual.log_cdf(-math.inf, 4.0) == -math.inf
    assert residual.log_cdf(math.inf, 4.0) == 0.0
    assert math.isnan(residual.log_cdf(math.nan, 0.0))


@pytest.mark.parametrize("df", [1.0, 2.5, 4.0, 7.0, 30.0, 200.0])
def test_log_student_t_cdf_equals_a_50_digit_reference(df):
    t = np.concatenate([np.linspace(-40.0, 10.0, 101), [-1e6, -1e-8, 0.0, 1e-8, 1e4]])
    got = np.array([residual.log_cdf(v, df) for v in t])
    reference = np.array(
        [
            float(mpmath.log(lower) if v <= 0 else mpmath.log1p(-lower))
            for v, lower in ((v, exact_t_lower(v, df)) for v in t)
        ]
    )
    assert got == pytest.approx(
        reference, rel=1e-10, abs=1e-300
    )  # at t = 1e4 the 200 df tail is below 1e-300


def test_log_student_t_cdf_survives_values_whose_square_overflows():
    # far tail of df = 1 (Cauchy): F(t) = 1 / (pi |t|)
    assert residual.log_cdf(-1e200, 1.0) == pytest.approx(-math.log(math.pi) - 200 * math.log(10), rel=1e-12)


INTERVALS = [
    (-40.0, -39.0), (-40.0, -10.0), (-5.0, -4.999), (-1.0, 1.0), (-1e-3, 1e-3), (-30.0, 0.0), (0.0, 8.0),
    (8.0, 9.0), (30.0, 31.0), (39.0, 40.0), (-8.0, 8.0), (-38.0, 38.0), (2.0, 2.0 + 1e-7),
    (-12.0, -12.0 + 1e-6), (-30.0, -30.0 + 3e-3), (-30.0, -30.0 + 4e-3), (-0.5, -0.5 + 0.07), (3.0, 3.026),
    (9.0, math.inf), (-math.inf, -9.0),
]  # fmt: skip


@pytest.mark.parametrize("df", [0.0, 4.0])
@pytest.mark.parametrize("ends", INTERVALS, ids=str)
def test_log_of_a_difference_of_two_cdfs_keeps_its_digits_in_both_tails(ends, df):
    def tail(x):  # distribution function at -|x|, where the 50 digits are enough
        if math.isinf(x):
            return mpmath.mpf(0)
        return exact_normal_cdf(-abs(x)) if df == 0.0 else exact_t_lower(x, df)

    low, high = ends
    if low >= 0:
        probability = tail(low) - tail(high)
    elif high <= 0:
        probability = tail(high) - tail(low)
    else:
        probability = 1 - tail(low) - tail(high)
    assert residual.log_cdf_difference(low, high, df) == pytest.approx(exact_log(probability), rel=1e-10)


def test_an_empty_interval_is_impossible():
    assert residual.log_cdf_difference(1.0, 1.0, 0.0) == -math.inf
    assert residual.log_cdf_difference(2.0, 1.0, 0.0) == -math.inf


def one(kind, prediction, sigmas, *, censoring=0, value=0.0, lower=0.0, upper=0.0, offset=0.0, df=0.0):
    """Log probability of one observation through the batched kernel."""
    outputs = np.full((1, 1, 1), prediction)
    codes = np.array([[0, 0, censoring, kind, 0, 1]])
    numbers = np.array([[value, lower, upper, offset + residual.log_constant(df), df]])
    return residual.log_likelihood(outputs, np.array([sigmas]), codes, numbers)[0]


def normal(x, mean, sd):
    return -0.5 * ((x - mean) / sd) ** 2 - math.log(sd) - 0.5 * math.log(2 * math.pi)


def test_quantified_values_have_the_textbook_densities():
    assert one(residual.ADDITIVE, 3.0, [0.5, 0.0], value=3.7) == pytest.approx(normal(3.7, 3.0, 0.5))
    assert one(residual.PROPORTIONAL, 3.0, [0.5, 0.0], value=3.7) == pytest.approx(normal(3.7, 3.0, 1.5))
    assert one(residual.COMBINED, 3.0, [0.5, 0.2], value=3.7) == pytest.approx(
        normal(3.7, 3.0, math.hypot(0.5, 0.6))
    )
    log_density = normal(math.log(3.7), math.log(3.0), 0.5) - math.log(3.7)
    assert one(
        residual.LOG_SCALE, 3.0, [0.5, 0.0], value=math.log(3.7), offset=-math.log(3.7)
    ) == pytest.approx(log_density)
    from scipy.stats import t

    assert one(residual.LOG_SCALE, 3.0, [0.5, 0.0], value=math.log(3.7), df=4.0) == pytest.approx(
        t.logpdf(math.log(3.7), 4.0, loc=math.log(3.0), scale=0.5)
    )


def test_censored_values_have_the_probability_of_their_side():
    below = one(residual.LOG_SCALE, 20.0, [0.5, 0.0], censoring=1, lower=-math.inf, upper=math.log(50.0))
    assert below == pytest.approx(exact_log(exact_normal_cdf(math.log(50.0 / 20.0) / 0.5)), rel=1e-12)
    above = one(residual.LOG_SCALE, 20.0, [0.5, 0.0], censoring=2, lower=math.log(50.0), upper=math.inf)
    assert math.exp(below) + math.exp(above) == pytest.approx(1.0, abs=1e-14)
    between = one(
        residual.LOG_SCALE, 20.0, [0.5, 0.0], censoring=3, lower=math.log(10.0), upper=math.log(50.0)
    )
    beneath = one(residual.LOG_SCALE, 20.0, [0.5, 0.0], censoring=1, lower=-math.inf, upper=math.log(10.0))
    assert math.exp(between) + math.exp(beneath) == pytest.approx(math.exp(below), abs=1e-14)


def test_m3_counts_the_whole_lower_tail_whatever_the_lower_limit_says():
    with_zero = one(residual.ADDITIVE, 3.0, [5.0, 0.0], censoring=1, lower=0.0, upper=2.0)
    assert with_zero == pytest.approx(exact_log(exact_normal_cdf(-0.2)))


def test_a_prediction_of_zero_on_the_log_scale_is_below_every_limit():
    assert one(residual.LOG_SCALE, 0.0, [0.5, 0.0], censoring=1, lower=-math.inf, upper=1.0) == 0.0
    assert one(residual.LOG_SCALE, 0.0, [0.5, 0.0], value=1.0) == -math.inf
    assert one(residual.LOG_SCALE, 0.0, [0.5, 0.0], censoring=2, lower=1.0, upper=math.inf) == -math.inf


@pytest.mark.parametrize("kind", [0, 1, 2, 3])
@pytest.mark.parametrize("censoring", [0, 1, 2, 3])
@pytest.mark.parametrize("prediction", [math.nan, math.inf])
def test_a_prediction_that_is_not_finite_is_impossible(kind, censoring, prediction):
    got = one(kind, prediction, [0.5, 0.1], censoring=censoring, value=1.0, lower=-1.0, upper=2.0)
    assert got == -math.inf


@pytest.mark.parametrize("sigma", [math.nan, -1.0, math.inf])
def test_a_standard_deviation_that_is_none_is_impossible(sigma):
    assert one(residual.ADDITIVE, 1.0, [sigma, 0.0], value=1.0) == -math.inf


def test_walkers_do_not_depend_on_their_neighbours():
    rng = np.random.default_rng(3)
    outputs, sigma = rng.lognormal(size=(7, 4, 2)), rng.lognormal(size=(7, 3))
    codes = np.array(
        [[0, 0, 0, 0, 0, 1], [1, 1, 1, 1, 1, 1], [2, 0, 2, 2, 0, 2], [3, 1, 3, 3, 2, 2], [3, 1, 0, 3, 2, 2]]
    )
    numbers = np.tile([0.3, -0.5, 0.8, -0.9, 4.0], (5, 1))
    together = residual.log_likelihood(outputs, sigma, codes, numbers)
    alone = [
        residual.log_likelihood(outputs[i : i + 1], sigma[i : i + 1], codes, numbers)[0] for i in range(7)
    ]
    assert np.array_equal(together, alone)
    assert np.all(np.isfinite(together))


def test_plain_python_twin_gives_the_same_numbers():
    program = (
        "import numpy as np, cartsim.kernels.residual as r\n"
        "o = np.array([[[3.0, 0.0]], [[700.0, 1e-3]]])\n"
        "s = np.array([[0.5, 0.2], [0.1, 3.0]])\n"
        "rows = [(0, 0, c, k, 0, 1) for c in range(4) for k in range(4)]\n"
        "rows += [(0, 1, c, 3, 0, 1) for c in range(4)]\n"
        "for df in (0.0, 4.0):\n"
        "    n = np.tile([1.3, 0.5, 2.0, -0.9, df], (len(rows), 1))\n"
        "    out = np.empty((2, len(rows)))\n"
        "    r.pointwise(o, s, np.array(rows), n, out)\n"
        "    print(*[x.hex() for x in out.ravel()])\n"
    )
    twin = {
        flag: subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, "NUMBA_DISABLE_JIT": flag},
            capture_output=True, text=True, check=True,
        ).stdout.split()
        for flag in ("0", "1")
    }  # fmt: skip
    compiled, plain = ([float.fromhex(x) for x in twin[flag]] for flag in ("0", "1"))
    assert len(plain) == 80
    assert compiled == pytest.approx(plain, rel=1e-12)  # libm of Python and of numba differ in the last digit
