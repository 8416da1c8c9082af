"""A patient's posterior: the textbook formula, censoring that counts, impossible failures, clear refusals."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from cartsim.data.dataset import ObservationArrays
from cartsim.errors import FitError
from cartsim.infer.problem import FreeParameter, Problem
from cartsim.observe.error_models import AdditiveError, CombinedError, LogNormalError
from cartsim.regimen.doses import Dose
from cartsim.regimen.regimen import Regimen, events_of
from cartsim.regimen.rules import Rule
from cartsim.spec.model import Model, Output, Parameter, State, assumed
from cartsim.spec.priors import (
    Beta,
    Fixed,
    Gamma,
    HalfCauchy,
    HalfNormal,
    LogitNormal,
    LogNormal,
    LogUniform,
    Normal,
    TruncatedNormal,
    Uniform,
)
from tests.infer import small_fit

TEST = assumed("test")


def decay_model():
    """One pool that declines at rate k from a; outputs the pool and its double."""
    return Model(
        TEST,
        (State("pool", "copies/ug", "declining pool"),),
        (
            Parameter("a", "copies/ug", "start", LogNormal(100.0, 1.0), TEST),
            Parameter("k", "1/day", "rate", LogNormal(0.1, 0.5), TEST),
        ),
        (Output("pool", "copies/ug", "the pool"), Output("twice", "copies/ug", "its double")),
        lambda t, y, p: {"pool": -p.k * y.pool},
        lambda t, y, p: {"pool": y.pool, "twice": 2.0 * y.pool},
        initial=lambda p: {"pool": p.a},
    )


def exact(parameters, times):
    """The decay in closed form, in the place of the ODE engine."""
    pool = parameters[:, :1] * np.exp(-parameters[:, 1:2] * times)
    return np.stack([pool, 2.0 * pool], axis=2), np.zeros(len(parameters), dtype=bool)


def arrays(time, value, *, censoring=0, lower=None, upper=None, output=0):
    time, count = np.asarray(time, dtype=float), len(time)
    value = np.asarray(value, dtype=float)
    return ObservationArrays(
        subjects=("P1",),
        outputs=("pool", "twice"),
        subject_offsets=np.array([0, count]),
        time=time,
        output=np.broadcast_to(output, count).astype(np.int64),
        value=value,
        censoring=np.broadcast_to(censoring, count).astype(np.int64),
        lower=value if lower is None else np.asarray(lower, dtype=float),
        upper=value if upper is None else np.asarray(upper, dtype=float),
        row=np.arange(2, count + 2),
    )


def decay_problem(observations, errors=None, **changes):
    model = decay_model()
    free = tuple(FreeParameter(p.name, p.prior, p.unit, p.meaning) for p in model.parameters)
    errors = errors or {"pool": LogNormalError(HalfNormal(0.6))}
    return Problem(model, "P1", observations, free, errors, **({"solve": exact} | changes))


def test_the_log_posterior_is_prior_plus_likelihood_by_the_textbook():
    problem = decay_problem(arrays([1.0, 5.0], [80.0, 70.0]))
    a, k, sigma = 90.0, 0.05, 0.4
    u = np.log([[a, k, sigma]])
    prior = (
        stats.norm.logpdf(math.log(a), math.log(100.0), 1.0)
        + stats.norm.logpdf(math.log(k), math.log(0.1), 0.5)
        + stats.halfnorm.logpdf(sigma, scale=0.6)
        + math.log(sigma)  # Jacobian of the log
    )
    likelihood = sum(
        stats.lognorm.logpdf(y, sigma, scale=a * math.exp(-k * t)) for t, y in ((1.0, 80.0), (5.0, 70.0))
    )
    assert problem.names == ("a", "k", "sigma_pool")
    assert problem.log_prior(u) == pytest.approx(prior, rel=1e-12)
    assert problem.log_likelihood(u) == pytest.approx(likelihood, rel=1e-12)
    assert problem.log_posterior(u) == pytest.approx(prior + likelihood, rel=1e-12)
    assert problem.pointwise(problem.constrain(u)).sum() == pytest.approx(likelihood, rel=1e-12)


def test_every_kind_of_censoring_has_its_probability():
    censored = arrays(
        [1.0, 1.0, 1.0],
        [50.0, 50.0, 50.0],
        censoring=[1, 2, 3],
        lower=[0.0, 50.0, 20.0],
        upper=[50.0, np.inf, 50.0],
    )
    problem = decay_problem(censored)
    a, k, sigma = 60.0, 0.05, 0.4
    z = [(math.log(x / a) + k) / sigma for x in (20.0, 50.0)]
    expected = [
        stats.norm.logcdf(z[1]),
        stats.norm.logsf(z[1]),
        math.log(stats.norm.cdf(z[1]) - stats.norm.cdf(z[0])),
    ]
    assert problem.pointwise(np.array([[a, k, sigma]]))[0] == pytest.approx(expected, rel=1e-12)


def test_outputs_have_errors_of_their_own_and_may_repeat_a_time():
    data = arrays([1.0, 1.0, 1.0, 2.0], [80.0, 85.0, 170.0, 150.0], output=[0, 0, 1, 1])
    errors = {
        "pool": AdditiveError(HalfNormal(10.0)),
        "twice": CombinedError(HalfNormal(5.0), HalfNormal(0.3)),
    }
    problem = decay_problem(data, errors)
    assert problem.names == ("a", "k", "sigma_pool", "sigma_additive_twice", "sigma_proportional_twice")
    a, k, *sigma = values = [90.0, 0.1, 7.0, 3.0, 0.2]
    pool = a * np.exp(-k * np.array([1.0, 1.0, 1.0, 2.0]))
    expected = [
        stats.norm.logpdf(80.0, pool[0], sigma[0]),
        stats.norm.logpdf(85.0, pool[1], sigma[0]),
        stats.norm.logpdf(170.0, 2 * pool[2], math.hypot(sigma[1], sigma[2] * 2 * pool[2])),
        stats.norm.logpdf(150.0, 2 * pool[3], math.hypot(sigma[1], sigma[2] * 2 * pool[3])),
    ]
    assert problem.pointwise(np.array([values]))[0] == pytest.approx(expected, rel=1e-12)
    assert problem.sigma_of(np.array([values]), "twice") == (pytest.approx([3.0]), pytest.approx([0.2]))


def test_values_below_the_limit_count_and_dropping_them_is_another_posterior():
    problem = small_fit.patient_problem()
    full = replace(problem, arrays=small_fit.patient_arrays(problem.model, lloq=300.0))
    kept = full.arrays.censoring == 0
    assert (~kept[-3:]).all(), "the last three samples are below this limit"
    columns = ("time", "output", "value", "censoring", "lower", "upper", "row")
    dropped = replace(
        full.arrays,
        subject_offsets=np.array([0, kept.sum()]),
        **{name: getattr(full.arrays, name)[kept] for name in columns},
    )
    without = replace(full, arrays=dropped)
    late = full.unconstrain([[3900.0, 9.3, 24_000.0, 0.16, 0.02, 0.0003, 0.5]])  # keeps far above the LLOQ
    low = full.unconstrain([[3900.0, 9.3, 24_000.0, 0.16, 0.004, 0.01, 0.5]])
    assert (full.log_likelihood(low) - full.log_likelihood(late))[0] > (
        without.log_likelihood(low) - without.log_likelihood(late)
    )[0] + 1.0


def test_the_model_engine_gives_steins_published_formula():
    problem = small_fit.patient_problem()
    values = np.array([[2000.0, 10.0, 30_000.0, 0.2, 0.01, 0.005, 0.5]])
    foldx, tmax, cmax, alpha, fb, beta = values[0, :6]
    t = np.array([3.0, 10.0, 50.0])
    after = np.maximum(t - tmax, 0.0)
    rise = cmax / foldx * np.exp(np.log(foldx) / tmax * np.minimum(t, tmax))
    expected = np.where(
        t < tmax, rise, cmax * ((1.0 - fb) * np.exp(-alpha * after) + fb * np.exp(-beta * after))
    )
    assert problem.predict(values, t)[0, :, 0] == pytest.approx(expected, rel=1e-12)


def test_a_failed_solve_and_a_prediction_that_is_no_number_are_impossible():
    def solve(parameters, times):
        outputs, failed = exact(parameters, times)
        failed[0] = True
        outputs[1, 1] = np.nan
        return outputs, failed

    found = decay_problem(arrays([1.0, 5.0], [80.0, 70.0]), solve=solve).evaluate(
        np.log([[90.0, 0.05, 0.4]] * 3)
    )
    assert found.failed.tolist() == [True, False, False]
    assert found.log_posterior[:2].tolist() == [-np.inf, -np.inf]
    assert np.isfinite(found.log_posterior[2])


@pytest.mark.parametrize("far", [-800.0, 800.0])
def test_points_far_outside_are_impossible_and_never_nan(far):
    problem = small_fit.patient_problem()
    for column in range(problem.ndim):
        u = problem.unconstrain([[3900.0, 9.3, 24_000.0, 0.16, 0.0079, 0.0032, 0.5]])
        u[0, column] = far
        assert problem.log_posterior(u)[0] < -1e3


PRIORS = [
    LogNormal(9.3, 0.6),
    LogitNormal(0.05, 1.2),
    LogitNormal(3.0, 0.8, 2.0, 10.0),
    Normal(-1.5, 2.0),
    HalfNormal(0.6),
    HalfCauchy(2.5),
    Uniform(-2.0, 5.0),
    LogUniform(1e-3, 10.0),
    Beta(2.0, 5.0),
    Gamma(2.5, 0.5),
    TruncatedNormal(1.0, 2.0, 0.0, 4.0),
    TruncatedNormal(1.0, 2.0, 0.5, np.inf),
    TruncatedNormal(1.0, 2.0, -np.inf, 2.0),
]


@pytest.mark.parametrize("prior", PRIORS, ids=repr)
def test_the_compiled_transform_and_prior_are_those_of_the_prior_itself(prior):
    model = decay_model()
    free = (FreeParameter("a", prior), FreeParameter("k", model.parameters[1].prior))
    problem = replace(decay_problem(arrays([1.0], [80.0])), parameters=free)
    u = np.column_stack([np.linspace(-5.0, 5.0, 21), np.full(21, -2.0), np.full(21, -1.0)])
    assert problem.constrain(u)[:, 0] == pytest.approx(prior.constrain(u[:, 0]), rel=1e-13)
    assert problem.evaluate(u).log_prior == pytest.approx(problem.log_prior(u), rel=1e-11, abs=1e-11)
    assert problem.unconstrain(problem.constrain(u)) == pytest.approx(u, abs=1e-9)


def test_results_do_not_depend_on_who_else_is_evaluated():
    problem = small_fit.patient_problem()
    rng = np.random.default_rng(7)
    u = np.column_stack([prior.unconstrain(prior.sample(rng, 33)) for prior in problem.priors])
    together = problem.log_posterior(u)
    assert np.array_equal(together, np.concatenate([problem.log_posterior(u[k : k + 1]) for k in range(33)]))


def test_a_known_residual_sd_is_not_estimated():
    problem = decay_problem(arrays([1.0], [80.0]), {"pool": LogNormalError(Fixed(0.5))})
    assert problem.names == ("a", "k")
    got = problem.log_likelihood(np.log([[90.0, 0.05]]))
    assert got == pytest.approx(stats.lognorm.logpdf(80.0, 0.5, scale=90.0 * math.exp(-0.05)), rel=1e-12)


def test_tables_know_unit_and_meaning_of_the_residual():
    problem = decay_problem(arrays([1.0], [80.0], output=1), {"twice": CombinedError(HalfNormal(5.0))})
    assert [(item.unit, item.meaning) for item in problem.free[-2:]] == [
        ("copies/ug", "additive residual sd of twice"),
        ("1", "residual coefficient of variation of twice"),
    ]


def test_the_fingerprint_is_stable_and_tells_inputs_apart():
    first, second = small_fit.patient_problem(), small_fit.patient_problem()
    assert first.fingerprint() == second.fingerprint()
    moved = replace(first, fixed={"fster": 2.0}).fingerprint()
    assert {name for name in moved if moved[name] != first.fingerprint()[name]} == {"fixed values"}


def test_the_fingerprint_knows_doses_and_rules():
    problem = small_fit.patient_problem()
    rules = [
        (),
        (Rule("more", "car_transgene", (Dose(9.0, target="memory"),), below=50.0),),
        (Rule("more", "car_transgene", (Dose(9.0, target="memory"),), below=60.0),),
    ]
    tables = [events_of(problem.model, [Regimen((), own)]) for own in rules]
    digests = [replace(problem, events=table).fingerprint()["data"] for table in tables]
    assert len(set(digests)) == 3
    assert digests[0] == problem.fingerprint()["data"], "a table in which nothing happens is no table"


GOOD = arrays([1.0, 2.0], [80.0, 70.0])
KNOWN_SD = {"pool": LogNormalError(Fixed(0.5))}


def unknown_free_parameter():
    return replace(decay_problem(GOOD), parameters=(FreeParameter("z", Normal(0.0, 1.0)),))


def nothing_free():
    return replace(decay_problem(GOOD, KNOWN_SD), parameters=())


def early_sample():
    return decay_problem(arrays([-1.0, 2.0], [80.0, 70.0]))


def limit_of_zero():
    return decay_problem(arrays([1.0], [0.0], censoring=1, lower=[0.0], upper=[0.0]))


BAD = [
    (unknown_free_parameter, ("z", "a, k")),
    (lambda: decay_problem(GOOD, fixed={"z": 1.0}), ("z", "a, k")),
    (lambda: decay_problem(GOOD, fixed={"k": 1.0}), ("k", "both free and fixed")),
    (lambda: decay_problem(GOOD, {"twice": LogNormalError()}), ("P1", "pool", "no error model")),
    (early_sample, ("P1", "row 2", "day -1")),
    (lambda: decay_problem(arrays([1.0, 2.0], [80.0, 0.0])), ("P1", "row 3", "0.0", "LLOQ")),
    (limit_of_zero, ("row 2", "0.0")),
    (nothing_free, ("nothing is free",)),
]


@pytest.mark.parametrize(("build", "words"), BAD)
def test_a_problem_that_makes_no_sense_says_why(build, words):
    with pytest.raises(FitError) as caught:
        build()
    for word in words:
        assert word in str(caught.value)
