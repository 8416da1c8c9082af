"""A patient's result has the same bits in any cohort, at any place in it, with any number of threads."""

import numpy as np
import pytest

from cartsim.kernels.methods import Rodas5P
from cartsim.regimen.doses import Dose
from tests.problems import WARD, given, solved

METHOD = Rodas5P(rtol=1e-5)
TIMES = np.array([0.0, 0.3, 1.5, 4.0, 9.0])
EVENTS = given(Dose(4.0), Dose(2.0, 3.0, 1.5))


@pytest.fixture(scope="module")
def cohort() -> np.ndarray:
    """A thousand patients, some of whom fail."""
    rng = np.random.default_rng(2024)
    table = WARD.values * np.exp(0.4 * rng.normal(size=(1000, len(WARD.parameters))))
    table[:, WARD.index("pace")] = rng.uniform(0.0, 0.02, 1000)
    table[:, WARD.index("switch_day")] = rng.uniform(0.0, 12.0, 1000)
    table[:, WARD.index("speed_up")] = 2.0
    table[::50, WARD.index("blow_up")] = 0.4
    return table


@pytest.fixture(scope="module")
def solved_cohort(cohort):
    return solved(WARD, TIMES, METHOD, table=cohort, events=EVENTS)


def same(a, b) -> bool:
    return a.tobytes() == b.tobytes()


def test_threads_do_not_matter(cohort, solved_cohort):
    again = solved(WARD, TIMES, METHOD, table=cohort, events=EVENTS, threads=2)
    assert same(again.outputs, solved_cohort.outputs)
    assert same(again.states, solved_cohort.states)
    assert same(again.counts, solved_cohort.counts)
    assert same(again.status, solved_cohort.status)


@pytest.mark.parametrize("count", [1, 9, 257])
def test_the_size_of_the_cohort_does_not_matter(cohort, solved_cohort, count):
    part = solved(WARD, TIMES, METHOD, table=cohort[:count], events=EVENTS)
    assert same(part.states, solved_cohort.states[: count * len(TIMES)])
    assert same(part.counts, solved_cohort.counts[:count])


def test_neighbours_do_not_matter(cohort, solved_cohort):
    order = np.random.default_rng(1).permutation(len(cohort))
    shuffled = solved(WARD, TIMES, METHOD, table=cohort[order], events=EVENTS)
    shape = (len(cohort), len(TIMES), len(WARD.states))
    assert same(shuffled.states.reshape(shape), solved_cohort.states.reshape(shape)[order])
    assert same(shuffled.status, solved_cohort.status[order])


def test_the_cohort_is_a_real_test(solved_cohort):
    assert (solved_cohort.status != 0).sum() == 20, "every fiftieth patient blows up"
    assert np.unique(solved_cohort.counts[:, 0]).size > 10, "lanes are refilled at different times"
