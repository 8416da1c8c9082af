"""trial.toml is read strictly: every fault at once, each with file and key; overrides reach the arms."""

from pathlib import Path

import pytest

from cartsim.errors import CartsimError, ConfigError
from cartsim.study.trial_settings import read_trial, rule_of

GOOD = """
title = "A trial"
model = "bcma_myeloma"
seed = 7
patients = 6
replicates = 10
cohort = 60
endpoints = ["crs", "orr", "tmax_pcr"]
[[arms]]
name = "as it is"
product = "local"
[[arms]]
name = "other"
product = "fast"
dose_per_kg = 2e6
grade_2 = 4
held = { division = 1.1 }
policies = [{ share = 1, tocilizumab = { above = 39, after_hours = 36 } }]
[decision]
endpoint = "orr"
at_least = 4
[observed]
orr = 5
tmax_pcr = 20.5
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "trial.toml"
    path.write_text(text)
    return path


def faults_of(folder: Path, text: str) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        read_trial(write(folder, text))
    assert "trial.toml" in str(caught.value)
    return dict(caught.value.faults)


def test_a_sound_file_gives_the_trial_with_its_overrides(tmp_path: Path) -> None:
    settings, design = read_trial(write(tmp_path, GOOD))
    assert settings.observed == {"orr": 5, "tmax_pcr": 20.5}
    assert (design.patients, design.replicates, design.cohort) == (6, 10, 60)
    own, other = design.arms["as it is"].product, design.arms["other"].product
    assert (other.dose, other.dose_per_kg, other.grade_2) == (None, 2e6, 4.0)
    assert other.policies[0].tocilizumab.above == 39.0
    assert other.sample_days == own.sample_days, "one grid for all arms"
    assert design.arms["other"].held == {"division": 1.1}


def test_the_example_is_sound(project: Path) -> None:
    settings, design = read_trial(project / "examples" / "six_patient_trial.toml")
    assert (design.patients, design.replicates) == (6, 2000)
    assert set(settings.observed) <= set(settings.endpoints)


def test_faults_of_single_keys_are_named_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("patients = 6", "patients = 0\npatience = 3").replace('"crs", ', '"fever", ')
    text = text.replace("cohort = 60", "cohort = 60\nsample_days = [7, 3]")
    text = text.replace("grade_2 = 4", "grade_2 = 4\ndose = 1e8").replace('title = "A trial"', "")
    faults = faults_of(tmp_path, text.replace('"bcma_myeloma"', '"another"'))
    assert set(faults) == {"title", "model", "patients", "patience", "sample_days", "endpoints.0", "arms.1"}
    assert "orr" in faults["endpoints.0"], "the known ones are listed"


def test_faults_between_keys_are_named_at_once(tmp_path: Path) -> None:
    text = (
        GOOD.replace("share = 1", "share = 0.5")
        .replace('"local"', '"cheap"')
        .replace("division = 1.1", "divisions = 1, iga = 0")
    )
    text = text.replace("at_least = 4", "at_least = 7").replace("orr = 5", "orr = 5.5\nscr = 2")
    text = text.replace('name = "other"', 'name = "as it is"')
    faults = faults_of(tmp_path, text)
    assert set(faults) == {
        *("arms", "arms.0.product", "arms.1", "arms.1.held.divisions", "arms.1.held.iga"),
        *("decision.at_least", "observed.orr", "observed.scr"),
    }
    assert "0.5" in faults["arms.1"]


def test_a_decision_on_a_median_and_joint_counts_that_nobody_observed_are_refused(tmp_path: Path) -> None:
    text = GOOD.replace('endpoint = "orr"', 'endpoint = "tmax_pcr"')
    faults = faults_of(tmp_path, text.replace("cohort = 60", 'cohort = 60\njoint = [["orr", "crs"]]'))
    assert set(faults) == {"decision.endpoint", "joint.0"}


def test_a_first_stage_is_smaller_than_the_trial(tmp_path: Path) -> None:
    stage = "at_least = 4\nfirst_stage = { patients = 3, at_least = 1 }"
    settings, _ = read_trial(write(tmp_path, GOOD.replace("at_least = 4", stage)))
    assert rule_of(settings.decision).first_stage.patients == 3
    text = GOOD.replace("at_least = 4", stage.replace("patients = 3", "patients = 6"))
    assert set(faults_of(tmp_path, text)) == {"decision.first_stage"}


def test_no_file_and_no_toml_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(CartsimError, match="no such trial file"):
        read_trial(tmp_path / "none.toml")
    assert "not valid TOML" in faults_of(tmp_path, "title = ")["(whole file)"]


def test_a_data_cut_before_the_last_patient_enters_is_refused(tmp_path, project):
    text = (project / "examples" / "six_patient_trial.toml").read_text(encoding="utf-8")
    path = tmp_path / "trial.toml"
    path.write_text(text + "\n[follow_up]\naccrual_per_month = 1\ndata_cut_months = 5\n", encoding="utf-8")
    with pytest.raises(
        ConfigError, match=r"follow_up.data_cut_months.*before the last of the patients enters"
    ):
        read_trial(path)
    path.write_text(text + "\n[follow_up]\naccrual_per_month = 1\ndropout_per_year = 1.5\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"follow_up.dropout_per_year"):
        read_trial(path)
    path.write_text(text + "\n[follow_up]\naccrual_per_month = 1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"needed together"):
        read_trial(path)
