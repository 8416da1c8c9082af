"""What prior and data say of a population's own quantities, on draws whose answer is known."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from cartsim.errors import FitError
from cartsim.infer.population import Correlation
from cartsim.infer.population_level import (
    PopulationLevel,
    population_contraction,
    population_directions,
    population_power_scaling,
    population_prior_predictive,
    prior_points,
)
from tests.infer.population_toy import LLOQ, toy

PATIENTS = 4


@pytest.fixture(scope="module")
def population(tmp_path_factory):
    return toy(Path(tmp_path_factory.mktemp("toy")), PATIENTS)


def prior_draws(population, count: int, seed: int = 5) -> np.ndarray:
    """Full draws in physical units, patients at their typical values."""
    u = prior_points(population, np.random.default_rng(seed), count)
    theta = population.columns.individual(u)
    theta[:] = u[:, None, : len(population.effects)]
    return population.constrain(u)


def test_points_of_the_prior_have_the_declared_distributions(population):
    values = prior_draws(population, 4000)
    level = PopulationLevel(population)
    for name, prior, column in zip(level.names, level.priors, level.at, strict=True):
        q = np.array([0.1, 0.5, 0.9])
        share = [(values[:, column] < end).mean() for end in prior.quantile(q)]
        np.testing.assert_allclose(share, q, atol=4 * np.sqrt(0.25 / 4000), err_msg=name)


def test_correlations_of_the_prior_are_lkj(tmp_path):
    """The marginal of an LKJ(eta) correlation of p quantities: (r + 1) / 2 is Beta(eta - 1 + p / 2)."""
    population = toy(tmp_path, 20, correlation=Correlation(eta=2.0))
    values = prior_draws(population, 2000)
    a = 2.0 - 1.0 + len(population.effects) / 2.0
    for column in range(population.columns.correlation.start, population.columns.correlation.stop):
        test = stats.kstest((values[:, column] + 1.0) / 2.0, stats.beta(a, a).cdf)
        assert test.pvalue > 1e-4


def test_draws_of_the_prior_are_not_informed_and_a_narrow_one_is(population):
    values = prior_draws(population, 4000)
    table = population_contraction(population, values).set_index("name")
    assert not table["informed"].any()
    tmax = population.names.index("tmax")
    values[:, tmax] = 9.3 * (values[:, tmax] / 9.3) ** 0.1
    table = population_contraction(population, values).set_index("name")
    assert table.index[table["informed"]].tolist() == ["tmax"]
    assert table.loc["tmax", "contraction"] == pytest.approx(0.99, abs=0.005)


def test_the_direction_that_the_data_know_is_named_with_its_information(population):
    """A posterior ten times narrower than the prior: the data know 99 times what the prior knows."""
    values = prior_draws(population, 20_000)
    tmax = population.names.index("tmax")
    values[:, tmax] = 9.3 * (values[:, tmax] / 9.3) ** 0.1
    table = population_directions(population, values)
    assert table.loc[0, "words"] == "tmax up alone"
    assert table.loc[0, "to_prior"] == pytest.approx(99.0, rel=0.06)
    assert table["sloppy"].iloc[1:].all()
    with pytest.raises(FitError, match="too few draws"):
        population_directions(population, values[:100])


def test_the_prior_of_the_population_is_scaled_without_the_patients_density(population):
    values = prior_draws(population, 500)
    table = population_power_scaling(population, values).set_index("name")
    u = population.unconstrain(values)
    prior = population.log_hyper_prior(u) + population.log_measurement_prior(u)
    whole = population.log_prior(u) - population.log_patients(u).sum(axis=1)
    np.testing.assert_allclose(prior, whole, rtol=1e-12, atol=1e-9)
    # Draws of the prior follow a change of the prior; every quantity is one of the normal family here.
    assert (table["prior"] > 0.05).all()
    assert table.index.tolist() == list(PopulationLevel(population).names)


def test_trials_of_the_prior_are_counted_against_the_samples(population):
    check = population_prior_predictive(population, np.random.default_rng(8), limits={"car_transgene": LLOQ})
    counts = check.counts.iloc[0]
    arrays = population.arrays
    assert counts["samples"] == len(arrays.time) == len(check.samples)
    assert counts["blq_observed"] == pytest.approx((arrays.censoring == 1).mean())
    assert counts["failed"] == 0
    assert 0.0 < counts["blq_expected"] < 1.0
    assert check.bands["time"].tolist() == sorted(set(arrays.time))
    # The median of all samples at Tmax is the typical patient's: log-normal spreads are symmetric on the log.
    middle = check.bands.set_index("time").loc[9.0, "median"]
    assert 3_000.0 < middle < 30_000.0
    assert (check.bands["upper"] > 30 * check.bands["lower"]).all(), "wide priors expect nothing"
