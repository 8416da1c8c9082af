"""Virtual patients of a recipe: a product's first, treated by its policy, measured by many assays."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cartsim.cohort.products import TrialPopulation, read_products
from cartsim.data.read import read_data
from cartsim.errors import ConfigError
from cartsim.kernels.methods import Rodas5P
from cartsim.models import load_model
from cartsim.simulate import simulate
from cartsim.study.inputs import read_dataset
from cartsim.study.plan import plan_of
from cartsim.study.recipe import read_recipe
from cartsim.study.recipe_tables import simulated_table
from cartsim.study.settings import read_settings
from cartsim.study.virtual_recipe import population_of, treated_patients

NAME, MODEL = "six_patients_mechanistic", load_model("bcma_myeloma")


@pytest.fixture(scope="module")
def folder(project: Path) -> Path:
    return project / "fits" / NAME


@pytest.fixture(scope="module")
def truth(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "truth.csv", comment="#").set_index("subject")


@pytest.fixture(scope="module")
def data(folder: Path):
    return read_data(folder / "data.csv")


def test_the_patients_are_the_first_six_of_the_products_own_draw(folder: Path, truth: pd.DataFrame) -> None:
    """Beside the subgroups and what is held, a recipe changes nothing of the product's patients."""
    recipe = read_recipe(folder)
    whole = TrialPopulation(MODEL, "local", read_products(), recipe.seed).treated(0, 6)
    own = whole.rows[:, [MODEL.index(name) for name in recipe.virtual.free]]
    assert truth[recipe.virtual.free].to_numpy() == pytest.approx(own, rel=1e-5)
    assert truth["dose"].to_numpy() == pytest.approx([r.doses[0].amount for r in whole.regimens], rel=1e-5)


def test_everything_else_is_the_same_in_all_of_them(folder: Path) -> None:
    recipe = read_recipe(folder)
    rows = population_of(recipe).treated(0, 6).rows
    rest = [k for k, name in enumerate(MODEL.parameter_names) if name not in recipe.virtual.free]
    assert (rows[:, rest] == MODEL.vector(scenario="local")[rest]).all()


def test_tocilizumab_is_given_12_hours_after_38_degrees_by_weight(truth: pd.DataFrame, data) -> None:
    """Against the untreated curve, read on a grid of 15 minutes instead of found by the rule."""
    days = np.arange(0.0, 30.0, 1 / 96)
    drug = data.doses[data.doses["target"] == "toci_central"].set_index("subject")
    weights = data.covariates["weight_kg"].astype(float)
    assert set(drug["unit"]) == {"mg"}
    assert len(drug) >= 3
    for subject, row in truth.iterrows():
        values = row.drop("dose").to_dict()
        course = simulate(
            MODEL,
            times=days,
            parameters=values,
            scenario="local",
            dose=row["dose"],
            method=Rodas5P(rtol=1e-6),
        ).to_dataframe()
        fever = course.loc[course["temperature"] > 38.0, "time"].min()
        if np.isnan(fever):
            assert subject not in drug.index, "no fever, no drug"
            continue
        assert drug.loc[subject, "time"] == pytest.approx(fever + 0.5, abs=1 / 96 + 1e-4)
        # 8 mg/kg of a weight printed to 0.1 kg, in whole mg
        assert drug.loc[subject, "amount"] == pytest.approx(8.0 * weights[subject], abs=0.9)


def test_a_refit_is_given_the_drug_on_its_day(folder: Path, data) -> None:
    settings = read_settings(folder)
    dataset, _ = read_dataset(settings.data, folder)
    given = data.doses[data.doses["subject"] == "SIM-1"].set_index("target")
    events = plan_of(settings, folder).problem(dataset, "SIM-1").events
    drug = events.target == MODEL.state_names.index("toci_central")
    assert events.time[drug].tolist() == [given.loc["toci_central", "time"]]
    assert events.value[drug].tolist() == [given.loc["toci_central", "amount"]]


def test_noise_of_every_assay_has_its_own_size(folder: Path) -> None:
    recipe = read_recipe(folder)
    twin = recipe.model_copy(update={"assays": [quiet(assay) for assay in recipe.assays]})
    loud, true = (table_of(simulated_table(item)) for item in (recipe, twin))
    for assay in recipe.assays:
        sd = assay.error["LogNormalError"]["sigma"]["Fixed"]["value"]
        chosen = loud["output"] == assay.output
        ratio = np.log(loud.loc[chosen, "value"] / true.loc[chosen, "value"]).dropna()
        # Four standard errors of an sd: 4 sd / sqrt(2 n).
        assert ratio.std() == pytest.approx(sd, abs=4.0 * sd / (2.0 * len(ratio)) ** 0.5)


def quiet(assay):
    """The same assay without error; six digits so that rounding is none either."""
    error = {"LogNormalError": {"sigma": {"Fixed": {"value": 1e-12}}}}
    return assay.model_copy(update={"error": error, "digits": 6})


def table_of(text: str) -> pd.DataFrame:
    """The samples of a table, censored ones as missing."""
    lines = [line.split(",") for line in text.splitlines() if not line.startswith("#")]
    table = pd.DataFrame(lines[1:], columns=lines[0])
    table = table[table["evid"] == "0"]
    return table.assign(value=pd.to_numeric(table["value"], errors="coerce"))


def test_a_sample_of_day_0_is_the_baseline_before_the_infusion(data) -> None:
    first = data.observations[data.observations["time"] == 0.0]
    assert "car_transgene" not in set(first["output"])
    assert set(first["output"]) == {"ifng", "il6", "il8", "il10", "crp", "sbcma", "m_protein"}
    # 11 pg/mL in the model, six samples with sd 0.3: four standard errors.
    baseline = np.log(first.loc[first["output"] == "ifng", "value"])
    assert baseline.mean() == pytest.approx(np.log(11.0), abs=4.0 * 0.3 / 6**0.5)


def test_values_above_the_upper_limit_are_written_as_such(folder: Path) -> None:
    recipe = read_recipe(folder)
    low = [
        assay.model_copy(update={"uloq": 20.0}) if assay.output == "il8" else assay for assay in recipe.assays
    ]
    text = simulated_table(recipe.model_copy(update={"assays": low}))
    rows = [line.split(",") for line in text.splitlines() if ",il8," in line]
    values = [row[4] for row in rows]
    assert 0 < values.count(">20") < len(values)
    assert all(float(value) <= 20.0 for value in values if not value.startswith((">", "<")))


def test_sampling_ends_with_death_or_progression(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cartsim.study import virtual_recipe

    recipe = read_recipe(folder)
    seen = virtual_recipe.outcomes_of(recipe)
    changed = seen.assign(progression_day=[100.0, *[np.nan] * 5], os_day=[400.0, 50.0, *[400.0] * 4])
    changed["died"] = [False, True, *[False] * 4]
    monkeypatch.setattr(virtual_recipe, "outcomes_of", lambda recipe: changed)
    assert [one.patient.last_day for one in treated_patients(recipe)] == [
        100.0,
        50.0,
        360.0,
        360.0,
        360.0,
        360.0,
    ]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[virtual]", 'scenario = "slow"\n[virtual]', "leave scenario out"),
        ("[virtual]", "[assay]\n[virtual]", "assay"),
        ('output = "il6"', 'output = "il8"', "two assays of one output: il8"),
        ("days = [0, 7, 14, 21, 28, 60, 90, 180, 270, 360]", "", "no days to measure sbcma"),
    ],
)
def test_an_impossible_recipe_is_refused_in_words(
    old: str, new: str, words: str, folder: Path, tmp_path: Path
) -> None:
    text = (folder / "recipe.toml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "recipe.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=words):
        read_recipe(tmp_path)


def test_a_parameter_that_does_not_vary_cannot_be_free(folder: Path) -> None:
    recipe = read_recipe(folder)
    virtual = recipe.virtual.model_copy(update={"free": ["killing", "memory_share", "nonsense"]})
    with pytest.raises(ConfigError, match="memory_share, nonsense"):
        population_of(recipe.model_copy(update={"virtual": virtual}))
