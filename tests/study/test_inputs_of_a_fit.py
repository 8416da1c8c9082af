"""[inputs] of a fit.toml: what it names drives the model, from a file to a finished fit."""

from pathlib import Path

import pytest

from cartsim.data.read import read_data
from cartsim.errors import ConfigError, FitError
from cartsim.infer.settings import Gates, SamplerSettings
from cartsim.study.contents import warnings_of
from cartsim.study.fit import fit
from cartsim.study.plan import plan_of
from cartsim.study.settings import read_settings
from tests.driven import CYTOKINE
from tests.infer.test_driven import TABLE

MODEL_FILE = "from tests.driven import CYTOKINE\n\nMODEL = CYTOKINE\n"
TOML = """
title = "IL-6 driven by measured counts, simulated"
simulated = true
model = "driven.py"
seed = 1
[data]
file = "data.csv"
after_day = 1.0
[errors]
il6 = { LogNormalError = { sigma = { HalfNormal = { sd = 0.6 } } } }
"""
INPUTS = '[inputs]\ncar_t_measured = "cells_by_flow"\n'
EARLIEST = -10.0  # counts before the infusion drive too


def folder(tmp_path: Path, text: str, table: str = TABLE) -> Path:
    (tmp_path / "fit.toml").write_text(text)
    (tmp_path / "data.csv").write_text(table)
    (tmp_path / "driven.py").write_text(MODEL_FILE)
    return tmp_path


def test_the_named_measurement_drives_and_only_the_rest_is_fitted(tmp_path):
    made = folder(tmp_path, TOML + INPUTS)
    plan, dataset = plan_of(read_settings(made), made), read_data(made / "data.csv", drop_before=EARLIEST)
    assert plan.subjects(dataset) == (("A", "B"), ())
    problem = plan.problem(dataset, "A")
    assert problem.arrays.time.tolist() == [5.0, 9.0], "after_day leaves out day 1"
    rows = problem.events.matrix()
    assert rows[:, 0].tolist() == [0.0, 0.0, 3.0, 7.0, 14.0], "and counts of all days drive"


def test_what_is_missing_or_unknown_is_named_with_its_key(tmp_path):
    made = folder(tmp_path, TOML + '[inputs]\ncar_tt = "cells_by_flow"\n')
    with pytest.raises(ConfigError) as caught:
        plan_of(read_settings(made), made)
    assert {key for key, _ in caught.value.faults} == {"inputs.car_tt", "inputs.car_t_measured"}


def test_patients_without_the_measurement_are_all_named_before_the_fit_begins(tmp_path):
    table = "\n".join(line for line in TABLE.splitlines() if ",cells_by_flow," not in line or line[0] == "A")
    table += "".join(f"\nC,{day},il6,20,pg/mL,," for day in (3, 5, 9)) + "\n"
    made = folder(tmp_path, TOML + INPUTS, table)
    plan, dataset = plan_of(read_settings(made), made), read_data(made / "data.csv", drop_before=EARLIEST)
    with pytest.raises(FitError, match="drives 'car_t_measured': B, C"):
        plan.subjects(dataset)


def test_a_fit_runs_and_its_report_says_what_drove_it(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text(TABLE)
    result = fit(
        CYTOKINE,
        read_data(path, drop_before=EARLIEST),
        inputs={"car_t_measured": "cells_by_flow"},
        sampler=SamplerSettings(walkers=12, burn_in=10, check_every=10, max_steps=20, starts=12),
        gates=Gates(r_hat=50.0, tau_multiple=0.01, ess=0.1),
        progress=False,
    )
    assert list(result.plan.errors) == ["il6"]
    assert set(result.patients[0].gof["output"]) == {"il6"}
    assert any("cells_by_flow drives the model as car_t_measured" in text for text in warnings_of(result))
