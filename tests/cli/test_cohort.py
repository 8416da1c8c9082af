"""`cartsim cohort` from the shell: written in chunks, counted, and refused where it cannot be."""

import pandas as pd
import pytest
from typer.testing import CliRunner

from cartsim.cli.app import app
from cartsim.errors import ModelError

pytest.importorskip("pyarrow")


def test_a_cohort_is_written_and_counted(tmp_path):
    out = tmp_path / "cohort"
    words = ["cohort", "fast", "--patients", "60", "--chunk", "25", "--workers", "1", "--out", str(out)]
    answer = CliRunner().invoke(app, words)
    assert answer.exit_code == 0, answer.output
    assert len(list(out.glob("outcomes-*.parquet"))) == 3
    rates = pd.read_csv(out / "rates.csv").set_index("endpoint")
    assert rates.loc["response", "patients"] == 60
    assert "response: " in answer.output
    assert "solve failed: 0 of 60" in answer.output


def test_a_product_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(ModelError, match="no such product"):
        CliRunner().invoke(app, ["cohort", "faster", "--out", str(tmp_path / "x")], catch_exceptions=False)
