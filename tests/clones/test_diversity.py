"""Indices of clone counts against worked examples and closed forms."""

import numpy as np
import pytest
from scipy import stats

from cartsim.clones.diversity import (
    INDICES,
    all_indices,
    chao1,
    clonality,
    gini,
    morisita_horn,
    persistence,
    richness,
    sequenced,
    shannon,
    simpson,
    top_share,
    uc50,
)
from cartsim.errors import EndpointError

COUNTS = np.array([50, 25, 10, 5, 5, 2, 1, 1, 1, 0])


def test_indices_of_a_worked_example():
    share = COUNTS[COUNTS > 0] / COUNTS.sum()
    assert richness(COUNTS) == 9
    assert shannon(COUNTS) == pytest.approx(stats.entropy(share))
    assert simpson(COUNTS) == pytest.approx(1.0 - 0.3282)
    assert chao1(COUNTS) == pytest.approx(9.0 + 3.0 * 2.0 / (2.0 * 2.0))
    assert uc50(COUNTS) == 1
    assert top_share(COUNTS, 2) == pytest.approx(0.75)


def test_all_indices_from_one_sort_are_those_one_by_one():
    counts = np.random.default_rng(3).negative_binomial(1, 0.2, size=400)
    for sample in (COUNTS, counts, [0, 5]):
        np.testing.assert_allclose(all_indices(sample), [index(sample) for index in INDICES.values()])


def test_even_clones_are_diverse_and_one_clone_is_not():
    even = np.full(200, 7.0)
    assert shannon(even) == pytest.approx(np.log(200))
    assert clonality(even) == pytest.approx(0.0, abs=1e-12)
    assert gini(even) == pytest.approx(0.0, abs=1e-12)
    assert uc50(even) == 100
    single = np.array([0.0, 12.0, 0.0])
    assert (shannon(single), clonality(single), simpson(single)) == (0.0, 1.0, 0.0)


def test_gini_is_half_the_relative_mean_difference():
    values = COUNTS[COUNTS > 0].astype(float)
    difference = np.abs(values[:, None] - values).mean()
    assert gini(COUNTS) == pytest.approx(difference / (2.0 * values.mean()))


def test_overlap_is_one_for_the_same_shares_and_zero_for_none_shared():
    assert morisita_horn(COUNTS, 3.0 * COUNTS) == pytest.approx(1.0)
    assert morisita_horn([1, 2, 0, 0], [0, 0, 5, 1]) == 0.0
    assert persistence([9, 8, 1, 1], [9, 0, 8, 1], clones=2) == 0.5


def test_overdispersed_sequencing_has_the_variance_it_says():
    rng, depth, over = np.random.default_rng(6), 500, 0.02
    shares = np.array([0.1, 0.3, 0.6])
    drawn = np.array([sequenced(shares, depth, rng, overdispersion=over)[0] for _ in range(4000)])
    assert drawn.mean() == pytest.approx(50.0, rel=0.03)
    assert drawn.var() == pytest.approx(depth * 0.1 * 0.9 * (1 + over * depth) / (1 + over), rel=0.12)


@pytest.mark.parametrize("counts", [[], [0, 0], [1, -1], [1, np.nan], [[1, 2]]])
def test_what_is_no_sample_of_clones_is_refused(counts):
    with pytest.raises(EndpointError, match="clone counts"):
        shannon(counts)
