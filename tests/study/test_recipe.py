"""The committed simulated table is what its recipe makes, and has the shape it claims."""

from pathlib import Path

import numpy as np
import pytest

from cartsim.data.read import read_data
from cartsim.errors import CartsimError, ConfigError
from cartsim.study.recipe import patients_of, read_recipe
from cartsim.study.recipe_tables import simulated_table, truth_table


@pytest.mark.parametrize("name", ["six_patients", "theophylline_simulated"])
def test_the_committed_table_is_made_by_its_recipe(name: str, project: Path) -> None:
    folder = project / "fits" / name
    assert simulated_table(read_recipe(folder)) == (folder / "data.csv").read_text(encoding="utf-8")


def test_the_six_patients_have_the_shape_of_the_published_trial(project: Path) -> None:
    dataset = read_data(project / "fits" / "six_patients" / "data.csv")
    table = dataset.observations
    quantified = table[table["censoring"] == 0]
    peaks = quantified.loc[quantified.groupby("subject")["value"].idxmax(), "time"]
    assert 17 <= peaks.median() <= 23  # "about 20 days" on visits that are 3-7 days apart
    for day, detectable in ((28, 5), (183, 4)):
        assert len(quantified[quantified["time"] == day]) == detectable
    assert dict(dataset.limits) == {"car_transgene": 50.0}
    assert len(dataset.subjects) == 6


def test_every_row_says_that_it_is_simulated(project: Path) -> None:
    lines = (project / "fits" / "six_patients" / "data.csv").read_text().splitlines()
    assert lines[0].startswith("# SIMULATED DATA")
    assert all(line.endswith(",yes") for line in lines[3:])


def test_noise_has_the_recorded_size(project: Path) -> None:
    recipe = read_recipe(project / "fits" / "six_patients")
    twin = recipe.model_copy(update={"seed": 5})
    first, second = (np.array(values(simulated_table(item))) for item in (recipe, twin))
    both = np.isfinite(first) & np.isfinite(second)
    # Difference of two log-normal noises of sd 0.35: sd 0.495; about 50 pairs give 10% standard error.
    assert np.std(np.log(first[both] / second[both])) == pytest.approx(0.35 * 2**0.5, rel=0.35)


def values(text: str) -> list[float]:
    cells = [line.split(",")[4] for line in text.splitlines()[3:]]
    return [float(cell) if cell and not cell.startswith("<") else np.nan for cell in cells]


def test_a_folder_without_a_recipe_is_a_plain_sentence(tmp_path: Path) -> None:
    with pytest.raises(CartsimError, match=r"holds no recipe\.toml"):
        read_recipe(tmp_path)


def drawing(project: Path, **changes: object):
    """The recipe of the drawn subjects with some of its population changed."""
    recipe = read_recipe(project / "fits" / "theophylline_simulated")
    return recipe.model_copy(update={"population": recipe.population.model_copy(update=changes)})


def test_the_committed_truth_is_what_the_recipe_draws(project: Path) -> None:
    folder = project / "fits" / "theophylline_simulated"
    assert truth_table(read_recipe(folder)) == (folder / "truth.csv").read_text(encoding="utf-8")


def test_drawn_patients_have_the_typical_values_and_spreads_of_the_recipe(project: Path) -> None:
    patients = patients_of(drawing(project, subjects=4_000, doses=[320.0]))
    logs = np.log([list(patient.parameters.values()) for patient in patients])
    spreads = np.array([0.63668, 0.26242, 0.13932])
    # Four standard errors: sd / sqrt(n) of a mean, sd / sqrt(2 n) of an sd.
    assert logs.mean(axis=0) == pytest.approx([0.463, 1.01, 3.46], abs=4.0 * spreads.max() / 4_000**0.5)
    assert logs.std(axis=0) / spreads == pytest.approx(1.0, abs=4.0 / 8_000**0.5)
    assert np.abs(np.corrcoef(logs.T) - np.eye(3)).max() < 4.0 / 4_000**0.5


def test_a_parameter_without_a_spread_is_the_same_in_all(project: Path) -> None:
    patients = patients_of(drawing(project, spreads={"cl": 0.3}))
    assert len({patient.parameters["v"] for patient in patients}) == 1
    assert len({patient.parameters["cl"] for patient in patients}) == 12


def test_each_drawn_subject_gets_its_own_dose_in_the_unit_of_the_model(project: Path) -> None:
    doses = read_data(project / "fits" / "theophylline_simulated" / "data.csv").doses
    assert doses["amount"].tolist() == [240.0] * 4 + [320.0] * 4 + [400.0] * 4
    assert set(doses["unit"]) == {"mg"}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("subjects = 12 ", "subjects = 11 ", "12 doses for 11 subjects"),
        ("cl = 0.26242", "cl2 = 0.26242", "without a typical value: cl2"),
        ("[population]", "patients = []\n[populations]", "populations: unknown key"),
        ("v = 0.13932", "v = -0.1", r"population\.spreads\.v"),
    ],
)
def test_an_impossible_population_is_refused_in_words(
    old: str, new: str, words: str, project: Path, tmp_path: Path
) -> None:
    text = (project / "fits" / "theophylline_simulated" / "recipe.toml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "recipe.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=words):
        read_recipe(tmp_path)
