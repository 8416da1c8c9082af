"""Dropout, accrual and the data cut against closed forms, on outcomes that are made up."""

import numpy as np
import pandas as pd
import pytest

from cartsim.cohort.products import TrialPopulation, read_products
from cartsim.cohort.trial import TrialDesign
from cartsim.cohort.trial_follow_up import FollowUp, as_followed, log_rank_table, survival_table
from cartsim.errors import ModelError
from cartsim.models import load_model

ARM = TrialPopulation(load_model("bcma_myeloma"), "local", read_products(), 7)
MANY = 20_000
DESIGN = TrialDesign({"first": ARM, "second": ARM}, 40, 500, MANY)


def exponential(hazard: float, seed: int) -> pd.DataFrame:
    """Patients who progress and die at a constant hazard a day, seen for two years."""
    time = np.random.default_rng(seed).exponential(1.0 / hazard, MANY)
    columns = {f"{kind}_day": np.minimum(time, 730.0) for kind in ("pfs", "os")}
    columns |= {f"{kind}_event": time < 730.0 for kind in ("pfs", "os")}
    return pd.DataFrame({"status": 0, **columns})


OUTCOMES = {"first": exponential(1 / 300, 1), "second": exponential(1 / 700, 2)}


def last_days(follow_up: FollowUp, patients: int = 40) -> np.ndarray:
    return follow_up.last_day(ARM.uniform(302, 0, MANY, 2), patients)


def test_the_share_that_drops_out_within_a_year_is_the_one_asked_for():
    found = last_days(FollowUp(dropout_per_year=0.2))
    assert (found <= 365.0).mean() == pytest.approx(0.2, abs=0.012)
    assert (found <= 730.0).mean() == pytest.approx(1 - 0.8**2, abs=0.014)


def test_uniform_accrual_gives_uniform_follow_up_to_the_data_cut():
    """40 patients at 4 a month take 10 months; a cut at 18 months leaves 8 to 18 months."""
    months = last_days(FollowUp(accrual_per_month=4, data_cut_months=18)) / (365.0 / 12.0)
    assert months.min() >= 8.0
    assert months.max() <= 18.0
    for share in (0.1, 0.5, 0.9):
        assert np.quantile(months, share) == pytest.approx(8.0 + 10.0 * share, abs=0.15)


@pytest.mark.slow  # a second
def test_dropout_thins_those_at_risk_and_leaves_survival_as_it_is():
    followed = as_followed(DESIGN, OUTCOMES, FollowUp(dropout_per_year=0.3))
    table = survival_table(DESIGN, followed).set_index(["kind", "arm", "month"])
    row = table.loc[("os", "first", 12.0)]
    assert row["survival"] == pytest.approx(np.exp(-365 / 300), abs=0.015)
    assert row["at_risk"] / MANY == pytest.approx(0.7 * np.exp(-365 / 300), abs=0.012)
    assert row["lower"] < row["survival"] < row["upper"]


def test_median_follow_up_is_that_of_the_censoring_alone():
    """Reverse Kaplan-Meier of 8 to 18 months, uniform: 13 months, however many die before."""
    followed = as_followed(DESIGN, OUTCOMES, FollowUp(accrual_per_month=4, data_cut_months=18))
    found = survival_table(DESIGN, followed).set_index(["kind", "arm"])["follow_up_days"]
    for arm in OUTCOMES:
        assert found.loc[("os", arm)].iloc[0] == pytest.approx(13 * 365 / 12, abs=6.0)


def test_progression_is_censored_at_a_visit_and_no_event_is_seen_after_the_last_day():
    follow_up = FollowUp(dropout_per_year=0.5)
    found, last = as_followed(DESIGN, OUTCOMES, follow_up)["first"], last_days(follow_up)
    assert (found["os_day"] <= last + 1e-9).all()
    lost = ~found["pfs_event"] & (OUTCOMES["first"]["pfs_day"] > last)
    visits = {0.0, *ARM.products.observation.response_days}
    assert lost.sum() > 1000
    assert set(found.loc[lost, "pfs_day"]) <= visits
    assert set(OUTCOMES["first"]) == set(found)


def test_the_same_patient_is_last_seen_on_the_same_day_in_every_arm():
    same = {"first": OUTCOMES["first"], "second": OUTCOMES["first"]}
    found = as_followed(DESIGN, same, FollowUp(0.3, 4, 18))
    pd.testing.assert_frame_equal(found["first"], found["second"])


@pytest.mark.slow  # many replicates
def test_log_rank_power_is_that_of_schoenfelds_formula_and_5_percent_where_nothing_differs():
    """Schoenfeld 1981: the statistic is normal round sqrt(events / 4) times the log hazard ratio."""
    from scipy.stats import norm

    row = log_rank_table(DESIGN, OUTCOMES).set_index("kind").loc["os"]
    events = 40 * sum(table["os_event"].mean() for table in OUTCOMES.values())
    expected = norm.sf(1.96 - np.sqrt(events / 4) * np.log(700 / 300))
    assert row["power"] == pytest.approx(expected, abs=0.06)
    assert row["favours_arm"] == pytest.approx(row["power"], abs=0.01)
    null = {"first": OUTCOMES["first"], "second": exponential(1 / 300, 3)}
    row = log_rank_table(DESIGN, null).set_index("kind").loc["os"]
    assert row["power"] == pytest.approx(0.05, abs=0.04)


def test_a_replicate_without_events_is_not_significant_and_one_with_a_failed_solve_is_left_out():
    quiet = OUTCOMES["first"].assign(pfs_event=False)
    broken = quiet.assign(status=np.where(np.arange(MANY) == 45, 1, 0))
    row = log_rank_table(DESIGN, {"first": quiet, "second": broken}).set_index("kind").loc["pfs"]
    assert (row["replicates"], row["undefined"], row["power"]) == (499, 499, 0.0)


def test_follow_up_that_makes_no_sense_is_refused_with_every_fault():
    with pytest.raises(ModelError) as caught:
        FollowUp(dropout_per_year=1.0, accrual_per_month=-1.0)
    for part in ("dropout_per_year is 1", "accrual_per_month is -1", "needed together"):
        assert part in str(caught.value)
