"""The committed fit of simulated theophylline finds the values it was made from, as its source.md says."""

import json
from pathlib import Path

import pandas as pd
import pytest

from cartsim.study.recipe import read_recipe

FOLDER = "theophylline_simulated"


@pytest.fixture
def record(project: Path) -> dict:
    return json.loads((project / "fits" / FOLDER / "result.json").read_text(encoding="utf-8"))


def test_the_true_population_lies_inside_except_the_spread_of_clearance(record: dict, project: Path) -> None:
    """Of seven 90% intervals six hold the truth; five or fewer would happen in 15% of data sets."""
    recipe = read_recipe(project / "fits" / FOLDER)
    truth = recipe.population.typical | {f"omega_{k}": v for k, v in recipe.population.spreads.items()}
    truth |= {"sigma_theophylline": 0.694}
    found = record["patients"]["population"]["parameters"]
    assert set(found) == set(truth)
    outside = [name for name, value in truth.items() if not lies_inside(found[name], value)]
    assert outside == ["omega_cl"]


def test_nine_in_ten_individual_parameters_lie_inside_their_interval(record: dict, project: Path) -> None:
    """35 of 36, where at least 28 are expected in 99% of data sets (binomial, 0.9)."""
    truth = pd.read_csv(project / "fits" / FOLDER / "truth.csv", comment="#").set_index("subject")
    inside = sum(
        lies_inside(record["patients"][subject]["parameters"][name], truth.loc[subject, name])
        for subject in truth.index
        for name in ("ka", "cl", "v")
    )
    assert inside == 35


def lies_inside(found: dict, value: float) -> bool:
    return found["lower"] <= value <= found["upper"]
