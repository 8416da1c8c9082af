"""Prediction errors are standard normal for the right model, BLQ included, and not for a wrong one."""

import numpy as np
import pytest
from scipy.stats import kstest

from cartsim.errors import FitError
from cartsim.infer.npde import npde
from tests.infer import stein_population as stein


@pytest.fixture(scope="module")
def table():
    return stein.observed(np.random.default_rng(8), patients=150)


@pytest.fixture(scope="module")
def right(table):
    return npde(table, stein.simulated(np.random.default_rng(9), table, 500), np.random.default_rng(10))


def test_the_right_model_gives_standard_normal_errors(right, table):
    assert (table["censoring"] == 1).mean() > 0.1, "the check must see values below the limit"
    assert kstest(right.table["npde"], "norm").pvalue > 0.01
    row = right.tests.set_index("measure").loc["npde"]
    assert row["p_global"] > 0.05
    assert row["mean"] == pytest.approx(0.0, abs=3.0 / np.sqrt(len(table)))
    assert row["variance"] == pytest.approx(1.0, abs=0.1)


def test_errors_of_a_patient_are_freed_of_their_correlation(right):
    wide = {m: right.table.pivot_table(index="subject", columns="time", values=m) for m in ("npd", "npde")}
    early = slice(1.0, 60.0)
    size = {m: w.loc[:, early].corr() for m, w in wide.items()}
    off = {m: np.abs(c.to_numpy()[~np.eye(len(c), dtype=bool)]).mean() for m, c in size.items()}
    assert off["npd"] > 0.3
    assert off["npde"] < 0.1


def test_values_below_the_limit_are_spread_below_its_share(right, table):
    from scipy.stats import norm

    below = (stein.simulated(np.random.default_rng(9), table, 500) < stein.LLOQ).mean(axis=0)
    share, low = norm.cdf(right.table["npd"]), table["censoring"] == 1
    assert (share[low] <= below[low] + 1e-9).all()
    assert (share[~low] >= below[~low] - 0.01).all()
    assert kstest(share[low] / below[low], "uniform").pvalue > 0.001


@pytest.mark.parametrize("factor", [1.5, 1 / 1.5])
def test_a_wrong_peak_is_seen(table, factor):
    wrong = stein.MEDIAN * np.array([factor, 1, 1, 1, 1, 1])
    found = npde(
        table,
        stein.simulated(np.random.default_rng(9), table, 500, median=wrong),
        np.random.default_rng(10),
    )
    assert found.tests.set_index("measure").loc["npde", "p_global"] < 0.01
    assert np.sign(found.table["npd"].mean()) == np.sign(1.0 - factor)


def test_the_false_alarm_rate_is_the_nominal_one():
    """One sample a patient, 200 repetitions: the mean test rejects about one in twenty."""
    import pandas as pd

    rng, rejected = np.random.default_rng(11), 0
    base = pd.DataFrame({"subject": np.arange(30), "time": 1.0, "output": "y", "lloq": -0.5})
    for _ in range(200):
        y = rng.standard_normal(30)
        low = y < -0.5
        table = base.assign(
            value=np.where(low, np.nan, y),
            censoring=low.astype(int),
            lower=-np.inf,
            upper=np.where(low, -0.5, y),
        )
        found = npde(table, rng.standard_normal((200, 30)), rng)
        rejected += found.tests["p_mean"].iloc[0] < 0.05
    assert 1 <= rejected <= 22  # binomial(200, 0.05): 10 with sd 3.1


def test_too_few_replicates_are_refused(table):
    with pytest.raises(FitError, match="replicates"):
        npde(table, np.ones((50, len(table))), np.random.default_rng(0))
