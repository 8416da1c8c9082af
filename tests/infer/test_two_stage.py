"""Two stages find the population posterior that quadrature finds, and refuse what patients share."""

from dataclasses import replace

import numpy as np
import pytest

from cartsim.data.read import read_data
from cartsim.errors import FitError
from cartsim.infer.assemble_population import make_population
from cartsim.infer.settings import Gates, SamplerSettings
from cartsim.infer.two_stage import (
    StageOne,
    first_stage,
    individual_priors,
    individual_problems,
    second_stage,
    stages_compared,
)
from cartsim.models import load_model
from cartsim.observe.error_models import AdditiveError, LogNormalError
from cartsim.spec.priors import Fixed, HalfNormal, LogNormal, Normal
from tests.infer.test_block_target import SIGMA, by_quadrature, draws_of, population_of

VALUES = np.random.default_rng(7).normal(0.3, [0.5, 0.9], size=(6, 2))
SHORT = SamplerSettings(ensembles=1, walkers=32, burn_in=200, check_every=600, max_steps=1_400)


def exact_first_stage(prior_mean: float, prior_sd: float, *, claimed_sd: float | None = None) -> StageOne:
    """Stage-1 posteriors of normal data under a normal prior, drawn exactly."""
    rng = np.random.default_rng(3)
    pull = prior_sd**2 / (prior_sd**2 + SIGMA**2)
    centre, sd = prior_mean + pull * (VALUES - prior_mean), SIGMA * np.sqrt(pull)
    draws = tuple(own + sd * rng.standard_normal((20_000, 2)) for own in centre)
    return StageOne(draws, np.tile([prior_mean, claimed_sd or prior_sd], (2, 1)))


def largest_error(second, *, of: str) -> float:
    """Largest difference to quadrature, in sds, over both parameters."""
    errors = []
    for k, name in enumerate(("first", "second")):
        expected = by_quadrature(VALUES[:, k])
        own = {"mu": name, "omega": f"omega_{name}", "theta": f"{name}[P0]"}
        mean, sd = expected[of]
        found = second.chains[:, :, second.names.index(own[of])]
        found = np.exp(found) if of == "omega" else found
        errors.append(abs(found.mean() - mean) / sd)
        assert found.std() == pytest.approx(sd, rel=0.1)
    return max(errors)


def after_second_stage(first: StageOne):
    return second_stage(population_of(VALUES), first, np.random.default_rng(1), steps=2_000, chains=32)


@pytest.mark.parametrize(("mean", "sd"), [(0.0, 1.3), pytest.param(0.5, 3.0, marks=pytest.mark.slow)])
def test_the_population_is_that_of_quadrature_whatever_the_stage_1_prior(mean, sd):
    """0.06 sd as for the block move (`test_block_target`)."""
    second = after_second_stage(exact_first_stage(mean, sd))
    for of in ("mu", "omega", "theta"):
        assert largest_error(second, of=of) < 0.06, of
    assert (second.acceptance > 0.05).all()


def test_a_stage_1_prior_that_is_not_weighted_out_is_noticed():
    """Claimed to be flat although it was narrow: everybody is pulled to 0, the spread comes out too small."""
    second = after_second_stage(exact_first_stage(0.0, 0.5, claimed_sd=1e6))
    found = np.exp(second.chains[:, :, second.names.index("omega_second")])
    mean, sd = by_quadrature(VALUES[:, 1])["omega"]
    assert found.mean() < mean - 0.2 * sd


@pytest.mark.slow
def test_both_roads_meet(tmp_path):
    """Sampled stage 1, second stage and block sampler; 0.1 sd is 4 Monte Carlo errors of these short runs
    (about 0.02 for each of the second stage, the block sampler and the shared stage-1 draws)."""
    population = population_of(VALUES)
    first = first_stage(population, SHORT, seed=4, folder=tmp_path / "patients", gates=Gates(ensembles=1))
    second = second_stage(population, first, np.random.default_rng(2), steps=4_000)
    table = stages_compared(
        draws_of(population, tmp_path / "together", steps=1_500, seed=1), population, second
    )
    assert sorted(table["name"]) == ["first", "omega_first", "omega_second", "second"]
    assert table["difference"].abs().is_monotonic_decreasing
    assert abs(table["difference"].iloc[0]) < 0.1
    assert table["sd_ratio"].between(0.9, 1.1).all()
    assert table["monte_carlo_error"].max() < 0.03


def test_the_stage_1_prior_is_as_wide_as_what_the_population_expects_of_a_patient():
    """sd of the typical value 1, mean square of the spread 0.64."""
    priors = individual_priors(population_of(VALUES))
    assert priors["first"].median == 1.0
    assert priors["first"].log_sd == pytest.approx(1.64**0.5)


def test_the_same_seed_gives_the_same_second_stage():
    first = exact_first_stage(0.0, 1.3)
    one, two = (
        second_stage(population_of(VALUES), first, np.random.default_rng(5), steps=20, chains=4)
        for _ in range(2)
    )
    assert np.array_equal(one.chains, two.chains)


def test_everything_that_patients_share_is_refused_at_once():
    population = population_of(VALUES)
    errors = dict.fromkeys(("high", "low"), LogNormalError(sigma=HalfNormal(sd=1.0)))
    shared = replace(
        population, errors=errors, effects=population.effects[:1], shared=(population.effects[1].parameter,)
    )
    with pytest.raises(FitError, match=r"parameter second, residual sd sigma_high, residual sd sigma_low"):
        individual_problems(shared)


@pytest.mark.parametrize("priors", [{"third": LogNormal(1.0, 1.0)}, {"first": Normal(0.0, 1.0)}])
def test_a_prior_that_cannot_be_weighted_out_is_refused(priors):
    with pytest.raises(FitError, match="cannot be weighted out"):
        individual_problems(population_of(VALUES), priors)


def test_stage_1_measures_what_the_population_measures():
    """Under its own prior, a patient's likelihood is the population's."""
    population = population_of(VALUES)
    u = np.zeros((1, population.ndim))
    u[:, population.columns.theta] = 0.2
    together = population.evaluate(u).log_likelihood[0]
    apart = sum(
        problem.log_likelihood(np.full((1, 2), 0.2))[0] for problem in individual_problems(population)
    )
    assert together == pytest.approx(apart, rel=1e-12)


def test_in_stage_1_every_patient_keeps_its_own_doses(project):
    """Theophylline, simulated: three dose levels, two subjects of each."""
    data = read_data(project / "fits" / "theophylline_simulated" / "data.csv")
    chosen = data.subset([f"SIM-{k}" for k in (1, 2, 5, 6, 9, 10)])
    population = make_population(
        load_model("theophylline"), chosen, errors={"theophylline": AdditiveError(sigma=Fixed(0.694))}
    )
    u, typical = np.zeros((1, population.ndim)), np.array([0.463, 1.01, 3.46])
    u[:, population.columns.theta] = np.tile(typical, 6)
    together = population.evaluate(u).log_likelihood[0]
    apart = sum(problem.log_likelihood(typical[None])[0] for problem in individual_problems(population))
    assert together == pytest.approx(apart, rel=1e-12)
