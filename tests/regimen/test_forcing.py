"""A measured course drives a model: exact between its breakpoints, and refused in words where it cannot."""

from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from cartsim.cli.app import app
from cartsim.errors import ModelError
from cartsim.regimen.doses import BOLUS, RATE_CHANGE, Dose
from cartsim.regimen.events import no_events
from cartsim.regimen.forcing import Forcing
from cartsim.regimen.regimen import Regimen, events_of
from cartsim.regimen.rules import Rule
from cartsim.simulate import simulate
from cartsim.solve.batch import batch, plan_one
from cartsim.solve.cohort import reduce_cohort
from cartsim.solve.reductions import Peak
from tests.driven import COUNTS, CYTOKINE, DAYS, FLOOR, METHOD, by_scipy, course

REGIMEN = Regimen(inputs=(COUNTS,))
LOG = CYTOKINE.state_names.index("log_car_t_measured")


def test_states_follow_scipy_on_the_exact_course():
    found = simulate(CYTOKINE, times=DAYS, regimen=REGIMEN, method=METHOD)
    # ten times the tolerance of 1e-10, relative to scale + value
    np.testing.assert_allclose(
        found.states[0, :, :LOG], by_scipy(COUNTS, DAYS, CYTOKINE.values), rtol=1e-9, atol=1e-9
    )


def test_the_course_is_a_line_in_its_logarithm_and_meets_every_measurement():
    found = simulate(CYTOKINE, times=DAYS, regimen=REGIMEN, method=METHOD)
    seen = found.output("car_t")[0]
    # rounding of the logarithm and of the sum of some hundred steps
    np.testing.assert_allclose(seen, [course(COUNTS, day) for day in DAYS], rtol=1e-12)
    at = dict(zip(DAYS, seen, strict=True))
    assert [at[day] for day in COUNTS.times[1:]] == pytest.approx(COUNTS.values[1:], rel=1e-12)
    np.testing.assert_allclose(COUNTS.at(CYTOKINE.inputs[0], DAYS), seen, rtol=1e-12)
    np.testing.assert_allclose(found.state("log_car_t_measured")[0], np.log(seen), rtol=1e-12)


def test_the_solver_stops_at_every_measurement():
    """Rows of the solver: the course is set at the start, and its slope changes on every later day."""
    rows = REGIMEN.events(CYTOKINE)
    assert rows[0][:3] == (0.0, BOLUS, LOG)
    assert rows[0][3] == pytest.approx(np.log(course(COUNTS, 0.0)))
    assert [row[0] for row in rows[1:]] == [0.0, 3.0, 7.0, 8.5, 14.0]
    assert {row[1] for row in rows[1:]} == {RATE_CHANGE}
    assert sum(row[3] for row in rows[1:]) == pytest.approx(0.0, abs=1e-12)


def test_a_coarse_tolerance_does_not_lose_a_kink():
    """A burst of half an hour on day 9.9 between quiet weeks, which a long step would jump over."""
    burst = Forcing("car_t_measured", (9.89, 9.9, 9.92), (FLOOR, 5000.0, FLOOR))
    days = np.array([9.0, 12.0])
    found = simulate(CYTOKINE, times=days, regimen=Regimen(inputs=burst), method=replace(METHOD, rtol=1e-4))
    expected = by_scipy(burst, days, CYTOKINE.values)[:, 1]
    assert found.output("il6")[0] == pytest.approx(expected, rel=2e-3)
    quiet = Forcing("car_t_measured", (0.0,), (FLOOR,))
    assert abs(by_scipy(quiet, days, CYTOKINE.values)[1, 1] / expected[1] - 1.0) > 0.5, "the burst matters"


def test_before_the_first_and_after_the_last_measurement_the_course_is_constant():
    series = Forcing("car_t_measured", (5.0, 6.0), (10.0, 40.0))
    days = np.array([0.0, 4.0, 5.0, 5.5, 6.0, 60.0])
    seen = simulate(CYTOKINE, times=days, regimen=Regimen(inputs=series), method=METHOD).output("car_t")[0]
    assert seen == pytest.approx([10.0, 10.0, 10.0, 20.0, 40.0, 40.0], rel=1e-12)


def test_zeros_and_values_below_the_floor_enter_at_the_floor():
    series = Forcing("car_t_measured", (0.0, 1.0, 2.0), (0.0, FLOOR / 10.0, 3.0))
    days = np.array([0.0, 1.0, 2.0])
    seen = simulate(CYTOKINE, times=days, regimen=Regimen(inputs=series), method=METHOD).output("car_t")[0]
    assert seen == pytest.approx([FLOOR, FLOOR, 3.0], rel=1e-12)


def test_a_simulation_may_start_within_the_course():
    late = simulate(CYTOKINE, times=[5.0, 9.0], start=5.0, regimen=REGIMEN, method=METHOD)
    assert late.output("car_t")[0] == pytest.approx([course(COUNTS, 5.0), course(COUNTS, 9.0)], rel=1e-12)


def test_a_cohort_has_the_bits_of_each_patient_alone_with_any_threads():
    rng = np.random.default_rng(5)
    count = 11
    table = CYTOKINE.values * np.exp(0.3 * rng.standard_normal((count, len(CYTOKINE.parameters))))
    series = [
        Forcing("car_t_measured", np.sort(rng.uniform(0.0, 20.0, n)), rng.lognormal(3.0, 2.0, n))
        for n in rng.integers(1, 9, count)
    ]
    regimens = [Regimen(inputs=(item,)) for item in series]
    together = [
        batch(
            CYTOKINE, table, DAYS, events=events_of(CYTOKINE, regimens), method=METHOD, threads=threads
        ).states
        for threads in (1, 2)
    ]
    assert together[0].tobytes() == together[1].tobytes()
    alone = [
        batch(CYTOKINE, row[None], DAYS, events=events_of(CYTOKINE, [own]), method=METHOD).states
        for row, own in zip(table, regimens, strict=True)
    ]
    assert np.concatenate(alone).tobytes() == together[0].tobytes()
    assert len({part.tobytes() for part in alone}) == count


def test_every_fault_of_a_series_is_named_at_once():
    with pytest.raises(ModelError) as caught:
        Forcing("car_t_measured", (3.0, 1.0, 1.0), (1.0, -2.0, float("nan")))
    for words in ("'car_t_measured'", "day 1 after day 3", "day 1 after day 1", "value -2", "value nan"):
        assert words in str(caught.value)
    with pytest.raises(ModelError, match="2 times, 1 values"):
        Forcing("car_t_measured", (3.0, 4.0), (1.0,))
    with pytest.raises(ModelError, match="at least one"):
        Forcing("car_t_measured", (), ())


def test_series_and_inputs_that_do_not_match_are_named_for_all_patients_at_once():
    other = replace(COUNTS, name="car_tt")
    with pytest.raises(ModelError) as caught:
        events_of(CYTOKINE, [REGIMEN, Regimen(inputs=(other,)), Regimen(inputs=(COUNTS, COUNTS))])
    text = str(caught.value)
    assert "patient 1:" not in text
    assert "patient 2: no input is called 'car_tt'; patient 2: no series for input 'car_t_measured'" in text
    assert "patient 3: two series for input 'car_t_measured'" in text


@pytest.mark.parametrize(
    "attempt",
    [
        lambda: simulate(CYTOKINE, times=DAYS),
        lambda: simulate(CYTOKINE, times=DAYS, regimen=Regimen()),
        lambda: batch(CYTOKINE, CYTOKINE.values[None], DAYS, method=METHOD),
        lambda: plan_one(CYTOKINE, DAYS, events=no_events(), method=METHOD),
    ],
)
def test_a_driven_model_without_a_series_is_refused_on_every_road(attempt):
    with pytest.raises(ModelError, match=r"car_t_measured.*Forcing"):
        attempt()


def test_nobody_doses_the_course():
    with pytest.raises(ModelError, match="no state to dose"):
        Regimen((Dose(1.0, target="log_car_t_measured"),), inputs=(COUNTS,)).events(CYTOKINE)


def test_events_of_equal_series_have_one_identity_and_others_another():
    same = Regimen(inputs=(Forcing("car_t_measured", list(COUNTS.times), np.array(COUNTS.values)),))
    moved = Regimen(inputs=(replace(COUNTS, values=(*COUNTS.values[:-1], 12.5)),))
    identities = [events_of(CYTOKINE, [regimen]).identity for regimen in (REGIMEN, same, moved)]
    assert identities[0] == identities[1] != identities[2]
    assert same == REGIMEN


def test_summaries_of_a_cohort_read_the_course_too():
    table = np.tile(CYTOKINE.values, (2, 1))
    kept = [Peak("car_t"), Peak("state_log_car_t_measured")]
    found = reduce_cohort(CYTOKINE, table, DAYS, kept, regimen=REGIMEN, method=METHOD)
    assert found.values[1] == pytest.approx([900.0, np.log(900.0)], rel=1e-12)


@pytest.mark.slow  # compiles a solver that watches
def test_a_rule_may_watch_the_course():
    given = (Dose(3.0, target="il6"),)
    rule = Rule("high_counts", "car_t", given, above=400.0)
    found = simulate(CYTOKINE, times=DAYS, regimen=replace(REGIMEN, rules=(rule,)), method=METHOD)
    ((name, day),) = found.firings[0]
    crossing = 3.0 + 4.0 * np.log(400.0 / 4.0) / np.log(900.0 / 4.0)
    assert (name, day) == ("high_counts", pytest.approx(crossing, rel=1e-9))


@pytest.mark.slow  # compiles the command's kernels
def test_the_solver_of_a_driven_model_can_be_compiled_beforehand(tmp_path):
    path = tmp_path / "driven_cytokine.py"
    path.write_text("from tests.driven import CYTOKINE\n\nMODEL = CYTOKINE\n")
    answer = CliRunner().invoke(app, ["warmup", str(path)])
    assert "driven_cytokine: ready" in answer.output
