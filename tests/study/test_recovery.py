"""Fits of simulated patients find the values that these were made from, as far as their source.md says."""

import json
from pathlib import Path

import pandas as pd
import pytest

from cartsim.errors import CartsimError
from cartsim.study.recipe import read_recipe
from cartsim.study.recovery import COLUMNS, read_truth, recovery_table, recovery_words

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


def parameters_of(record: dict) -> pd.DataFrame:
    """The parameter table of a committed result."""
    rows = [
        {"subject": subject, "name": name, "unit": "", **found}
        for subject, patient in record["patients"].items()
        for name, found in patient["parameters"].items()
    ]
    return pd.DataFrame(rows)


def test_the_committed_recovery_is_that_of_the_committed_result(project: Path) -> None:
    folder = project / "fits" / "six_patients_mechanistic"
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    committed = pd.read_csv(folder / "recovery.csv")
    again = recovery_table(parameters_of(result), read_truth(folder))
    assert tuple(committed.columns) == COLUMNS
    same = ["subject", "name", "inside"]
    pd.testing.assert_frame_equal(committed[same], again[same], check_dtype=False)
    numbers = ["truth", "median", "lower", "upper", "contraction"]
    pd.testing.assert_frame_equal(committed[numbers], again[numbers], rtol=1e-4)


def test_every_free_parameter_of_every_patient_is_compared_with_its_truth(project: Path) -> None:
    folder = project / "fits" / "six_patients_mechanistic"
    table = pd.read_csv(folder / "recovery.csv")
    free = read_recipe(folder).virtual.free
    assert set(zip(table["subject"], table["name"], strict=True)) == {
        (f"SIM-{k}", name) for k in range(1, 7) for name in free
    }


def test_41_of_48_intervals_hold_the_truth_of_the_mechanistic_model(project: Path) -> None:
    """Where 43.2 are expected; fewer than 39 would happen in 2% of data sets (binomial, 0.9)."""
    table = pd.read_csv(project / "fits" / "six_patients_mechanistic" / "recovery.csv")
    outside = table.loc[~table["inside"], ["subject", "name"]].to_numpy().tolist()
    assert sorted(map(tuple, outside)) == [
        ("SIM-2", "killing"),
        ("SIM-3", "division"),
        ("SIM-3", "engraftment"),
        ("SIM-3", "ifng_gain"),
        ("SIM-3", "il6_gain"),
        ("SIM-4", "division"),
        ("SIM-5", "ifng_gain"),
    ]


def test_a_truth_outside_its_interval_is_said_to_be_outside() -> None:
    found = pd.DataFrame(
        {
            "subject": ["A", "A", "B", "B"],
            "name": ["cl", "v", "cl", "sigma"],
            "unit": "L",
            "median": 2.0,
            "lower": 1.0,
            "upper": 3.0,
            "contraction": 0.5,
        }
    )
    truth = pd.DataFrame({"cl": [1.0, 3.1], "v": [0.9, 2.0], "dose": 5.0}, index=["A", "B"])
    table = recovery_table(found, truth)
    assert table[["subject", "name", "truth", "inside"]].to_numpy().tolist() == [
        ["A", "cl", 1.0, True],
        ["A", "v", 0.9, False],
        ["B", "cl", 3.1, False],
    ]
    assert recovery_words(table).startswith("1 of 3 ")


def test_a_truth_without_subjects_is_refused(tmp_path: Path) -> None:
    assert read_truth(tmp_path) is None
    (tmp_path / "truth.csv").write_text("cl,v\n1,2\n", encoding="utf-8")
    with pytest.raises(CartsimError, match="needs a column subject"):
        read_truth(tmp_path)
