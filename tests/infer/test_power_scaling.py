"""Power-scaling against the conjugate normal, whose scaled posteriors are known."""

import numpy as np
import pytest
from scipy.special import ndtri

from cartsim.infer.power_scaling import (
    ALPHAS,
    cumulative_js_distance,
    power_scaling_table,
    scaled_weights,
)
from cartsim.spec.priors import Normal
from tests.infer.known_posterior import Known

COUNT = 4_000


def conjugate(*, prior_sd, data, data_sd):
    """Prior N(0, prior_sd), likelihood N(data, data_sd), and evenly spread draws of the posterior."""
    problem = Known(lambda u: -0.5 * ((u[:, 0] - data) / data_sd) ** 2, (Normal(0.0, prior_sd),))
    mean, sd = moments(prior_sd, data, data_sd)
    return problem, (mean + sd * ndtri((np.arange(COUNT) + 0.5) / COUNT))[:, None]


def moments(prior_sd, data, data_sd, *, prior_power=1.0, data_power=1.0):
    precision = prior_power / prior_sd**2 + data_power / data_sd**2
    return data_power * data / data_sd**2 / precision, precision**-0.5


@pytest.mark.parametrize("alpha", ALPHAS)
def test_weights_give_the_mean_and_sd_of_the_scaled_posterior(alpha):
    problem, draws = conjugate(prior_sd=1.0, data=3.0, data_sd=1.0)
    for power, density in (("prior_power", problem.log_prior(draws)), ("data_power", problem.height(draws))):
        weights, k = scaled_weights(density, alpha)
        mean, sd = moments(1.0, 3.0, 1.0, **{power: alpha})
        assert weights @ draws[:, 0] == pytest.approx(mean, abs=0.01)
        assert np.sqrt(weights @ (draws[:, 0] - mean) ** 2) == pytest.approx(sd, rel=0.02)
        assert k < 0.5


def test_the_shift_of_the_mean_is_the_one_in_closed_form():
    problem, draws = conjugate(prior_sd=1.0, data=3.0, data_sd=1.0)
    row = power_scaling_table(problem, draws).iloc[0]
    low, high = (moments(1.0, 3.0, 1.0, prior_power=alpha)[0] for alpha in ALPHAS)
    assert row["prior_shift"] == pytest.approx((high - low) / np.sqrt(0.5), abs=0.02)
    assert row["likelihood_shift"] == pytest.approx(-row["prior_shift"], abs=0.05)


def test_words_follow_from_who_decides():
    cases = {
        "prior-data conflict": {"prior_sd": 1.0, "data": 8.0, "data_sd": 1.0},
        "weak likelihood": {"prior_sd": 1.0, "data": 0.0, "data_sd": 30.0},
        "-": {"prior_sd": 50.0, "data": 3.0, "data_sd": 1.0},
    }
    for words, case in cases.items():
        assert power_scaling_table(*conjugate(**case)).loc[0, "words"] == words


def test_the_distance_is_that_of_the_two_distribution_functions():
    x = ndtri((np.arange(COUNT) + 0.5) / COUNT)
    assert cumulative_js_distance(x, np.full(COUNT, 1.0 / COUNT)) == pytest.approx(0.0, abs=1e-7)
    weights = np.exp(0.3 * x)
    from scipy.stats import norm

    def one_sided(shift):
        grid = np.linspace(x[0], x[-1], 20_001)
        p, q = norm.cdf(grid), norm.cdf(grid - shift)
        m = 0.5 * (p + q)
        top = np.trapezoid(p * np.log2(p / m) + q * np.log2(q / m), grid)
        return np.sqrt(top / np.trapezoid(p + q, grid))

    expected = max(one_sided(0.3), one_sided(-0.3))
    assert cumulative_js_distance(x, weights / weights.sum()) == pytest.approx(expected, rel=0.02)


def test_what_both_pull_the_same_way_is_no_conflict():
    """Prior and likelihood about the same value, draws above it: both pull the same way."""
    problem, draws = conjugate(prior_sd=1.0, data=0.0, data_sd=1.0)
    row = power_scaling_table(problem, draws + 0.8).iloc[0]  # both pull them down
    assert min(row["prior"], row["likelihood"]) >= 0.05
    assert row["words"] == "weak likelihood"
