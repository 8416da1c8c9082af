"""Doses, infusions and switches are hit exactly; a value at the time of a dose is the one after it."""

import numpy as np
import pytest

from cartsim.errors import ModelError, SolveError
from cartsim.kernels.methods import Rodas5P
from cartsim.regimen.doses import Dose
from cartsim.regimen.events import event_table
from cartsim.solve.batch import batch
from tests.problems import WARD, given, solved

TIGHT = Rodas5P(rtol=1e-10)
# Errors of a few hundred steps at rtol 1e-10, on values of order 10.
NEAR = {"rel": 1e-8, "abs": 1e-8}
UPTAKE, LOSS = 2.0, 0.3
DEPOT, DRUG, LOST = (WARD.state_names.index(name) for name in ("depot", "drug", "lost"))


def drug_after_bolus(t: np.ndarray, amount: float = 1.0, loss: float = LOSS) -> np.ndarray:
    """One-compartment drug after a bolus into the depot at 0 (Bateman)."""
    t = np.maximum(t, 0.0)
    return amount * UPTAKE / (UPTAKE - loss) * (np.exp(-loss * t) - np.exp(-UPTAKE * t))


def drug_after_infusion(t: np.ndarray, duration: float, rate: float) -> np.ndarray:
    """The integral of boluses given at `rate` from 0 to `duration`."""

    def area(s):
        s = np.maximum(s, 0.0)
        return (
            UPTAKE / (UPTAKE - LOSS) * ((1 - np.exp(-LOSS * s)) / LOSS - (1 - np.exp(-UPTAKE * s)) / UPTAKE)
        )

    return rate * (area(t) - area(t - duration))


def test_a_bolus_is_given_at_its_time():
    times = np.array([0.0, 1.0, 2.499999, 2.5, 2.500001, 3.0, 9.0])
    states = solved(WARD, times, TIGHT, events=given(Dose(10.0, 2.5))).states
    assert states[:, DRUG] == pytest.approx(drug_after_bolus(times - 2.5, 10.0), **NEAR)
    assert states[:3, DEPOT].tolist() == [0.0, 0.0, 0.0]
    assert states[3, DEPOT] == 10.0, "the value at the time of the dose is the one after it"


def test_a_dose_at_the_start_and_one_at_the_end_are_seen():
    states = solved(WARD, [0.0, 4.0], TIGHT, events=given(Dose(3.0), Dose(5.0, 4.0))).states
    assert states[0, DEPOT] == 3.0
    assert states[1, DEPOT] == pytest.approx(5.0 + 3.0 * np.exp(-UPTAKE * 4.0), **NEAR)


def test_a_dose_after_the_last_output_changes_nothing():
    early = solved(WARD, [1.0], TIGHT, events=given(Dose(3.0))).states
    both = solved(WARD, [1.0], TIGHT, events=given(Dose(3.0), Dose(7.0, 1.5))).states
    assert np.array_equal(early, both)


def test_two_doses_at_the_same_time_add_up():
    states = solved(WARD, [1.0, 1.5], TIGHT, events=given(Dose(3.0, 1.0), Dose(4.0, 1.0))).states
    assert states[0, DEPOT] == 7.0


def test_repeated_doses_superpose():
    times = np.linspace(0.0, 12.0, 49)
    doses = [Dose(2.0 + k, 1.5 * k) for k in range(6)]
    states = solved(WARD, times, TIGHT, events=given(*reversed(doses))).states
    expected = sum(drug_after_bolus(times - dose.time, dose.amount) for dose in doses)
    assert states[:, DRUG] == pytest.approx(expected, **NEAR)


def test_an_infusion_starts_and_ends_where_it_should():
    times = np.linspace(0.0, 10.0, 101)
    states = solved(WARD, times, TIGHT, events=given(Dose(6.0, 1.0, 2.0))).states
    assert states[:, DRUG] == pytest.approx(drug_after_infusion(times - 1.0, 2.0, 3.0), **NEAR)


def test_overlapping_infusions_add_up():
    times = np.linspace(0.0, 10.0, 41)
    states = solved(WARD, times, TIGHT, events=given(Dose(6.0, 1.0, 3.0), Dose(4.0, 2.0, 1.0))).states
    expected = drug_after_infusion(times - 1.0, 3.0, 2.0) + drug_after_infusion(times - 2.0, 1.0, 4.0)
    assert states[:, DRUG] == pytest.approx(expected, **NEAR)


def test_nothing_is_lost_from_a_closed_system():
    times = np.linspace(0.0, 30.0, 61)
    events = given(Dose(6.0, 1.0, 3.0), Dose(4.0, 12.0), Dose(1.5, 20.0, target="drug"))
    states = solved(WARD, times, Rodas5P(rtol=1e-6), events=events, speed_up=3.0, switch_day=7.7).states
    inside = states[:, [DEPOT, DRUG, LOST]].sum(axis=1)
    given_by = 2.0 * np.clip(times - 1.0, 0.0, 3.0) + 4.0 * (times >= 12.0) + 1.5 * (times >= 20.0)
    # A Runge-Kutta or Rosenbrock step preserves linear invariants to rounding whatever its tolerance.
    assert inside == pytest.approx(given_by, rel=1e-12, abs=1e-12)


def test_a_declared_switch_is_a_stop_whatever_the_step():
    """With steps of a day a step across the switch would be wrong by per cents."""
    switch = 3.3
    times = np.array([1.0, switch, 3.300001, 5.0, 9.0])
    result = solved(
        WARD,
        times,
        Rodas5P(rtol=1e-8, first_step=1.0),
        events=given(Dose(8.0)),
        speed_up=4.0,
        switch_day=switch,
    )
    drug = drug_after_bolus(np.array([1.0, switch]), 8.0)
    depot = 8.0 * np.exp(-UPTAKE * switch)
    late = times[2:] - switch
    fast = 5.0 * LOSS
    after = drug[1] * np.exp(-fast * late) + drug_after_bolus(late, depot, fast)
    assert result.states[:, DRUG] == pytest.approx(np.concatenate([drug, after]), rel=1e-6)


def test_after_a_dose_the_step_starts_small_again():
    calm = solved(WARD, [100.0], Rodas5P(rtol=1e-4)).counts[0, 0]
    dosed = solved(WARD, [100.0], Rodas5P(rtol=1e-4), events=given(Dose(1.0, 50.0))).counts[0, 0]
    assert dosed > calm + 5


def test_outputs_may_be_repeated_and_start_at_zero():
    states = solved(WARD, [0.0, 0.0, 1.0, 1.0, 2.0], TIGHT, events=given(Dose(1.0))).states
    assert np.array_equal(states[0], states[1])
    assert np.array_equal(states[2], states[3])


def test_many_outputs_inside_one_step_agree_with_few():
    fine = np.linspace(0.0, 20.0, 2001)
    many = solved(WARD, fine, TIGHT, events=given(Dose(5.0))).states
    few = solved(WARD, fine[::500], TIGHT, events=given(Dose(5.0))).states
    assert np.array_equal(many[::500], few), "the outputs asked for do not change the steps"


def test_each_subject_has_its_own_times_and_doses():
    events = event_table([[(0.0, 1, DEPOT, 1.0)], [], [(2.0, 1, DEPOT, 4.0), (1.0, 1, DEPOT, 2.0)]])
    times = (np.array([1.0, 3.0, 5.0, 0.0, 4.0]), np.array([0, 2, 3, 5]))
    table = np.repeat(WARD.values[None], 4, axis=0)
    result = batch(WARD, table, times, events=events, subject=np.array([2, 0, 1, 2]), method=TIGHT)
    assert result.offsets.tolist() == [0, 2, 4, 5, 7]
    late = drug_after_bolus(np.array([-1.0, 3.0]), 2.0) + drug_after_bolus(np.array([-2.0, 2.0]), 4.0)
    first = drug_after_bolus(np.array([1.0, 3.0]))
    expected = np.concatenate([late, first, [0.0], late])
    assert result.states[:, DRUG] == pytest.approx(expected, **NEAR)


def test_what_the_solver_cannot_do_is_refused_before_it_starts():
    one = WARD.values[None]
    with pytest.raises(SolveError, match="wrong shape"):
        batch(WARD, WARD.values, [1.0])
    with pytest.raises(SolveError, match="output time lies before the start"):
        batch(WARD, one, [-1.0, 1.0])
    with pytest.raises(SolveError, match="dose or event lies before the start"):
        batch(WARD, one, [1.0], events=given(Dose(1.0, -2.0)))
    with pytest.raises(SolveError, match="finite and rising"):
        batch(WARD, one, [2.0, 1.0])
    with pytest.raises(SolveError, match="finite and rising"):
        batch(WARD, one, [np.nan])
    with pytest.raises(SolveError, match="offsets must rise"):
        batch(WARD, one, (np.array([1.0, 2.0]), np.array([0, 3])))
    with pytest.raises(SolveError, match="names no subject"):
        batch(WARD, one, [1.0], subject=np.array([1]))
    with pytest.raises(SolveError, match="names no subject"):
        batch(WARD, np.repeat(one, 3, axis=0), (np.array([1.0, 2.0]), np.array([0, 1, 2])))
    with pytest.raises(SolveError, match="one subject index"):
        batch(WARD, one, [1.0], subject=np.array([0, 0]))
    with pytest.raises(ModelError, match="no state of ward"):
        batch(WARD, one, [1.0], events=event_table([[(0.0, 1, 99, 1.0)]]))
    with pytest.raises(ModelError, match="takes a bolus only"):
        batch(WARD, one, [1.0], events=event_table([[(0.0, 2, DRUG, 1.0)]]))
    with pytest.raises(SolveError, match="tolerance out of range"):
        Rodas5P(rtol=1.0)
    with pytest.raises(SolveError, match="must be positive"):
        Rodas5P(max_step=0.0)
