"""Leave-one-out of a normal mean, which is known exactly, and the flag of a sample too influential."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from cartsim.errors import FitError
from cartsim.infer.leave_one_out import leave_one_out, leave_one_out_totals
from cartsim.spec.priors import Normal
from tests.infer.known_posterior import Known, Samples


def normal_mean(values):
    """y ~ N(a, 1) under a flat enough prior, with draws of its posterior."""
    y = np.asarray(values)
    count = len(y)
    arrays = Samples(
        output=np.zeros(count, dtype=np.int64), time=np.arange(count, dtype=float),
        censoring=np.zeros(count, dtype=np.int64),
    )  # fmt: skip
    problem = Known(
        lambda u: norm.logpdf(y, u[:, :1]).sum(axis=1), (Normal(0.0, 1e3),),
        lambda v: norm.logpdf(y, v[:, :1]), arrays,
    )  # fmt: skip
    draws = y.mean() + np.random.default_rng(3).standard_normal((4_000, 1)) / np.sqrt(count)
    return problem, draws


def test_loo_and_waic_of_a_normal_mean_agree_with_the_closed_form():
    y = np.random.default_rng(5).standard_normal(30)
    problem, draws = normal_mean(y)
    table = leave_one_out(problem, draws)
    rest = (y.sum() - y) / 29
    exact = norm.logpdf(y, rest, np.sqrt(1.0 + 1.0 / 29))
    assert table["elpd_loo"].to_numpy() == pytest.approx(exact, abs=0.02)
    assert table["elpd_waic"].to_numpy() == pytest.approx(exact, abs=0.03)
    assert not table["high_k"].any()
    totals = leave_one_out_totals(table).iloc[0]
    assert totals["elpd_loo"] == pytest.approx(exact.sum(), abs=0.1)
    assert totals["se_loo"] == pytest.approx(np.sqrt(30) * exact.std(), rel=0.02)


def test_a_sample_that_sways_the_fit_is_flagged():
    problem, draws = normal_mean([0.0, 0.1, -0.2, 12.0])
    table = leave_one_out(problem, draws)
    assert table["high_k"].iloc[3]
    assert leave_one_out_totals(table).loc[0, "high_k"] >= 1


def test_a_sample_without_a_say_is_not_flagged_whatever_its_tail():
    problem, draws = normal_mean([0.0, 0.1, -0.2, 12.0])
    faint = replace(problem, each=lambda v: 1e-4 * problem.each(v))
    assert not leave_one_out(faint, draws)["high_k"].any()


def test_too_few_draws_are_refused():
    problem, draws = normal_mean([0.0, 1.0])
    with pytest.raises(FitError, match="too few draws"):
        leave_one_out(problem, draws[:50])
