"""A density of one's own: the right posterior, names and order, one by one, resume, export, refusals."""

import math
from dataclasses import replace

import numba
import numpy as np
import pytest
from scipy import stats

import cartsim
from cartsim.errors import FitError, ResumeRefused
from cartsim.infer.density import DensityProblem, OneByOne, Ordered, Vector, sample_density
from cartsim.infer.optima import find_optima
from cartsim.infer.settings import SamplerSettings
from cartsim.infer.tables import parameter_table
from cartsim.spec.priors import Beta, Cauchy, Exponential, Fixed, Flat, HalfCauchy, LogNormal, Normal, Uniform

QUICK = SamplerSettings(walkers=24, burn_in=300, check_every=400, max_steps=4_000, starts=16)
TINY = SamplerSettings(ensembles=2, walkers=16, burn_in=10, check_every=10, max_steps=30, starts=8)


def nothing(values):
    return np.zeros(len(values))


def shifted(values):
    """A normal around (1, -2) with sds (0.5, 3)."""
    return -0.5 * ((values - np.array([1.0, -2.0])) ** 2 / np.array([0.25, 9.0])).sum(axis=1)


def two_flat(function=shifted, **changes):
    return DensityProblem({"x": Vector(Flat(near=0.0, reach=4.0), 2)}, function, **changes)


def test_a_density_without_priors_is_recovered_and_passes_the_gates():
    draws = sample_density(two_flat(), QUICK, seed=1)
    assert draws.gates.passed
    assert draws.names == ("x[1]", "x[2]")
    flat = draws.flat()  # at least 400 effective draws asked for, far more made
    assert flat.mean(axis=0) == pytest.approx([1.0, -2.0], abs=0.15)
    assert flat.std(axis=0) == pytest.approx([0.5, 3.0], rel=0.07)
    assert draws.gates.line.endswith("0 failed evaluations")


def test_priors_alone_come_back():
    priors = {"rate": Exponential(0.5), "share": Beta(2.0, 5.0), "scale": LogNormal(3.0, 0.7)}
    draws = sample_density(DensityProblem(priors, nothing), QUICK, seed=2)
    for name, prior in priors.items():
        below = [np.mean(draws.of(name) < prior.quantile(q)) for q in (0.05, 0.5, 0.95)]
        assert below == pytest.approx([0.05, 0.5, 0.95], abs=0.03)


def test_the_log_posterior_is_prior_times_density_times_jacobian():
    problem = DensityProblem(
        {"mu": Cauchy(0.0, 2.0), "tau": HalfCauchy(5.0), "share": Uniform(-1.0, 3.0)},
        lambda v: -0.5 * v[:, 0] ** 2 - v[:, 1],
    )
    values = np.array([[0.3, 2.0, 0.5], [-4.0, 0.1, 2.9]])
    u = problem.unconstrain(values)
    assert problem.constrain(u) == pytest.approx(values)
    mu, tau, share = values.T
    expected = stats.cauchy(0, 2).logpdf(mu) + stats.halfcauchy(scale=5).logpdf(tau) - np.log(4.0)
    expected += -0.5 * mu**2 - tau + np.log(tau) + np.log((share + 1.0) * (3.0 - share) / 4.0)
    assert problem.log_posterior(u) == pytest.approx(expected, rel=1e-12)


def test_vectors_and_scalars_are_named_in_order_and_found_by_name():
    problem = DensityProblem(
        {"mu": Normal(0, 1), "theta": Vector(Normal(0, 1), 3), "c": Ordered(Normal(0, 1), 2)}, nothing
    )
    assert problem.names == ("mu", "theta[1]", "theta[2]", "theta[3]", "c[1]", "c[2]")
    assert problem.columns("theta") == slice(1, 4)
    assert problem.columns("mu") == slice(0, 1)
    with pytest.raises(FitError, match="eta"):
        problem.columns("eta")


@pytest.mark.parametrize("prior", [Normal(1.0, 2.0), Exponential(1.0), Beta(2.0, 2.0)], ids=repr)
def test_ordered_parameters_are_the_order_statistics_of_their_prior(prior):
    draws = sample_density(DensityProblem({"x": Ordered(prior, 2)}, nothing), QUICK, seed=3)
    first, second = draws.of("x[1]").ravel(), draws.of("x[2]").ravel()
    assert np.all(first < second)
    sorted_pairs = np.sort(prior.sample(np.random.default_rng(1), (200_000, 2)), axis=1)
    for got, wanted in zip((first, second), sorted_pairs.T, strict=True):
        assert got.mean() == pytest.approx(wanted.mean(), abs=0.1 * wanted.std())
        assert got.std() == pytest.approx(wanted.std(), rel=0.07)


def test_the_jacobian_of_an_ordered_block_equals_the_numerical_one():
    problem = DensityProblem({"x": Ordered(LogNormal(2.0, 1.0), 3), "y": Normal(0.0, 1.0)}, nothing)
    u = np.array([0.3, -0.5, 0.2, 1.0])
    steps = 1e-6 * np.eye(4)
    jacobian = (problem.constrain(u + steps) - problem.constrain(u - steps)) / 2e-6
    value = problem.constrain(u[None])[0]
    density = sum(prior.log_density(x) for prior, x in zip(problem.priors, value, strict=True))
    expected = float(density) + np.linalg.slogdet(jacobian)[1]
    assert problem.log_posterior(u[None])[0] == pytest.approx(expected, abs=1e-7)
    assert problem.unconstrain(value)[0] == pytest.approx(u)


def scalar(x):
    return -0.5 * ((x[0] - 1.0) ** 2 / 0.25 + (x[1] + 2.0) ** 2 / 9.0)


@pytest.mark.parametrize("function", [scalar, numba.njit(scalar)], ids=["python", "numba"])
def test_a_function_of_one_parameter_set_is_called_for_each(function):
    u = np.random.default_rng(1).standard_normal((7, 2))
    assert two_flat(OneByOne(function)).log_posterior(u) == pytest.approx(two_flat().log_posterior(u))


def test_starts_are_found_for_a_target_of_two_modes():
    def two_modes(values):
        return np.logaddexp(-0.5 * (values[:, 0] - 6.0) ** 2, -0.5 * (values[:, 0] + 6.0) ** 2)

    problem = DensityProblem({"x": Flat(near=0.0, reach=6.0)}, two_modes)
    optima = find_optima(problem, np.random.default_rng(1), starts=32)
    assert np.sort(optima.points[:, 0]) == pytest.approx([-6.0, 6.0], abs=1e-3)
    assert optima.covariance[:, 0, 0] == pytest.approx(1.0, rel=0.01)


def test_nan_and_infinity_are_impossible_and_counted():
    problem = DensityProblem(
        {"x": Normal(0.0, 1.0)},
        lambda v: np.where(v[:, 0] > 1.0, np.nan, np.where(v[:, 0] < -1.0, np.inf, 0.0)),
    )
    found = problem.evaluate(np.array([[0.0], [2.0], [-2.0]]))
    assert np.isfinite(found.log_posterior).tolist() == [True, False, False]
    assert found.failed.tolist() == [False, True, True]


def test_a_run_can_be_resumed_and_makes_the_same_draws(tmp_path):
    whole = sample_density(two_flat(), TINY, seed=4, folder=tmp_path / "a")
    sample_density(two_flat(), replace(TINY, max_steps=20), seed=4, folder=tmp_path / "b")
    resumed = sample_density(two_flat(), TINY, seed=4, folder=tmp_path / "b", resume=True)
    assert np.array_equal(whole.values, resumed.values)


@pytest.mark.parametrize("part", ["log density", "data", "priors"])
def test_a_changed_input_is_not_resumed(part, tmp_path):
    sample_density(two_flat(data=np.arange(3.0)), TINY, seed=4, folder=tmp_path)
    changed = {
        "log density": two_flat(lambda v: 2.0 * shifted(v), data=np.arange(3.0)),
        "data": two_flat(data=np.arange(4.0)),
        "priors": DensityProblem({"x": Vector(Normal(0, 9), 2)}, shifted, data=np.arange(3.0)),
    }[part]
    with pytest.raises(ResumeRefused, match=part):
        sample_density(changed, TINY, seed=4, folder=tmp_path, resume=True)


def test_draws_go_to_tables_and_arviz():
    problem = two_flat()
    draws = sample_density(problem, TINY, seed=4)
    table = parameter_table(draws, problem)
    assert table["prior"].tolist() == ["flat", "flat"]
    assert table["contraction"].isna().all()
    assert not table["informed"].any()
    exported = draws.to_inferencedata(problem)
    assert set(exported.posterior.data_vars) == {"x[1]", "x[2]"}
    assert "log_likelihood" not in exported.groups()


def test_walkers_follow_the_dimension():
    many = DensityProblem({"x": Vector(Normal(0.0, 1.0), 10)}, nothing)
    with pytest.raises(FitError, match="2 x dimensions"):
        sample_density(many, TINY, seed=1)
    assert cartsim.sample_density is sample_density


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: DensityProblem({}, nothing), "at least one"),
        (lambda: DensityProblem({"x": Fixed(1.0)}, nothing), "needs a prior"),
        (lambda: DensityProblem({"x": 3.0}, nothing), "Flat"),
        (lambda: Vector(Normal(0.0, 1.0), 0), "size"),
        (lambda: two_flat(lambda v: 0.0).log_posterior(np.zeros((3, 2))), "one number a parameter set"),
        (lambda: sample_density(two_flat(), TINY, seed=1, resume=True), "folder"),
    ],
)
def test_a_wrong_declaration_says_what_is_wrong(build, words):
    with pytest.raises(FitError, match=words):
        build()


@pytest.mark.slow
def test_eight_schools_equal_the_quadrature():
    from benchmarks.anchors import ANCHORS, judge

    row = judge("eight schools", ANCHORS["eight schools, non-centred"](), 5)
    assert row["gates_passed"]
    assert row["within"]


@pytest.mark.slow
def test_ordered_means_of_a_mixture_equal_the_quadrature():
    from benchmarks.anchors import ANCHORS, judge

    row = judge("mixture", ANCHORS["mixture, ordered means"](), 5)
    assert row["gates_passed"]
    assert row["within"]
    assert math.isfinite(row["mean_error_sd"])
