"""Cells that fall far below their scale and multiply again come back right, or the patient says so."""

# ruff: noqa: C408 -- equations by name read as in a model file

import numpy as np
import pytest

from benchmarks.cases import make_case
from benchmarks.robustness import check
from cartsim.kernels.methods import Rodas4, Rodas5P, default_method
from cartsim.models import load_model
from cartsim.regimen.doses import Dose
from cartsim.regimen.forcing import Forcing
from cartsim.regimen.regimen import Regimen, events_of
from cartsim.solve.batch import STATUS, batch
from cartsim.study.cohort_draw import draw_cohort
from cartsim.study.speed import patient_errors
from tests.problems import constants, problem, solved, state

FINE, NOT_FINITE, REGROWN = 0, 2, 5
LOOSE = Rodas4(rtol=1e-3)
SHIPPED = ("stein2019_tisagenlecleucel", "singh2021_bb2121", "kirouac2023", "cytokine_release_driven")


def given_to(model, amount: float):
    """Events of a dose and, for a driven model, of a course that rises from nothing and falls again."""
    counts = tuple(Forcing(name, (5.0, 12.0, 30.0), (0.0, 800.0, 20.0)) for name in model.input_names)
    return events_of(model, [Regimen((Dose(amount, 0.0),) if amount else (), inputs=counts)])


def relapse_rhs(t, y, p):
    # The leak is a difference of two numbers near one: nothing but rounding, piece by piece constant in time.
    leak = p.leak * (1.0 - 1.0 / (1.0 + 1e-14 * t))
    return dict(
        cells=p.swing * (t - p.turn) * y.cells + leak,
        marker=y.cells - y.marker,
        dead=-p.decay * y.dead,
    )


RELAPSE = problem(
    "relapse",
    [state("cells"), state("marker"), state("dead", 1e6)],
    constants(swing=0.05, turn=60.0, cells0=1e6, leak=0.0, decay=100.0),
    relapse_rhs,
    initial=lambda p: dict(cells=p.cells0),
    infusion="cells",
)


def exact_cells(t, swing: float = 0.05, turn: float = 60.0, cells0: float = 1e6) -> np.ndarray:
    """Cells fall until day `turn` and are back at their start at twice that day."""
    return cells0 * np.exp(0.5 * swing * ((t - turn) ** 2 - turn**2))


def test_cells_that_fall_33_decades_below_their_scale_regrow_to_what_they_were():
    """With an absolute tolerance they come back wrong by decades, or not at all."""
    times = np.array([30.0, 60.0, 90.0, 110.0, 120.0, 125.0])
    result = solved(RELAPSE, times, LOOSE)
    assert result.status.tolist() == [FINE]
    assert result.states[:, 0] == pytest.approx(exact_cells(times), rel=100 * LOOSE.rtol)


def test_a_state_that_only_decays_costs_no_steps_far_below_its_scale():
    """`dead` falls by 6,000 e-folds, which a relative tolerance would follow one by one."""
    assert solved(RELAPSE, [60.0], LOOSE).counts[0, :2].sum() < 400


def test_cells_lost_from_sight_that_come_back_are_a_status_with_its_reason():
    """exp(-360) is below 1e-60 scales: what grows from there is not known to the solver.

    Nothing else happens in this model, so only `max_step` keeps it from stepping over the return.
    """
    times = np.array([20.0, 60.0, 100.0, 125.0])
    result = solved(RELAPSE, times, Rodas4(rtol=1e-3, max_step=2.0), swing=0.2)
    assert result.status.tolist() == [REGROWN]
    assert "regrown" in STATUS[REGROWN]
    assert np.isnan(result.states[-1]).all()
    assert result.states[0, 0] == pytest.approx(exact_cells(20.0, swing=0.2), rel=0.1)


def test_cells_lost_from_sight_that_stay_away_are_no_failure():
    result = solved(RELAPSE, [60.0, 90.0], LOOSE, swing=0.2)
    assert result.status.tolist() == [FINE]
    assert (result.states[:, 0] < 1e-30).all()


def test_cells_infused_again_after_the_first_are_lost_are_known_again():
    events = events_of(RELAPSE, [Regimen((Dose(1e6, 70.0),))])
    times = np.array([69.0, 75.0, 80.0])
    result = solved(RELAPSE, times, LOOSE, events=events, swing=0.2)
    exact = 1e6 * np.exp(0.1 * ((times[1:] - 60.0) ** 2 - 10.0**2))
    assert result.status.tolist() == [FINE]
    assert result.states[1:, 0] == pytest.approx(exact, rel=100 * LOOSE.rtol)


def test_no_cells_stay_no_cells():
    result = solved(RELAPSE, [60.0, 125.0], LOOSE, cells0=0.0)
    assert result.status.tolist() == [FINE]
    assert (result.states[:, :2] == 0.0).all()


def test_cells_that_live_on_rounding_alone_do_not_stop_the_clock():
    """The leak jumps by its own rounding a hundred times a day, too coarse for 1e-6 of the few cells."""
    method = Rodas4(rtol=1e-6, max_steps=5_000)
    result = solved(RELAPSE, [50.0, 59.0], method, leak=1.0)
    assert result.status.tolist() == [FINE]
    assert (result.states[:, 0] < 1e-9).all()


@pytest.mark.slow
def test_cells_that_leave_a_balance_are_solved_anew_at_a_tighter_tolerance():
    """In the worst of a wide cohort CAR-T cells hover for weeks, then take off: errors grow 400-fold."""
    case = make_case("kirouac2023", 18_816, seed=13, log_sd=0.5)
    worst = case.parameters[[18_815, 9_029, 9_399]]
    loose, tight = (
        batch(case.model, worst, case.times, events=case.events, method=method)
        for method in (LOOSE, Rodas5P(rtol=1e-9))
    )
    shape = (3, len(case.times), -1)
    errors = patient_errors(case, loose.states.reshape(shape), tight.states.reshape(shape))
    assert loose.status.tolist() == [FINE] * 3
    assert (errors < 100 * LOOSE.rtol).all()


@pytest.mark.parametrize(
    "name",
    # a set of kernels that no other test needs
    [pytest.param(n, marks=pytest.mark.slow) if n == "cytokine_release_driven" else n for n in SHIPPED],
)
def test_strange_patients_end_with_a_result_or_a_status(name):
    model, times = load_model(name), np.linspace(0.0, 200.0, 41)
    doses = (0.0, model.dose or 0.0, 1e15) if model.infusion else (0.0,)
    table = np.repeat(model.values[None], 5, axis=0)
    for k, value in enumerate((np.nan, np.inf, 0.0)):
        table[k + 1, :] = np.where(np.arange(table.shape[1]) == k, value, table[k + 1])
    for burden in ("tumor0", "b0", "a0"):
        if burden in model.parameter_names:
            table[4, model.index(burden)] = 0.0
    for amount in doses:
        given = given_to(model, amount)
        result = batch(model, table, times, events=given, method=Rodas5P(rtol=1e-6, max_steps=20_000))
        states = result.states.reshape(5, len(times), -1)
        assert result.status[[0, 3]].tolist() == [FINE, FINE] or amount > 1e12
        assert result.status[1] != FINE
        for patient in np.flatnonzero(result.status == FINE):
            assert np.isfinite(states[patient]).all()
            own = states[patient][:, : len(model.own_states)]  # an input is held as its logarithm
            assert (own >= 0.0).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_ordinary_patients_and_published_scenarios_carry_no_status_at_the_default_tolerance(name):
    model = load_model(name)
    published = np.array([model.vector(scenario=scenario) for scenario in model.scenarios] or [model.values])
    table = np.vstack([published, draw_cohort(model, 200, seed=5)])
    given = given_to(model, model.dose or 0.0)
    result = batch(model, table, np.linspace(0.0, 365.0, 53), events=given, method=default_method(1e-8))
    assert (result.status == FINE).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["singh2021", "kirouac2023", "crs16"])
def test_no_patient_of_a_wide_cohort_is_lost_without_a_word(name):
    found = check(name, patients=600, spots=600, seed=7)
    assert found["silent_failures"] == 0
    assert sum(found["statuses"].values()) - found["statuses"]["fine"] <= 6
