"""Events of few cells against the distributions they are draws from."""

import numpy as np
import pytest
from scipy import stats

from cartsim.kernels.few_cells import cells_arriving, cells_born, cells_choosing, cells_leaving
from cartsim.kernels.jit import kernel

DRAWS = 40_000


@kernel
def leaving(found, cells, hazard, rng):
    for i in range(found.size):
        found[i] = cells_leaving(cells, hazard, rng)


@kernel
def born(found, cells, growth, rng):
    for i in range(found.size):
        found[i] = cells_born(cells, growth, rng)


@kernel
def arriving(found, mean, unused, rng):
    for i in range(found.size):
        found[i] = cells_arriving(mean, rng)


@kernel
def choosing(found, cells, share, rng):
    for i in range(found.size):
        found[i] = cells_choosing(cells, share, rng)


CASES = [
    *(
        (leaving, n, h, stats.binom(n, -np.expm1(-h)))
        for n, h in ((1, 0.7), (40, 0.01), (9, 2.5), (180, 0.4))
    ),
    *((born, n, g, stats.nbinom(n, np.exp(-g))) for n, g in ((1, 0.9), (50, 0.02), (3, 1.4), (150, 0.5))),
    *((arriving, mean, 0.0, stats.poisson(mean)) for mean in (0.05, 3.0, 60.0)),
    *((choosing, n, p, stats.binom(n, p)) for n, p in ((5, 0.3), (60, 0.8), (4, 1.0))),
]


@pytest.mark.parametrize(("draw", "first", "second", "law"), CASES)
def test_draws_have_their_distribution(draw, first, second, law):
    found = np.empty(DRAWS)
    draw(found, float(first), float(second), np.random.default_rng(1))
    at = np.unique(law.ppf(np.linspace(0.02, 0.98, 13)))
    below = (found[:, None] <= at).mean(axis=0)
    error = np.sqrt(law.cdf(at) * law.sf(at) / DRAWS)
    np.testing.assert_array_less(np.abs(below - law.cdf(at)), 4.5 * error + 1e-12)
    assert found.mean() == pytest.approx(law.mean(), abs=4.5 * law.std() / np.sqrt(DRAWS) + 1e-9)
