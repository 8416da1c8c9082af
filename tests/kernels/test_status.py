"""A solve that fails ends with a status and NaN from there on; its neighbours do not notice."""

import numpy as np
import pytest

from cartsim.kernels.methods import DormandPrince, Rodas5P
from cartsim.regimen.doses import Dose
from tests.problems import WARD, given, solved

FINE, STEP_CAP, NOT_FINITE, STEP_TOO_SMALL, RUNAWAY, REGROWN, SENSITIVE = range(7)
# Before a blow-up the growth rate itself grows past all bounds: that may be what ends the solve first.
BLOWN_UP = {STEP_TOO_SMALL, RUNAWAY, SENSITIVE}
WILD, CLONE, DRUG = (WARD.state_names.index(name) for name in ("wild", "clone", "drug"))
METHOD = Rodas5P(rtol=1e-6)
TIMES = np.linspace(0.0, 20.0, 21)


def test_a_step_cap_ends_a_solve():
    result = solved(WARD, TIMES, Rodas5P(max_steps=5))
    assert result.status.tolist() == [STEP_CAP]
    assert result.counts[0, :2].sum() == 5
    assert np.isnan(result.states[-1]).all()


def test_a_derivative_that_is_not_a_number_ends_a_solve_where_it_happens():
    result = solved(WARD, TIMES, METHOD, fault=1.0, defined_until=7.5)
    assert result.status.tolist() == [NOT_FINITE]
    assert np.isfinite(result.states[TIMES < 7.5]).all()
    assert np.isnan(result.states[TIMES > 7.5]).all()


def test_a_start_that_is_not_a_number_is_a_status():
    assert solved(WARD, TIMES, METHOD, growth=np.nan).status.tolist() == [NOT_FINITE]


def test_a_blow_up_in_finite_time_ends_before_it():
    """y' = y^2 from 1 is infinite at 1; the step size collapses there."""
    result = solved(WARD, TIMES, METHOD, blow_up=0.1)
    assert result.status[0] in BLOWN_UP
    exact = 1.0 / (1.0 - 0.1 * TIMES[TIMES < 10.0])
    assert result.states[TIMES < 10.0, WILD] == pytest.approx(exact, rel=1e-4)
    assert np.isnan(result.states[TIMES > 10.0]).all()


def test_exponential_growth_past_all_bounds_is_a_runaway():
    result = solved(WARD, TIMES, METHOD, growth=40.0)
    assert result.status.tolist() == [RUNAWAY]
    assert np.isnan(result.states[-1]).all()


def test_an_output_that_ignores_the_failed_state_is_nan_too():
    result = solved(WARD, TIMES, METHOD, fault=1.0, defined_until=7.5)
    alarm = result.outputs[:, WARD.output_names.index("alarm")]
    assert np.isnan(alarm[TIMES > 7.5]).all()
    assert np.isfinite(alarm[TIMES < 7.5]).all()


def test_failed_patients_do_not_touch_their_neighbours():
    table = np.repeat(WARD.values[None], 24, axis=0)
    table[::3, WARD.index("blow_up")] = 0.1
    table[1::6, WARD.index("growth")] = 40.0
    table[4::6, WARD.index("defined_until")] = 7.5
    table[4::6, WARD.index("fault")] = 1.0
    result = solved(WARD, TIMES, METHOD, table=table, events=given(Dose(2.0)))
    assert set(result.status[::3]) <= BLOWN_UP
    assert set(result.status[1::6]) == {RUNAWAY}
    assert set(result.status[4::6]) == {NOT_FINITE}
    assert set(result.status[2::3]) == {FINE}
    alone = solved(WARD, TIMES, METHOD, events=given(Dose(2.0))).states
    for patient in range(2, 24, 3):
        rows = slice(result.offsets[patient], result.offsets[patient + 1])
        assert np.array_equal(result.states[rows], alone)


def test_a_positive_state_driven_below_zero_is_stopped_at_zero_and_counted_or_refused():
    """Its equation is wrong (a drain that does not stop): never a negative value, never a silent success."""
    result = solved(WARD, TIMES, Rodas5P(rtol=1e-6, max_steps=2000), drain=0.3)
    wild = result.states[:, WILD]
    assert not (wild < 0.0).any()
    assert wild[TIMES < 3.0] == pytest.approx(1.0 - 0.3 * TIMES[TIMES < 3.0], rel=1e-6)
    assert result.status[0] != FINE or result.counts[0, 2] > 0


@pytest.mark.parametrize("method", [Rodas5P, pytest.param(DormandPrince, marks=pytest.mark.slow)])
def test_positive_states_never_end_below_zero(method):
    times = np.linspace(0.0, 60.0, 600)
    rng = np.random.default_rng(11)
    table = np.repeat(WARD.values[None], 16, axis=0)
    table[:, WARD.index("loss")] = 10.0 ** rng.uniform(-1, 1.5, 16)
    result = solved(WARD, times, method(rtol=1e-3), table=table, events=given(Dose(5.0), Dose(3.0, 20.0)))
    assert (result.status == FINE).all()
    assert result.states[:, [0, 1, 2, 4, 5, 6, 7, 8]].min() >= 0.0


def test_a_population_below_its_extinction_level_is_gone_for_good():
    """100 exp(-t / 2) falls below 1 at t = 9.2."""
    clone = solved(WARD, np.linspace(0.0, 30.0, 61), METHOD).states[:, CLONE]
    times = np.linspace(0.0, 30.0, 61)
    assert clone[times < 9.0] == pytest.approx(100.0 * np.exp(-0.5 * times[times < 9.0]), rel=1e-5)
    assert (clone[times > 12.0] == 0.0).all()


def test_a_patient_with_nothing_to_solve_is_fine():
    result = solved(WARD, np.empty(0), METHOD)
    assert result.status.tolist() == [FINE]
    assert result.states.shape == (0, len(WARD.states))
    assert solved(WARD, [0.0], METHOD).states[0, CLONE] == 100.0


def test_no_patients_give_no_rows():
    result = solved(WARD, TIMES, METHOD, table=np.empty((0, len(WARD.parameters))))
    assert result.outputs.shape == (0, len(WARD.outputs))
