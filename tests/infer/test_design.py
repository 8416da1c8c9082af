"""Sampling schedules: against brute force, against a known answer, and what is refused."""

from itertools import combinations

import numpy as np
import pytest

from cartsim.errors import FitError
from cartsim.infer.design import SampledAssay, best_schedule, information_of_days, next_sample
from cartsim.kernels.methods import Rodas5P
from cartsim.models import load_model

STEIN = load_model("stein2019_tisagenlecleucel")
NAMES = ("cmax", "alpha", "beta", "fb")
DAYS = np.array([3.0, 7.0, 10.0, 14.0, 21.0, 28.0, 60.0, 120.0, 240.0, 365.0])
ASSAY = SampledAssay("car_transgene", 0.35)


@pytest.fixture(scope="module")
def information():
    rows = np.array([STEIN.values, STEIN.vector(tmax=14.0, alpha=0.25)])
    return information_of_days(STEIN, rows, DAYS, names=NAMES, assays=[ASSAY], method=Rodas5P(rtol=1e-8))


def test_slopes_give_the_information_of_a_finite_difference(information):
    from cartsim.solve.batch import batch

    def log_curve(**values):
        rows = STEIN.vector(**values)[None]
        return np.log(batch(STEIN, rows, DAYS, method=Rodas5P(rtol=1e-10)).outputs[:, 0])

    base = {name: STEIN.vector()[STEIN.index(name)] for name in NAMES}
    slopes = []
    for name in NAMES:
        prior = STEIN.parameter(name).prior
        ends = [float(prior.constrain(prior.unconstrain(base[name]) + d)) for d in (1e-4, -1e-4)]
        slopes.append((log_curve(**{name: ends[0]}) - log_curve(**{name: ends[1]})) / 2e-4)
    slopes = np.array(slopes).T / ASSAY.log_sd
    assert np.allclose(
        information.samples[0, 0], slopes[:, :, None] * slopes[:, None, :], rtol=2e-3, atol=1e-4
    )


def test_the_schedule_is_the_best_of_all(information):
    found = best_schedule(information, {"car_transgene": 3})
    best = max(combinations(DAYS, 3), key=lambda days: information.worth({"car_transgene": days}))
    assert found["car_transgene"] == list(best)


def test_days_that_are_kept_stay_and_more_samples_are_worth_more(information):
    found = best_schedule(information, {"car_transgene": 2}, keep={"car_transgene": [3.0]})
    assert 3.0 in found["car_transgene"]
    assert len(found["car_transgene"]) == 3
    worth = [information.worth(best_schedule(information, {"car_transgene": k})) for k in range(1, 6)]
    assert np.all(np.diff(worth) > 0)


def test_the_next_sample_is_the_one_that_adds_most(information):
    now = {"car_transgene": [7.0, 10.0, 14.0]}
    table = next_sample(information, now)
    assert not set(table["day"]) & {7.0, 10.0, 14.0}
    for _, row in table.iterrows():
        more = {"car_transgene": [7.0, 10.0, 14.0, row["day"]]}
        assert row["gain"] == pytest.approx(information.worth(more) - information.worth(now))
    assert table["day"][0] > 14.0, "early samples say little of contraction and persistence"


def test_what_lies_below_the_limit_tells_nothing_and_contraction_says_so():
    blind = SampledAssay("car_transgene", 0.35, lloq=1e9)
    found = information_of_days(
        STEIN, STEIN.values, DAYS, names=NAMES, assays=[blind], method=Rodas5P(rtol=1e-8)
    )
    assert np.allclose(found.contraction({"car_transgene": DAYS})["contraction"], 0.0)


def test_wrong_schedules_are_named(information):
    with pytest.raises(FitError, match="cannot be made for"):
        best_schedule(information, {"il6": 2})
    with pytest.raises(FitError, match="no candidate day"):
        information.worth({"car_transgene": [5.0]})
    with pytest.raises(FitError, match="no such output"):
        information_of_days(STEIN, STEIN.values, DAYS, names=NAMES, assays=[SampledAssay("il6", 0.3)])
    with pytest.raises(FitError, match="log_sd > 0"):
        SampledAssay("car_transgene", 0.0)
