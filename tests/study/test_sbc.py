"""Simulation-based calibration from a fit folder: the same ranks whatever is stopped or shared out."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cartsim.errors import CartsimError
from cartsim.study import sbc
from cartsim.study.inputs import read_dataset
from cartsim.study.plan import plan_of
from cartsim.study.settings import read_settings

FOLDER = Path("fits/six_patients")
SHORT = replace(sbc.SAMPLER, burn_in=40, check_every=40, max_steps=400, starts=8)


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(sbc, "SAMPLER", SHORT)
    monkeypatch.setattr(sbc.Replicate, "sampler", SHORT)
    monkeypatch.setattr(sbc, "DRAWS", 19)


def test_simulated_data_are_censored_at_the_limit_of_the_design():
    settings = read_settings(FOLDER)
    plan, (dataset, _) = plan_of(settings, FOLDER), read_dataset(settings.data, FOLDER)
    design = plan.problem(dataset, "SIM-1")
    truth = np.array([prior.median for prior in design.priors])
    found = sbc.simulated(design, truth, np.random.default_rng(1), {"car_transgene": 500.0}).arrays
    assert (found.value[found.censoring == 1] == 500.0).all()
    assert (found.value[found.censoring == 0] >= 500.0).all()
    assert (found.censoring == 1).any()


@pytest.mark.slow
def test_a_second_call_keeps_what_is_done_and_adds_the_rest(tmp_path, short):
    said = []
    sbc.run_sbc(FOLDER, replicates=3, out=tmp_path / "a", workers=1, say=said.append)
    kept = (tmp_path / "a" / "replicates" / "00001.json").read_text()
    sbc.run_sbc(FOLDER, replicates=5, out=tmp_path / "a", workers=1, say=said.append)
    sbc.run_sbc(FOLDER, replicates=5, out=tmp_path / "b", workers=1, say=said.append)
    assert (tmp_path / "a" / "ranks.csv").read_text() == (tmp_path / "b" / "ranks.csv").read_text()
    assert (tmp_path / "a" / "replicates" / "00001.json").read_text() == kept
    assert any("90% intervals" in line for line in said)
    assert {"ecdf.png", "coverage.csv", "uniformity.csv"} <= {p.name for p in (tmp_path / "a").iterdir()}


@pytest.mark.parametrize(
    "change", [("median = 13, log_sd", "median = 14, log_sd"), ("seed = 20261123", "seed = 20261124")]
)
def test_replicates_of_another_fit_are_refused(tmp_path, short, change):
    sbc.run_sbc(FOLDER, replicates=2, out=tmp_path / "a", workers=1, say=lambda text: None)
    shutil.copytree(FOLDER, tmp_path / "fit")
    path = tmp_path / "fit" / "fit.toml"
    path.write_text(path.read_text().replace(*change))
    with pytest.raises(CartsimError, match="another fit"):
        sbc.run_sbc(tmp_path / "fit", replicates=2, out=tmp_path / "a", workers=1, say=lambda text: None)


def test_a_replicate_without_ranks_is_counted():
    fine = sbc.Finished(0, "A", "fine", True, "", {"x": 3, "y": 12}, {"x": 0.2, "y": 0.6})
    lost = [sbc.Finished(1, "A", why, False, "", {}, {}) for why in (sbc.UNSOLVED, sbc.TOO_SHORT)]
    found = sbc.calibrate([fine, replace(fine, number=2, passed=False), *lost])
    assert found.lost == {sbc.UNSOLVED: 1, sbc.TOO_SHORT: 1}
    assert (found.missed, len(found.table)) == (1, 2)
    assert "1 not solved at their truth" in found.summary()[0]


def test_posteriors_that_are_too_narrow_are_rejected():
    """Ranks of truths against draws with 0.6 of the right sd pile up at both ends."""
    rng = np.random.default_rng(3)
    fine, narrow = [], []
    for n in range(300):
        data = rng.standard_normal()  # truth given data: N(data, 1)
        truth = data + rng.standard_normal()
        for kept, sd in ((fine, 1.0), (narrow, 0.6)):
            draws = data + sd * rng.standard_normal(sbc.DRAWS)
            rank, below = int((draws < truth).sum()), float((draws < truth).mean())
            kept.append(sbc.Finished(n, "A", "fine", True, "", {"x": rank}, {"x": below}))
    assert sbc.calibrate(fine).calibrated
    assert not sbc.calibrate(narrow).calibrated
    assert json.dumps(vars(fine[0]))
