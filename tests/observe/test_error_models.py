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
every_error = pytest.mark.parametrize(("error", "sigma"), EVERY, ids=lambda v: type(v).__name__)


def test_scales_are_numbered_as_in_the_kernels():
    for name in ("ADDITIVE", "PROPORTIONAL", "COMBINED", "LOG_SCALE"):
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


@every_error
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
