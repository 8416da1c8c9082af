"""The population posterior: its density term by term, its columns, its errors."""

import numpy as np
import pytest
from scipy import stats

from cartsim.errors import FitError
from cartsim.infer.hierarchy import Correlation, CovariateEffect
from tests.infer.population_toy import NAMES, toy


@pytest.fixture
def rng():
    return np.random.default_rng(20261125)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return toy(tmp_path_factory.mktemp("toy"), 4)


def points(population, count, rng):
    """Points around the prior medians, each with other patients."""
    at, u = population.columns, np.zeros((count, population.ndim))
    u[:, at.coefficients] = [e.parameter.prior.normal_on_line[0] for e in population.effects]
    u[:, at.log_spread] = np.log(0.5)
    theta = np.tile(u[:, : at.effects], (1, len(population.subjects)))
    u[:, at.theta] = theta + 0.3 * rng.standard_normal(theta.shape)
    return u + 0.05 * rng.standard_normal(u.shape)


def test_log_posterior_is_the_sum_of_its_textbook_terms(small, rng):
    u, at = points(small, 3, rng), small.columns
    found = small.evaluate(u)
    for w in range(3):
        prior = 0.0
        for k, effect in enumerate(small.effects):
            prior += stats.norm.logpdf(u[w, k], *effect.parameter.prior.normal_on_line)
            log_sd = u[w, at.log_spread][k]
            prior += stats.halfnorm.logpdf(np.exp(log_sd), scale=effect.spread.sd) + log_sd
            theta = u[w, at.theta].reshape(4, 6)[:, k]
            prior += stats.norm.logpdf(theta, u[w, k], np.exp(log_sd)).sum()
        log_sigma = u[w, at.sigma][0]
        prior += stats.halfnorm.logpdf(np.exp(log_sigma), scale=1.0) + log_sigma
        assert found.log_prior[w] == pytest.approx(prior, rel=1e-12)


def test_likelihood_is_that_of_the_patients_one_by_one(small, rng, tmp_path):
    from cartsim.data.read import read_data
    from cartsim.infer.assemble import make_problems
    from tests.infer.population_toy import PRIORS, table

    problems = make_problems(
        small.model, read_data(table(tmp_path, 4, 1)), errors=dict(small.errors), priors=PRIORS
    )
    u, at = points(small, 3, rng), small.columns
    total = np.zeros(3)
    for i, problem in enumerate(problems):
        own = np.column_stack([at.individual(u)[:, i], u[:, at.sigma]])
        order = [NAMES.index(name) if name in NAMES else 6 for name in problem.names]
        columns = [[e.name for e in small.effects].index(NAMES[j]) if j < 6 else 6 for j in order]
        total += problem.log_likelihood(own[:, columns])
    np.testing.assert_allclose(small.evaluate(u).log_likelihood, total, rtol=1e-12)


def test_physical_values_and_the_real_line_are_inverse(tmp_path, rng):
    population = toy(tmp_path, 20, correlation=Correlation(eta=2.0))
    u = points(population, 5, rng)
    u[:, population.columns.correlation] = 0.7 * rng.standard_normal((5, 15))
    np.testing.assert_allclose(population.unconstrain(population.constrain(u)), u, rtol=1e-8, atol=1e-8)


def test_names_say_what_a_column_is(small):
    assert small.names[:6] == tuple(e.name for e in small.effects)
    assert {f"omega_{name}" for name in NAMES} | {"sigma_car_transgene"} <= set(small.names)
    assert "tmax[P3]" in small.names
    assert small.ndim == 6 + 6 + 1 + 24


def test_a_full_covariance_of_few_patients_is_refused(tmp_path):
    with pytest.raises(FitError, match=r"needs more patients.*20"):
        toy(tmp_path, 4, correlation=Correlation())


def test_a_missing_covariate_is_named(tmp_path):
    effect = CovariateEffect("cmax", "product", level="a")
    with pytest.raises(FitError, match=r"no such covariate.*product"):
        toy(tmp_path, 4, covariates=[effect])


def test_the_fingerprint_names_what_changed(tmp_path, small):
    other = toy(tmp_path, 4, seed=2)
    changed = {k for k, v in small.fingerprint().items() if other.fingerprint()[k] != v}
    assert changed == {"data"}
