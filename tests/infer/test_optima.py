"""The search for starts: known optima, known curvature, walkers wider than the posterior."""

from dataclasses import replace

import numpy as np
import pytest

from cartsim.errors import FitError
from cartsim.infer.optima import find_optima, laplace_covariance, walkers
from tests.infer import small_fit


def test_the_top_of_a_gaussian_is_found_with_its_covariance(gaussian):
    optima = find_optima(gaussian, np.random.default_rng(1), starts=16)
    assert len(optima.points) == 1
    assert optima.points[0] == pytest.approx(0.0, abs=1e-3)
    assert optima.covariance[0] == pytest.approx(np.eye(4), abs=1e-4)


def test_both_of_two_modes_are_found(two_modes):
    optima = find_optima(two_modes, np.random.default_rng(1), starts=32)
    assert len(optima.points) == 2
    assert sorted(optima.points[:, 0]) == pytest.approx([-3.0, 3.0], abs=1e-3)
    start = walkers(two_modes, optima, np.random.default_rng(2), count=32)
    assert 5 < np.sum(start[:, 0] > 0.0) < 27, "both are populated"


def test_the_optimum_of_a_patient_is_higher_than_the_truth_and_stationary():
    problem = small_fit.patient_problem()
    optima = find_optima(problem, np.random.default_rng(3), starts=32)
    truth = problem.unconstrain([[*problem.model.values[:6], 0.4]])
    assert optima.log_posterior[0] >= problem.log_posterior(truth)[0]
    steps = 1e-2 * np.sqrt(np.diag(optima.covariance[0])) * np.eye(problem.ndim)
    around = problem.log_posterior(np.vstack([optima.points[0] + steps, optima.points[0] - steps]))
    assert np.all(around < optima.log_posterior[0] + 1e-6)


def test_starting_walkers_are_wider_than_the_normal_approximation_and_possible(gaussian):
    optima = find_optima(gaussian, np.random.default_rng(1), starts=16)
    start = walkers(gaussian, optima, np.random.default_rng(2), count=2_000, widening=2.0)
    assert start.std(axis=0) == pytest.approx(2.0, rel=0.1)
    assert np.isfinite(gaussian.log_posterior(start)).all()


def test_a_flat_direction_gets_the_width_of_its_prior():
    problem = small_fit.patient_problem()
    early = problem.arrays.time < 8.0  # expansion only: nothing about contraction
    columns = ("time", "output", "value", "censoring", "lower", "upper", "row")
    cut = replace(
        problem.arrays,
        subject_offsets=np.array([0, early.sum()]),
        **{name: getattr(problem.arrays, name)[early] for name in columns},
    )
    blind = replace(problem, arrays=cut)
    point = blind.unconstrain([[3900.0, 9.3, 24_000.0, 0.16, 0.0079, 0.0032, 0.4]])[0]
    sds = np.sqrt(np.diag(laplace_covariance(blind, point)))
    assert sds[3:6] == pytest.approx([prior.unconstrained_sd for prior in blind.priors[3:6]], rel=1e-3)


def test_no_possible_start_is_said_with_the_subject():
    def solve(parameters, times):
        return np.full((len(parameters), len(times), 1), np.nan), np.ones(len(parameters), dtype=bool)

    with pytest.raises(FitError, match="subject SIM-1: no start"):
        find_optima(small_fit.patient_problem(solve=solve), np.random.default_rng(1), starts=8)
