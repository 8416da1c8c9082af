"""The prior predictive check and residual shrinkage on a patient with a known curve."""

import numpy as np
import pandas as pd
import pytest

from cartsim.infer.predictive_check import prior_predictive
from cartsim.infer.residuals import iwres_table, shrinkage_table, with_normal_scores
from tests.infer import small_fit

NAMES = ("foldx", "tmax", "cmax")


def constant(level=None):
    """A curve that is cmax at all times; patients with cmax below `level` cannot be solved."""

    def solve(parameters, times):
        cmax = parameters[:, small_fit.patient_problem().model.index("cmax")]
        failed = np.zeros(len(cmax), dtype=bool) if level is None else cmax < level
        return np.repeat(cmax[:, None, None], len(times), axis=1), failed

    return small_fit.patient_problem(solve=solve)


def test_bands_are_the_quantiles_of_prior_and_residual_together():
    problem = constant()
    check = prior_predictive(problem, np.random.default_rng(1), limits={"car_transgene": 50.0}, count=20_000)
    rng = np.random.default_rng(2)
    cmax = problem.priors[problem.names.index("cmax")].sample(rng, 200_000)
    sigma = problem.priors[-1].sample(rng, 200_000)
    expected = np.quantile(cmax * np.exp(sigma * rng.standard_normal(200_000)), [0.05, 0.5, 0.95])
    for row in check.bands[["lower", "median", "upper"]].to_numpy():
        assert np.log(row) == pytest.approx(np.log(expected), abs=0.06)
    below = np.mean(cmax * np.exp(sigma * rng.standard_normal(200_000)) < 50.0)
    counted = check.counts.iloc[0]
    assert counted["blq_expected"] == pytest.approx(below, abs=0.005)
    assert counted["blq_observed"] == np.mean(problem.arrays.censoring == 1)
    assert counted["failed"] == 0


def test_solves_that_fail_are_counted_and_left_out():
    problem = constant(level=1e4)
    prior = problem.priors[problem.names.index("cmax")]
    check = prior_predictive(problem, np.random.default_rng(1), limits={}, count=4_000)
    expected = np.mean(prior.sample(np.random.default_rng(9), 100_000) < 1e4)
    assert check.counts.loc[0, "failed"] / 4_000 == pytest.approx(expected, abs=0.03)
    assert np.isnan(check.counts.loc[0, "blq_expected"])
    assert (check.bands["median"] > 1e4).all()


def test_residuals_leave_censored_samples_out_and_count_them():
    problem = small_fit.patient_problem()
    values = np.tile([*problem.model.values[:6], 0.4], (3, 1))
    table = iwres_table(problem, values)
    censored = problem.arrays.censoring != 0
    assert censored.any()
    assert np.isnan(table["iwres"].to_numpy()[censored]).all()
    truth = problem.predict(values[:1], problem.arrays.time)[0, :, 0]
    expected = np.log(problem.arrays.value / truth) / 0.4
    assert table["iwres"].to_numpy()[~censored] == pytest.approx(expected[~censored])
    counted = shrinkage_table(table).iloc[0]
    assert (counted["samples"], counted["censored"]) == ((~censored).sum(), censored.sum())
    assert counted["shrinkage"] == pytest.approx(1.0 - expected[~censored].std(ddof=1))


def test_normal_scores_of_normal_residuals_are_themselves():
    even = np.random.default_rng(4).standard_normal(500)
    table = pd.DataFrame({"subject": "x", "output": "y", "iwres": even})
    scored = with_normal_scores(table)
    assert np.corrcoef(scored["normal_score"], even)[0, 1] > 0.99
    assert scored["normal_score"].std() == pytest.approx(1.0, abs=0.02)
