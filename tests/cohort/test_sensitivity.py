"""Sensitivity against functions whose answer is known."""

import numpy as np
import pytest

from cartsim.cohort.sensitivity import prcc, sobol, tornado, varying
from cartsim.errors import ModelError
from cartsim.models import load_model

STEIN = load_model("stein2019_tisagenlecleucel")
NAMES = ("tmax", "cmax", "alpha")


def score(rows: np.ndarray, name: str) -> np.ndarray:
    prior = STEIN.parameter(name).prior
    mean, sd = prior.normal_on_line
    return (prior.unconstrain(rows[:, STEIN.index(name)]) - mean) / sd


def additive(rows: np.ndarray) -> np.ndarray:
    """3 a + b, and a product a b: variances 9 and 1, and no main effect at all."""
    a, b = score(rows, "tmax"), score(rows, "cmax")
    return np.column_stack([3 * a + b, a * b])


def test_sobol_indices_of_a_sum_and_of_a_product():
    table = sobol(STEIN, additive, ("sum", "product"), names=NAMES, base=1024, seed=1)
    table = table.set_index(["outcome", "parameter"])
    assert table.loc[("sum", "tmax"), "first"] == pytest.approx(0.9, abs=0.04)
    assert table.loc[("sum", "cmax"), "total"] == pytest.approx(0.1, abs=0.02)
    assert table.loc[("sum", "alpha"), "total"] == pytest.approx(0.0, abs=1e-9)
    assert table.loc[("product", "tmax"), "first"] == pytest.approx(0.0, abs=0.06)
    assert table.loc[("product", "tmax"), "total"] == pytest.approx(1.0, abs=0.1)
    row = table.loc[("sum", "tmax")]
    assert row["first_lower"] < row["first"] < row["first_upper"]


def test_partial_rank_correlation_sees_through_a_correlated_parameter():
    """The second parameter follows the first and has no effect of its own."""
    rng = np.random.default_rng(5)
    a = rng.standard_normal(3000)
    b = 0.8 * a + 0.6 * rng.standard_normal(3000)
    c = rng.standard_normal(3000)
    y = np.exp(2 * a - c + 0.5 * rng.standard_normal(3000))
    table = prcc(
        np.column_stack([a, b, c]), y[:, None], names=("a", "b", "c"), outcome_names=("y",)
    ).set_index("parameter")
    assert np.corrcoef(b, np.log(y))[0, 1] > 0.6, "a plain correlation is fooled"
    assert table.loc["b", "lower"] < 0.05
    assert table.loc["b", "upper"] > -0.05
    assert table.loc["a", "prcc"] > 0.85
    assert table.loc["c", "prcc"] < -0.8


def test_a_tornado_takes_one_parameter_at_a_time_to_its_ends():
    table = tornado(STEIN, additive, ("sum", "product"), names=NAMES).set_index(["outcome", "parameter"])
    row = table.loc[("sum", "tmax")]
    assert (row["typical"], row["low"], row["high"]) == pytest.approx((0.0, -3 * 1.645, 3 * 1.645), abs=0.01)
    assert table.loc[("product", "tmax"), "high"] == pytest.approx(0.0, abs=1e-9)
    assert row["low_value"] < STEIN.parameter("tmax").value < row["high_value"]


def test_outcomes_that_are_not_finite_are_not_hidden():
    def failing(rows):
        values = additive(rows)
        values[3] = np.nan
        return values

    with pytest.raises(ModelError, match=r"1 of 5120 patients are not finite|rows \[3\]"):
        sobol(STEIN, failing, ("sum", "product"), names=NAMES, base=1024, seed=1)
    with pytest.raises(ModelError, match="do not vary"):
        prcc(np.ones((30, 1)), np.arange(30.0)[:, None], names=("a",), outcome_names=("y",))


def test_what_varies_is_what_the_model_does_not_fix():
    assert "tmax" in varying(STEIN)
    assert all(not STEIN.parameter(name).fixed for name in varying(STEIN))
