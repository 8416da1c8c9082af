"""Intervals of diversity: coverage at the sample's depth, rarefaction, overlap, tables by sample."""

import numpy as np
import pandas as pd
import pytest

from cartsim.clones.diversity import INDICES, all_indices, sequenced
from cartsim.clones.resampling import Repertoire, diversity_of, diversity_table, overlap_of, overlap_table
from cartsim.data.clone_table import COLUMNS, CloneTable
from cartsim.errors import EndpointError


def test_a_sample_without_singletons_has_no_unseen_clones():
    source = Repertoire([5, 5, 10])
    assert (source.unseen, source.rest) == (0, 0.0)
    np.testing.assert_allclose(source.seen, [0.25, 0.25, 0.5])
    drawn, others = source.drawn(np.random.default_rng(1))
    assert (drawn.sum(), others.size) == (20, 0)


def test_unseen_clones_are_as_many_and_as_rare_as_chao_expects():
    counts = [1] * 6 + [2] * 3 + [10]
    source = Repertoire(counts)  # n = 22, f1 = 6, f2 = 3
    assert source.unseen == np.ceil(21 / 22 * 36 / 6)
    assert source.rest == pytest.approx(6 / 22 * 21 * 6 / (21 * 6 + 6))
    assert source.seen.sum() + source.rest == pytest.approx(1.0)
    assert source.seen[-1] == pytest.approx(10 / 22, rel=1e-3), "a large clone's share is as seen"


@pytest.mark.slow  # 60 bootstraps
def test_intervals_cover_what_samples_of_that_depth_have_on_average():
    rng = np.random.default_rng(5)
    shares = rng.lognormal(0.0, 1.2, 400)
    expected = np.mean([all_indices(sequenced(shares, 800, rng)) for _ in range(300)], axis=0)
    tables = [diversity_table(sequenced(shares, 800, rng), rng, resamples=150) for _ in range(60)]
    for k, name in enumerate(INDICES):
        inside = [t["lower"][k] <= expected[k] <= t["upper"][k] for t in tables]
        assert sum(inside) >= 44, f"{name}: 90% of 60, four standard errors"
    assert list(tables[0]["index"]) == list(INDICES)


def test_rarefied_samples_have_the_richness_of_the_hypergeometric_law():
    from scipy.stats import hypergeom

    counts, depth = np.array([60, 25, 10, 3, 1, 1]), 30
    table = diversity_table(counts, np.random.default_rng(2), resamples=200, depth=depth).set_index("index")
    exact = sum(1.0 - hypergeom.pmf(0, counts.sum(), n, depth) for n in counts)
    assert table.loc["richness", "value"] == pytest.approx(exact, abs=0.4)
    with pytest.raises(EndpointError, match="depth"):
        diversity_table(counts, np.random.default_rng(2), depth=101)


def test_counts_that_are_not_whole_have_no_interval():
    with pytest.raises(EndpointError, match="not whole"):
        diversity_table([0.5, 0.5], np.random.default_rng(1))


def test_overlap_of_two_samples_of_one_repertoire_is_high_and_of_two_is_low():
    rng = np.random.default_rng(4)
    shares = rng.lognormal(0.0, 1.5, 200)
    same = overlap_table(sequenced(shares, 3000, rng), sequenced(shares, 3000, rng), rng, resamples=100)
    other = overlap_table(
        sequenced(shares, 3000, rng), sequenced(shares[::-1], 3000, rng), rng, resamples=100
    )
    same, other = (t.set_index("index").loc["Morisita-Horn"] for t in (same, other))
    assert same["lower"] > 0.95 > other["upper"]
    assert same["value"] <= same["upper"] <= 1.0


def test_every_sample_of_a_table_and_every_pair_of_times_has_its_rows():
    rng = np.random.default_rng(6)
    rows = [
        (subject, day, "blood", kind, f"c{clone}", int(count))
        for subject, days in (("A", (0.0, 28.0, 90.0)), ("B", (0.0,)))
        for day in days
        for kind in ("CD4", "CD8")
        for clone, count in enumerate(rng.poisson(5.0, 20) + 1)
    ]
    table = CloneTable(pd.DataFrame(rows, columns=list(COLUMNS)), "made")
    found = diversity_of(table, rng, resamples=20)
    assert len(found) == 4 * len(INDICES)
    first = found[(found["subject"] == "A") & (found["time"] == 28.0)].set_index("index")
    assert first.loc["richness", "value"] == 20, "phenotypes are added"
    pairs = overlap_of(table, rng, resamples=20).drop_duplicates(["subject", "from", "time"])
    assert pairs[["subject", "from", "time"]].to_numpy().tolist() == [
        ["A", 0.0, 28.0], ["A", 28.0, 90.0], ["A", 0.0, 90.0]
    ]  # fmt: skip
    alone = CloneTable(table.rows[table.rows["subject"] == "B"], "made")
    assert overlap_of(alone, rng, resamples=20).empty
    common = diversity_of(table, rng, resamples=20, depth=50)
    assert set(common["depth"]) == {50}
