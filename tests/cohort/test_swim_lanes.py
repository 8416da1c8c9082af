"""Swim lanes agree with the outcome table and have no gaps; grades are counted with their zeros."""

import numpy as np
import pandas as pd
import pytest

from cartsim.cohort.grade_counts import grade_counts
from cartsim.cohort.outcomes import outcome_table
from cartsim.cohort.products import TrialPopulation, read_products
from cartsim.cohort.swim_lanes import swim_lanes
from cartsim.kernels.methods import Rodas5P
from cartsim.models import load_model

POPULATION = TrialPopulation(load_model("bcma_myeloma"), "fast", read_products(), 7)
FIRST, COUNT = 5, 60


@pytest.fixture(scope="module")
def lanes():
    return swim_lanes(POPULATION, COUNT, first=FIRST)


@pytest.fixture(scope="module")
def table():
    return outcome_table(POPULATION, COUNT, first=FIRST).set_index("patient")


def test_segments_run_without_a_gap_from_infusion_to_the_end_of_follow_up_or_death(lanes, table):
    assert lanes.segments["patient"].nunique() == COUNT
    for patient, rows in lanes.segments.groupby("patient"):
        assert rows["start"].iloc[0] == 0.0
        np.testing.assert_array_equal(rows["start"].iloc[1:], rows["end"].iloc[:-1])
        assert rows["end"].iloc[-1] == pytest.approx(table.loc[patient, "os_day"])
        assert (rows["end"] > rows["start"]).all()
        assert (rows["response"].to_numpy()[1:] != rows["response"].to_numpy()[:-1]).all(), "runs are merged"


def test_the_best_segment_is_the_best_response(lanes, table):
    rank = ["NE", "PD", "SD", "MR", "PR", "VGPR", "CR", "sCR"].index
    for patient, rows in lanes.segments.groupby("patient"):
        assert max(rows["response"], key=rank) == table.loc[patient, "best_response_word"]


def test_events_and_crs_are_those_of_the_table(lanes, table):
    events = {name: rows.set_index("patient")["time"] for name, rows in lanes.events.groupby("event")}
    for event, column in (("progression", "progression_day"), ("tocilizumab", "therapy_day")):
        pd.testing.assert_series_equal(
            events[event].sort_index(), table[column].dropna(), check_names=False, rtol=1e-9
        )
    assert set(events["death"].index) == set(table.index[table["os_event"].astype(bool)])
    assert set(events["ongoing"].index) == set(table.index) - set(events["death"].index)
    crs = lanes.crs.set_index("patient").sort_index()
    np.testing.assert_array_equal(crs["grade"], table.loc[table["crs"], "surrogate_grade"])


def test_those_longest_without_progression_come_first(lanes, table):
    order = lanes.segments["patient"].drop_duplicates()
    free = np.fmin(table["progression_day"], table["os_day"])[order].to_numpy()
    assert (np.diff(free) <= 0).all()


def test_who_could_not_be_solved_is_named_and_has_no_lane():
    found = swim_lanes(POPULATION, 3, first=4, method=Rodas5P(rtol=1e-4, max_steps=20))
    assert found.failed == (4, 5, 6)
    assert found.segments.empty
    assert found.events.empty


def test_grades_are_counted_by_group_zeros_and_failures_included():
    one = pd.DataFrame({"status": [0, 0, 0, 0], "surrogate_grade": [0, 2, 2, 3]})
    two = pd.DataFrame({"status": [0, 1], "surrogate_grade": [1.0, np.nan]})
    found = grade_counts({"one": one, "two": two})
    assert found["patients"].tolist() == [1, 0, 2, 1, 0, 1, 0, 0, 1]
    assert found["grade"].iloc[-1] == "not solved"
    assert found.groupby("group")["patients"].sum().to_dict() == {"one": 4, "two": 2}
