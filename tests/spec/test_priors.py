"""Priors: stated quantiles come back from sampling, Jacobians are right, plain data round-trips."""

import numpy as np
import pytest

from cartsim.errors import ModelError
from cartsim.spec.priors import (
    Beta,
    Cauchy,
    Exponential,
    Fixed,
    Flat,
    Gamma,
    HalfCauchy,
    HalfNormal,
    HalfStudentT,
    InverseGamma,
    LogitNormal,
    LogNormal,
    LogUniform,
    Normal,
    StudentT,
    TruncatedNormal,
    Uniform,
    prior_from_mapping,
)

SAMPLED = (
    LogNormal(median=9.3, log_sd=0.6),
    LogitNormal(median=0.05, logit_sd=1.2),
    LogitNormal(median=3.0, logit_sd=0.8, lower=2.0, upper=10.0),
    Normal(mean=-1.5, sd=2.0),
    HalfNormal(sd=0.6),
    HalfCauchy(scale=2.5),
    Uniform(lower=-2.0, upper=5.0),
    LogUniform(lower=1e-3, upper=10.0),
    Beta(a=2.0, b=5.0),
    Gamma(shape=2.5, rate=0.5),
    TruncatedNormal(mean=1.0, sd=2.0, lower=0.0, upper=4.0),
    TruncatedNormal(mean=1.0, sd=2.0, lower=0.0, upper=np.inf),
    TruncatedNormal(mean=1.0, sd=2.0, lower=-np.inf, upper=2.0),
    StudentT(df=5.0, location=-1.0, scale=2.0),
    HalfStudentT(df=3.0, scale=2.5),
    Exponential(rate=0.4),
    InverseGamma(shape=3.0, scale=2.0),
)
every_prior = pytest.mark.parametrize("prior", SAMPLED, ids=repr)


@every_prior
def test_prior_draws_through_the_transform_have_the_stated_quantiles(prior):
    draws = prior.sample(np.random.default_rng(1), 400_000)
    through = prior.constrain(prior.unconstrain(draws))
    below = [np.mean(through < prior.quantile(q)) for q in (0.05, 0.5, 0.95)]
    # 400,000 draws: standard error of a fraction at most 0.0008, so 1 % absolute is over 10 sd
    assert below == pytest.approx([0.05, 0.5, 0.95], abs=0.003)
    levels = prior.quantile([0.05, 0.25, 0.5, 0.75, 0.95])
    spread = levels[3] - levels[1]
    assert np.max(np.abs(np.quantile(through, [0.25, 0.5, 0.75]) - levels[1:4])) < 0.01 * spread


@every_prior
def test_log_jacobian_equals_the_numerical_derivative(prior):
    u = np.linspace(-4.0, 4.0, 33)
    step = 1e-3  # five-point rule: truncation of order step^4 relative, far below the tolerance asked
    shifted = {k: prior.constrain(u + k * step) for k in (-2, -1, 1, 2)}
    slope = (shifted[-2] - 8 * shifted[-1] + 8 * shifted[1] - shifted[2]) / (12 * step)
    assert np.max(np.abs(prior.log_jacobian(u) - np.log(slope))) < 1e-8


@every_prior
def test_unconstrained_density_integrates_to_one_and_matches_the_physical_one(prior):
    centre = float(prior.unconstrain(prior.median))
    u = centre + np.linspace(-60.0, 60.0, 240_001)
    density = prior.log_density_unconstrained(u)
    assert np.sum(np.exp(density)) * (u[1] - u[0]) == pytest.approx(1.0, abs=2e-6)
    near = centre + np.linspace(-3.0, 3.0, 25)
    assert prior.log_density_unconstrained(near) == pytest.approx(
        prior.log_density(prior.constrain(near)) + prior.log_jacobian(near), rel=1e-9, abs=1e-9
    )


@every_prior
def test_transform_is_its_own_inverse(prior):
    u = np.linspace(-6.0, 6.0, 61)
    assert prior.unconstrain(prior.constrain(u)) == pytest.approx(u, abs=1e-9)


@every_prior
def test_density_is_the_derivative_of_the_quantile_function(prior):
    q = np.array([0.05, 0.3, 0.5, 0.8, 0.95])
    slope = (prior.quantile(q + 1e-5) - prior.quantile(q - 1e-5)) / 2e-5
    assert np.exp(prior.log_density(prior.quantile(q))) == pytest.approx(1.0 / slope, rel=1e-6)


@every_prior
def test_density_outside_the_support_is_zero(prior):
    lower, upper = prior.support
    outside = np.array([lower - 1.0, upper + 1.0])
    outside = outside[np.isfinite(outside)]
    assert np.all(prior.log_density(outside) == -np.inf)


@every_prior
def test_unconstrained_sd_is_that_of_draws(prior):
    u = prior.unconstrain(prior.sample(np.random.default_rng(2), 200_000))
    assert prior.unconstrained_sd == pytest.approx(np.std(u), rel=0.02)  # Monte Carlo error about 0.4 %


@pytest.mark.parametrize("prior", [*SAMPLED, Fixed(3.0), Cauchy(0.5, 5.0), Flat(1.0, lower=0.0)], ids=repr)
def test_plain_data_round_trips(prior):
    assert prior_from_mapping(prior.to_mapping()) == prior


def test_median_and_description_are_in_physical_units():
    prior = LogNormal(median=9.3, log_sd=0.38)
    assert prior.median == 9.3
    assert prior.describe("day") == "log-normal, median 9.3 day, 90% 4.98-17.4"
    assert (
        LogNormal(median=60_000, log_sd=1.2)
        .describe("copies/ug")
        .startswith("log-normal, median 60,000 copies/ug, 90% 8,340-432,000")
    )
    assert Normal(0.0, 1.0).describe() == "normal, median 0, 90% -1.64 to 1.64"
    assert Fixed(113.0).describe("1/day") == "fixed at 113 1/day"


def test_whole_numbers_from_toml_are_accepted():
    assert prior_from_mapping({"LogNormal": {"median": 13, "log_sd": 1}}) == LogNormal(13.0, 1.0)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: LogNormal(median=-1.0, log_sd=1.0), ("median", "-1.0", "> 0")),
        (lambda: LogNormal(median=1.0, log_sd=0.0), ("log_sd", "0.0")),
        (lambda: LogitNormal(median=1.5, logit_sd=1.0), ("median", "1.5", "(0.0, 1.0)")),
        (lambda: Uniform(2.0, 1.0), ("upper", "1.0", "> 2.0")),
        (lambda: LogUniform(0.0, 1.0), ("lower", "0.0", "> 0")),
        (lambda: Normal(float("nan"), 1.0), ("mean", "nan")),
        (lambda: HalfNormal("wide"), ("sd", "wide")),
        (lambda: TruncatedNormal(0.0, 1.0, 3.0, 2.0), ("upper", "2.0")),
        (lambda: prior_from_mapping({"Lognormal": {}}), ("Lognormal", "LogNormal")),
        (lambda: prior_from_mapping({"LogNormal": {"median": 1.0, "sd": 1.0}}), ("sd", "log_sd")),
        (lambda: prior_from_mapping({"LogNormal": {"median": 1.0}}), ("missing", "log_sd")),
        (lambda: prior_from_mapping({"LogNormal": 3.0}), ("unknown argument", "3.0")),
        (lambda: prior_from_mapping({}), ("one distribution",)),
    ],
)
def test_a_wrong_prior_says_what_is_wrong(build, words):
    with pytest.raises(ModelError) as caught:
        build()
    for word in words:
        assert word in str(caught.value)
