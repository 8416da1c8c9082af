"""`cartsim clones` on a small table, on a simulated patient, and refusing what it cannot do."""

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from cartsim.cli.clones import clones
from cartsim.data.clone_table import COLUMNS, read_clone_table, write_clone_table
from cartsim.errors import CartsimError


@pytest.fixture
def run():
    """Run the verb; errors come as they are."""
    app = typer.Typer()
    app.command()(clones)
    return lambda *words: CliRunner(env={"COLUMNS": "200"}).invoke(
        app, [str(word) for word in words], catch_exceptions=False
    )


def written(folder):
    rng = np.random.default_rng(1)
    rows = [
        ("P/1", day, tissue, kind, f"c{clone}", int(count))
        for day, tissue, tilt in ((0.0, "product", 0.0), (28.0, "blood", 0.1), (90.0, "blood", 0.3))
        for kind in ("CD4", "CD8")
        for clone, count in enumerate(rng.poisson(20 * np.exp(-tilt * np.arange(30))))
        if count
    ]
    write_clone_table(pd.DataFrame(rows, columns=list(COLUMNS)), folder / "t.tsv")
    return folder / "t.tsv"


def test_a_table_becomes_diversity_overlap_and_figures(run, tmp_path):
    answer = run(written(tmp_path), "--out", tmp_path / "out", "--resamples", 20, "--depth", 100)
    assert "P/1, blood, day 90, 100 cells: Shannon (nats)" in answer.stdout
    names = {path.name for path in (tmp_path / "out" / "figures").glob("*.png")}
    assert names == {"areas.png", "diversity.png", "rank_abundance.png", "tracks_P_1_blood.png"}
    overlap = pd.read_csv(tmp_path / "out" / "overlap.csv")
    assert set(zip(overlap["from"], overlap["time"], strict=True)) == {(0, 28), (28, 90), (0, 90)}
    top = pd.read_csv(tmp_path / "out" / "top_clones.csv")
    assert top.groupby("time")["share"].max().is_monotonic_increasing


def test_what_cannot_be_done_is_refused(run, tmp_path):
    with pytest.raises(CartsimError, match="either a table or --simulate"):
        run()
    with pytest.raises(CartsimError, match="no such patient"):
        run("--simulate", "medium")
    with pytest.raises(CartsimError, match=r"--spread needs.*luck"):
        run("--simulate", "slow", "--spread", "luck=0.1")
    with pytest.raises(CartsimError, match="days after infusion"):
        run("--simulate", "slow", "--visits", "0,x")


@pytest.mark.slow  # the flagship at the default tolerance: a compile of its own
def test_a_simulated_product_is_sampled_and_its_table_reads_back(run, tmp_path):
    words = ("--simulate", "slow", "--clones", 300, "--visits", "7,28", "--depth", 500, "--resamples", 20)
    run(*words, "--out", tmp_path)
    table = read_clone_table(tmp_path / "clones.tsv")
    assert table.rows.groupby("time")["count"].sum().to_dict() == {0.0: 500, 7.0: 500, 28.0: 500}
    assert set(table.rows["compartment"]) == {"product", "blood"}
    first = (tmp_path / "clones.tsv").read_bytes()
    run(*words, "--out", tmp_path)
    assert (tmp_path / "clones.tsv").read_bytes() == first, "the same seed gives the same samples"
    assert first.startswith(b"# SIMULATED data")
