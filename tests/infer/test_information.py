"""Fisher information: a closed form, an independent Hessian, and directions with the right names."""

from dataclasses import replace

import numpy as np
import pytest

from cartsim.infer.information import (
    direction_in_words,
    direction_table,
    observed_information,
    precision_table,
)
from cartsim.kernels.methods import Rodas5P
from cartsim.spec.priors import Normal
from tests.infer import small_fit
from tests.infer.known_posterior import Known, quadratic

MATRIX = np.array([[4.0, 1.5, 0.0], [1.5, 2.0, 0.3], [0.0, 0.3, 0.5]])


def best(problem):
    return problem.unconstrain([[3900.0, 9.3, 24_000.0, 0.16, 0.0079, 0.0032, 0.4]])[0]


def test_a_quadratic_gives_its_own_matrix_and_the_sds_of_its_inverse():
    problem = quadratic(MATRIX, (1.0, -2.0, 0.5))
    information = observed_information(problem, np.array([1.0, -2.0, 0.5]))
    assert information.matrix == pytest.approx(MATRIX, abs=1e-9)
    table = precision_table(problem, information)
    assert table["sd_data"].to_numpy() == pytest.approx(np.sqrt(np.diag(np.linalg.inv(MATRIX))))
    both = np.linalg.inv(MATRIX + np.eye(3) / 36.0)
    assert table["sd_with_prior"].to_numpy() == pytest.approx(np.sqrt(np.diag(both)))
    assert table["rse_data"][1] == pytest.approx(100.0 * table["sd_data"][1] / 2.0)


def test_a_model_linear_in_its_logs_has_the_information_of_least_squares():
    """Samples of the rise alone: log y = log(cmax / foldx) + log(foldx) t / tmax, so slopes are by hand."""
    problem = small_fit.patient_problem()
    u = best(problem)
    early = problem.arrays.time < 9.0
    columns = ("time", "output", "value", "censoring", "lower", "upper", "row")
    cut = replace(
        problem.arrays,
        subject_offsets=np.array([0, early.sum()]),
        **{name: getattr(problem.arrays, name)[early] for name in columns},
    )
    cut = replace(cut, censoring=np.zeros(early.sum(), dtype=np.int64), value=np.full(early.sum(), 1_000.0))
    rise = replace(problem, arrays=cut)
    matrix = observed_information(rise, u).matrix
    days, sigma = cut.time, 0.4
    cmax = rise.names.index("cmax")
    # d log y / d log cmax = 1 at every time
    assert matrix[cmax, cmax] == pytest.approx(len(days) / sigma**2, rel=1e-4)
    for name in ("alpha", "fb", "beta"):
        assert matrix[rise.names.index(name)] == pytest.approx(0.0, abs=1e-6)
    table = precision_table(rise, observed_information(rise, u)).set_index("name")
    assert np.isinf(table.loc["beta", "sd_data"])
    beta = rise.priors[rise.names.index("beta")]
    assert table.loc["beta", "sd_with_prior"] == pytest.approx(beta.unconstrained_sd, rel=1e-3)


def test_the_information_of_a_patient_agrees_with_an_independent_hessian():
    problem = small_fit.patient_problem()
    u = best(problem)

    def hessian(width):
        steps = width * np.eye(problem.ndim)

        def gradient(at):
            return (problem.log_likelihood(at + steps) - problem.log_likelihood(at - steps)) / (2.0 * width)

        return np.array([(gradient(u + s) - gradient(u - s)) / (2.0 * width) for s in steps])

    expected = -(4.0 * hessian(1e-3) - hessian(2e-3)) / 3.0
    assert (problem.arrays.censoring == 1).any(), "a censored sample takes part"
    scale = np.abs(expected).max()
    assert observed_information(problem, u).matrix == pytest.approx(expected, abs=1e-3 * scale)
    by_ode = replace(problem, method=Rodas5P(rtol=1e-5))
    assert observed_information(by_ode, u).matrix == pytest.approx(expected, abs=1e-2 * scale)


def test_a_ridge_is_called_sloppy_by_the_parameters_along_it():
    along = np.array([1.0, -1.0, 0.0]) / np.sqrt(2.0)
    ridge = 9.0 * (np.eye(3) - np.outer(along, along)) + 1e-3 * np.outer(along, along)
    problem = quadratic(ridge, (0.0, 0.0, 0.0))
    table = direction_table(problem, observed_information(problem, np.zeros(3)))
    assert list(table["sloppy"]) == [False, False, True]
    assert set(table["words"].iloc[2].split(" with ")) in ({"a up", "b down"}, {"b up", "a down"})
    assert table["eigenvalue"].iloc[2] == pytest.approx(1e-3, rel=1e-4)
    assert table["to_prior"].iloc[2] == pytest.approx(36.0 * 1e-3, rel=1e-4)


def test_a_direction_of_one_parameter_stands_alone():
    assert direction_in_words(("x", "y"), np.array([0.99, -0.1])) == "x up alone"
    assert direction_in_words(("x", "y"), np.array([0.8, -0.6])) == "x up with y down"


def test_a_best_fit_on_a_kink_is_said():
    kinked = Known(
        lambda u: -0.5 * u[:, 0] ** 2 - 5.0 * np.abs(u[:, 1]), (Normal(0.0, 1.0), Normal(0.0, 1.0))
    )
    information = observed_information(kinked, np.zeros(2))
    assert list(precision_table(kinked, information)["smooth"]) == [True, False]
    problem = small_fit.patient_problem()
    assert observed_information(problem, best(problem)).smooth.all()
