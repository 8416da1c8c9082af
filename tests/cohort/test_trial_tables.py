"""Tables of a virtual trial against closed forms, on outcomes that are made up."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, bootstrap, norm

from cartsim.cohort.products import TrialPopulation, read_products
from cartsim.cohort.trial import TrialDesign
from cartsim.cohort.trial_decision import DecisionRule, FirstStage, decision_table
from cartsim.cohort.trial_endpoints import ENDPOINTS
from cartsim.cohort.trial_tables import (
    _median_of_repeated,
    difference_table,
    endpoint_table,
    joint_table,
    paired_risk_difference,
    replicate_values,
)
from cartsim.endpoints.imwg_rules import Response
from cartsim.models import load_model

ARM = TrialPopulation(load_model("bcma_myeloma"), "local", read_products(), 7)
SIX = TrialDesign({"first": ARM, "second": ARM}, 6, 4000, 24_000)


def made_up(n: int, response: float, seed: int = 1, **columns: object) -> pd.DataFrame:
    """Patients of whom each responds with a given probability, independently."""
    rng = np.random.default_rng(seed)
    responds = rng.random(n) < response
    time = rng.exponential(400.0, n)
    table = {
        "status": 0,
        "best_response": np.where(responds, Response.PR, Response.SD).astype(int),
        "crs": rng.random(n) < 0.8,
        "tmax_pcr": rng.normal(13.0, 2.0, n),
        "pfs_day": np.minimum(time, 360.0),
        "pfs_event": time < 360.0,
        "os_day": np.minimum(2.0 * time, 400.0),
        "os_event": 2.0 * time < 400.0,
    }
    return pd.DataFrame(table | columns)


def test_the_probability_of_a_decision_is_that_of_the_binomial_formula():
    outcomes = {"first": made_up(24_000, 0.7), "second": made_up(24_000, 0.4, seed=2)}
    found = decision_table(SIX, outcomes, DecisionRule(ENDPOINTS["orr"], 4)).set_index("arm")
    for arm, share in (("first", 0.7), ("second", 0.4)):
        truth = binom.sf(3, 6, share)
        noise = np.sqrt(truth * (1 - truth) / 4000)
        assert abs(found.loc[arm, "probability"] - truth) < 4 * noise
        assert found.loc[arm, "binomial"] == pytest.approx(truth, abs=0.015)
        assert found.loc[arm, "lower"] < found.loc[arm, "probability"] < found.loc[arm, "upper"]


def test_a_first_stage_stops_as_often_as_simon_tabulates():
    """Simon 1989's optimal design for 5 % against 25 %: 0/9, 2/17; two-stage sums written out one by one."""
    design = TrialDesign({"first": ARM}, 17, 4000, 17 * 4000)
    rule = DecisionRule(ENDPOINTS["orr"], 3, FirstStage(9, 1))
    for share, seed in ((0.05, 3), (0.25, 4)):
        stopped = (1 - share) ** 9
        success = sum(
            binom.pmf(a, 9, share) * binom.pmf(b, 8, share)
            for a in range(1, 10)
            for b in range(9)
            if a + b >= 3
        )
        found = decision_table(design, {"first": made_up(17 * 4000, share, seed=seed)}, rule).iloc[0]
        assert rule.probability(share, 17) == pytest.approx(success)
        assert success < 0.05 if share == 0.05 else success > 0.80, "the design's own limits"
        assert found["probability"] == pytest.approx(success, abs=4 * np.sqrt(success / 4000))
        assert found["stopped_early"] == pytest.approx(stopped, abs=0.032)
        assert found["mean_patients"] == pytest.approx(17 - 8 * found["stopped_early"])


def test_counts_over_replicates_are_binomial_and_the_observed_one_has_its_probability():
    outcomes = {"first": made_up(24_000, 0.7)}
    row = endpoint_table(SIX, outcomes, [ENDPOINTS["orr"]], observed={"orr": 5}).iloc[0]
    assert row["cohort_value"] == pytest.approx(0.7, abs=0.012)
    assert row["replicate_mean"] == pytest.approx(6 * row["cohort_value"], rel=1e-9)
    assert (row["replicate_low"], row["replicate_high"]) == tuple(binom.ppf([0.1, 0.9], 6, 0.7))
    assert row["probability_same"] == pytest.approx(binom.pmf(5, 6, 0.7), abs=0.03)
    assert row["probability_at_least"] == pytest.approx(binom.sf(4, 6, 0.7), abs=0.03)


def test_only_the_first_arm_is_compared_with_what_was_observed():
    outcomes = {"first": made_up(24_000, 0.7), "second": made_up(24_000, 0.7)}
    found = endpoint_table(SIX, outcomes, [ENDPOINTS["orr"]], observed={"orr": 5})
    assert found["observed"].notna().tolist() == [True, False]


def test_a_failed_solve_makes_its_replicate_incomplete_and_is_counted():
    table = made_up(60, 1.0)
    table.loc[7, "status"] = 3
    design = TrialDesign({"first": ARM}, 6, 10, 60)
    for name in ("orr", "tmax_pcr"):
        values = replicate_values(design, ENDPOINTS[name], table)
        assert np.isnan(values).tolist() == [place == 1 for place in range(10)]
    row = endpoint_table(design, {"first": table}, [ENDPOINTS["orr"]]).iloc[0]
    assert (row["failed"], row["evaluable"], row["incomplete"], row["cohort_value"]) == (1, 59, 1, 1.0)
    met = decision_table(design, {"first": table}, DecisionRule(ENDPOINTS["orr"], 6)).iloc[0]
    assert (met["replicates"], met["probability"]) == (9, 1.0)


def test_a_trial_of_failed_solves_has_a_table_of_nothing():
    design = TrialDesign({"first": ARM}, 6, 10, 60)
    table = made_up(60, 1.0, status=1)
    found = endpoint_table(design, {"first": table}, [ENDPOINTS["orr"], ENDPOINTS["tmax_pcr"]])
    assert found["failed"].tolist() == [60, 60]
    assert found[["cohort_value", "replicate_mean"]].isna().all(axis=None)


def test_the_median_of_a_replicate_is_over_those_who_have_a_value():
    table = made_up(12, 1.0, tmax_pcr=[1, 2, 3, np.nan, np.nan, 30, *[np.nan] * 6])
    values = replicate_values(TrialDesign({"first": ARM}, 6, 2, 12), ENDPOINTS["tmax_pcr"], table)
    assert values[0] == 2.5
    assert np.isnan(values[1])


def test_arms_without_any_difference_have_none_and_a_hazard_ratio_of_one():
    table = made_up(600, 0.7)
    design = TrialDesign({"first": ARM, "second": ARM}, 6, 100, 600)
    found = difference_table(
        design, {"first": table, "second": table}, [ENDPOINTS["orr"], ENDPOINTS["tmax_pcr"]]
    ).set_index("endpoint")
    assert found["value"].tolist() == [0.0, 0.0, 1.0, 1.0]
    assert (found.loc[["orr", "tmax_pcr"], ["same_low", "same_high"]] == 0.0).all(axis=None)
    assert found.loc["orr", "parallel_low"] < 0.0 < found.loc["orr", "parallel_high"]
    assert found.loc["orr", "lower"] < 0.0 < found.loc["orr", "upper"], "no pair differs, yet not certain"


def test_the_paired_interval_is_the_closed_form_of_agresti_and_min():
    before = np.array([1] * 30 + [0] * 70)
    after = np.array([1] * 25 + [0] * 5 + [1] * 15 + [0] * 55)
    found = paired_risk_difference(before, after)
    middle = (15.5 - 5.5) / 102
    half = norm.ppf(0.975) * np.sqrt((15.5 + 5.5) - 10.0**2 / 102) / 102
    assert found["value"] == pytest.approx(0.10)
    assert (found["lower"], found["upper"]) == pytest.approx((middle - half, middle + half))


def test_a_median_that_moves_by_a_day_in_every_patient_is_known_exactly():
    before = made_up(600, 0.7)
    after = before.assign(tmax_pcr=before["tmax_pcr"] + 1.0)
    design = TrialDesign({"first": ARM, "second": ARM}, 6, 100, 600)
    row = difference_table(design, {"first": before, "second": after}, [ENDPOINTS["tmax_pcr"]]).iloc[0]
    assert row[["value", "lower", "upper"]].tolist() == pytest.approx([1.0, 1.0, 1.0])


@pytest.mark.parametrize("n", [40, 41])
def test_the_interval_of_a_paired_median_is_that_of_scipys_bootstrap(n):
    rng = np.random.default_rng(3)
    before = rng.normal(13.0, 2.0, n)
    after = before + rng.normal(1.0, 0.5, n)
    design = TrialDesign({"first": ARM, "second": ARM}, 6, 2, n)
    tables = {
        name: made_up(n, 0.7, tmax_pcr=values) for name, values in (("first", before), ("second", after))
    }
    row = difference_table(design, tables, [ENDPOINTS["tmax_pcr"]]).iloc[0]
    oracle = bootstrap(
        (after, before),
        lambda a, b, axis: np.median(a, axis=axis) - np.median(b, axis=axis),
        paired=True,
        n_resamples=4999,
        method="percentile",
        rng=np.random.default_rng(5),
    ).confidence_interval
    assert row["value"] == pytest.approx(np.median(after) - np.median(before))
    assert row[["lower", "upper"]].tolist() == pytest.approx(list(oracle), abs=0.25), "499 resamples"


def test_resampled_medians_are_those_of_the_values_written_out():
    rng = np.random.default_rng(2)
    for n in (5, 6):
        rising = np.sort(rng.normal(size=n))
        times = np.bincount(rng.integers(n, size=n), minlength=n)
        assert _median_of_repeated(rising, times) == np.median(np.repeat(rising, times))


def test_the_hazard_ratio_of_exponential_times_is_that_of_their_rates_and_pairing_narrows_it():
    """Rate 1.5 times as high: true ratio 1.5; independent patients would give a standard error near 0.042."""
    n, rng = 2000, np.random.default_rng(4)
    own = rng.exponential(200.0, n)

    def course(time: np.ndarray) -> pd.DataFrame:
        return made_up(n, 0.7, pfs_day=np.minimum(time, 360.0), pfs_event=time < 360.0)

    other = own / 1.5 * np.exp(0.2 * rng.standard_normal(n) - 0.02)
    design = TrialDesign({"first": ARM, "second": ARM}, 6, 100, n)
    found = difference_table(design, {"first": course(own), "second": course(other)}, [])
    row = found.set_index("endpoint").loc["pfs"]
    assert row["value"] == pytest.approx(1.5, rel=0.05)
    assert np.log(row["upper"] / row["lower"]) / (2 * norm.ppf(0.975)) < 0.5 * 0.035
    assert found["measure"].tolist() == ["hazard ratio", "hazard ratio"]


def test_who_leaves_before_the_first_event_changes_no_hazard_ratio():
    n = 400
    before, after = made_up(n, 0.7, seed=5), made_up(n, 0.7, seed=6)
    some = [table.iloc[: n // 2] for table in (before, after)]
    left = [pd.concat([rows, rows.assign(pfs_day=0.0, pfs_event=False)], ignore_index=True) for rows in some]
    rows = []
    for tables in (some, left):
        design = TrialDesign({"first": ARM, "second": ARM}, 6, 2, len(tables[0]))
        found = difference_table(design, dict(zip(("first", "second"), tables, strict=True)), [])
        rows.append(found.set_index("endpoint").loc["pfs", ["value", "lower", "upper"]].to_list())
    assert np.isfinite(rows[0]).all()
    assert rows[1] == pytest.approx(rows[0], rel=1e-9)


def test_joint_counts_are_looked_for_together():
    table = made_up(12, 1.0, crs=[True] * 6 + [False] * 6)
    design = TrialDesign({"first": ARM}, 6, 2, 12)
    sets = [[ENDPOINTS["orr"], ENDPOINTS["crs"]]]
    assert joint_table(design, table, sets, {"orr": 6, "crs": 6})["probability"].tolist() == [0.5]
    assert joint_table(design, table, sets, {"orr": 5, "crs": 6})["probability"].tolist() == [0.0]


@pytest.mark.parametrize(
    ("name", "columns", "truth"),
    [
        ("vgpr", {"best_response": [Response.PR, Response.VGPR, Response.SCR]}, [0, 1, 1]),
        ("scr", {"best_response": [Response.NE, Response.CR, Response.SCR]}, [0, 0, 1]),
        ("crs_grade_2", {"surrogate_grade": [1, 2, 3]}, [0, 1, 1]),
        ("tocilizumab", {"therapy_day": [np.nan, 3.0, np.nan]}, [0, 1, 0]),
        ("pfs_12", {"pfs_day": [365.0, 360.0, 366.0], "pfs_event": [True, False, True]}, [0, 1, 1]),
        ("os_6", {"os_day": [100.0, 183.0, 400.0], "os_event": [True, True, False]}, [0, 1, 1]),
    ],
)
def test_an_endpoint_says_who_has_it(name, columns, truth):
    table = made_up(3, 1.0, **columns)
    assert ENDPOINTS[name].values(table).tolist() == truth
