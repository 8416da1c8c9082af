"""A fit folder with a [population] table, from the patient table to result.json and report."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from cartsim.errors import CartsimError, ConfigError
from cartsim.report.plates import plates
from cartsim.study.contents import report_contents
from cartsim.study.plan import plan_of
from cartsim.study.run import RunOptions, run_fit
from cartsim.study.settings import read_settings
from cartsim.study.vpc import VpcOptions, run_vpc
from tests.infer.population_toy import NAMES, table

SETTINGS = """
title = "Four simulated patients together"
simulated = true
model = "stein2019_tisagenlecleucel"
seed = 5
[data]
file = "data.csv"
[errors]
car_transgene = { LogNormalError = { sigma = { HalfNormal = { sd = 1.0 } } } }
[population.spreads]
tmax = { HalfNormal = { sd = 0.5 } }
[sampler]
ensembles = 2
walkers = 32
sweeps = 1
burn_in = 20
check_every = 20
max_steps = 60
checkpoint_every = 10
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("together")
    shutil.move(table(folder, 4, 1), folder / "data.csv")
    (folder / "fit.toml").write_text(SETTINGS)
    return folder


@pytest.fixture(scope="module")
def outcome(folder, tmp_path_factory):
    said = []
    options = RunOptions(out=tmp_path_factory.mktemp("out") / "run", workers=1)
    return run_fit(folder, options, say=said.append), said


def test_the_population_comes_first_and_every_patient_after_it(outcome):
    subjects = [patient.subject for patient in outcome[0].result.patients]
    assert subjects == ["population", "P1", "P2", "P3", "P4"]


def test_result_json_holds_typical_values_spreads_and_patients(outcome):
    record = json.loads((outcome[0].folder / "result.json").read_text())
    population = record["patients"]["population"]["parameters"]
    assert set(population) == {*NAMES, *(f"omega_{n}" for n in NAMES), "sigma_car_transgene"}
    assert set(record["patients"]["P2"]["parameters"]) == set(NAMES)
    assert record["population"]["spreads"]["tmax"] == {"HalfNormal": {"sd": 0.5}}


def test_a_short_chain_misses_its_gates_and_says_so(outcome):
    assert not outcome[0].passed
    assert any("MISSED" in line for line in outcome[1])


def test_the_report_is_written(outcome):
    page = (outcome[0].folder / "report.html").read_text()
    assert "omega_tmax" in page


def test_only_patients_have_a_panel_with_a_curve(outcome):
    (sheet,) = [p for p in plates(report_contents(outcome[0].result)) if p.section == "fits"]
    titles = [axes.get_title(loc="left").split()[0] for axes in sheet.draw().axes if axes.get_visible()]
    assert titles == ["P1", "P2", "P3", "P4"]


def test_the_checks_of_a_run_are_written_and_the_command_finds_the_same(outcome):
    folder = outcome[0].folder
    written = folder / "vpc" / "vpc_percentiles.csv"
    first, said = pd.read_csv(written), []
    written.unlink()
    checks = run_vpc(folder, VpcOptions(), say=said.append)
    pd.testing.assert_frame_equal(pd.read_csv(written), first, rtol=1e-6)  # draws.csv keeps ten digits
    assert set(checks.vpc.points["limit"]) == {50.0}  # of quantified samples too
    assert (folder / "vpc" / "pcvpc_car_transgene.png").stat().st_size > 10_000
    assert any(line.startswith("NPDE of car_transgene") for line in said)


def test_draws_of_another_fit_are_not_checked(folder, outcome, tmp_path):
    shutil.copytree(folder, tmp_path / "fit")
    path = tmp_path / "fit" / "fit.toml"
    path.write_text(path.read_text().replace("sd = 0.5", "sd = 0.7"))
    with pytest.raises(CartsimError, match=r"changed: population"):
        run_vpc(outcome[0].folder, VpcOptions(fit=tmp_path / "fit"), say=str)


def test_another_number_of_threads_finds_the_same(folder, outcome, tmp_path):
    again = run_fit(folder, RunOptions(out=tmp_path / "run", workers=2, report=False), say=lambda text: None)
    first, second = outcome[0].result.summary(), again.result.summary()
    np.testing.assert_array_equal(first["median"], second["median"])


def test_unknown_roles_in_the_settings_are_named(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "fit")
    path = tmp_path / "fit" / "fit.toml"
    path.write_text(path.read_text() + "[population.correlation]\nshape = 2\n")
    with pytest.raises(ConfigError, match=r"population.*shape"):
        plan_of(read_settings(tmp_path / "fit"), tmp_path / "fit")
