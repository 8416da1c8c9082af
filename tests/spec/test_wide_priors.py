"""Every distribution equals SciPy's; heavy tails and flat densities behave where they have no moments."""

import numpy as np
import pytest
from scipy import stats

from cartsim.errors import ModelError
from cartsim.spec import priors
from cartsim.spec.priors import Cauchy, Flat, StudentT

CAUCHY = stats.cauchy(0.5, 5.0)
SCIPY = [
    (priors.LogNormal(9.3, 0.6), stats.lognorm(0.6, scale=9.3)),
    (priors.Normal(-1.5, 2.0), stats.norm(-1.5, 2.0)),
    (priors.HalfNormal(0.6), stats.halfnorm(scale=0.6)),
    (priors.HalfCauchy(2.5), stats.halfcauchy(scale=2.5)),
    (priors.Uniform(-2.0, 5.0), stats.uniform(-2.0, 7.0)),
    (priors.LogUniform(1e-3, 10.0), stats.loguniform(1e-3, 10.0)),
    (priors.Beta(2.0, 5.0), stats.beta(2.0, 5.0)),
    (priors.Gamma(2.5, 0.5), stats.gamma(2.5, scale=2.0)),
    (priors.TruncatedNormal(1.0, 2.0, 0.0, 4.0), stats.truncnorm(-0.5, 1.5, loc=1.0, scale=2.0)),
    (priors.TruncatedNormal(27.8, 5.0, 0.0, np.inf), stats.truncnorm(-5.56, np.inf, loc=27.8, scale=5.0)),
    (priors.StudentT(3.0, -1.0, 2.0), stats.t(3.0, -1.0, 2.0)),
    (priors.Cauchy(0.5, 5.0), CAUCHY),
    (priors.Exponential(0.4), stats.expon(scale=2.5)),
    (priors.InverseGamma(3.0, 2.0), stats.invgamma(3.0, scale=2.0)),
]
LEVELS = np.array([0.001, 0.05, 0.3, 0.5, 0.8, 0.95, 0.999])


@pytest.mark.parametrize(("prior", "reference"), SCIPY, ids=lambda v: repr(v)[:40])
def test_quantiles_and_densities_equal_scipys(prior, reference):
    assert prior.quantile(LEVELS) == pytest.approx(reference.ppf(LEVELS), rel=1e-10, abs=1e-12)
    points = reference.ppf(LEVELS)
    assert prior.log_density(points) == pytest.approx(reference.logpdf(points), rel=1e-10, abs=1e-10)


@pytest.mark.parametrize(("prior", "reference"), SCIPY, ids=lambda v: repr(v)[:40])
def test_the_density_a_sampler_sees_is_scipys_times_the_slope_of_the_transform(prior, reference):
    u = prior.unconstrain(reference.ppf(LEVELS))
    slope = (prior.constrain(u + 1e-5) - prior.constrain(u - 1e-5)) / 2e-5
    expected = reference.logpdf(prior.constrain(u)) + np.log(slope)
    assert prior.log_density_unconstrained(u) == pytest.approx(expected, abs=1e-6)


def test_a_half_student_t_is_twice_the_positive_half_of_scipys():
    prior, points = priors.HalfStudentT(3.0, 2.5), np.array([0.01, 1.0, 30.0])
    assert prior.log_density(points) == pytest.approx(np.log(2.0) + stats.t(3.0, scale=2.5).logpdf(points))
    assert prior.quantile(LEVELS) == pytest.approx(stats.t(3.0, scale=2.5).ppf(0.5 + LEVELS / 2.0))


@pytest.mark.parametrize("prior", [Cauchy(0.5, 5.0), StudentT(1.0, 0.5, 5.0)], ids=repr)
def test_a_cauchy_has_a_finite_width_to_search_in(prior):
    assert prior.unconstrained_sd == pytest.approx((CAUCHY.ppf(stats.norm.cdf(1)) - 0.5), rel=1e-9)
    assert prior.quantile(0.25) == pytest.approx(-4.5)


@pytest.mark.parametrize(
    ("prior", "inside", "outside"),
    [(Flat(0.0), 1e9, None), (Flat(2.0, lower=1.0), 50.0, 0.5), (Flat(0.5, lower=0.0, upper=1.0), 0.9, 1.5)],
    ids=repr,
)
def test_a_flat_prior_leaves_only_the_jacobian(prior, inside, outside):
    assert prior.log_density(inside) == 0.0
    if outside is not None:
        assert prior.log_density(outside) == -np.inf
    u = prior.unconstrain(np.array([inside]))
    assert prior.log_density_unconstrained(u) == pytest.approx(prior.log_jacobian(u))
    assert prior.median == pytest.approx(prior.near)


def test_a_flat_prior_says_so():
    assert Flat(0.0).describe() == "flat"
    assert Flat(2.0, lower=1.0).describe() == "flat on 1, inf"
    with pytest.raises(ModelError, match="near"):
        Flat(0.0, lower=0.0)
