"""The committed simulated table is what its recipe makes, and has the shape it claims."""

from pathlib import Path

import numpy as np
import pytest

from cartsim.data.read import read_data
from cartsim.errors import CartsimError
from cartsim.study.recipe import read_recipe, simulated_table


def test_the_committed_table_is_made_by_its_recipe(project: Path) -> None:
    folder = project / "fits" / "six_patients"
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
