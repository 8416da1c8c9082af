"""The population table: CV of log-normal parameters, SD of logit ones, RSE, intervals."""

import numpy as np
import pytest

from cartsim.errors import FitError
from cartsim.infer.population_table import coefficient_of_variation, population_table


def test_the_cv_is_that_of_log_normal_draws():
    draws = np.exp(0.6 * np.random.default_rng(1).standard_normal(1_000_000))
    assert coefficient_of_variation(0.6) == pytest.approx(100.0 * draws.std() / draws.mean(), rel=0.01)


def test_rows_give_typical_value_error_and_variability():
    rng = np.random.default_rng(2)
    typical = np.array([10.0, 0.1]) * (1.0 + 0.05 * rng.standard_normal((20_000, 2)))
    omega = np.tile([0.6, 0.9], (20_000, 1))
    table = population_table(
        typical, omega, ["tmax", "fb"], log_normal=[True, False], units=["day", "1"], shrinkage=[0.1, 0.4]
    ).set_index("name")
    assert table.loc["tmax", "typical"] == pytest.approx(10.0, rel=0.002)
    assert table.loc["tmax", "rse"] == pytest.approx(5.0, rel=0.03)
    assert table.loc["tmax", "upper"] == pytest.approx(10.0 * (1 + 1.645 * 0.05), rel=0.003)
    assert table.loc["tmax", "iiv"] == pytest.approx(100.0 * np.sqrt(np.exp(0.36) - 1.0))
    assert table.loc["fb", "iiv"] == pytest.approx(0.9)
    assert table["iiv_kind"].tolist() == ["CV %", "SD, logit scale"]
    assert table["shrinkage"].tolist() == pytest.approx([10.0, 40.0])


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(FitError, match="do not fit"):
        population_table(np.ones((5, 2)), np.ones((4, 2)), ["a", "b"], log_normal=[True, True])
