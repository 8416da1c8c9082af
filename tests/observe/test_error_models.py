"""Error models: names, plain data, simulation and residuals on their own scale."""

import numpy as np
import pytest

from cartsim.errors import ModelError
from cartsim.kernels import residual
from cartsim.observe import error_models
from cartsim.observe.error_models import (
    AdditiveError,
    CombinedError,
    LogNormalError,
    NegativeBinomialError,
    NegativeBinomialIncrements,
    PoissonError,
    PoissonIncrements,
    ProportionalError,
    StudentTError,
    error_from_mapping,
)
from cartsim.spec.priors import Fixed, HalfNormal, LogNormal, Normal

EVERY = [
    (LogNormalError(), (0.5,)),
    (AdditiveError(HalfNormal(3.0)), (2.0,)),
    (ProportionalError(), (0.2,)),
    (CombinedError(HalfNormal(3.0)), (2.0, 0.2)),
    (StudentTError(df=5.0), (0.5,)),
]
COUNTS = [
    (PoissonError(), ()),
    (PoissonIncrements(), ()),
    (NegativeBinomialError(HalfNormal(10.0)), (4.0,)),
    (NegativeBinomialIncrements(HalfNormal(10.0)), (4.0,)),
]
every_error = pytest.mark.parametrize(("error", "sigma"), EVERY, ids=lambda v: type(v).__name__)


def test_scales_are_numbered_as_in_the_kernels():
    names = ("ADDITIVE", "PROPORTIONAL", "COMBINED", "LOG_SCALE", "POISSON", "POISSON_RISE")
    for name in (*names, "NEGATIVE_BINOMIAL", "NEGATIVE_BINOMIAL_RISE"):
        assert getattr(error_models, name) == getattr(residual, name)


@every_error
def test_residuals_of_simulated_values_have_the_stated_distribution(error, sigma):
    prediction = np.full(200_000, 30.0)
    z = error.standardised(error.draw(np.random.default_rng(4), prediction, *sigma), prediction, *sigma)
    expected = error.df / (error.df - 2.0) if error.df else 1.0
    assert np.mean(z) == pytest.approx(0.0, abs=0.02)  # standard error 0.003
    assert np.var(z) == pytest.approx(expected, rel=0.05)


@every_error
def test_location_and_scale_agree_with_the_likelihood_kernel(error, sigma):
    value, prediction = 35.0, 30.0
    codes = np.array([[0, 0, 0, error.kind, 0, len(sigma) - 1]])
    measured = np.log(value) if error.log_scale else value
    numbers = np.array([[measured, 0.0, 0.0, residual.log_constant(error.df), error.df]])
    got = residual.log_likelihood(np.full((1, 1, 1), prediction), np.array([sigma]), codes, numbers)[0]
    z = error.standardised(np.array(value), np.array(prediction), *sigma)
    _, scale = error.location_and_scale(np.array(prediction), *sigma)
    expected = residual.log_constant(error.df) + residual.log_density(float(z), error.df) - np.log(scale)
    assert got == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize(("error", "sigma"), COUNTS, ids=lambda v: type(v).__name__)
def test_simulated_counts_have_the_probabilities_of_the_likelihood_kernel(error, sigma):
    drawn = error.draw(np.random.default_rng(4), np.full(200_000, 6.0), *sigma)
    assert np.array_equal(drawn, np.round(drawn))
    outputs = np.array([[[0.0], [6.0]]])
    codes = np.array([[1, 0, 0, error.kind, 0, 0]])
    for count in (0, 4, 11):
        numbers = np.array([[count, 0.0, 0.0, 0.0, 0.0]])
        kernel = np.exp(residual.log_likelihood(outputs, np.array([sigma]).reshape(1, -1), codes, numbers)[0])
        assert np.mean(drawn == count) == pytest.approx(kernel, abs=0.004)  # standard error below 0.0009
    z = error.standardised(drawn, np.full(200_000, 6.0), *sigma)
    assert (np.mean(z), np.var(z)) == pytest.approx((0.0, 1.0), abs=0.02)


@pytest.mark.parametrize(("error", "sigma"), COUNTS, ids=lambda v: type(v).__name__)
def test_an_unknown_mean_gives_unknown_counts(error, sigma):
    drawn = error.draw(np.random.default_rng(4), np.array([np.nan, 3.0, -1e-9]), *sigma)
    assert np.isnan(drawn).tolist() == [True, False, False]
    assert drawn[2] == 0.0


def test_a_dispersion_is_named_after_its_output():
    assert [n for n, _ in NegativeBinomialError(HalfNormal(1.0)).sigmas("cases")] == ["dispersion_cases"]
    assert PoissonError().sigmas("cases") == ()


@pytest.mark.parametrize(("error", "sigma"), [*EVERY, *COUNTS], ids=lambda v: type(v).__name__)
def test_plain_data_round_trips(error, sigma):
    assert error_from_mapping(error.to_mapping()) == error


def test_sigmas_are_named_after_their_output():
    assert [name for name, _ in LogNormalError().sigmas("car_transgene")] == ["sigma_car_transgene"]
    assert [name for name, _ in CombinedError(HalfNormal(1.0)).sigmas("ferritin")] == [
        "sigma_additive_ferritin",
        "sigma_proportional_ferritin",
    ]


def test_known_and_log_normal_standard_deviations_are_accepted():
    assert LogNormalError(Fixed(0.56)).sigma.value == 0.56
    assert LogNormalError(LogNormal(0.5, 0.3)).sigma.median == 0.5


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: LogNormalError(0.5), ("sigma", "0.5", "HalfNormal")),
        (lambda: AdditiveError(Normal(0.0, 1.0)), ("sigma", "positive")),
        (lambda: StudentTError(df=0.5), ("df", "0.5", "1 to 200")),
        (lambda: error_from_mapping({"Lognormal": {}}), ("Lognormal", "LogNormalError")),
        (lambda: error_from_mapping({"LogNormalError": {"sd": {}}}), ("sd", "sigma")),
        (lambda: error_from_mapping({"AdditiveError": {}}), ("missing", "sigma")),
        (lambda: error_from_mapping("LogNormalError"), ("one name",)),
    ],
)
def test_a_wrong_error_model_says_what_is_wrong(build, words):
    with pytest.raises(ModelError) as caught:
        build()
    for word in words:
        assert word in str(caught.value)
