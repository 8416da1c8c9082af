"""Clones along a patient's course: neutral sums, chance against closed forms, selection, refusals."""

import numpy as np
import pytest

from cartsim.clones.course import PHENOTYPES, RATES, RateCourse
from cartsim.clones.diversity import shannon, top_share
from cartsim.clones.drivers import rate_course
from cartsim.clones.succession import Fitness, product_composition, product_shares, succession
from cartsim.errors import ModelError

CLONES = 300


@pytest.fixture(scope="module")
def course():
    return rate_course(scenario="slow", until=60.0)


def one_phenotype(division, death, days, totals) -> RateCourse:
    """Memory cells alone, with constant rates; a thousand cells of them arrive in the first step."""
    rates = np.zeros((len(days) - 1, len(RATES)))
    rates[:, RATES.index("memory_division")] = division
    rates[:, RATES.index("memory_death")] = death
    arriving = np.zeros((len(days) - 1, len(PHENOTYPES)))
    arriving[0, 0] = totals[1]
    cells = np.zeros((len(days), len(PHENOTYPES)))
    cells[:, 0] = totals
    return RateCourse(days, rates, arriving, cells)


@pytest.mark.slow  # the flagship at the default tolerance: a compile of its own
def test_neutral_clones_add_up_to_the_course_and_keep_their_shares(course):
    rng = np.random.default_rng(1)
    shares = product_shares(CLONES, rng)
    found = succession(course, shares, np.ones((4, CLONES)), np.array([7.0, 28.0, 60.0]), rng=None)
    places = [int(np.abs(course.days - day).argmin()) for day in found.days]
    np.testing.assert_allclose(found.cells.sum(axis=2), course.totals[places], rtol=1e-8)
    for day in found.days:
        counts = found.counts(day)
        np.testing.assert_allclose(counts / counts.sum(), shares, rtol=1e-8)


@pytest.mark.slow  # the flagship at the default tolerance: a compile of its own
def test_selection_changes_shares_but_not_the_sum(course):
    rng = np.random.default_rng(2)
    shares = product_shares(CLONES, rng)
    found = succession(course, shares, Fitness(division=0.2).draw(CLONES, rng), np.array([28.0]), rng=None)
    place = int(np.abs(course.days - 28.0).argmin())
    np.testing.assert_allclose(found.cells[0].sum(axis=1), course.totals[place], rtol=1e-8)
    assert shannon(found.counts(28.0)) < shannon(shares) - 1.0


def test_the_fitter_of_two_clones_grows_by_its_advantage():
    """Two clones, equal at first, division 1 and 1.1 times a rate: their ratio grows as exp(0.1 rate t)."""
    days = np.linspace(0.0, 5.0, 2001)
    totals = np.full(len(days), 1e9)
    course = one_phenotype(0.5, 0.5, days, totals)
    factors = np.ones((4, 2))
    factors[1] = 1.0, 1.1
    found = succession(course, np.array([0.5, 0.5]), factors, np.array([5.0]), rng=None)
    ratio = found.cells[0, 0, 1] / found.cells[0, 0, 0]
    # relative factors: the mean of both divides at 0.5 a day, so the difference is 0.05 over the mean factor
    assert np.log(ratio) == pytest.approx(0.05 * 5.0 / 1.055, rel=0.02)


def test_neutral_clones_of_a_made_course_add_up_and_keep_their_shares():
    days = np.linspace(0.0, 10.0, 201)
    course = one_phenotype(0.6, 0.5, days, 1e8 * np.exp(0.1 * days))
    shares = product_shares(CLONES, np.random.default_rng(1))
    found = succession(course, shares, np.ones((4, CLONES)), np.array([5.0, 10.0]), rng=None)
    np.testing.assert_allclose(found.cells[:, 0].sum(axis=1), 1e8 * np.exp([0.5, 1.0]), rtol=1e-8)
    np.testing.assert_allclose(found.counts(10.0) / found.counts(10.0).sum(), shares, rtol=1e-8)


def made_course() -> RateCourse:
    """Totals that rise faster than the rates: a gap large enough to see whom it favours."""
    days = np.linspace(0.0, 8.0, 161)
    return one_phenotype(1.2, 0.2, days, 50.0 * 2000 * np.exp(1.3 * (days - days[1])))


@pytest.mark.parametrize(
    "of",
    [
        made_course,
        # a compile of its own, and the course on which the ten largest neutral clones once grew to 4.5 times
        pytest.param(
            lambda: rate_course(scenario="slow", until=60.0), marks=pytest.mark.slow, id="slow product"
        ),
    ],
)
def test_chance_favours_no_clone_for_its_size(of):
    """Without fitness the expected share is that of the product, whether few or many cells of it engraft."""
    clones, seeds, course = 2000, 12, of()
    last = course.days[-1:]
    shares = np.sort(product_shares(clones, np.random.default_rng(7)))[::-1].copy()
    groups = [slice(0, 10), slice(10, 200), slice(200, 1000), slice(1000, 2000)]
    ratios = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        counts = succession(course, shares, np.ones((4, clones)), last, rng=rng).counts(last[0])
        ratios.append([counts[g].sum() / counts.sum() / shares[g].sum() for g in groups])
    error = np.std(ratios, axis=0, ddof=1) / np.sqrt(seeds)
    np.testing.assert_array_less(np.abs(np.mean(ratios, axis=0) - 1.0), 4.0 * error + 0.01)


def test_chance_is_that_of_a_birth_and_death_process():
    """Clones of one engrafted cell on average: extinct by t as the textbook says, mean as expected."""
    birth, death, t = 0.3, 0.4, 4.0
    days = np.linspace(0.0, t, 401)
    clones = 4000
    mean = np.exp((birth - death) * (days - days[1]))
    course = one_phenotype(birth, death, days, clones * mean)
    rng = np.random.default_rng(3)
    shares = np.full(clones, 1.0 / clones)
    found = succession(course, shares, np.ones((4, clones)), np.array([t]), rng=rng, small=1e9)
    counts, lasted = found.counts(t), t - days[1]
    grown = np.exp((birth - death) * lasted)
    lost = death * (1.0 - grown) / (death - birth * grown)  # the offspring of one cell
    extinct = np.exp(lost - 1.0)  # of a Poisson number of cells
    error = 4.0 * np.sqrt(extinct * (1.0 - extinct) / clones)
    assert (counts == 0).mean() == pytest.approx(extinct, abs=error + 0.005)
    assert counts.sum() == pytest.approx(clones * grown, abs=1.0), "brought to the course's total"


def test_a_clone_of_memory_cells_alone_has_no_effectors_and_the_sum_stays():
    """Only the factor's phenotype matters: two clones, one arriving as memory, one as effector cells."""
    days = np.linspace(0.0, 5.0, 101)
    course = one_phenotype(0.5, 0.4, days, 1e6 * np.exp(0.1 * days))
    arriving, totals = course.arriving.copy(), course.totals.copy()
    arriving[0, 2] = 3e6
    totals[1:, 2] = 3e6
    course = RateCourse(days, course.rates, arriving, totals)
    found = succession(course, np.eye(2), np.ones((4, 2)), np.array([5.0]), rng=np.random.default_rng(8))
    np.testing.assert_allclose(found.cells[0, 0], [totals[-1, 0], 0.0], rtol=1e-8)
    np.testing.assert_allclose(found.cells[0, 2], [0.0, 3e6], rtol=1e-8)
    np.testing.assert_allclose(found.product, [course.memory, 1.0 - course.memory])


def test_a_products_composition_keeps_its_memory_share_and_scatters_as_asked():
    shares = np.full(20_000, 1.0 / 20_000)
    both = product_composition(shares, 0.25, np.random.default_rng(9), concentration=7.0)
    part = 0.25 * both[0] / (0.25 * both[0] + 0.75 * both[1])
    np.testing.assert_allclose(both.sum(axis=1), 1.0)
    assert part.mean() == pytest.approx(0.25, abs=0.005)
    assert part.std() == pytest.approx(np.sqrt(0.25 * 0.75 / 8.0), rel=0.03)
    with pytest.raises(ModelError, match="memory share"):
        product_composition(shares, 1.0, np.random.default_rng(9), concentration=7.0)


@pytest.mark.slow  # the flagship at the default tolerance: a compile of its own
def test_the_same_seed_gives_the_same_clones(course):
    def followed():
        rng = np.random.default_rng(4)
        shares = product_shares(CLONES, rng)
        return succession(course, shares, np.ones((4, CLONES)), np.array([60.0]), rng=rng).cells

    np.testing.assert_array_equal(followed(), followed())


@pytest.mark.slow  # the flagship at the default tolerance: a compile of its own
def test_a_polyclonal_product_becomes_oligoclonal_by_selection_and_not_by_chance(course):
    rng = np.random.default_rng(5)
    clones = 1500
    shares = product_shares(clones, rng)
    assert shannon(shares) > 6.0
    for factors, dominated in (
        (np.ones((4, clones)), False),
        (Fitness(division=0.25).draw(clones, rng), True),
    ):
        counts = succession(course, shares, factors, np.array([60.0]), rng=rng).counts(60.0)
        assert (top_share(counts) > 0.5) == dominated


@pytest.mark.slow  # as above
def test_impossible_clones_are_refused_with_every_fault(course):
    with pytest.raises(ModelError, match=r"add up to 1; factors must be positive.*; days must rise"):
        succession(course, np.array([0.5, 0.4]), np.zeros((4, 2)), np.array([90.0]), rng=None)
    with pytest.raises(ModelError, match="spread of fitness"):
        Fitness(division=-0.1)
    with pytest.raises(ModelError, match="no such day"):
        succession(course, np.array([1.0]), np.ones((4, 1)), np.array([7.0]), rng=None).counts(8.0)
