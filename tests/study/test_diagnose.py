"""`cartsim diagnose` on the simulated patients: what it writes, says, withholds and refuses."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cartsim.errors import CartsimError
from cartsim.study.diagnose import DiagnoseOptions, find, run_diagnose

QUICK = ("profiles",)


@pytest.fixture
def run(project: Path, tmp_path: Path) -> Path:
    """A finished run of six patients: the committed result in a folder that names its fit folder."""
    fit, out = project / "fits" / "six_patients", tmp_path / "run"
    out.mkdir()
    for name in ("result.json", "draws.csv"):
        shutil.copy(fit / name, out / name)
    (out / "fit_folder.txt").write_text(f"{fit}\n")
    return out


def test_a_run_is_diagnosed_into_tables_a_page_and_a_short_summary(run):
    said = []
    options = DiagnoseOptions(patients=("SIM-1", "SIM-6"), without=QUICK, workers=1)
    out = run_diagnose(run, options, say=said.append)
    assert out == run / "diagnostics"
    tables = {path.stem: pd.read_csv(path) for path in out.glob("*.csv")}
    assert set(tables) == {
        *("directions", "precision", "contraction", "power_scaling", "prior_predictive", "samples"),
        *("prior_counts", "leave_one_out", "leave_one_out_totals", "iwres", "shrinkage"),
    }
    assert set(tables["contraction"]["subject"]) == {"SIM-1", "SIM-6"}
    assert tables["prior_counts"].set_index("subject").loc["SIM-6", "outside_90"] == 3
    words = "\n".join(said)
    assert "SIMULATED" in words
    assert "sloppy directions: SIM-6 beta up alone" in words
    assert "not informed by the data: SIM-6 beta" in words
    assert "prior-data conflict" in words
    page = (out / "report.html").read_text()
    assert "figure-sloppiness" in page
    assert "SIMULATED" in page


@pytest.mark.slow
def test_open_profiles_are_named_and_drawn(run):
    said = []
    others = ("information", "contraction", "power", "priors", "loo", "residuals")
    out = run_diagnose(run, DiagnoseOptions(patients=("SIM-6",), without=others), say=said.append)
    table = pd.read_csv(out / "intervals.csv").set_index(["kind", "name"])
    assert table.loc[("likelihood", "beta"), "open"]
    assert not table.loc[("likelihood", "tmax"), "open"]
    assert any(line.startswith("open profiles: SIM-6 cmax, alpha, beta") for line in said)
    assert (out / "figures" / "profiles_01_SIM-6.png").exists()


def test_contraction_and_its_prior_are_those_of_the_draws_and_the_fit_folder(run):
    run_diagnose(run, DiagnoseOptions(without=("profiles", "loo", "priors", "power", "information")), say=str)
    table = pd.read_csv(run / "diagnostics" / "contraction.csv").set_index(["subject", "name"])
    draws = pd.read_csv(run / "draws.csv")
    for name, sd in (("foldx", 1.5), ("beta", 1.0)):  # log_sd in fit.toml
        expected = 1.0 - np.log(draws[name]).groupby(draws["subject"]).var(ddof=0) / sd**2
        for subject, value in expected.items():
            assert table.loc[(subject, name), "contraction"] == pytest.approx(value, rel=1e-6)


@pytest.mark.slow
def test_the_same_run_gives_the_same_tables_whatever_the_workers(run):
    tables = []
    for workers in (1, 2):
        options = DiagnoseOptions(patients=("SIM-1", "SIM-2"), without=QUICK, workers=workers)
        out = run_diagnose(run, options, say=str)
        tables.append({path.name: path.read_bytes() for path in sorted(out.glob("*.csv"))})
    assert tables[0] == tables[1]


def test_a_fit_folder_is_diagnosed_from_its_committed_draws_outside_of_it(project):
    found = find(project / "fits" / "six_patients", fit=None, out=None)
    assert found.words.startswith("100 draws a patient, those committed in the fit folder; too few")
    assert found.out.parts[0] == "runs"
    assert len(found.draws) == 600
    assert np.isfinite(found.draws["foldx"]).all()


def test_what_cannot_be_diagnosed_is_said(run, tmp_path, project):
    with pytest.raises(CartsimError, match="neither the output folder"):
        run_diagnose(tmp_path, DiagnoseOptions())
    with pytest.raises(CartsimError, match=r"no such part.*profils"):
        run_diagnose(run, DiagnoseOptions(without=("profils",)))
    with pytest.raises(CartsimError, match="no draws of such a patient; got: SIM-9"):
        run_diagnose(run, DiagnoseOptions(patients=("SIM-9",)), say=str)
    (run / "fit_folder.txt").unlink()
    with pytest.raises(CartsimError, match="give --fit"):
        run_diagnose(run, DiagnoseOptions())


def test_a_fit_folder_changed_since_the_run_is_refused(run, project, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(project / "fits" / "six_patients", other)
    text = (other / "fit.toml").read_text()
    (other / "fit.toml").write_text(text.replace("median = 3000,", "median = 300,"))
    with pytest.raises(CartsimError, match="changed: priors"):
        run_diagnose(run, DiagnoseOptions(fit=other), say=str)


def test_samples_that_must_not_be_shown_are_in_no_table(run, project, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(project / "fits" / "six_patients", other)
    text = (other / "fit.toml").read_text()
    (other / "fit.toml").write_text(text.replace("seed =", "show_observations = false\nseed ="))
    options = DiagnoseOptions(fit=other, patients=("SIM-1",), without=("profiles", "information"))
    out = run_diagnose(run, options, say=str)
    names = {path.stem for path in out.glob("*.csv")}
    assert {"prior_counts", "leave_one_out_totals", "shrinkage"} <= names
    assert not names & {"samples", "iwres", "leave_one_out", "prior_predictive"}


def test_a_population_fit_is_diagnosed_by_its_own_quantities(project, tmp_path):
    said = []
    options = DiagnoseOptions(out=tmp_path / "out", workers=1)
    out = run_diagnose(project / "fits" / "theophylline_simulated", options, say=said.append)
    tables = {path.stem: pd.read_csv(path) for path in out.glob("*.csv")}
    assert set(tables) == {"contraction", "power_scaling", "prior_predictive", "prior_counts", "samples"}
    assert list(tables["contraction"]["name"]) == [
        *("ka", "cl", "v", "omega_ka", "omega_cl", "omega_v", "sigma_theophylline"),
    ]
    assert tables["prior_counts"].loc[0, "samples"] == len(tables["samples"])
    words = "\n".join(said)
    assert "too few draws to tell directions apart" in words, "a fit folder keeps few"
    assert "figure-power_scaling" in (out / "report.html").read_text()


def test_patients_of_a_population_fit_and_parts_that_it_has_not_are_refused(project, tmp_path):
    fit = project / "fits" / "theophylline_simulated"
    with pytest.raises(CartsimError, match="cartsim vpc"):
        run_diagnose(fit, DiagnoseOptions(out=tmp_path, patients=("SIM-1",)), say=print)
    with pytest.raises(CartsimError, match="not a part of a population's diagnosis"):
        run_diagnose(fit, DiagnoseOptions(out=tmp_path, without=("profiles",)), say=print)
