"""Outcomes of one patient from many draws, and a virtual patient believed to be one of its own population."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from cartsim.cohort.early import LATER, outcome_draws, probabilities, with_later
from cartsim.cohort.outcomes import RTOL, curves_at
from cartsim.cohort.products import TrialPopulation, read_products
from cartsim.cohort.virtual_belief import Samples, VirtualBelief
from cartsim.kernels.methods import Rodas5P
from cartsim.models import load_model

MODEL, PRODUCTS = load_model("bcma_myeloma"), read_products()
SAMPLES = Samples(
    ("car_t", "crp", "car_t"),
    np.array([7.0, 7.0, 12.0]),
    np.array([0.5, 40.0, 30.0]),
    np.array([0.25, 0.3, 0.25]),
    np.array([1.0, 0.4, 1.0]),
)


@pytest.fixture(scope="module")
def population():
    return TrialPopulation(MODEL, "fast", PRODUCTS, 7)


@pytest.fixture(scope="module")
def belief(population):
    return VirtualBelief(population, 450e6, 75.0, SAMPLES)


def test_scores_of_zero_are_the_typical_patient(belief):
    row = belief.rows(np.zeros((1, belief.size)))[0]
    typical = MODEL.vector(scenario="fast")
    k = [MODEL.index(name) for name in ("engraftment", "division", "myeloma_start", "growth")]
    assert row[k] == pytest.approx(typical[k])


def test_shares_of_policies_and_subgroups_are_those_of_the_product(belief):
    scores = np.random.default_rng(1).standard_normal((20_000, belief.size))
    assert belief.policy(scores).mean() == pytest.approx(0.5, abs=0.02)
    assert belief.rows(scores)[:, MODEL.index("iga")].mean() == pytest.approx(0.20, abs=0.02)


def test_the_likelihood_is_log_normal_and_knows_limits(belief, population):
    """Against SciPy on the curves of the same patients as a trial would solve them."""
    scores = np.random.default_rng(2).standard_normal((6, belief.size))
    days = np.array([7.0, 12.0])
    curves, _ = curves_at(population, belief.treated(scores), days, method=Rodas5P(rtol=RTOL))
    at_7, at_12 = curves.outputs["car_t"].T
    expected = norm.logcdf((0.0 - np.log(at_7)) / 0.25)
    expected += norm.logpdf(np.log(40.0), np.log(curves.outputs["crp"][:, 0]), 0.3)
    expected += norm.logpdf(np.log(30.0), np.log(at_12), 0.25) + np.log(2.0 * np.pi)
    found = belief.log_likelihood(scores, np.zeros(6, dtype=np.int64))
    # The grids differ, and with them the steps of the solver: its tolerance is 1e-4.
    assert found == pytest.approx(expected, rel=0.02, abs=0.02)


def test_probabilities_are_shares_and_the_dead_do_not_respond():
    draws = pd.DataFrame(
        {
            "crs": [True, True, False, True],
            "grade": [1, 2, 0, 3],
            "response month 1": [3.0, 2.0, 5.0, np.nan],
            "response month 3": [4.0, 0.0, 6.0, np.nan],
            "response month 6": [4.0, 0.0, 0.0, np.nan],
            "event": [False, True, True, True],
        }
    )
    found = probabilities(draws).set_index("outcome")["probability"]
    assert found["CRS of any grade"] == 0.75
    assert found["CRS grade 3 or more"] == 0.25
    assert found["response (PR or better) at month 3"] == 0.5
    assert found["CR or better at month 6"] == 0.0
    assert found["no progression or death in 12 months"] == 0.25


def test_draws_of_one_patient_have_their_own_luck_and_nothing_else(population, belief):
    row = belief.rows(np.zeros((1, belief.size)))
    rows, regimens = np.repeat(row, 60, axis=0), [belief.regimens[0]] * 60
    table = outcome_draws(population, rows, regimens, np.random.default_rng(3))
    assert len(table) == 60
    assert table["therapy_day"].nunique(dropna=False) == 1, "the same course: the same day of tocilizumab"
    assert (table["grade"] > 0).eq(table["crs"]).all()
    again = outcome_draws(population, rows, regimens, np.random.default_rng(3))
    pd.testing.assert_frame_equal(table, again)


def test_only_the_later_course_varies_anew(population):
    rows = np.tile(MODEL.vector(scenario="fast"), (40, 1))
    changed = (with_later(population, rows) != rows).any(axis=0)
    names = {MODEL.parameter_names[k] for k in np.flatnonzero(changed)}
    assert names == set(LATER)
