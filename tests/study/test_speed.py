"""Speed comparisons give all solvers the same work and compare them at equal error."""

import numpy as np
import pytest

from cartsim.errors import CartsimError
from cartsim.models import load_model
from cartsim.regimen.doses import Dose
from cartsim.regimen.regimen import Regimen
from cartsim.study.cohort_draw import BLOCK, CohortDraw, draw_cohort
from cartsim.study.speed import Timing, patient_errors, race, ratios, time_at_error
from cartsim.study.speed_case import Case

STEIN = load_model("stein2019_tisagenlecleucel")
SINGH = load_model("singh2021_bb2121")
TIMES = np.array([1.0, 9.0, 30.0, 100.0])


def stein_case(patients: int = 3) -> Case:
    return Case("stein", STEIN, draw_cohort(STEIN, patients, seed=1), TIMES)


@pytest.mark.parametrize("log_sd", [None, 0.5])
def test_a_patient_is_the_same_in_a_cohort_of_any_size(log_sd: float | None) -> None:
    few = draw_cohort(SINGH, 3, seed=1, log_sd=log_sd)
    many = draw_cohort(SINGH, BLOCK + 5, seed=1, log_sd=log_sd)
    assert np.array_equal(few, many[:3])
    assert not np.array_equal(many[0], many[BLOCK]), "every block needs a stream of its own"


@pytest.mark.parametrize("log_sd", [None, 0.5])
def test_any_patients_are_drawn_without_the_rest(log_sd: float | None) -> None:
    draw = CohortDraw(SINGH, 1, log_sd)
    whole = draw_cohort(SINGH, 3 * BLOCK, seed=1, log_sd=log_sd)
    for first, last in ((0, 1), (BLOCK - 1, BLOCK + 1), (BLOCK, 2 * BLOCK), (5, 2 * BLOCK + 7), (9, 9)):
        assert draw(first, last).tobytes() == whole[first:last].tobytes()


def test_a_wide_cohort_varies_every_parameter_within_its_bounds() -> None:
    model = load_model("kirouac2023")
    rows = draw_cohort(model, 4000, seed=1, log_sd=0.5)
    spread = np.log(rows).std(axis=0)
    bounded = [model.index(name) for name in ("fmax", "n")]
    free = np.delete(np.arange(rows.shape[1]), bounded)
    # Standard error of a standard deviation over 4000 draws: 0.5 / sqrt(8000) = 0.0056; four of them.
    assert np.abs(spread[free] - 0.5).max() < 0.0224
    assert rows[:, bounded[0]].min() > 0.5
    assert rows[:, bounded[0]].max() < 0.99


def test_parameters_of_a_shared_group_vary_by_one_factor() -> None:
    rows = draw_cohort(STEIN, 5, seed=1, log_sd=0.5, shared=[("alpha", "beta")])
    alpha, beta = (rows[:, STEIN.index(name)] / STEIN.parameter(name).value for name in ("alpha", "beta"))
    assert np.allclose(alpha, beta, rtol=1e-14)


def test_stretches_stop_at_each_patients_switch_and_cover_every_time_once() -> None:
    case = stein_case()
    for patient in range(3):
        parts = list(case.stretches(patient))
        tmax = case.parameters[patient, STEIN.index("tmax")]
        assert [part.knots[0] for part in parts] == [0.0, tmax]
        assert [part.p[len(STEIN.parameters)] for part in parts] == [0.0, 1.0]
        rows = np.concatenate([part.rows for part in parts])
        days = np.concatenate([part.knots for part in parts])
        assert np.array_equal(rows[rows >= 0], patient * len(TIMES) + np.arange(len(TIMES)))
        assert np.array_equal(days[rows >= 0], TIMES)


def test_an_output_at_the_time_of_a_dose_belongs_to_the_stretch_after_it() -> None:
    regimen = Regimen((Dose(1e8), Dose(2e8, 9.0)))
    case = Case("singh", SINGH, SINGH.values[None], TIMES, regimen)
    first, second = case.stretches(0)
    assert (first.jump[0], second.jump[0]) == (1e8, 2e8)
    assert first.rows[-1] == -1
    assert second.rows[0] == 1


def test_doses_with_a_duration_and_doses_at_the_end_are_refused() -> None:
    for dose in (Dose(1e8, 0.0, 0.5), Dose(1e8, 100.0)):
        with pytest.raises(CartsimError, match="boluses before the last time"):
            Case("singh", SINGH, SINGH.values[None], TIMES, Regimen((dose,)))


def test_time_at_an_error_lies_on_the_log_log_line_between_measured_points() -> None:
    # time = error^(-1/2): at 1e-5 it is sqrt(1e5).
    errors, times = [1e-2, 1e-4, 1e-6], [1e1, 1e2, 1e3]
    assert time_at_error(errors, times, 1e-5) == pytest.approx(1e5**0.5, rel=1e-12)


def test_a_solver_more_exact_than_asked_counts_with_its_fastest_point() -> None:
    assert time_at_error([1e-6, 1e-8], [10.0, 5.0], 1e-3) == pytest.approx(5.0)


def test_a_solver_that_never_gets_exact_enough_has_no_time() -> None:
    assert np.isnan(time_at_error([1e-2, np.inf], [1.0, 1.0], 1e-3))


def test_ratios_are_taken_within_each_repeat() -> None:
    # The second repeat ran on a machine twice as slow; both solvers met it, so the ratio is 10 in both.
    fast = Timing("fast", 1e-4, 8, (1.0, 2.0), 1e-5, 1e-5, 0)
    slow = Timing("slow", 1e-4, 8, (10.0, 20.0), 1e-5, 1e-5, 0)
    assert ratios([fast, slow], "fast", 1e-4)["slow"] == pytest.approx((10.0,) * 3)


def test_the_error_is_relative_to_scale_plus_reference_and_infinite_where_lost() -> None:
    case = stein_case(2)
    truth = np.full((2, len(TIMES), 2), 3.0)
    states = truth.copy()
    states[0, 2, 1] = 3.4  # scale 1 + reference 3
    states[1, 0, 0] = np.nan
    assert patient_errors(case, states, truth) == pytest.approx([0.1, np.inf])


def test_solvers_race_in_turn_and_a_failing_one_is_out_with_its_reason() -> None:
    case, order = stein_case(2), []
    truth = np.ones((2, len(TIMES), 2))

    def entrant(name: str):
        def run(rtol: float, count: int) -> tuple[float, np.ndarray]:
            order.append(name)
            if name == "broken":
                raise RuntimeError("no convergence")
            return 1e-6, truth

        return run

    names = ("a", "b", "broken")
    found = race(
        case,
        {name: entrant(name) for name in names},
        dict.fromkeys(names, (1e-3,)),
        dict.fromkeys(names, 2),
        truth,
        repeats=2,
    )
    assert "".join(order) == "abbroken" + "abab"
    assert found.out == (("broken", 1e-3, "RuntimeError: no convergence"),)
    assert [timing.microseconds for timing in found.timings] == [(0.5, 0.5), (0.5, 0.5)]
