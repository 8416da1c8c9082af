"""The predictive check keeps censored values by rank, corrects limits with values and sees a wrong model."""

import numpy as np
import pytest

from cartsim.errors import FitError
from cartsim.infer.time_bins import automatic_bins, bin_of, nominal_bins
from cartsim.infer.vpc import ranked, vpc
from tests.infer import stein_population as stein


@pytest.fixture(scope="module")
def table():
    return stein.observed(np.random.default_rng(5))


@pytest.fixture(scope="module")
def replicates(table):
    return stein.simulated(np.random.default_rng(6), table)


@pytest.fixture(scope="module")
def prediction(table):
    return stein.stein(stein.MEDIAN[None], table["time"].to_numpy())[0]


def inside(found):
    """Share of numeric observed percentiles within their simulated band."""
    rows = found.percentiles
    return (
        (rows["observed"] >= rows["simulated_lower"]) & (rows["observed"] <= rows["simulated_upper"])
    ).mean()


def test_without_censoring_percentiles_are_numpys():
    values = np.random.default_rng(1).lognormal(size=(7, 41))
    for percentile in (5.0, 50.0, 95.0):
        np.testing.assert_allclose(ranked(values, percentile), np.percentile(values, percentile, axis=-1))


def test_censored_values_keep_their_rank_and_are_not_dropped():
    values = np.array([-np.inf] * 4 + [60.0, 70.0, 80.0, 90.0, 100.0, 110.0, 120.0])
    assert ranked(values, 5.0) == -np.inf
    assert ranked(values, 50.0) == 70.0, "dropping the four would give 90"


def test_the_right_model_lies_in_its_bands(table, replicates, prediction):
    for how in (None, prediction):
        found = vpc(table, replicates, prediction=how)
        assert inside(found) > 0.8
        rows = found.censored
        assert (rows["observed"].between(rows["simulated_lower"], rows["simulated_upper"])).mean() > 0.8


def test_a_wrong_model_leaves_its_bands(table):
    wrong = stein.MEDIAN * np.array([1.0, 1.0, 1.0, 2.5, 1.0, 1.0])
    found = vpc(table, stein.simulated(np.random.default_rng(7), table, median=wrong))
    late = found.percentiles.query("time == 21 and percentile == 50").iloc[0]
    assert np.isfinite(late["observed"])
    assert late["observed"] > late["simulated_upper"]
    assert late["simulated_upper"] >= late["simulated_lower"]


def test_percentiles_below_the_limit_are_no_numbers(table, replicates):
    found = vpc(table, replicates)
    columns = ["observed", "simulated_lower", "simulated_median", "simulated_upper"]
    values = found.percentiles[columns].to_numpy()
    assert (values == -np.inf).any()
    assert values[np.isfinite(values)].min() >= stein.LLOQ


def test_the_share_below_the_limit_is_counted_and_prediction_correction_leaves_it(
    table, replicates, prediction
):
    plain, corrected = vpc(table, replicates), vpc(table, replicates, prediction=prediction)
    first = plain.censored[plain.censored["bin"] == 0].iloc[0]
    day = table["time"] == table["time"].min()
    assert first["observed"] == pytest.approx(100.0 * (table.loc[day, "censoring"] == 1).mean())
    assert first["simulated_median"] == pytest.approx(
        np.median(100.0 * (replicates[:, day.to_numpy()] < stein.LLOQ).mean(axis=1)), abs=1e-9
    )
    np.testing.assert_array_equal(plain.censored["observed"], corrected.censored["observed"])
    np.testing.assert_array_equal(plain.censored["simulated_upper"], corrected.censored["simulated_upper"])


def test_values_and_limits_are_corrected_alike(table, replicates, prediction):
    edges = np.array([0.0, 10.0, 100.0, 366.0])
    found = vpc(table, replicates, prediction=prediction, bins=edges)
    rows = bin_of(table["time"].to_numpy(), edges) == 1
    factor = np.median(prediction[rows]) / prediction[rows]
    points = found.points[found.points["bin"] == 1]
    np.testing.assert_allclose(points["value"], table["value"].to_numpy()[rows] * factor)
    np.testing.assert_allclose(points["limit"], stein.LLOQ * factor)
    assert found.bins.loc[1, "limit"] == pytest.approx(stein.LLOQ * factor.max())
    observed = found.percentiles.query("bin == 1")["observed"]
    assert (np.isinf(observed) | (observed >= stein.LLOQ * factor.max())).all()


def test_values_above_a_limit_have_their_own_share(table, replicates):
    high = 40_000.0
    above = table["value"] > high
    capped = table.assign(
        uloq=high,
        value=table["value"].where(~above),
        censoring=table["censoring"].where(~above, 2),
        lower=table["lower"].where(~above, high),
        upper=table["upper"].where(~above, np.inf),
    )
    found = vpc(capped, replicates)
    shares = found.censored[found.censored["side"] == "above"]
    assert shares["observed"].max() > 10.0
    assert inside(found) > 0.8


def test_strata_are_checked_apart(table, replicates):
    product = np.where(table["subject"] < "SIM-21", "A", "B")
    found = vpc(table.assign(stratum=product), replicates)
    assert set(found.percentiles["stratum"]) == {"A", "B"}
    assert found.bins.groupby("stratum")["count"].sum().tolist() == [(product == s).sum() for s in "AB"]


def test_few_nominal_days_are_bins_and_thin_ones_join():
    days = np.repeat([1.0, 3.0, 7.0, 14.0], [20, 20, 2, 20])
    edges = automatic_bins(days, least=8)
    counts = np.bincount(bin_of(days, edges))
    assert counts.tolist() == [20, 22, 20]
    np.testing.assert_allclose(nominal_bins([7, 1, 3])[1:-1], [2.0, 5.0])


def test_irregular_times_are_grouped_with_enough_samples_each():
    time = np.random.default_rng(2).exponential(40.0, 400)
    edges = automatic_bins(time)
    counts = np.bincount(bin_of(time, edges), minlength=len(edges) - 1)
    assert 6 <= len(counts) <= 14
    assert counts.min() >= 8


def test_what_does_not_fit_is_refused(table, replicates, prediction):
    with pytest.raises(FitError, match="do not fit"):
        vpc(table, replicates[:, 1:])
    with pytest.raises(FitError, match="lacks columns"):
        vpc(table.drop(columns="lloq"), replicates)
    with pytest.raises(FitError, match="positive"):
        vpc(table, replicates, prediction=np.zeros(len(table)))
    with pytest.raises(FitError, match="bins"):
        vpc(table, replicates, bins=np.array([0.0, 10.0]))
