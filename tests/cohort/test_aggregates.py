"""Published numbers as evidence on a population: closed forms of the likelihood, a known population found."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, norm

from cartsim.cohort.aggregates import Aggregate, Weighed, prior_draws, weigh
from cartsim.cohort.hyper_draws import HyperDraws
from cartsim.cohort.outcomes import outcome_table
from cartsim.cohort.products import TrialPopulation, read_products
from cartsim.errors import ModelError
from cartsim.models import load_model
from cartsim.spec.priors import HalfNormal, LogNormal

MODEL = load_model("bcma_myeloma")
N = 200_000  # simulated patients: their own noise is then small


def simulated(share: float) -> pd.DataFrame:
    """Patients of whom a share has CRS, with log-normal peaks and exponential deaths."""
    rng = np.random.default_rng(1)
    crs = np.arange(N) < round(share * N)
    day = np.minimum(rng.exponential(500.0, N), 400.0)
    return pd.DataFrame(
        {
            "status": 0,
            "crs": crs,
            "cmax_pcr": np.exp(10.0 + 0.8 * rng.standard_normal(N)),
            "os_day": day,
            "os_event": day < 400.0,
        }
    )


def test_a_count_is_binomial_where_the_simulation_is_large():
    item = Aggregate("crs", 15, 20)
    log, own = item.log_likelihood(simulated(0.6))
    assert own == pytest.approx(0.6)
    assert log == pytest.approx(binom.logpmf(15, 20, 0.6), abs=1e-3)


def test_a_median_has_the_error_of_a_sample_of_that_size():
    near, far = (Aggregate("cmax_pcr", float(np.exp(10.0 + off)), 50) for off in (0.0, 0.3))
    table = simulated(0.5)
    sd = 0.8 * np.sqrt(np.pi / 2.0 / 50)
    wanted = norm.logpdf(0.0, scale=sd) - norm.logpdf(0.3, scale=sd)
    assert near.log_likelihood(table)[0] - far.log_likelihood(table)[0] == pytest.approx(wanted, rel=0.03)


def test_a_survival_point_is_read_at_its_month():
    item = Aggregate("os", 0.5, 100, month=6)
    log, own = item.log_likelihood(simulated(0.5))
    assert own == pytest.approx(np.exp(-6 * 365 / 12 / 500.0), abs=0.005)
    other, _ = replace(item, value=own).log_likelihood(simulated(0.5))
    assert other - log == pytest.approx(0.5 * (own - 0.5) ** 2 / (own * (1 - own) / 100), rel=0.02)


def test_impossible_numbers_are_refused_at_once():
    with pytest.raises(ModelError, match="count from 0 to 6") as error:
        Aggregate("orr", 7, 6, sd=-1.0)
    assert "sd" in str(error.value)
    for wrong in (("nothing", 1, 6), ("pfs", 0.5, 6), ("tmax_pcr", -1.0, 6)):
        with pytest.raises(ModelError):
            Aggregate(*wrong)
    with pytest.raises(ModelError, match="same parameters"):
        prior_draws(MODEL, {"killing": LogNormal(median=1.0, log_sd=1.0)}, {}, 8, 1)


def test_draws_are_resampled_in_the_proportion_of_their_weights():
    draws = HyperDraws(("killing",), np.array([[1.0], [2.0], [3.0]]), np.full((3, 1), 0.1))
    weights = np.array([0.5, 0.3, 0.2])
    values = np.array([[3.0], [1.0], [2.0]])
    published = (Aggregate("cmax_pcr", 2.5, 10),)
    found = Weighed(draws, np.log(weights), weights, 1 / np.sum(weights**2), 0.1, values, published, 0)
    assert np.unique(found.resampled(1000, 5).typical, return_counts=True)[1].tolist() == [500, 300, 200]
    row = found.table().iloc[0]
    assert row["before"] == 2.0
    assert (row["low"], row["after"], row["high"]) == (1.0, 2.0, 3.0), "0.3 at 1, 0.2 at 2, 0.5 at 3"
    assert not found.trusted, "3 effective draws are too few"


@pytest.mark.slow  # 256 populations of the flagship
def test_published_numbers_of_a_known_population_find_it_again():
    population = TrialPopulation(MODEL, "fast", read_products(), 11)
    truth = HyperDraws(("killing",), np.array([[0.45]]), np.array([[0.6]]))
    real = outcome_table(replace(population, hyper=truth, seed=99), 400)
    hits = int((real["best_response"].astype(int) >= 3).sum())
    published = [Aggregate("orr", hits, 400)]
    prior = prior_draws(
        MODEL, {"killing": LogNormal(median=0.87, log_sd=0.6)}, {"killing": HalfNormal(sd=0.6)}, 128, 3
    )
    found = weigh(population, prior, published, patients=256)
    typical = found.draws.typical[:, 0]
    low, middle, high = np.quantile(typical, (0.05, 0.5, 0.95), weights=found.weights, method="inverted_cdf")
    assert found.trusted
    assert low < 0.45 < high
    assert high / low < 0.6 * np.exp(2 * 1.645 * 0.6), "narrower than the prior"
    assert abs(np.log(middle / 0.45)) < abs(np.log(0.87 / 0.45)), "nearer than the prior's median"
    table = found.table().iloc[0]
    assert abs(table["after"] - hits / 400) < abs(table["before"] - hits / 400)
