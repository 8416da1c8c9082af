"""`cartsim.fit` and the run of a fit folder: from a patient table to posterior, files and report."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cartsim
from cartsim.errors import CartsimError, ConfigError, FitError
from cartsim.infer.settings import Gates, SamplerSettings
from cartsim.study.contents import in_order, warnings_of
from cartsim.study.fit_result import FitResult
from cartsim.study.plan import plan_of
from cartsim.study.run import RunOptions, run_fit
from cartsim.study.settings import read_settings

# Short chains: these tests are about what is made of the draws. Real lengths: tests/infer and the main job.
SHORT = SamplerSettings(walkers=16, burn_in=100, check_every=100, max_steps=400, starts=16)
SHORTEST_TOML = "\n[sampler]\nwalkers = 16\nburn_in = 20\ncheck_every = 20\nmax_steps = 80\nstarts = 16\n"
LENIENT_TOML = "[gates]\nr_hat = 5.0\ntau_multiple = 0.1\ness = 1.0\n"


@pytest.fixture(scope="module")
def table(project: Path) -> Path:
    return project / "fits" / "six_patients" / "data.csv"


@pytest.fixture(scope="module")
def result(table: Path) -> FitResult:
    data = cartsim.read_data(table).subset(["SIM-1", "SIM-6"])
    return cartsim.fit(
        "stein2019_tisagenlecleucel",
        data,
        after_day=0.0,
        sampler=SHORT,
        gates=Gates(r_hat=5.0, tau_multiple=0.1, ess=1.0),
        seed=3,
        simulated=True,
        progress=False,
    )


@pytest.fixture
def folder(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the six-patient fit with two patients, short chains and gates that let them pass."""
    monkeypatch.chdir(tmp_path)  # runs/ is made where one stands
    copied = tmp_path / "small"
    shutil.copytree(project / "fits" / "six_patients", copied)
    (copied / "result.json").unlink(missing_ok=True)
    text = (copied / "fit.toml").read_text()
    text = text.replace('file = "data.csv"', 'file = "data.csv"\nsubjects = ["SIM-1", "SIM-6"]')
    (copied / "fit.toml").write_text(text + SHORTEST_TOML + LENIENT_TOML)
    return copied


def run(folder: Path, *, say=lambda text: None, workers: int = 1, report: bool = False, **options: object):
    return run_fit(folder, RunOptions(workers=workers, report=report, **options), say=say)


def test_the_summary_has_one_row_a_patient_and_quantity_with_an_interval(result: FitResult) -> None:
    summary = result.summary()
    assert len(summary) == 2 * 7
    assert (summary["lower"] < summary["median"]).all()
    assert (summary["median"] < summary["upper"]).all()
    assert set(summary["name"]) >= {"tmax", "cmax", "sigma_car_transgene"}


def test_the_recovered_peak_day_lies_where_the_recipe_put_it(result: FitResult) -> None:
    rows = result.summary().set_index(["subject", "name"])
    # Samples lie 3-7 days apart around the peaks at days 20.5 and 10.
    assert rows.loc[("SIM-1", "tmax"), "median"] == pytest.approx(20.5, abs=2.0)
    assert rows.loc[("SIM-6", "tmax"), "median"] == pytest.approx(10.0, abs=2.0)


def test_draws_come_as_one_table_and_as_inferencedata(result: FitResult) -> None:
    table = result.to_dataframe(50)
    assert table["subject"].value_counts().to_dict() == {"SIM-1": 50, "SIM-6": 50}
    converted = result.to_inferencedata()["SIM-1"]
    assert converted.posterior.sizes["chain"] == 4
    assert "observation" in converted.log_likelihood


def test_samples_before_the_infusion_are_not_fitted(result: FitResult) -> None:
    assert result.patient("SIM-1").gof["time"].min() > 0.0


def test_the_same_seed_gives_the_same_bits_and_another_does_not(table: Path) -> None:
    data = cartsim.read_data(table).subset(["SIM-6"])
    first, second, other = (
        cartsim.fit(
            "stein2019_tisagenlecleucel", data, sampler=SHORT, seed=seed, progress=False
        ).to_dataframe()
        for seed in (1, 1, 2)
    )
    assert first.equals(second)
    assert not first.equals(other)


def test_an_unknown_patient_is_answered_with_the_known_ones(result: FitResult) -> None:
    with pytest.raises(FitError, match="SIM-1, SIM-6"):
        result.patient("SIM-9")


def test_a_run_leaves_report_tables_draws_and_result(folder: Path) -> None:
    outcome = run(folder, out=Path("out"), report=True)
    assert outcome.passed
    page = (outcome.folder / "report.html").read_text()
    assert "SIMULATED" in page
    assert "SIM-6" in page
    for name in ("overview.png", "result.json", "parameters.csv", "draws.csv", "nca.csv", "nca_summary.csv"):
        assert (outcome.folder / name).stat().st_size > 0
    assert len(list((outcome.folder / "posterior").glob("*.nc"))) == 2
    assert not (folder / "result.json").exists()


def test_a_recorded_run_is_reproduced_and_a_changed_record_is_not(folder: Path) -> None:
    run(folder, out=Path("first"), record=True)
    assert run(folder, out=Path("second"), check=True).differences == ()
    record = json.loads((folder / "result.json").read_text())
    record["patients"]["SIM-6"]["parameters"]["tmax"]["median"] += 5.0
    (folder / "result.json").write_text(json.dumps(record))
    outcome = run(folder, out=Path("third"), check=True)
    assert not outcome.passed
    (difference,) = outcome.differences
    assert "SIM-6, tmax: median" in difference


def test_two_workers_give_the_same_result_as_one(folder: Path) -> None:
    alone = run(folder, out=Path("one"))
    together = run(folder, out=Path("two"), workers=2)
    assert alone.result.to_dataframe().equals(together.result.to_dataframe())


def test_a_missed_gate_makes_the_run_not_pass_and_is_named(folder: Path) -> None:
    text = (folder / "fit.toml").read_text().replace("ess = 1.0", "ess = 1e6")
    (folder / "fit.toml").write_text(text)
    said: list[str] = []
    outcome = run(folder, out=Path("out"), say=said.append)
    assert not outcome.passed
    assert outcome.record["gates"]["missed"] == ["SIM-1", "SIM-6"]
    assert any("gates: 0 of 2 patients pass" in line for line in said)
    assert any("misses a gate" in warning for warning in warnings_of(outcome.result))


def test_a_stopped_run_is_resumed_to_the_same_draws(folder: Path) -> None:
    whole = run(folder, out=Path("whole"))

    class Stop(Exception):
        pass

    def stop_at_the_first_patient(text: str) -> None:
        if text.startswith("SIM-1:"):
            raise Stop

    with pytest.raises(Stop):
        run(folder, out=Path("part"), say=stop_at_the_first_patient)
    with pytest.raises(CartsimError, match="--resume"):
        run(folder, out=Path("part"))
    resumed = run(folder, out=Path("part"), resume=True)
    assert np.array_equal(resumed.result.to_dataframe(), whole.result.to_dataframe())


def test_a_changed_table_is_refused_by_its_digest(folder: Path) -> None:
    with (folder / "data.csv").open("a") as stream:
        stream.write("# a remark\n")
    with pytest.raises(CartsimError, match="not the table this fit was made for"):
        run(folder)


def test_a_check_without_a_record_says_how_to_make_one(folder: Path) -> None:
    with pytest.raises(CartsimError, match="--record"):
        run(folder, check=True)


def test_nothing_of_single_patients_samples_is_written_where_they_must_not_show(folder: Path) -> None:
    text = (
        (folder / "fit.toml")
        .read_text()
        .replace("simulated = true", "simulated = true\nshow_observations = false")
    )
    (folder / "fit.toml").write_text(text)
    outcome = run(folder, out=Path("out"), report=True)
    assert not (outcome.folder / "nca.csv").exists()
    # Measured values of SIM-1 that no summary repeats, as numbers of their own.
    measured = re.compile(r"(?<![\d.,])(14,?600|24,?400)(?![\d,])")
    for path in (path for path in outcome.folder.rglob("*") if path.suffix in {".html", ".json", ".csv"}):
        text = re.sub(r"base64,[A-Za-z0-9+/=]+", "", path.read_text())
        assert not measured.search(text), path.name


def test_every_fault_of_a_plan_is_named_at_once(folder: Path) -> None:
    text = (folder / "fit.toml").read_text()
    text = text.replace("tmax = { LogNormal = { median = 13", "tmaxx = { LogNormal = { median = 13")
    text = text.replace("cmax = { LogNormal", "cmax = { LogNormall").replace("walkers = 16", "walker = 16")
    (folder / "fit.toml").write_text(text.replace("ess = 1.0", "es = 1.0"))
    with pytest.raises(ConfigError) as caught:
        plan_of(read_settings(folder), folder)
    faults = dict(caught.value.faults)
    assert set(faults) == {"priors.tmaxx", "priors.cmax", "sampler", "gates"}
    assert "allowed: foldx, tmax" in faults["priors.tmaxx"]


def test_a_fit_of_simulated_patients_says_how_much_of_the_truth_it_found(folder: Path) -> None:
    (folder / "truth.csv").write_text("subject,tmax,cmax,dose\nSIM-1,20.5,6e4,150e6\nSIM-6,1e3,9e2,450e6\n")
    said: list[str] = []
    outcome = run(folder, say=said.append, record=True)
    table = pd.read_csv(outcome.folder / "recovery.csv").set_index(["subject", "name"])
    assert len(table) == 4
    assert not table.loc[("SIM-6", "tmax"), "inside"]  # a peak at day 1,000 was not there
    assert (folder / "recovery.csv").is_file()
    assert any("of 4 90% intervals hold the true value" in line for line in said)


def test_figures_come_in_the_order_of_the_error_models() -> None:
    """Samples of day 0 come first in a table: IL-6 before the transgene, which is the main thing."""
    table = pd.DataFrame({"output": ["il6", "car_transgene", "il6"], "time": [0.0, 1.0, 1.0]})
    ordered = in_order(table, {"car_transgene": None, "il6": None})
    assert ordered.to_numpy().tolist() == [["car_transgene", 1.0], ["il6", 0.0], ["il6", 1.0]]
