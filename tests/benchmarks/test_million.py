"""The benchmark of a million patients runs at small sizes and says what it should."""

import json

import numpy as np
import pytest

from benchmarks.cases import make_case
from benchmarks.million import GRIDS, OUTCOMES, beside, main, run
from cartsim.solve.reductions import check


@pytest.mark.parametrize("grid", GRIDS)
def test_the_outcomes_fit_the_model_and_its_grids(grid):
    check(OUTCOMES["crs16"], make_case("crs16", 1).model, GRIDS[grid])


def test_it_runs_and_gives_the_same_bits_with_all_cores(tmp_path):
    calls = ["--model", "singh2021", "--method", "Rodas5P", "--grids", "61 times", "--patients", "600"]
    main([*calls, "--peer-patients", "0", "--out", str(tmp_path)])
    result = json.loads((tmp_path / "million.json").read_text(encoding="utf-8"))
    assert [item["same_bits"] for item in result["runs"]] == [True] * len(result["runs"])
    assert all(sum(item["statuses"].values()) == 600 for item in result["runs"])
    assert "fine: 600" in (tmp_path / "million.md").read_text(encoding="utf-8")


def test_a_run_counts_its_patients_and_keeps_their_medians():
    found = run("singh2021", "61 times", 40, 1, "Rodas5P")
    assert found["statuses"] == {"fine": 40}
    assert found["megabytes"] > 50.0, "Python and numba alone take more"
    assert np.isfinite(list(found["medians"].values())).all()


@pytest.mark.slow
def test_the_peer_is_timed_at_the_same_error():
    pytest.importorskip("numbalsoda", exc_type=ImportError)
    found = beside("singh2021", "61 times", 8, 1, "Rodas5P")
    assert 0.0 < found["error"] < 1e-2
    assert found["peer"][0] > found["cartsim"][0] > 0.0
