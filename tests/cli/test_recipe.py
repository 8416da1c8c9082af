"""`cartsim recipe` writes the table beside its recipe, and the truth where patients were drawn."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cartsim.cli.app import app


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("six_patients", {"data.csv"}),
        # models that few fast tests compile in this way
        pytest.param("theophylline_simulated", {"data.csv", "truth.csv"}, marks=pytest.mark.slow),
        pytest.param(
            "six_patients_mechanistic", {"data.csv", "truth.csv", "outcomes.csv"}, marks=pytest.mark.slow
        ),
    ],
)
def test_the_files_of_a_recipe_are_written_to_the_same_bytes(name, written, project: Path, tmp_path: Path):
    shutil.copy(project / "fits" / name / "recipe.toml", tmp_path)
    answer = CliRunner().invoke(app, ["recipe", str(tmp_path)])
    assert answer.exit_code == 0
    assert "SIMULATED" in answer.stdout
    assert {path.name for path in tmp_path.iterdir()} == written | {"recipe.toml"}
    for file in written:
        assert (tmp_path / file).read_bytes() == (project / "fits" / name / file).read_bytes()
