"""A reduced cohort: right against closed forms, the same bits however it is cut, and no patient lost."""

import threading
import tracemalloc

import numpy as np
import pytest

from cartsim.errors import CartsimWarning, ModelError, ReductionError, SolveError
from cartsim.kernels.methods import Rodas5P
from cartsim.models import load_model
from cartsim.regimen.doses import Dose
from cartsim.regimen.regimen import Regimen, events_of
from cartsim.solve import cohort
from cartsim.solve.batch import batch
from cartsim.solve.cohort import Reduced, reduce_cohort
from cartsim.solve.reductions import Area, FirstBelow, LastAbove, Peak, TimeAbove, TimeOfPeak, Trough, ValueAt
from cartsim.study.cohort_draw import CohortDraw, draw_cohort
from tests.problems import WARD

STEIN = load_model("stein2019_tisagenlecleucel")
METHOD = Rodas5P(rtol=1e-8)
STEP = 0.01
FINE = np.linspace(0.0, 8.0, 801)
GRID = np.array([0.0, 0.3, 1.5, 1.5, 4.0, 9.0])
KEPT = (
    Peak("drug"),
    TimeOfPeak("drug"),
    Area("state_clone", start=0.2, end=7.0),
    LastAbove("drug", 0.1),
    Trough("alarm"),
    ValueAt("state_c", 3.0),
)
DOSES = Regimen((Dose(4.0), Dose(2.0, 3.0, 1.5)))


def ward_rows(count: int) -> np.ndarray:
    """Patients of the ward, every fiftieth of whom fails, in one of two ways."""
    rng = np.random.default_rng(7)
    table = WARD.values * np.exp(0.4 * rng.normal(size=(count, len(WARD.parameters))))
    table[:, WARD.index("pace")] = rng.uniform(0.0, 0.02, count)
    table[::100, WARD.index("blow_up")] = 0.4
    table[50::100, WARD.index("growth")] = 40.0
    return table


def reduced(rows: np.ndarray, **options) -> Reduced:
    """The ward's cohort, its failures told."""
    options = {"regimen": DOSES, "method": Rodas5P(rtol=1e-5)} | options
    with pytest.warns(CartsimWarning, match="14 of 700 solves of ward failed"):
        return reduce_cohort(WARD, rows, GRID, KEPT, **options)


def same(a: Reduced, b: Reduced) -> bool:
    return all(
        getattr(a, name).tobytes() == getattr(b, name).tobytes() for name in ("values", "status", "counts")
    )


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    return ward_rows(700)


@pytest.fixture(scope="module")
def whole(rows) -> Reduced:
    return reduced(rows)


def test_a_decay_has_the_area_and_crossing_of_its_formula():
    """The ward's clone: 100 exp(-t / 2)."""
    found = reduce_cohort(
        WARD,
        WARD.values[None],
        FINE,
        [
            Area("state_clone", start=0.0, end=5.0),
            FirstBelow("state_clone", 10.0),
            TimeAbove("state_clone", 50.0),
        ],
        method=METHOD,
    )
    # A trapezoid's relative error is (rate step)² / 12 = 2.1e-6; a chord crosses rate step² / 8 late at most.
    assert found.values[0, 0] == pytest.approx(200.0 * (1.0 - np.exp(-2.5)), rel=3e-6)
    assert found.values[0, 1:] == pytest.approx([2.0 * np.log(10.0), 2.0 * np.log(2.0)], abs=1e-5)


def test_an_absorbed_drug_peaks_when_and_where_batemans_formula_says():
    uptake, loss = 2.0, np.array([0.3, 0.5])
    table = np.repeat(WARD.values[None], 2, axis=0)
    table[:, WARD.index("loss")] = loss
    kept = [TimeOfPeak("drug"), Peak("drug")]
    found = reduce_cohort(WARD, table, FINE, kept, regimen=Regimen.single(3.0), method=METHOD)
    when = np.log(uptake / loss) / (uptake - loss)
    peak = 3.0 * uptake / (uptake - loss) * (np.exp(-loss * when) - np.exp(-uptake * when))
    # The nearest grid day is at most half a step away; |y''| = uptake loss peak < 3 there: 3 (step / 2)² / 2.
    assert found.value("time_of_peak_drug") == pytest.approx(when, abs=0.5 * STEP + 1e-9)
    assert found.value("peak_drug") == pytest.approx(peak, abs=1.5 * (0.5 * STEP) ** 2)


def test_the_numbers_are_those_of_the_curves_kept_whole(rows, whole):
    solved = batch(WARD, rows, GRID, events=events_of(WARD, [DOSES]), method=Rodas5P(rtol=1e-5))
    drug = solved.outputs[:, 0].reshape(len(rows), len(GRID))
    fine = solved.status == 0
    assert np.array_equal(whole.value("peak_drug")[fine], drug[fine].max(axis=1))
    assert np.array_equal(whole.value("time_of_peak_drug")[fine], GRID[drug[fine].argmax(axis=1)])
    assert np.array_equal(whole.status, solved.status)
    assert np.array_equal(whole.counts, solved.counts)


def test_failed_patients_stay_as_nan_with_their_status(whole):
    assert np.flatnonzero(whole.status).tolist() == list(range(0, 700, 50))
    assert np.isnan(whole.values[::50]).all()
    assert np.isfinite(whole.value("peak_drug")[whole.status == 0]).all()
    assert whole.statuses == {"fine": 686, "too sensitive": 7, "runaway": 7}


def test_threads_do_not_matter(rows, whole):
    assert same(reduced(rows, threads=2), whole)
    assert same(reduced(rows, threads=3), whole)


@pytest.mark.parametrize(("task", "most"), [(7, 7), (130, 64), (700, 700), (256, 9)])
def test_how_the_cohort_is_cut_does_not_matter(rows, whole, monkeypatch, task, most):
    monkeypatch.setattr(cohort, "FEWEST", 1)
    monkeypatch.setattr(cohort, "MOST", most)
    monkeypatch.setattr(cohort, "TASK", task)
    assert same(reduced(rows), whole)
    assert same(reduced(rows, threads=2), whole)


def test_rows_from_a_function_and_read_only_rows_give_the_same_bits(rows, whole):
    assert same(reduced(lambda first, last: rows[first:last], count=700, threads=2), whole)
    frozen = rows.copy()
    frozen.setflags(write=False)
    assert same(reduced(frozen), whole)


def test_each_patient_may_have_its_own_doses(rows):
    rows = rows[1:31]
    regimens = [DOSES if k % 3 else Regimen() for k in range(30)]
    options = {"method": Rodas5P(rtol=1e-5)}
    mixed = reduce_cohort(WARD, rows, GRID, KEPT, events=events_of(WARD, regimens), **options)
    dosed = reduce_cohort(WARD, rows, GRID, KEPT, regimen=DOSES, **options)
    plain = reduce_cohort(WARD, rows, GRID, KEPT, **options)
    given = np.array([k % 3 > 0 for k in range(30)])
    own = np.where(given[:, None], dosed.values, plain.values)
    assert np.array_equal(mixed.values, own, equal_nan=True)
    assert (dosed.value("peak_drug") > plain.value("peak_drug")).all()


def test_a_drawn_cohort_of_a_closed_form_needs_no_rows_in_memory():
    days = np.arange(0.0, 366.0)
    kept = [Peak("car_transgene"), Area("car_transgene"), Peak("state_memory", start=20.5)]
    by_array = reduce_cohort(STEIN, draw_cohort(STEIN, 3000, seed=1, log_sd=0.3), days, kept)
    tracemalloc.start()
    drawn = reduce_cohort(STEIN, CohortDraw(STEIN, 1, 0.3), days, kept, count=3000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert same(drawn, by_array)
    # The curves would be 3000 x 366 x 3 numbers = 26 MB; the buffers are 4 MB, the result 0.2 MB.
    assert peak < 8e6


def test_a_table_has_a_row_a_patient_and_a_legend_a_row_a_number(whole):
    frame = whole.to_dataframe()
    assert list(frame.columns) == [
        *("patient", "status", "peak_drug", "time_of_peak_drug", "area_state_clone_0.2_7d"),
        *("last_above_drug_0.1", "trough_alarm", "value_state_c_3d"),
    ]
    assert frame["patient"].tolist() == list(range(700))
    assert frame["peak_drug"].isna().sum() == 14
    legend = whole.legend()
    assert legend["name"].tolist() == list(whole.names)
    assert legend["unit"].tolist() == ["1", "day", "day", "day", "1", "1"]
    with pytest.raises(ModelError, match="got: cmax; allowed: peak_drug"):
        whole.value("cmax")


def test_progress_is_told_in_the_calling_thread(rows):
    heard = []
    reduced(rows, threads=2, progress=lambda done, of: heard.append((threading.get_ident(), done, of)))
    assert {ident for ident, *_ in heard} == {threading.get_ident()}
    assert [done for _, done, _ in heard] == sorted(done for _, done, _ in heard)
    assert heard[-1][1:] == (700, 700)


@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_stops_after_what_is_at_work(rows, threads):
    asked = []

    def drawn(first: int, last: int) -> np.ndarray:
        asked.append(first)
        return rows[1:2].repeat(last - first, axis=0)

    def stop(done: int, of: int) -> None:
        if done > cohort.TASK:  # the first task runs before the threads start
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reduce_cohort(WARD, drawn, [0.0], [Peak("drug")], count=500_000, threads=threads, progress=stop)
    assert len(asked) < 100, "of 489 tasks"


def test_an_error_in_the_callers_function_reaches_the_caller(rows):
    def broken(first: int, last: int) -> np.ndarray:
        if first:
            raise ZeroDivisionError("no such patient")
        return rows[:1].repeat(last, axis=0)

    for threads in (1, 2):
        with pytest.raises(ZeroDivisionError, match="no such patient"):
            reduce_cohort(WARD, broken, [0.0], [Peak("state_a")], count=4000, threads=threads)


def test_requests_that_cannot_be_met_are_refused_in_words(rows):
    kept = [Peak("drug")]
    with pytest.raises(ReductionError, match="no output or state 'il6'"):
        reduce_cohort(WARD, rows, GRID, [Peak("il6")])
    with pytest.raises(SolveError, match=r"wrong shape; got: \(700, 3\); allowed: \(n, 11\)"):
        reduce_cohort(WARD, rows[:, :3], GRID, kept)
    with pytest.raises(SolveError, match="need the number of patients"):
        reduce_cohort(WARD, lambda first, last: rows, GRID, kept)
    with pytest.raises(SolveError, match="wrong shape for patients 0 to 9"):
        reduce_cohort(WARD, lambda first, last: rows, GRID, kept, count=10)
    with pytest.raises(SolveError, match="differs from the number"):
        reduce_cohort(WARD, rows, GRID, kept, count=10)
    with pytest.raises(SolveError, match="rising"):
        reduce_cohort(WARD, rows, [1.0, 0.0], kept)
    with pytest.raises(SolveError, match="rising"):
        reduce_cohort(WARD, rows, [], kept)
    with pytest.raises(SolveError, match="either events or a regimen"):
        reduce_cohort(WARD, rows, GRID, kept, regimen=DOSES, events=events_of(WARD, [DOSES]))
    with pytest.raises(SolveError, match="another number of patients"):
        reduce_cohort(WARD, rows, GRID, kept, events=events_of(WARD, [DOSES] * 2))
    with pytest.raises(SolveError, match="before the start"):
        reduce_cohort(WARD, rows, GRID, kept, start=1.0)


def test_a_cohort_of_nobody_is_an_empty_table():
    found = reduce_cohort("stein2019_tisagenlecleucel", np.empty((0, 10)), GRID, [Peak("car_transgene")])
    assert found.values.shape == (0, 1)
    assert found.to_dataframe().empty
