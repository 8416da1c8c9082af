"""The start-up benchmark tells a cold process from a warm one."""

import json

import pytest

from benchmarks.startup import first_result, main


def test_a_process_that_finds_its_kernels_compiles_none(tmp_path):
    """In a folder of its own: into the common one the other tests compile at the same time."""
    first = first_result("stein2019_tisagenlecleucel", tmp_path)
    again = first_result("stein2019_tisagenlecleucel", tmp_path)
    assert first["compiled"] > 0
    assert again["compiled"] == 0
    assert again["process"] > again["import"] + again["call"] > 0.0


@pytest.mark.slow
def test_a_filled_cache_compiles_nothing_and_a_warm_up_fills_it(tmp_path):
    main(["--quick", "--out", str(tmp_path)])
    result = json.loads((tmp_path / "startup.json").read_text(encoding="utf-8"))
    (model,) = result["models"]
    assert model["cold"]["compiled"][0] > 0
    assert model["cached"]["compiled"][0] == 0
    assert model["warmed"]["compiled"][0] == 0
    assert model["cached"]["call"][0] < model["cold"]["call"][0]
    assert "| stein_ode |" in (tmp_path / "startup.md").read_text(encoding="utf-8")
