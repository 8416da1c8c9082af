"""Cure by chance: the closed form against quadrature and Kendall's formula, random courses against both."""

import numpy as np
import pytest
from scipy.integrate import quad

from cartsim.endpoints import extinction_courses
from cartsim.endpoints.extinction import BirthDeath, extinction_table
from cartsim.endpoints.extinction_courses import exact_courses, tumor_courses
from cartsim.errors import EndpointError
from cartsim.kernels.birth_death import birth_death_course
from cartsim.models import load_model
from cartsim.simulate import simulate
from cartsim.solve.trajectories import Trajectories

DAYS = np.linspace(0.0, 60.0, 241)


def waning(peak: float = 0.6, birth: float = 0.1) -> BirthDeath:
    """Killing that wanes within three weeks, as after one infusion."""
    return BirthDeath(DAYS, np.full_like(DAYS, birth), peak * np.exp(-DAYS / 20.0))


@pytest.fixture
def plain_kernel(monkeypatch):
    """The kernel's plain Python twin: it draws the same numbers and need not be compiled."""
    monkeypatch.setattr("cartsim.kernels.birth_death.birth_death_course", birth_death_course.py_func)


def test_with_constant_rates_the_probability_is_kendalls():
    b, d, n = 0.2, 0.3, 50.0
    got = BirthDeath(DAYS, np.full_like(DAYS, b), np.full_like(DAYS, d)).extinction(n).probability
    gone = np.exp(-(b - d) * DAYS)
    assert got == pytest.approx((d * (1.0 - gone) / (b - d * gone)) ** n, rel=1e-9, abs=1e-300)


def test_with_waning_killing_the_probability_equals_quadrature():
    def decline(t):
        return 0.6 * 20.0 * (1.0 - np.exp(-t / 20.0)) - 0.1 * t

    j = quad(lambda s: 0.6 * np.exp(-s / 20.0) * np.exp(decline(s)), 0.0, 60.0, epsabs=0.0, epsrel=1e-12)[0]
    for cells in (1.0, 300.0, 1e5):
        expected = (j / (1.0 + j)) ** cells
        assert waning().extinction(cells).cure_probability == pytest.approx(expected, rel=1e-6, abs=1e-300)
    assert waning().log_growth == pytest.approx(-decline(DAYS), abs=1e-8)


def test_a_whole_body_tumour_is_beyond_cure_without_killing_and_never_overflows():
    still = BirthDeath(DAYS, np.full_like(DAYS, 0.1), np.zeros_like(DAYS))
    assert still.extinction(1e11).cure_probability == 0.0
    assert np.isnan(still.extinction(1e11).cure_day(0.5))
    fierce = BirthDeath(DAYS, np.zeros_like(DAYS), np.full_like(DAYS, 30.0))
    assert fierce.extinction(1e11).cure_probability == 1.0


def test_cure_days_are_quantiles_of_the_cures():
    gone = waning().extinction(300.0)
    middle = gone.cure_day(0.5)
    assert np.interp(middle, gone.time, gone.probability) == pytest.approx(0.5 * gone.cure_probability)
    assert gone.cure_day(0.05) < middle < gone.cure_day(0.95)


def test_progression_is_read_after_the_lowest_point():
    rates = BirthDeath(DAYS, np.full_like(DAYS, 0.5), np.where((DAYS > 4.0) & (DAYS < 10.0), 2.0, 0.0))
    day = rates.progression_day(1.2)
    assert day > 10.0
    assert rates.log_growth[DAYS < 4.0].max() > np.log(1.2), "the early rise is not progression"
    assert np.interp(day, DAYS, rates.log_growth) == pytest.approx(np.log(1.2), abs=1e-3)
    assert waning(birth=0.01).progression_day() == np.inf


@pytest.mark.parametrize("cells", [1, 12])
def test_exact_courses_die_out_as_often_as_the_closed_form_says(cells, plain_kernel):
    rates, courses = waning(), 400
    day, count = exact_courses(rates, cells, np.random.default_rng(7), courses=courses, stop_at=60.0)
    expected = rates.extinction(cells).probability
    for month in (10.0, 30.0, 60.0):
        share = ((count == 0.0) & (day <= month)).mean()
        sure = np.interp(month, DAYS, expected)
        # four standard errors; the seed is fixed, a wrong rate moves the share by far more
        assert share == pytest.approx(sure, abs=4.0 * np.sqrt(sure * (1.0 - sure) / courses) + 1e-9)


def test_courses_follow_the_generator_and_stop_where_asked(plain_kernel):
    one, two = (exact_courses(waning(), 5, np.random.default_rng(3), courses=20)[0] for _ in range(2))
    assert one.tolist() == two.tolist()
    growing = BirthDeath(DAYS, np.full_like(DAYS, 1.0), np.zeros_like(DAYS))
    day, count = exact_courses(growing, 5, np.random.default_rng(3), courses=5, stop_at=50.0)
    assert count.tolist() == [50.0] * 5
    # a Yule process from 5 to 50 cells takes the sum of 1/k days, k = 5 .. 49, on average
    assert day.mean() == pytest.approx(sum(1.0 / k for k in range(5, 50)), abs=1.0)


def test_a_large_tumour_is_followed_by_its_expectation_and_drawn_where_few_cells_are_left(plain_kernel):
    days = np.linspace(0.0, 120.0, 481)
    rates = BirthDeath(days, np.full_like(days, 0.1), 1.2 * np.exp(-days / 16.0))
    cells, courses = 3e6, 60
    got = tumor_courses(rates, cells, np.random.default_rng(11), courses=courses, exact_below=100.0)
    sure = rates.extinction(cells).cure_probability
    assert 0.05 < sure < 0.95
    assert got.cure_share == pytest.approx(sure, abs=4.0 * np.sqrt(sure * (1.0 - sure) / courses))
    assert not (np.isfinite(got.cured) & np.isfinite(got.progressed)).any()


def test_without_killing_every_course_progresses_on_the_expected_day(plain_kernel):
    growing = BirthDeath(DAYS, np.full_like(DAYS, 0.1), np.zeros_like(DAYS))
    got = tumor_courses(growing, 1e9, np.random.default_rng(1), courses=3)
    assert got.progressed == pytest.approx(np.full(3, np.log(1.2) / 0.1), abs=0.01)
    assert got.cure_share == 0.0


def test_the_table_has_a_row_a_patient_and_no_number_for_a_failed_solve():
    model, days = load_model("kimmel2021"), np.arange(0.0, 400.0, 1.0)
    outputs = np.ones((2, len(days), len(model.outputs)))
    place = {name: model.output_names.index(name) for name in ("tumor", "tumor_birth", "tumor_death")}
    outputs[:, :, place["tumor"]] = 1e9
    outputs[:, :, place["tumor_birth"]], outputs[:, :, place["tumor_death"]] = 0.1, 0.3
    states = np.ones((2, len(days), len(model.states)))
    run = Trajectories(
        model, ("1", "2"), days, outputs, states, np.array([0, 4]), np.tile(model.values, (2, 1))
    )
    table = extinction_table(run, quantiles=(0.5,))
    assert list(table.columns) == ["subject", "cure_probability", "cure_day_50", "progression_day"]
    assert table["cure_probability"][0] == pytest.approx(1.0)
    # 1e9 independent cells: half are gone when J = n / ln 2
    assert table["cure_day_50"][0] == pytest.approx(np.log(1e9 / np.log(2.0) * 0.2 / 0.3) / 0.2, abs=0.1)
    assert table.iloc[1, 1:].isna().all()


def test_everything_wrong_with_rates_and_counts_is_said_at_once():
    with pytest.raises(EndpointError, match=r"birth: .*negative") as error:
        BirthDeath([0.0, 1.0, 1.0], [0.1, -0.1, 0.1], [0.1, np.nan])
    assert {name for name, _ in error.value.faults} == {"time", "birth", "death"}
    with pytest.raises(EndpointError, match="whole cells"):
        exact_courses(waning(), 2.5, np.random.default_rng(0))
    with pytest.raises(EndpointError, match=r"at least 100000 is needed"):
        tumor_courses(waning(), 5e3, np.random.default_rng(0))
    with pytest.raises(EndpointError, match="above zero"):
        waning().extinction(0.0)


@pytest.mark.slow
@pytest.mark.parametrize("cells", [1, 30, 1000])
def test_compiled_courses_agree_with_the_closed_form(cells):
    # killing strong enough that about half of the courses die out
    peak = {1: 0.2, 30: 0.42, 1000: 0.62}[cells]
    rates, courses = waning(peak), 4000
    count = exact_courses(rates, cells, np.random.default_rng(5), courses=courses, stop_at=20_000.0)[1]
    sure = rates.extinction(cells).cure_probability
    assert 0.1 < sure < 0.9
    # three standard errors and the error of constant rates within six hours
    assert (count == 0.0).mean() == pytest.approx(
        sure, abs=3.0 * np.sqrt(sure * (1.0 - sure) / courses) + 1e-3
    )


@pytest.mark.slow
def test_the_compiled_course_draws_what_its_plain_twin_draws():
    rates = waning()
    birth, death = extinction_courses._by_interval(rates)
    for seed in range(20):
        compiled, plain = (
            course(np.random.default_rng(seed), rates.time, birth, death, 0.0, 40.0, 500.0)
            for course in (birth_death_course, birth_death_course.py_func)
        )
        assert compiled == pytest.approx(plain, rel=1e-12)


@pytest.mark.slow
def test_kimmels_full_tumour_is_cured_as_often_as_the_closed_form_says():
    run = simulate("kimmel2021", times=np.arange(0.0, 500.25, 0.25), parameters={"r_b": 0.1}, threads=1)
    rates, courses = BirthDeath.of(run, 0), 1500
    got = tumor_courses(rates, 9.486e10, np.random.default_rng(2021), courses=courses)
    gone = rates.extinction(9.486e10)
    assert got.cure_share == pytest.approx(gone.cure_probability, abs=3.0 * np.sqrt(0.76 * 0.24 / courses))
    cured = got.cured[np.isfinite(got.cured)]
    for quantile in (0.05, 0.5, 0.95):
        share = (cured <= gone.cure_day(quantile)).mean()
        assert share == pytest.approx(quantile, abs=3.0 * np.sqrt(quantile * (1 - quantile) / len(cured)))
    # published: progression mass on days 300-500
    progressed = got.progressed[np.isfinite(got.progressed)]
    assert (np.abs(progressed - 400.0) < 100.0).mean() > 0.9
