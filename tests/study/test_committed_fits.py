"""The committed fit folders: readable, without code, and without any sample of a real patient."""

import json
from pathlib import Path

import pandas as pd
import pytest

from cartsim.study.inputs import read_dataset
from cartsim.study.plan import plan_of
from cartsim.study.settings import read_settings

FOLDERS = sorted((Path(__file__).resolve().parents[2] / "fits").iterdir())
FILES = {"fit.toml", "source.md", "result.json", "draws.csv"}
SIMULATED_FILES = {"recipe.toml", "data.csv", "truth.csv", "outcomes.csv", "recovery.csv"}
PATIENT = {"passed", "gates", "misses", "solves", "seconds", "parameters"}
DATA = {"name", "sha256", "subjects", "subjects_left_out", "observations", "percent_blq", "lloq"}

every_fit = pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)


@every_fit
def test_a_folder_holds_the_files_of_a_fit_and_no_code(folder: Path) -> None:
    allowed = FILES | (SIMULATED_FILES if read_settings(folder).simulated else set())
    found = {path.name for path in folder.iterdir()}
    assert found <= allowed
    assert {"fit.toml", "source.md"} <= found


@every_fit
def test_its_settings_make_a_plan(folder: Path) -> None:
    settings = read_settings(folder)
    assert plan_of(settings, folder).loaded_model.name == settings.model
    assert settings.simulated == settings.show_observations


@every_fit
def test_its_record_says_per_patient_only_what_the_posterior_says(folder: Path) -> None:
    record = json.loads((folder / "result.json").read_text())
    assert set(record["data"]) == DATA
    assert all(set(patient) == PATIENT for patient in record["patients"].values())
    free = {name for patient in record["patients"].values() for name in patient["parameters"]}
    assert set(pd.read_csv(folder / "draws.csv").columns) == {"subject", *free}


@every_fit
def test_its_record_lists_every_patient_that_missed_a_gate(folder: Path) -> None:
    record = json.loads((folder / "result.json").read_text())
    missed = [name for name, patient in record["patients"].items() if not patient["passed"]]
    assert record["gates"]["missed"] == missed
    assert record["gates"]["passed"] is (not missed)


@pytest.mark.parametrize("name", ["six_patients", "six_patients_mechanistic"])
def test_the_six_simulated_patients_pass_every_gate(name: str, project: Path) -> None:
    record = json.loads((project / "fits" / name / "result.json").read_text())
    assert record["simulated"]
    assert record["gates"]["passed"]
    assert len(record["patients"]) == 6


@pytest.mark.parametrize(("name", "patients"), [("fandrei2024_stein", 30), ("penn_cll_stein", 29)])
def test_every_patient_of_the_published_sets_is_fitted(
    name: str, patients: int, project: Path, real_data: Path
) -> None:
    folder = project / "fits" / name
    settings = read_settings(folder)
    dataset, _ = read_dataset(settings.data, folder)
    fitted, left_out = plan_of(settings, folder).subjects(dataset)
    assert (len(fitted), left_out) == (patients, ())
    record = json.loads((folder / "result.json").read_text())
    assert tuple(record["patients"]) == fitted


@pytest.mark.parametrize(
    ("product", "patients", "dose", "treated"), [("idecel", 21, 450e6, 6), ("ciltacel", 11, 56.25e6, 2)]
)
def test_a_mechanistic_fit_takes_the_patients_of_its_product_their_dose_and_tocilizumab(
    product: str, patients: int, dose: float, treated: int, project: Path, real_data: Path
) -> None:
    folder = project / "fits" / f"fandrei2024_bcma_myeloma_{product}"
    settings = read_settings(folder)
    dataset, _ = read_dataset(settings.data, folder)
    population = plan_of(settings, folder).population_problem(dataset)
    record = json.loads((folder / "result.json").read_text())
    assert tuple(record["patients"]) == ("population", *population.subjects)
    assert len(population.subjects) == patients
    assert {d.amount for regimen in population.regimens.values() for d in regimen.doses} == {dose}
    assert sum(bool(regimen.rules) for regimen in population.regimens.values()) == treated
