"""Counts, likelihoods of one's own and ordered parameters on top of a model's equations."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from cartsim.errors import FitError
from cartsim.infer.assemble import likelihood_problem
from cartsim.infer.density import sample_density
from cartsim.infer.draws import Draws
from cartsim.infer.gradient import value_and_gradient
from cartsim.infer.likelihood import OwnLikelihood
from cartsim.infer.settings import SamplerSettings
from cartsim.infer.tables import band_table, gof_table
from cartsim.observe.error_models import (
    NegativeBinomialError,
    NegativeBinomialIncrements,
    PoissonError,
    PoissonIncrements,
)
from cartsim.spec.model import Model, Output, Parameter, State, assumed
from cartsim.spec.priors import Exponential, HalfNormal, LogNormal
from tests.infer.test_problem import arrays, decay_model, decay_problem, exact

TEST = assumed("test")
TIMES = np.array([1.0, 3.0, 8.0])
COUNTS = np.array([95.0, 70.0, 50.0])


def dying(times, counts, errors, **changes):
    """Cumulative number lost from a declining pool, output `pool`; 100 (1 - exp(-0.1 t)) at medians."""

    def lost(parameters, times):
        gone = parameters[:, :1] * -np.expm1(-parameters[:, 1:2] * times)
        return np.stack([gone, gone], axis=2), np.zeros(len(parameters), dtype=bool)

    return decay_problem(arrays(times, counts), {"pool": errors}, **({"solve": lost} | changes))


def test_counts_have_the_textbook_likelihood():
    problem = decay_problem(arrays(TIMES, COUNTS), {"pool": PoissonError()})
    values = np.array([[100.0, 0.1], [80.0, 0.05]])
    mean = values[:, :1] * np.exp(-values[:, 1:2] * TIMES)
    expected = stats.poisson(mean).logpmf(COUNTS)
    assert problem.names == ("a", "k")
    assert problem.log_likelihood(problem.unconstrain(values)) == pytest.approx(expected.sum(axis=1))
    assert problem.pointwise(values) == pytest.approx(expected)


def test_counts_of_intervals_compare_with_the_rise_since_the_one_before():
    problem = dying(TIMES, [10.0, 14.0, 30.0], PoissonIncrements())
    values = np.array([[100.0, 0.1]])
    edges = -100.0 * np.expm1(-0.1 * np.array([0.0, *TIMES]))
    expected = stats.poisson(np.diff(edges)).logpmf([10, 14, 30]).sum()
    assert problem.log_likelihood(problem.unconstrain(values)) == pytest.approx(expected)


def test_overdispersed_counts_estimate_their_dispersion():
    problem = dying(TIMES, [10.0, 14.0, 30.0], NegativeBinomialIncrements(Exponential(0.1)))
    assert problem.names == ("a", "k", "dispersion_pool")
    values = np.array([[100.0, 0.1, 6.0]])
    mean = np.diff(-100.0 * np.expm1(-0.1 * np.array([0.0, *TIMES])))
    expected = stats.nbinom(6.0, 6.0 / (6.0 + mean)).logpmf([10, 14, 30]).sum()
    assert problem.log_likelihood(problem.unconstrain(values)) == pytest.approx(expected)


def test_two_counted_outputs_have_their_own_intervals():
    output, times = np.array([0, 1, 0]), np.array([1.0, 2.0, 4.0])
    both = {"pool": PoissonIncrements(), "twice": PoissonIncrements()}

    def lost(parameters, at):
        gone = parameters[:, :1] * -np.expm1(-parameters[:, 1:2] * at)
        return np.stack([gone, 2.0 * gone], axis=2), np.zeros(len(parameters), dtype=bool)

    problem = decay_problem(arrays(times, [9.0, 40.0, 25.0], output=output), both, solve=lost)
    gone = -100.0 * np.expm1(-0.1 * np.array([1.0, 2.0, 4.0]))
    mean = [gone[0], 2.0 * gone[1], gone[2] - gone[0]]
    expected = stats.poisson(mean).logpmf([9, 40, 25]).sum()
    u = problem.unconstrain(np.array([[100.0, 0.1]]))
    assert problem.log_likelihood(u) == pytest.approx(expected)


def few_draws(problem, values):
    values = np.array(values)[None, :, None, :]
    nothing = dict.fromkeys(("burn_in", "versions", "fingerprint", "diagnostics", "gates", "solve_counts"))
    return Draws("P1", problem.names, values, np.zeros(values.shape[:3]), 1, acceptance=None, **nothing)


def test_tables_show_counts_of_intervals_where_they_were_counted():
    problem = dying(TIMES, [10.0, 14.0, 30.0], PoissonIncrements())
    draws, mean = (
        few_draws(problem, [[100.0, 0.1]] * 400),
        np.diff(-100.0 * np.expm1([0.0, -0.1, -0.3, -0.8])),
    )
    bands = band_table(draws, problem, np.linspace(0.0, 8.0, 50))
    assert bands["time"].tolist() == TIMES.tolist()
    assert bands["median"].to_numpy() == pytest.approx(mean)
    assert bands["predictive_upper"].to_numpy() == pytest.approx(stats.poisson(mean).ppf(0.95), abs=2.0)
    fit = gof_table(draws, problem)
    assert fit["predicted"].to_numpy() == pytest.approx(mean)
    assert fit["residual"].to_numpy() == pytest.approx((np.array([10.0, 14.0, 30.0]) - mean) / np.sqrt(mean))


@pytest.mark.parametrize(
    ("observed", "error", "words"),
    [
        (arrays([1.0], [2.5]), PoissonError(), "not a count"),
        (arrays([1.0], [-1.0]), PoissonError(), "not a count"),
        (arrays([1.0], [3.0], censoring=1), NegativeBinomialError(HalfNormal(5.0)), "below or above a limit"),
        (arrays([0.0, 1.0], [3.0, 4.0]), PoissonIncrements(), "interval of no length"),
        (arrays([1.0, 1.0], [3.0, 4.0]), PoissonIncrements(), "interval of no length"),
    ],
)
def test_impossible_counts_are_refused_naming_the_row(observed, error, words):
    with pytest.raises(FitError, match=words) as caught:
        decay_problem(observed, {"pool": error})
    assert "subject P1, row" in str(caught.value)


def own(outputs, parameters):
    """Normal errors on the pool with the first extra parameter as sd."""
    sd = parameters[:, 2:3]
    return np.sum(-0.5 * ((outputs[:, :, 0] - COUNTS) / sd) ** 2 - np.log(sd), axis=1)


def own_problem(**changes):
    likelihood = OwnLikelihood(own, TIMES, extra={"sd": HalfNormal(10.0)})
    problem = likelihood_problem(decay_model(), likelihood)
    return replace(problem, **({"solve": exact} | changes))


def test_a_likelihood_of_ones_own_sees_outputs_and_parameters():
    problem, values = own_problem(), np.array([[100.0, 0.1, 4.0], [90.0, 0.08, 7.0]])
    assert problem.names == ("a", "k", "sd")
    curve = values[:, :1] * np.exp(-values[:, 1:2] * TIMES)
    expected = np.sum(-0.5 * ((curve - COUNTS) / values[:, 2:]) ** 2 - np.log(values[:, 2:]), axis=1)
    assert problem.log_likelihood(problem.unconstrain(values)) == pytest.approx(expected)


def test_a_likelihood_of_ones_own_adds_to_that_of_the_observations():
    plain = decay_problem(arrays(TIMES, COUNTS), {"pool": PoissonError()})
    extra = OwnLikelihood(lambda outputs, parameters: -outputs[:, 0, 1] - parameters[:, 1], [2.0])
    both, values = replace(plain, likelihood=extra), np.array([[100.0, 0.1]])
    u = plain.unconstrain(values)
    expected = plain.log_likelihood(u) - 200.0 * np.exp(-0.2) - 0.1
    assert both.log_likelihood(u) == pytest.approx(expected)


def test_a_likelihood_of_ones_own_is_sampled_and_fingerprinted():
    settings = SamplerSettings(ensembles=2, walkers=12, burn_in=20, check_every=20, max_steps=60, starts=8)
    draws = sample_density(own_problem(), settings, seed=1)
    assert draws.fingerprint["likelihood"] == own_problem().fingerprint()["likelihood"]
    other = replace(own_problem(), likelihood=OwnLikelihood(own, TIMES, extra={"sd": HalfNormal(9.0)}))
    assert other.fingerprint()["likelihood"] != draws.fingerprint["likelihood"]
    assert np.median(draws.of("a")) == pytest.approx(100.0, rel=0.3)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: OwnLikelihood(own, [3.0, 1.0]), "increase"),
        (lambda: OwnLikelihood(own, [-1.0]), "increase"),
        (
            lambda: OwnLikelihood(lambda o, p: 0.0, TIMES).of(np.zeros((2, 3, 2)), np.zeros((2, 2))),
            "one number",
        ),
    ],
)
def test_a_wrong_likelihood_says_what_is_wrong(build, words):
    with pytest.raises(FitError, match=words):
        build()


def two_rates():
    """Two pools that decline at rates that mean the same thing."""
    return Model(
        TEST,
        (State("x", "1", "fast"), State("y", "1", "slow")),
        tuple(Parameter(n, "1/day", "rate", LogNormal(0.1, 1.0), TEST) for n in ("slow", "fast")),
        (Output("total", "1", "their sum"),),
        lambda t, y, p: {"x": -p.slow * y.x, "y": -p.fast * y.y},
        lambda t, y, p: {"total": y.x + y.y},
        initial=lambda p: {"x": 1.0, "y": 1.0},
    )


def two_rates_problem():
    def solve(parameters, times):
        total = np.exp(-parameters[:, None, :] * times[:, None]).sum(axis=2)
        return total[:, :, None], np.zeros(len(parameters), dtype=bool)

    likelihood = OwnLikelihood(
        lambda outputs, parameters: -50.0 * np.sum(outputs[:, :, 0], axis=1), [1.0, 9.0]
    )
    problem = likelihood_problem(two_rates(), likelihood)
    return replace(problem, solve=solve), replace(problem, solve=solve, ordered=(("slow", "fast"),))


def test_ordered_rates_of_a_model_keep_density_and_order():
    free, ordered = two_rates_problem()
    values = np.array([[0.05, 0.4]])
    u, line = ordered.unconstrain(values), free.unconstrain(values)
    assert ordered.constrain(u) == pytest.approx(values)
    gap = np.log(0.4) - np.log(0.05)
    assert ordered.log_posterior(u) == pytest.approx(free.log_posterior(line) + np.log(gap))
    assert ordered.log_prior(u) == pytest.approx(ordered.evaluate(u).log_prior)
    anywhere = np.random.default_rng(1).standard_normal((50, 2))
    assert np.all(np.diff(ordered.constrain(anywhere), axis=1) > 0.0)
    value, slope = value_and_gradient(ordered, u[0])
    shifted = ordered.log_posterior(u + 1e-5 * np.eye(2)) - ordered.log_posterior(u - 1e-5 * np.eye(2))
    assert value == ordered.log_posterior(u)[0]
    assert slope == pytest.approx(shifted / 2e-5, rel=1e-4)


def test_order_is_part_of_the_fingerprint_only_where_it_is_asked_for():
    free, ordered = two_rates_problem()
    assert "order" in ordered.fingerprint()
    assert "order" not in free.fingerprint()


def test_impossible_orders_are_refused():
    free, _ = two_rates_problem()
    for ordered, words in (
        ((("slow", "other"),), "other"),
        ((("slow",),), "at least two"),
        ((("slow", "slow"),), "at least two"),
    ):
        with pytest.raises(FitError, match=words):
            replace(free, ordered=ordered)
    mixed = decay_problem(arrays(TIMES, COUNTS), {"pool": PoissonError()})
    bounded = replace(mixed.parameters[1], prior=LogNormal(0.1, 1.0))
    assert replace(mixed, parameters=(mixed.parameters[0], bounded), ordered=(("k", "a"),)).ordered_columns
