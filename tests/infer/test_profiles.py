"""Profiles: exact on a quadratic, past a second valley with several starts, open where nothing bounds."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import chi2

from cartsim.infer.profiles import THRESHOLD, Search, interval_table, profile_likelihood, profile_posterior
from cartsim.spec.priors import Normal
from tests.infer import small_fit
from tests.infer.known_posterior import Known, quadratic

MATRIX = np.array([[4.0, 1.5], [1.5, 2.0]])


def rng():
    return np.random.default_rng(7)


def valleys(u):
    """Best b is -3 near a = 0, but +3 from a = 2 on; the way between them leads down 50 log units."""
    near = -0.5 * (u[:, 0] / 0.7) ** 2 - 0.5 * ((u[:, 1] + 3.0) / 0.3) ** 2
    far = -0.5 * ((u[:, 0] - 3.0) / 0.7) ** 2 - 0.5 * ((u[:, 1] - 3.0) / 0.3) ** 2 - 0.5
    return np.logaddexp(near, far)


def test_the_threshold_is_half_the_chi_square_quantile():
    assert pytest.approx(chi2(1).ppf(0.95) / 2.0, rel=1e-12) == THRESHOLD


def test_intervals_of_a_quadratic_are_those_of_its_inverse():
    problem = quadratic(MATRIX, (1.0, -2.0))
    table = interval_table(profile_likelihood(problem, rng()))
    half = np.sqrt(2.0 * THRESHOLD * np.diag(np.linalg.inv(MATRIX)))
    assert table["best"].to_numpy() == pytest.approx([1.0, -2.0], abs=2e-3)
    assert table["lower"].to_numpy() == pytest.approx(np.subtract([1.0, -2.0], half), abs=0.03)
    assert table["upper"].to_numpy() == pytest.approx(np.add([1.0, -2.0], half), abs=0.03)
    assert not table["open"].any()


def test_each_step_of_a_profile_is_the_maximum_over_the_others():
    steps = profile_likelihood(quadratic(MATRIX, (1.0, -2.0)), rng())
    a = steps[steps["name"] == "a"]
    # maximised over b: -(a - 1)^2 (M_aa - M_ab^2 / M_bb) / 2
    curvature = MATRIX[0, 0] - MATRIX[0, 1] ** 2 / MATRIX[1, 1]
    assert a["height"].to_numpy() == pytest.approx(-0.5 * curvature * (a["u"] - 1.0) ** 2, abs=1e-3)


def test_the_profile_posterior_adds_the_prior():
    table = interval_table(profile_posterior(quadratic(MATRIX, (1.0, -2.0), sd=1.0), rng()))
    both = np.linalg.inv(MATRIX + np.eye(2))
    assert table["best"].to_numpy() == pytest.approx(both @ MATRIX @ [1.0, -2.0], abs=2e-3)


def test_a_second_valley_of_the_others_is_found_and_the_neighbour_alone_misses_it():
    problem = Known(valleys, (Normal(0.0, 2.0), Normal(0.0, 4.0)))
    whole = profile_likelihood(problem, rng())
    a = whole[whole["name"] == "a"]
    best = np.linspace(-20.0, 20.0, 4_001)
    exact = [valleys(np.column_stack([np.full(len(best), at), best])).max() for at in a["u"]]
    assert a["height"].to_numpy() == pytest.approx(exact, abs=1e-2)
    reached = interval_table(whole).set_index("name").loc["a", "upper"]
    assert reached == pytest.approx(3.0 + 0.7 * np.sqrt(2.0 * (THRESHOLD - 0.5)), abs=0.06)
    alone = profile_likelihood(problem, rng(), search=Search(others=0, first=1))
    stuck = interval_table(alone).set_index("name").loc["a"]
    assert stuck["upper"] < 1.5 or stuck["lower"] > 1.0, "one start stays in its own valley"


def test_what_nothing_bounds_is_open_to_the_ends_of_its_prior():
    problem = quadratic([[1.0, 0.0], [0.0, 0.0]], (0.0, 0.0))
    table = interval_table(profile_likelihood(problem, rng())).set_index("name")
    assert not table.loc["a", "open"]
    assert table.loc["b", "open_lower"]
    assert table.loc["b", "open_upper"]
    assert table.loc["b", ["lower", "upper"]].to_list() == pytest.approx([-6 * 3.0902, 6 * 3.0902], rel=1e-3)


def test_profiles_of_a_patient_agree_with_a_simplex_search_and_repeat():
    problem = small_fit.patient_problem()
    search = Search(others=1, first=4)
    steps = profile_likelihood(problem, rng(), search=search)
    k = problem.names.index("tmax")
    step = steps[steps["name"] == "tmax"].iloc[2]
    truth = np.delete(problem.unconstrain([[*problem.model.values[:6], 0.4]])[0], k)
    down = lambda z: -problem.log_likelihood(np.insert(z, k, step["u"])[None])[0]  # noqa: E731
    for _ in range(4):  # restarts: one simplex of six dimensions stalls
        truth = minimize(down, truth, method="Nelder-Mead", options={"maxiter": 3_000, "fatol": 1e-8}).x
    assert step["height"] == pytest.approx(-down(truth), abs=5e-3)
    assert (steps["drop"] >= 0.0).all()
    assert steps.equals(profile_likelihood(problem, rng(), search=search))
