"""Leave-one-patient-out against the closed form of the normal model with a normal population."""

import numpy as np
import pytest
from scipy.stats import norm

from cartsim.errors import CartsimWarning, FitError
from cartsim.infer.leave_out import compare_left_out, leave_out, marginal_log_likelihood

W, S, PRIOR, N = 1.0, 0.7, 3.0, 30  # spread between patients, error, prior sd of the mean, patients
NAMES = [f"P{k}" for k in range(N)]


@pytest.fixture(scope="module")
def y():
    return 1.0 + np.sqrt(W**2 + S**2) * np.random.default_rng(3).standard_normal(N)


def posterior_of_mean(values, variance):
    precision = 1.0 / PRIOR**2 + len(values) / variance
    return values.sum() / variance / precision, 1.0 / np.sqrt(precision)


def exact(y, variance=W**2 + S**2):
    found = []
    for k in range(len(y)):
        mean, sd = posterior_of_mean(np.delete(y, k), variance)
        found.append(norm.logpdf(y[k], mean, np.sqrt(sd**2 + variance)))
    return np.array(found)


def mean_draws(y, variance=W**2 + S**2, count=4000):
    mean, sd = posterior_of_mean(y, variance)
    return mean + sd * np.random.default_rng(4).standard_normal(count)


def closed(y, w=W):
    """log p(y_i | mu_s), (S, N), of a model with spread w."""
    variance = w**2 + S**2
    return norm.logpdf(y, mean_draws(y, variance)[:, None], np.sqrt(variance))


def patient_draws(y, mu):
    share = W**2 / (W**2 + S**2)
    mean = mu[:, None] + share * (y - mu[:, None])
    return (mean + np.sqrt(share) * S * np.random.default_rng(5).standard_normal(mean.shape))[..., None]


def test_leaving_out_is_the_closed_form(y):
    found = leave_out(closed(y), NAMES)
    np.testing.assert_allclose(found.table["elpd"], exact(y), atol=0.01)
    assert found.elpd == pytest.approx(exact(y).sum(), abs=0.05)
    assert found.se == pytest.approx(np.sqrt(N * exact(y).var(ddof=1)), rel=0.02)
    assert found.reliable
    assert found.elpd_waic == pytest.approx(found.elpd, abs=0.2)
    assert found.p_loo == pytest.approx(1.0, abs=0.4)


def test_patients_parameters_are_integrated_out(y):
    mu = mean_draws(y, count=400)
    found = marginal_log_likelihood(
        lambda theta, k: norm.logpdf(y[k], theta[..., 0], S),
        patient_draws(y, mu),
        (mu[:, None], np.full((400, 1, 1), W)),
        generator=np.random.default_rng(6),
        points=4000,
    )
    truth = norm.logpdf(y, mu[:, None], np.sqrt(W**2 + S**2))
    assert np.abs(found.log_likelihood - truth).max() < 0.06
    assert (np.abs(found.log_likelihood - truth) < 4.5 * found.error).all()
    assert found.effective.min() > 400


def test_residual_errors_of_their_own_in_every_draw_are_allowed_for(y):
    mu, sigma = mean_draws(y, count=50), np.linspace(0.5, 0.9, 50)
    found = marginal_log_likelihood(
        lambda theta, k: norm.logpdf(y[k], theta[..., 0], sigma[:, None]),
        patient_draws(y, mu),
        (mu[:, None], np.full((50, 1, 1), W)),
        generator=np.random.default_rng(6),
    )
    truth = norm.logpdf(y, mu[:, None], np.sqrt(W**2 + sigma[:, None] ** 2))
    assert (np.abs(found.log_likelihood - truth) < 5.0 * found.error).all()


def test_two_correlated_parameters_are_integrated_out():
    rng = np.random.default_rng(7)
    factor = np.array([[1.0, 0.0], [0.6, 0.5]])
    covariance, data = factor @ factor.T, np.array([0.4, -0.8])
    both = np.linalg.inv(np.linalg.inv(covariance) + np.eye(2) / S**2)
    draws = rng.multivariate_normal(both @ data / S**2, both, size=500)[:, None]
    found = marginal_log_likelihood(
        lambda theta, _: norm.logpdf(data, theta, S).sum(axis=2),
        draws,
        (np.zeros((1, 2)), factor[None]),
        generator=rng,
        points=20_000,
    )
    from scipy.stats import multivariate_normal

    truth = multivariate_normal.logpdf(data, np.zeros(2), covariance + S**2 * np.eye(2))
    assert found.log_likelihood[0, 0] == pytest.approx(truth, abs=4.0 * found.error[0, 0])
    assert found.error[0, 0] < 0.02


def test_small_spreads_in_some_of_the_draws_do_no_harm(y):
    rng, size = np.random.default_rng(8), 4
    mu, spread = mean_draws(y, count=60), np.geomspace(0.01, 2.0, 60)
    share = (spread**2 / (spread**2 + S**2))[:, None, None]
    middle = mu[:, None, None] + share * (y - mu[:, None])[..., None]
    draws = middle + np.sqrt(share) * S * rng.standard_normal((60, N, size))
    found = marginal_log_likelihood(
        lambda theta, k: norm.logpdf(y[k], theta, S).sum(axis=2),
        draws,
        (np.repeat(mu[:, None], size, axis=1), spread[:, None, None] * np.eye(size)),
        generator=rng,
        points=400,
    )
    truth = size * norm.logpdf(y, mu[:, None], np.sqrt(spread[:, None] ** 2 + S**2))
    assert np.abs(found.log_likelihood - truth).max() < 0.5


def test_a_worse_model_loses_with_an_error_over_patients(y):
    right, wrong = leave_out(closed(y), NAMES), leave_out(closed(y, w=6.0), NAMES)
    found = compare_left_out(right, wrong)
    truth = exact(y) - exact(y, 36.0 + S**2)
    assert found.difference == pytest.approx(truth.sum(), abs=0.1)
    assert found.se == pytest.approx(np.sqrt(N * truth.var(ddof=1)), rel=0.05)
    assert not found.unclear
    assert compare_left_out(right, right).unclear


def test_a_patient_that_moves_the_fit_is_named(y):
    values = closed(y)
    values[:, 3] = 8.0 * np.random.default_rng(8).standard_cauchy(len(values)).clip(-50, 50)
    with pytest.warns(CartsimWarning, match="P3"):
        found = leave_out(values, NAMES)
    assert not found.reliable


def test_what_does_not_fit_is_refused(y):
    with pytest.raises(FitError):
        leave_out(closed(y), NAMES[1:])
