"""The gradient that the search for optima climbs: right by two routes, smooth, and finite beside walls."""

import numpy as np
import pytest

from cartsim.infer.gradient import prior_sds, value_and_gradient
from cartsim.kernels.methods import Rodas5P
from tests.infer import small_fit

ODE = Rodas5P(rtol=1e-5)


@pytest.fixture(scope="module")
def closed():
    """The simulated patient with Stein's closed form."""
    return small_fit.patient_problem()


@pytest.fixture(scope="module")
def by_ode():
    """The same patient, its curve integrated."""
    return small_fit.patient_problem(method=ODE)


def point(problem, seed=4):
    values = [*problem.model.values[:6], 0.4]
    return problem.unconstrain([values])[0] + 0.1 * np.random.default_rng(seed).standard_normal(problem.ndim)


def central(problem, u, width=1e-5):
    """Gradient by central differences of the closed form, which has no noise."""
    steps = width * np.eye(problem.ndim)
    return (problem.log_posterior(u + steps) - problem.log_posterior(u - steps)) / (2.0 * width)


def test_the_gradient_agrees_with_central_differences_of_the_closed_form(closed, by_ode):
    u = point(closed)
    expected = central(closed, u)
    scale = np.abs(expected).max()
    value, gradient = value_and_gradient(closed, u)
    assert value == pytest.approx(closed.log_posterior(u[None])[0], rel=1e-12)
    assert gradient == pytest.approx(expected, abs=1e-5 * scale)  # a forward difference of 1e-6 prior sds
    value, gradient = value_and_gradient(by_ode, u)
    assert value == pytest.approx(closed.log_posterior(u[None])[0], abs=1e-2)
    # a solve at 1e-5, over the months in which its error builds up
    assert gradient == pytest.approx(expected, abs=1e-3 * scale)


def test_the_gradient_of_an_integrated_curve_has_no_noise(by_ode):
    """Along a line of tiny steps the gradient follows its curvature, not each step of the solver."""
    u = point(by_ode)
    line = np.array([value_and_gradient(by_ode, u + 1e-6 * n * prior_sds(by_ode))[1] for n in range(8)])
    jumps = np.abs(np.diff(line, n=2, axis=0)).max(axis=0)
    assert np.all(jumps < 1e-5 * np.abs(line).max())


def test_an_impossible_point_has_no_gradient(closed):
    u = point(closed)
    u[closed.names.index("foldx")] = 1e4  # exp of it overflows
    value, gradient = value_and_gradient(closed, u)
    assert value == -np.inf
    assert np.isnan(gradient).any()


def test_a_target_that_cannot_go_in_step_has_a_central_gradient(gaussian):
    u = np.array([0.5, -1.0, 2.0, 0.0])
    value, gradient = value_and_gradient(gaussian, u)
    assert value == pytest.approx(-0.5 * u @ u)
    assert gradient == pytest.approx(-u, abs=1e-6)
