"""Courses of rates: the patient's own numbers, both models, refusals."""

import numpy as np
import pytest

from cartsim.clones.course import PHENOTYPES, RATES, RateCourse, step_ends
from cartsim.clones.drivers import course_grid, rate_course
from cartsim.clones.succession import product_shares, succession
from cartsim.errors import ModelError


@pytest.mark.slow  # the flagship at the default tolerance: a compile of its own
def test_the_course_is_the_patients_own():
    course = rate_course(scenario="slow", until=60.0)
    assert course.totals.shape[1] == len(PHENOTYPES)
    peak = course.totals.sum(axis=1).argmax()
    assert 8.0 < course.days[peak] < 20.0, "the slow product peaks in the second week"
    # the model's own dose, of which the scenario engrafts 0.12 %
    assert course.arriving.sum() == pytest.approx(0.0012 * 450e6, rel=1e-6)


@pytest.mark.slow  # a compile of its own
def test_neutral_clones_of_kirouacs_patient_add_up_and_keep_their_shares():
    course = rate_course(model="kirouac2023", scenario="CR_1", until=90.0)
    # 1e8 cells, of which 1 in 1 + floss leaves the dose site for the body
    assert course.arriving.sum() == pytest.approx(1e8 / (1.0 + 314.6), rel=1e-2)
    shares = product_shares(200, np.random.default_rng(1))
    found = succession(course, shares, np.ones((4, 200)), np.array([14.0, 90.0]), rng=None)
    places = [int(np.abs(course.days - day).argmin()) for day in found.days]
    np.testing.assert_allclose(found.cells.sum(axis=2), course.totals[places], rtol=1e-8, atol=1e-6)
    np.testing.assert_allclose(found.counts(90.0) / found.counts(90.0).sum(), shares, rtol=1e-8)


@pytest.mark.slow  # as above
def test_kirouacs_rates_are_those_of_his_equations():
    """The steps alone, without the correction, reproduce the solver's totals to the order of a step."""
    course = rate_course(model="kirouac2023", scenario="CR_1", until=20.0)
    found = succession(course, np.ones(1), np.ones((4, 1)), np.array([20.0]), rng=None)
    assert found.correction < 0.05, "of one step of 0.05 days"


def test_steps_end_where_they_should_and_have_their_middles():
    days = step_ends(61.0)
    assert (days[0], days[-1]) == (0.0, 61.0)
    assert (np.diff(days) > 0).all()
    assert len(course_grid(61.0)) == 2 * len(days) - 1


def test_fewer_lineages_are_the_same_patient_with_fewer_cells():
    days = np.array([0.0, 1.0])
    course = RateCourse(days, np.ones((1, len(RATES))), np.ones((1, 5)), np.ones((2, 5)), daughters=8.0)
    fewer = course.scaled(0.1)
    assert (fewer.totals[0, 0], fewer.arriving[0, 0], fewer.daughters) == (0.1, 0.1, 8.0)
    np.testing.assert_array_equal(fewer.rates, course.rates)
    with pytest.raises(ModelError, match="scale of cells"):
        course.scaled(0.0)


def test_what_clones_cannot_follow_is_refused():
    with pytest.raises(ModelError, match=r"cannot follow this model.*bcma_myeloma, kirouac2023"):
        rate_course(model="stein2019_tisagenlecleucel")
    with pytest.raises(ModelError, match="last day"):
        rate_course(until=0.0)
    with pytest.raises(ModelError, match="does not fit"):
        RateCourse(np.array([0.0, 1.0]), np.ones((1, 3)), np.ones((1, 5)), np.ones((2, 5)))
