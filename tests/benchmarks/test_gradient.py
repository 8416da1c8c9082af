"""The benchmark of gradients runs at small sizes and finds slopes that are right."""

import json

import pytest

from benchmarks.gradient import WRT, main


@pytest.mark.slow
def test_it_runs_and_the_slopes_are_right(tmp_path):
    main(["--quick", "--out", str(tmp_path)])
    result = json.loads((tmp_path / "gradient.json").read_text(encoding="utf-8"))
    (found,) = result["methods"]
    assert len(result["parameters"]) == len(WRT) == 15
    assert found["error_rms"] < 1e-3  # ten times the solve's tolerance
    assert found["gradient_over_single"][0] > 1.0
