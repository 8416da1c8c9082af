"""The block move samples the posterior it should: against quadrature, and against the prior without data."""

import numpy as np
import pytest
from scipy import stats

from cartsim.data.dataset import ObservationArrays
from cartsim.infer.hierarchy import Correlation, RandomEffect
from cartsim.infer.population import Population
from cartsim.infer.problem import FreeParameter
from cartsim.infer.sampling import sample
from cartsim.infer.settings import Gates, MoveMix, SamplerSettings
from cartsim.observe.error_models import LogNormalError
from cartsim.spec.model import Output, Parameter, assumed
from cartsim.spec.priors import Fixed, HalfNormal, LogNormal
from tests.problems import HAIRER, Model, state

MIX = MoveMix(differential_evolution=0.54, jumps=0.06, stretch=0.25, leaps=0.15)
SIGMA = 0.4
ALWAYS_BELOW = 1e300


def levels_model():
    """Two constant levels, each measured: log values are normal, so everything has a closed form."""
    parameters = tuple(
        Parameter(name, "1", f"level {name}", LogNormal(median=1.0, log_sd=1.0), assumed("test problem"))
        for name in ("first", "second")
    )

    def initial(p):
        return {"high": p.first, "low": p.second}

    def rhs(t, y, p):
        return {"high": 0.0 * y.high, "low": 0.0 * y.low}

    def solution(t, p):
        return {"high": p.first + 0.0 * t, "low": p.second + 0.0 * t}

    def outputs(t, y, p):
        return {"high": y.high, "low": y.low}

    declared = (Output("high", "1", "high"), Output("low", "1", "low"))
    states = (state("high"), state("low"))
    return Model(
        HAIRER, states, parameters, declared, rhs, outputs, name="levels", initial=initial, solution=solution
    )


def population_of(values, *, censored=False, **options):
    """Each row of log values is one patient's `high` and `low`, measured once (or only known to be small)."""
    values = np.asarray(values, dtype=float)
    patients = len(values)
    count = values.size
    limit = np.full(count, ALWAYS_BELOW) if censored else np.exp(values).ravel()
    arrays = ObservationArrays(
        tuple(f"P{i}" for i in range(patients)),
        ("high", "low"),
        np.arange(0, count + 1, 2, dtype=np.int64),
        np.ones(count),
        np.tile([0, 1], patients),
        limit,
        np.full(count, int(censored)),
        np.zeros(count) if censored else limit,
        limit,
        np.arange(count),
    )
    model = levels_model()
    effects = tuple(
        RandomEffect(FreeParameter(p.name, p.prior), HalfNormal(sd=0.8)) for p in model.parameters
    )
    errors = dict.fromkeys(("high", "low"), LogNormalError(sigma=Fixed(SIGMA)))
    return Population(model, arrays, effects, errors, **options)


def draws_of(population, folder, *, steps, seed):
    settings = SamplerSettings(
        ensembles=1, walkers=64, burn_in=steps // 5, check_every=steps // 5, max_steps=steps, moves=MIX
    )
    return sample(population, settings, seed=seed, folder=folder, gates=Gates(ensembles=1))


def by_quadrature(y):
    """Posterior means and sds of mu, omega, log omega and the first theta of one parameter, on a grid."""
    mu, log_omega = np.meshgrid(np.linspace(-4, 4, 801), np.linspace(-9, 2.5, 801), indexing="ij")
    omega = np.exp(log_omega)
    height = stats.norm.logpdf(mu, 0.0, 1.0) + stats.halfnorm.logpdf(omega, scale=0.8) + log_omega
    for value in y:
        height += stats.norm.logpdf(value, mu, np.hypot(omega, SIGMA))
    weight = np.exp(height - height.max())
    weight /= weight.sum()
    pull = omega**2 / (omega**2 + SIGMA**2)
    centre, spread = mu + pull * (y[0] - mu), pull * SIGMA**2
    found = {}
    wanted = (
        ("mu", mu, 0.0),
        ("omega", omega, 0.0),
        ("log_omega", log_omega, 0.0),
        ("theta", centre, spread),
    )
    for name, mean, extra in wanted:
        average = (weight * mean).sum()
        found[name] = average, np.sqrt((weight * (extra + (mean - average) ** 2)).sum())
    return found


def test_means_and_sds_are_those_of_quadrature(tmp_path):
    """0.06 sd is 4 Monte Carlo errors at the effective sample size of 4,500 of the slowest quantity here.

    log omega has a long left tail, so its sd is known less well.
    """
    values = np.random.default_rng(7).normal(0.3, [0.5, 0.9], size=(6, 2))
    draws = draws_of(population_of(values), tmp_path, steps=2_000, seed=1)
    for k, name in enumerate(("first", "second")):
        expected = by_quadrature(values[:, k])
        own = {"mu": name, "log_omega": f"omega_{name}", "theta": f"{name}[P0]"}
        for what, column in own.items():
            mean, sd = expected[what]
            found = np.log(draws.of(column))
            assert abs(found.mean() - mean) < 0.06 * sd, column
            assert found.std() == pytest.approx(sd, rel=0.1), column


def test_a_wrong_target_is_noticed(tmp_path):
    """The same comparison fails when the density is off by one patient."""
    values = np.random.default_rng(7).normal(0.3, [0.5, 0.9], size=(6, 2))
    draws = draws_of(population_of(values), tmp_path, steps=1_000, seed=1)
    mean, sd = by_quadrature(values[:-1, 1])["mu"]
    assert abs(np.log(draws.of("second")).mean() - mean) > 0.06 * sd


@pytest.mark.slow
def test_without_data_the_prior_comes_back(tmp_path):
    """Every observation only says "below 1e300": everything follows its prior."""
    population = population_of(np.zeros((20, 2)), censored=True, correlation=Correlation(eta=2.0))
    draws = draws_of(population, tmp_path, steps=6_000, seed=2)
    tau = draws.diagnostics.set_index("name")["tau"]
    for name, law in {
        "first": stats.lognorm(1.0),
        "omega_first": stats.halfnorm(scale=0.8),
        "omega_second": stats.halfnorm(scale=0.8),
        "cor_second_first": stats.beta(2.0, 2.0, loc=-1.0, scale=2.0),  # a = eta - 1 + p / 2
    }.items():
        uniform = law.cdf(draws.of(name)).ravel()
        error = np.sqrt(tau[name] / uniform.size)
        for q in (0.1, 0.5, 0.9):
            assert abs((uniform < q).mean() - q) < 4.0 * error * np.sqrt(q * (1 - q)) + 0.005, (name, q)
