"""Densities and updates of a population against scipy and closed forms."""

import numpy as np
import pytest
from scipy import stats

from cartsim.kernels import hierarchy


@pytest.fixture
def rng():
    return np.random.default_rng(20261125)


def correlation_of(y, size):
    root = np.zeros((size, size))
    hierarchy.correlation_root(np.asarray(y, dtype=float), root)
    return root @ root.T


def test_partial_correlations_make_a_correlation_matrix(rng):
    found = correlation_of(rng.standard_normal(6), 4)
    np.testing.assert_allclose(np.diag(found), 1.0, rtol=1e-12)
    assert np.linalg.eigvalsh(found).min() > 0.0


@pytest.mark.parametrize("eta", [1.0, 2.0, 5.0])
def test_lkj_equals_a_power_of_the_determinant(rng, eta):
    """p(R) is det(R)^(eta-1); in y the Jacobian of (y -> R) is added, here by finite differences."""
    size, pairs = 3, 3

    def lower(y):
        return correlation_of(y, size)[np.tril_indices(size, -1)]

    def density(y):
        steps = 1e-6 * np.eye(pairs)
        jacobian = np.array([(lower(y + step) - lower(y - step)) / 2e-6 for step in steps])
        determinant = np.linalg.det(correlation_of(y, size))
        return (eta - 1.0) * np.log(determinant) + np.log(abs(np.linalg.det(jacobian)))

    first, second = rng.standard_normal((2, pairs))
    expected = density(first) - density(second)
    found = hierarchy.log_lkj(first, eta, size) - hierarchy.log_lkj(second, eta, size)
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_patient_density_is_the_multivariate_normal(rng):
    size, patients = 3, 4
    design = np.column_stack([np.ones((patients, size)), rng.standard_normal(patients)])
    parameter_of = np.array([0, 1, 2, 1])
    theta, coefficients = rng.standard_normal((2, patients, size)), rng.standard_normal((2, 4))
    log_spread, y = 0.3 * rng.standard_normal((2, size)), rng.standard_normal((2, 3))
    found = np.empty((2, patients))
    hierarchy.patient_densities(theta, coefficients, log_spread, y, design, parameter_of, found)
    for w in range(2):
        spread = np.diag(np.exp(log_spread[w]))
        covariance = spread @ correlation_of(y[w], size) @ spread
        for i in range(patients):
            mean = coefficients[w, :3] + np.array([0.0, design[i, 3] * coefficients[w, 3], 0.0])
            assert found[w, i] == pytest.approx(
                stats.multivariate_normal(mean, covariance).logpdf(theta[w, i])
            )


def test_coefficients_are_drawn_from_their_normal_conditional(rng):
    """Mean and covariance of many draws against the linear-model formula, within 4 standard errors."""
    size, patients, count = 2, 5, 20_000
    design = np.column_stack([np.ones((patients, size)), rng.standard_normal(patients)])
    parameter_of = np.array([0, 1, 0])
    theta, log_spread, y = rng.standard_normal((patients, size)), np.array([0.2, -0.4]), np.array([0.6])
    prior = np.array([[0.5, 2.0], [-0.5, 1.0], [0.0, 0.7]])
    spread = np.diag(np.exp(log_spread))
    precision = np.linalg.inv(spread @ correlation_of(y, size) @ spread)
    total, right = np.diag(prior[:, 1] ** -2.0), prior[:, 0] / prior[:, 1] ** 2
    for i in range(patients):
        x = np.zeros((size, 3))
        x[parameter_of, np.arange(3)] = design[i]
        total, right = total + x.T @ precision @ x, right + x.T @ precision @ theta[i]
    covariance = np.linalg.inv(total)
    drawn = np.empty((count, 3))
    many = [np.tile(part, (count, *[1] * part.ndim)) for part in (theta, log_spread, y)]
    hierarchy.draw_coefficients(
        many[0], many[1], many[2], design, parameter_of, prior, rng.standard_normal((count, 3)), drawn
    )
    error = np.sqrt(np.diag(covariance) / count)
    assert (np.abs(drawn.mean(axis=0) - covariance @ right) < 4.0 * error).all()
    np.testing.assert_allclose(np.cov(drawn.T), covariance, rtol=0.1, atol=0.02)
