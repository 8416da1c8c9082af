"""`cartsim predict` on the committed Stein population: likelihood, files, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from cartsim.errors import CartsimError, FitError
from cartsim.infer.new_patient import Effort
from cartsim.study.plan import plan_of
from cartsim.study.predict import PredictOptions, belief_of, new_data, run_predict
from cartsim.study.settings import read_settings
from tests.infer.stein_population import stein

FIT = Path(__file__).resolve().parents[2] / "fits" / "fandrei2024_population"
DAYS = np.array([3.0, 7.0, 10.0, 14.0])
LATER = np.array([28.0, 90.0])
TRUTH = np.array([[2.5e5, 9.0, 6_000.0, 0.12, 0.08, 0.009]])


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """One patient of each product; the first sample of the first is below the limit."""
    rows, rng = [], np.random.default_rng(1)
    for subject, product in (("N1", "Ide-cel"), ("N2", "Cilta-cel")):
        for day in (*DAYS, *LATER):
            value = stein(TRUTH, np.array([day]))[0, 0] * np.exp(0.4 * rng.standard_normal())
            rows.append((subject, day, "car_transgene", f"{value:.6g}", "copies/ug", product))
    rows[0] = (*rows[0][:3], "<50", *rows[0][4:])
    path = tmp_path_factory.mktemp("new") / "new.csv"
    columns = ["subject", "time", "output", "value", "unit", "product"]
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def prediction(table, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "prediction"
    options = PredictOptions(table, out=out, effort=Effort(points=1_000, kept=400))
    return run_predict(FIT, options, say=lambda line: None), out


def test_the_likelihood_is_that_of_the_closed_form(table):
    settings = read_settings(FIT)
    plan = plan_of(settings, FIT)
    dataset = new_data(settings, FIT, table).subset(["N1"])
    draws = pd.read_csv(FIT / "draws.csv", dtype={"subject": str})
    belief = belief_of(plan, dataset, draws)
    scores, which = np.random.default_rng(2).standard_normal((5, 6)), np.arange(5)
    names = [effect.name for effect in belief.population.effects]
    parameters = belief.parameters(scores, which)
    model = belief.population.model
    order = ("cmax", "tmax", "foldx", "alpha", "fb", "beta")
    theta = np.column_stack([parameters[:, model.index(name)] for name in order])
    days = np.array([*DAYS, *LATER])
    predicted = np.log(stein(theta, days))
    sigma = draws["sigma_car_transgene"].to_numpy()[:5, None]
    value = dataset.observations["value"].to_numpy()
    expected = norm.logpdf(np.log(value[1:]), predicted[:, 1:], sigma).sum(axis=1)
    expected += norm.logcdf((np.log(50.0) - predicted[:, 0]) / sigma[:, 0])
    found = belief.log_likelihood(scores, which)
    assert found == pytest.approx(expected - np.log(value[1:]).sum(), rel=1e-9), (
        "a density per unit of the value"
    )
    typical = belief.parameters(np.zeros((5, 6)), which)[:, model.index(names[0])]
    assert typical == pytest.approx(draws[names[0]].to_numpy()[:5]), "no scores: the typical patient"


def test_the_effect_of_a_product_moves_its_patients_only(table):
    settings = read_settings(FIT)
    plan, dataset = plan_of(settings, FIT), new_data(settings, FIT, table)
    draws = pd.read_csv(FIT / "draws.csv", dtype={"subject": str})
    first, second = (belief_of(plan, dataset.subset([s]), draws) for s in ("N1", "N2"))
    nothing, which = np.zeros((3, 6)), np.arange(3)
    shift = second.theta(nothing, which) - first.theta(nothing, which)
    names = [effect.name for effect in first.population.effects]
    effect = draws["beta_tmax_product[Cilta-cel]"].to_numpy()[:3]
    assert shift[:, names.index("tmax")] == pytest.approx(effect)
    assert shift[:, names.index("alpha")] == pytest.approx(0.0)


def test_later_samples_are_shown_and_not_used(prediction):
    found, _ = prediction
    assert found.quality["samples_used"].tolist() == [4, 4]
    assert (found.samples["used"] == (found.samples["time"] <= 14.0)).all()


def test_the_prediction_knows_the_patient_better_than_the_population(prediction):
    """Peak within a factor of two of the truth, which the population alone misses by far more."""
    kinetics = prediction[0].kinetics.query("output == 'car_transgene' and quantity == 'peak'")
    true = TRUTH[0, 0]
    assert ((kinetics["q05"] < true) & (true < kinetics["q95"])).all()
    assert (kinetics["q95"] / kinetics["q05"] < 20).all()
    assert (kinetics["q05"] < kinetics["q25"]).all()


def test_files_say_what_was_run(prediction):
    found, out = prediction
    record = json.loads((out / "prediction.json").read_text())
    assert record["until_day"] == 14.0
    assert set(record["patients"]) == {"N1", "N2"}
    assert record["patients"]["N1"]["quality"]["pareto_k"] == pytest.approx(found.quality["pareto_k"][0])
    assert "outcomes" not in record["patients"]["N1"], "a kinetic model has none"
    page = (out / "report.html").read_text()
    assert "not for decisions about a patient" in page
    assert (out / "figures" / "patient_N1.png").stat().st_size > 10_000
    assert {path.stem for path in out.glob("*.csv")} == set(found.tables)


def test_a_fit_of_single_patients_is_refused(table):
    with pytest.raises(CartsimError, match="population fit only"):
        run_predict(FIT.parent / "fandrei2024_stein", PredictOptions(table), say=lambda line: None)


def test_patients_without_an_early_sample_are_named(table, tmp_path):
    options = PredictOptions(table, until=1.0, out=tmp_path / "out")
    with pytest.raises(FitError, match="N1, N2"):
        run_predict(FIT, options, say=lambda line: None)
