"""`cartsim trial` writes the same files on any number of cores, stamped, with a manifest that vouches."""

import hashlib
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from cartsim.cohort.products import TrialPopulation, read_products
from cartsim.errors import CartsimError
from cartsim.models import load_model
from cartsim.study.trial import run_trial
from cartsim.study.trial_population import PopulationSettings, population_sentences, with_population

TEXT = """
title = "A <small> trial"
model = "bcma_myeloma"
seed = 7
patients = 6
replicates = 5
cohort = 40
endpoints = ["crs", "tocilizumab", "orr", "tmax_pcr"]
joint = [["crs", "orr"]]
[[arms]]
name = "now"
product = "local"
[[arms]]
name = "late"
product = "local"
policies = [{ share = 1, tocilizumab = { above = 39, after_hours = 36 } }]
[decision]
endpoint = "orr"
at_least = 4
[observed]
orr = 5
crs = 5
"""
TABLES = ("outcomes", "endpoints", "differences", "decision", "joint")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[str]]:
    folder, said = tmp_path_factory.mktemp("trial"), []
    path = folder / "small.toml"
    path.write_text(TEXT)
    run_trial(path, folder / "out", say=said.append)
    return path, folder / "out", said


def test_every_file_is_listed_in_the_manifest_with_its_digest(run) -> None:
    path, out, _ = run
    manifest = json.loads((out / "manifest.json").read_text())
    there = {str(file.relative_to(out)) for file in out.rglob("*") if file.is_file()}
    assert there == {*manifest["files"], "manifest.json"}
    for name, digest in manifest["files"].items():
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest
    assert manifest["trial_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (manifest["seed"], manifest["failed_solves"]) == (7, {"now": 0, "late": 0})


def test_everything_is_stamped_as_simulated(run) -> None:
    _, out, said = run
    for file in (*(out / f"{name}.csv" for name in TABLES), out / "summary.txt", out / "manifest.json"):
        assert "SIMULATED" in file.read_text()[:200]
    assert "not for clinical decisions" in said[0]
    assert "Not for clinical decisions" in (out / "report.html").read_text()


def test_outcomes_hold_the_large_cohort_of_every_arm(run) -> None:
    table = pd.read_csv(run[1] / "outcomes.csv", comment="#")
    assert table.groupby("arm").size().to_dict() == {"now": 40, "late": 40}
    shares = pd.read_csv(run[1] / "endpoints.csv", comment="#").set_index(["endpoint", "arm"])
    crs = table[table["arm"] == "now"]["crs"].mean()
    assert shares.loc[("crs", "now"), "cohort_value"] == pytest.approx(crs)


def test_the_page_needs_no_network_and_escapes_what_it_is_given(run) -> None:
    page = (run[1] / "report.html").read_text()
    assert "A &lt;small&gt; trial" in page
    assert "<small>" not in page
    for outside in ("http://", "https://", "<script", "<link"):
        assert outside not in page
    assert page.count("<img") == 7, "differences, PFS, OS, CRS, a swimmer an arm, a waterfall"


def test_chunks_and_threads_change_no_byte(run, tmp_path: Path) -> None:
    path, out, _ = run
    run_trial(path, tmp_path, workers=2, chunk=11, say=lambda line: None)
    for name in TABLES:
        assert (tmp_path / f"{name}.csv").read_bytes() == (out / f"{name}.csv").read_bytes()
    assert (tmp_path / "manifest.json").read_bytes() == (out / "manifest.json").read_bytes()


def test_files_of_an_earlier_run_that_are_no_longer_asked_for_do_not_stay(run, tmp_path: Path) -> None:
    out = Path(shutil.copytree(run[1], tmp_path / "out"))
    (out / "notes.txt").write_text("the user's own")
    path = tmp_path / "small.toml"
    path.write_text(
        TEXT.split('[[arms]]\nname = "late"')[0].replace("joint", "# joint") + "[observed]\ncrs = 5"
    )
    run_trial(path, out, say=lambda line: None)
    there = {str(file.relative_to(out)) for file in out.rglob("*") if file.is_file()}
    assert there == {*json.loads((out / "manifest.json").read_text())["files"], "manifest.json", "notes.txt"}
    assert not there & {"decision.csv", "joint.csv", "differences.csv", "figures/swimmer_2.png"}


def test_an_arms_population_can_come_from_a_fit_and_wrong_ones_are_refused(tmp_path):
    fit = tmp_path / "fit"
    fit.mkdir()
    (fit / "draws.csv").write_text("subject,killing,omega_killing\npopulation,0.5,0.1\nP1,0.4,\n")
    (fit / "result.json").write_text('{"model": {"name": "bcma_myeloma"}, "gates": {"passed": false}}')
    population = TrialPopulation(load_model("bcma_myeloma"), "fast", read_products(), 7)
    settings = PopulationSettings(fit="fit")
    found, weighed = with_population(population, settings, tmp_path, together=6)
    assert weighed is None
    assert found.hyper.typical.tolist() == [[0.5]]
    assert found.together == 6
    assert "MISSED its convergence gates" in population_sentences({"arm": settings}, {}, tmp_path)[0]
    (fit / "result.json").write_text('{"model": {"name": "kirouac2023"}, "gates": {"passed": true}}')
    with pytest.raises(CartsimError, match="another model"):
        with_population(population, settings, tmp_path, together=6)
    with pytest.raises(CartsimError, match=r"no draws\.csv"):
        with_population(population, PopulationSettings(fit="none"), tmp_path, together=6)
    with pytest.raises(ValueError, match="give published numbers"):
        PopulationSettings(typical={"killing": {}}, spread={"killing": {}})
