"""Slopes of curves in parameters: right, smooth whatever the tolerance, with moving switch times."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.cases import make_case
from cartsim.errors import SolveError
from cartsim.kernels.methods import Rodas4, Rodas5P
from cartsim.models import load_model
from cartsim.regimen.doses import Dose
from cartsim.regimen.regimen import Regimen, events_of
from cartsim.regimen.rules import Rule
from cartsim.solve.batch import batch
from cartsim.solve.sensitivities import neighbour_groups, sensitivities
from tests.problems import WARD, given

STEIN = load_model("stein2019_tisagenlecleucel")
DAYS = np.array([1.0, 5.0, 9.0, 9.4, 12.0, 28.0, 90.0, 300.0])
FREE = ("foldx", "tmax", "cmax", "alpha", "fb", "beta")
UPTAKE, LOSS = 2.0, 0.3
DEPOT, DRUG = (WARD.state_names.index(name) for name in ("depot", "drug"))


def stein_slopes(parameters: np.ndarray) -> np.ndarray:
    """d outputs / d FREE of the closed form by central differences, float64 (T, O, K)."""
    columns = []
    for name in FREE:
        k = STEIN.index(name)
        rows = np.repeat(parameters[None], 2, axis=0)
        width = 1e-6 * parameters[k]
        rows[0, k] += width
        rows[1, k] -= width
        up, down = batch(STEIN, rows, DAYS).outputs.reshape(2, len(DAYS), -1)
        columns.append((up - down) / (2.0 * width))
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize("rtol", [1e-4, 1e-6, 1e-8])
def test_slopes_of_stein_agree_with_the_closed_form_tmax_included(rtol):
    """The samples lie on both sides of Tmax, where the equations switch."""
    patient = STEIN.vector(tmax=9.3)
    found = sensitivities(STEIN, patient, DAYS, FREE, method=Rodas5P(rtol=rtol))
    expected = stein_slopes(patient)
    size = np.abs(expected).max(axis=(0, 1))
    # slopes are as exact as curves, times the few hundred days over which they build up; and forward
    # differences of 1e-6
    assert np.abs(found.output_slopes[0] - expected).max(axis=(0, 1)) / size == pytest.approx(
        0.0, abs=100.0 * rtol + 1e-5
    )
    assert not found.on_their_own.any()
    assert found.names == FREE


def bateman_slope_in_loss(t: np.ndarray) -> np.ndarray:
    """d drug / d loss after a unit bolus into the depot at 0."""
    gap = UPTAKE - LOSS
    late, early = np.exp(-LOSS * t), np.exp(-UPTAKE * t)
    return UPTAKE / gap**2 * (late - early) - UPTAKE / gap * t * late


def test_slopes_through_a_dose_agree_with_the_derivative_by_hand():
    times = np.array([1.0, 2.5, 4.0, 8.0])
    found = sensitivities(WARD, WARD.values, times, ["loss"], events=given(Dose(1.0, 1.5)))
    expected = np.where(times >= 1.5, bateman_slope_in_loss(np.maximum(times - 1.5, 0.0)), 0.0)
    # rtol 1e-6 of the default method on curves of order 1, over a hundred steps
    assert found.state_slopes[0, :, DRUG, 0] == pytest.approx(expected, abs=1e-5)


def test_slopes_have_no_noise_of_step_control():
    """Slopes at loose tolerance hardly move between neighbours; separate solves would jump with each step."""
    losses = LOSS * (1.0 + 1e-5 * np.arange(12))
    rows = np.array([WARD.vector(loss=loss) for loss in losses])
    found = sensitivities(
        WARD, rows, np.array([7.0]), ["loss"], events=given(Dose(1.0)), method=Rodas5P(rtol=1e-3)
    )
    slope = found.state_slopes[:, 0, DRUG, 0]
    assert np.abs(np.diff(slope)).max() < 1e-4 * np.abs(slope).max()


def test_two_stops_at_the_same_moment_are_solved_on_their_own():
    """A dose exactly at the switch: a neighbour that moves the switch meets two stops instead of one."""
    events = given(Dose(1.0, 3.0))
    patient = WARD.vector(speed_up=2.0, switch_day=3.0)
    times = np.array([2.0, 5.0])
    found = sensitivities(WARD, patient, times, ["loss", "switch_day"], events=events)
    assert found.on_their_own.tolist() == [[False, True]]
    assert found.status.tolist() == [0]
    # nothing is there to be lost before the dose: a switch a little earlier changes nothing, one a little
    # later spares (speed_up x loss) of what has reached the blood, which is nothing yet
    assert found.state_slopes[0, :, DRUG, 1] == pytest.approx([0.0, 0.0], abs=1e-3)
    assert np.isfinite(found.state_slopes).all()


def test_more_parameters_than_lanes_go_in_several_groups():
    names = [name for name in WARD.parameter_names if name not in ("fault", "defined_until", "switch_day")]
    few = sensitivities(WARD, WARD.vector(pace=0.01), np.array([2.0]), names[:3], events=given(Dose(1.0)))
    many = sensitivities(WARD, WARD.vector(pace=0.01), np.array([2.0]), names, events=given(Dose(1.0)))
    assert len(names) > 7
    assert many.state_slopes.shape[-1] == len(names)
    assert np.array_equal(few.state_slopes, many.state_slopes[..., :3])


def test_patients_do_not_change_each_others_slopes_nor_do_threads():
    rng = np.random.default_rng(8)
    rows = WARD.values * np.exp(0.3 * rng.normal(size=(70, len(WARD.parameters))))
    events = events_of(WARD, [Regimen((Dose(1.0, day),)) for day in rng.uniform(0.0, 3.0, 70)])
    times = np.array([1.0, 6.0])
    all_at_once = sensitivities(WARD, rows, times, ["loss", "uptake"], events=events, threads=2)
    alone = events_of(WARD, [Regimen((Dose(1.0, events.time[33]),))])
    one = sensitivities(WARD, rows[33], times, ["loss", "uptake"], events=alone)
    assert np.array_equal(all_at_once.state_slopes[33], one.state_slopes[0])
    assert np.array_equal(all_at_once.outputs[33], one.outputs[0])


def test_a_failed_patient_has_no_slopes_and_does_not_disturb_others():
    rows = np.array([WARD.vector(blow_up=1.0), WARD.values])
    found = sensitivities(WARD, rows, np.array([5.0]), ["loss"], events=given(Dose(1.0)))
    assert found.status[0] != 0
    assert found.status[1] == 0
    assert np.isnan(found.state_slopes[0]).all()
    assert np.isfinite(found.state_slopes[1]).all()


def test_a_parameter_of_zero_has_a_slope():
    found = sensitivities(WARD, WARD.vector(growth=0.0), np.array([3.0]), ["growth"])
    wild = WARD.state_names.index("wild")
    assert found.state_slopes[0, 0, wild, 0] == pytest.approx(3.0, rel=1e-4)  # d exp(3 g) / dg at 0


def test_groups_hold_every_direction_once_and_the_patient_first():
    plan = neighbour_groups(9, 8)
    assert plan.shape == (2, 8)
    assert (plan[:, 0] == -1).all()
    assert sorted(plan[plan >= 0]) == list(range(9))
    with pytest.raises(SolveError, match="need lanes"):
        neighbour_groups(2, 1)


def test_what_cannot_go_in_step_is_refused():
    rule = Rule("more", "drug", (Dose(1.0),), above=0.5)
    with pytest.raises(SolveError, match="without rules"):
        sensitivities(
            WARD, WARD.values, [1.0], ["loss"], events=events_of(WARD, [Regimen((Dose(1.0),), (rule,))])
        )
    with pytest.raises(SolveError, match="full groups"):
        batch(WARD, WARD.values[None], [1.0], method=replace(Rodas5P(), in_step=True))


@pytest.mark.slow
def test_patients_that_are_solved_anew_have_the_right_slopes():
    """CAR-T cells hover for weeks, then take off: the patient and its neighbours start anew together."""
    case = make_case("kirouac2023", 18_816, seed=13, log_sd=0.5)
    rows, day = case.parameters[[18_815, 9_029]], np.array([10.0, 28.0, 116.0])
    found = sensitivities(
        case.model, rows, day, ["kkill", "kex"], events=case.events, method=Rodas4(rtol=1e-3)
    )
    tumor = case.model.state_names.index("tumor")
    assert found.status.tolist() == [0, 0]
    for k, name in enumerate(found.names):
        column, width = case.model.index(name), 1e-5
        moved = np.repeat(rows[:, None], 2, axis=1)
        moved[:, :, column] *= 1.0 + width * np.array([1.0, -1.0])
        tight = batch(
            case.model,
            moved.reshape(4, -1),
            day,
            events=case.events,
            method=Rodas4(rtol=1e-10, max_steps=10**6),
        )
        y = tight.states.reshape(2, 2, len(day), -1)[..., tumor]
        slope = (y[:, 0] - y[:, 1]) / (2.0 * width * rows[:, column, None])
        # errors of such patients grow some hundredfold; they are solved at a hundredth of the tolerance
        assert found.state_slopes[:, :, tumor, k] == pytest.approx(slope, rel=2e-2)
