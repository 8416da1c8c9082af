"""Large cohorts in chunks: the same table whatever the chunks and workers, kept through stops."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pandas as pd
import pytest

from cartsim.cohort.outcomes import outcome_table
from cartsim.cohort.stream import MANIFEST, Cohort, on_cores, on_dask, outcome_parts, stream_outcomes
from cartsim.cohort.stream_summary import cohort_rates
from cartsim.errors import CartsimError, ModelError

pytest.importorskip("pyarrow")
COHORT = Cohort("fast", 90, seed=11)


def table(folder) -> pd.DataFrame:
    return pd.concat(list(outcome_parts(folder)), ignore_index=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return stream_outcomes(COHORT, tmp_path_factory.mktemp("whole"))


def test_the_files_hold_the_outcome_table_to_the_bit(whole):
    pd.testing.assert_frame_equal(
        table(whole), outcome_table(COHORT.population, COHORT.patients), check_exact=True
    )


@pytest.mark.parametrize("chunk", [1, 40, 89])
def test_chunks_change_nothing(whole, tmp_path, chunk):
    few = replace(COHORT, patients=45) if chunk == 1 else COHORT
    again = table(stream_outcomes(few, tmp_path, chunk=chunk))
    pd.testing.assert_frame_equal(again, table(whole).head(few.patients), check_exact=True)


@pytest.mark.slow  # two fresh processes
def test_workers_change_nothing(whole, tmp_path):
    again = stream_outcomes(COHORT, tmp_path, chunk=20, workers=on_cores(2))
    pd.testing.assert_frame_equal(table(again), table(whole), check_exact=True)


def test_a_stopped_run_goes_on_with_what_is_missing(whole, tmp_path):
    seen = []

    def stop(done, total):
        seen.append(done)
        if done >= 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stream_outcomes(COHORT, tmp_path, chunk=20, progress=stop)
    assert seen == [0, 20, 40]
    kept = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.parquet")}
    with pytest.raises(CartsimError, match="3 of 5 chunks are missing"):
        table(tmp_path)
    stream_outcomes(COHORT, tmp_path, chunk=7, progress=lambda done, total: seen.append(done))
    assert seen[3:] == [40, 60, 80, 90], "the folder's own chunks go on"
    assert all((tmp_path / name).stat().st_mtime_ns == when for name, when in kept.items())
    pd.testing.assert_frame_equal(table(tmp_path), table(whole), check_exact=True)


@pytest.mark.slow  # a process of its own
def test_a_killed_run_leaves_no_half_file_and_ends_the_same(tmp_path):
    code = (
        "from pathlib import Path; from cartsim.cohort.stream import Cohort, stream_outcomes; "
        f"stream_outcomes(Cohort('fast', 4000, seed=11), Path({str(tmp_path)!r}), chunk=200)"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    while not list(tmp_path.glob("*.parquet")):
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert 0 < len(list(tmp_path.glob("*.parquet"))) < 20
    cohort = replace(COHORT, patients=4000)
    stream_outcomes(cohort, tmp_path)
    assert not list(tmp_path.glob("*.part"))
    again = outcome_table(cohort.population, 4000)
    pd.testing.assert_frame_equal(table(tmp_path), again, check_exact=True)


def test_another_cohort_is_not_mixed_in(whole):
    with pytest.raises(CartsimError, match=r"another cohort.*other: cohort"):
        stream_outcomes(replace(COHORT, seed=12), whole)
    known = json.loads((whole / MANIFEST).read_text())
    assert known["cohort"]["patients"] == COHORT.patients
    assert len(known["model"]) == 64


@pytest.mark.parametrize(
    ("cohort", "error", "words"),
    [
        (lambda: Cohort("fast", 0, seed=1), CartsimError, "needs patients"),
        (lambda: Cohort("faster", 5, seed=1).identity(), ModelError, "no such product"),
    ],
)
def test_impossible_cohorts_are_refused(cohort, error, words):
    with pytest.raises(error, match=words):
        cohort()


def test_rates_are_those_of_the_table_with_exact_intervals(whole):
    rates, rows = cohort_rates(whole).set_index("endpoint"), table(whole)
    assert rates.loc["CRS of any grade", "count"] == rows["crs"].sum()
    alive = ~(rows["os_event"] & (rows["os_day"] <= 365.0))
    assert rates.loc["alive at a year", "share"] == pytest.approx(alive.mean())
    assert rates.loc["solve failed", "count"] == 0
    # none of 90: the exact upper limit is 1 - 0.025^(1/90)
    assert rates.loc["solve failed", "upper"] == pytest.approx(1.0 - 0.025 ** (1.0 / 90.0))
    order = ["response", "complete response", "stringent complete response"]
    assert rates.loc[order, "count"].is_monotonic_decreasing


@pytest.mark.slow  # a cluster of two processes, one of which dies
def test_a_dask_cluster_does_the_same_and_a_dead_worker_loses_nothing(whole, tmp_path):
    distributed = pytest.importorskip("dask.distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True) as cluster:
        killed = []

        def kill_one(done, total):
            if done and not killed:
                killed.append(next(iter(cluster.workers.values())).pid)
                os.kill(killed[0], signal.SIGKILL)

        work = on_dask(cluster.scheduler_address)
        stream_outcomes(COHORT, tmp_path, chunk=5, workers=work, progress=kill_one)
        assert killed
    pd.testing.assert_frame_equal(table(tmp_path), table(whole), check_exact=True)
