"""`cartsim simulate` and `cartsim models` from the shell."""

import pandas as pd
import pytest
from typer.testing import CliRunner

from cartsim.cli.app import app

STEIN = "stein2019_tisagenlecleucel"


def run(*words: str) -> str:
    answer = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert answer.exit_code == 0, answer.output
    return answer.output


def test_the_peak_of_a_changed_parameter_is_printed() -> None:
    text = run("simulate", STEIN, "--set", "cmax=50000", "--set", "tmax=14", "--until", "100")
    assert "peak 5e+04 on day 14" in text


def test_the_table_and_the_figure_are_written(tmp_path) -> None:
    csv, figure = tmp_path / "out.csv", tmp_path / "out.png"
    run("simulate", STEIN, "--until", "28", "--every", "1", "--csv", str(csv), "--plot", str(figure))
    table = pd.read_csv(csv)
    assert len(table) == 29
    # Published check of the model at day 28 (reference sheet of the published models).
    assert table.loc[28, "car_transgene"] == pytest.approx(1373.56, rel=1e-4)
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_all_models_are_listed() -> None:
    assert "stein2019" in run("models")


def test_one_model_shows_its_parameters_with_units_and_sources() -> None:
    text = run("models", STEIN)
    for word in ("tmax", "copies/ug", "log-normal", "Stein"):
        assert word in text
