"""Shrinkage against its closed form in the normal model; associations against scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr

from cartsim.errors import FitError
from cartsim.infer.shrinkage import eta_covariates, eta_table, shrinkage_table


@pytest.fixture(scope="module")
def etas():
    """2000 patients of y = eta + error: the posterior mean is y w² / (w² + s²)."""
    rng = np.random.default_rng(1)
    omega, error = np.array([1.0, 0.5]), np.array([0.2, 0.5])
    eta = omega * rng.standard_normal((2000, 2))
    share = omega**2 / (omega**2 + error**2)
    mean = share * (eta + error * rng.standard_normal(eta.shape))
    draws = mean + np.sqrt(share) * error * rng.standard_normal((200, 2000, 2))
    return draws, np.tile(omega, (200, 1)), share


def test_shrinkage_is_that_of_the_normal_model(etas):
    draws, omega, share = etas
    table = shrinkage_table(draws, omega, ["cmax", "beta"])
    np.testing.assert_allclose(table["shrinkage"], 1.0 - np.sqrt(share), atol=0.02)
    np.testing.assert_allclose(table["shrinkage_variance"], 1.0 - share, atol=0.03)
    table = shrinkage_table(draws, 2.0 * omega, ["cmax", "beta"])
    assert table["high"].all()


def test_associations_are_scipys_and_missing_covariates_are_left_out():
    rng = np.random.default_rng(2)
    names = [f"P{k}" for k in range(40)]
    age = rng.normal(60.0, 8.0, 40)
    eta = 0.05 * (age - 60.0) + 0.2 * rng.standard_normal(40)
    draws = eta[None, :, None] + 0.0 * rng.standard_normal((10, 40, 1))
    group = np.where(eta > np.median(eta), "high", "low")
    covariates = pd.DataFrame({"subject": names, "age": age, "burden": group})
    covariates.loc[0, "age"] = np.nan
    found = eta_covariates(eta_table(draws, ["cmax"], names), covariates).set_index("covariate")
    expected = pearsonr(eta[1:], age[1:])
    assert found.loc["age", "count"] == 39
    assert found.loc["age", "estimate"] == pytest.approx(expected.statistic)
    assert found.loc["age", "lower"] == pytest.approx(expected.confidence_interval(0.95).low)
    assert found.loc["burden", "kind"] == "category"
    assert found.loc["burden", "p"] < 1e-5
    assert "high: +" in found.loc["burden", "groups"]
    between = sum((group == g).sum() * (eta[group == g].mean() - eta.mean()) ** 2 for g in ("high", "low"))
    assert found.loc["burden", "estimate"] == pytest.approx(between / ((eta - eta.mean()) ** 2).sum())


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(FitError, match="fit"):
        shrinkage_table(np.zeros((5, 4, 2)), np.ones((4, 2)), ["a", "b"])
