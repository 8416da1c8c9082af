"""The loader of the CD22 set: both ends censored as flagged, outcomes beside, rows counted; made-up rows."""

import pytest

from cartsim.data.car22 import OUTPUTS, car22_lichtenstein2021
from cartsim.data.dataset import LEFT, QUANTIFIED, RIGHT
from cartsim.data.sources import LOADERS
from cartsim.errors import CartsimError, CartsimWarning

HEADER = "study,patient,product,disease,time_day,variable,value,unit,blq,lloq,source,flag"
# Simulated: no row belongs to a patient.
ROWS = """
S1,0,il6,2.5,pg/mL,0,,other
S1,7,il6,1500.0,pg/mL,0,,other;at_inferred_uloq
S1,8,il6,1480.0,pg/mL,0,,at_inferred_uloq
S1,9,il6,1495.5,pg/mL,0,,
S1,0,gmcsf,0.4,pg/mL,1,0.4,lloq_inferred
S1,5,gmcsf,0.5,pg/mL,1,0.5,lloq_inferred
S1,9,gmcsf,12.0,pg/mL,0,,
S1,-1,car_t,0.0,cells/uL,1,,
S1,6,car_t,0.0,cells/uL,1,,
S1,13,car_t,55.5,cells/uL,0,,
S1,20,car_t,0.07,cells/uL,0,,
S2,1,crp,300.0,mg/L,0,,
S2,2,crp,300.0,mg/L,0,,
S2,3,crp,4.0,mg/L,0,,
S2,3,b_cells,0.0,cells/uL,0,,
"""
OUTCOMES = """study,patient,carHLH,crs_grade,toci,steroid,anakinra,dose_level
made,S2,0,0,0.0,,0,1
made,S1,1,3,1.0,1.0,0,2
"""


@pytest.fixture
def path(tmp_path):
    lines = [HEADER]
    for row in ROWS.split():
        patient, *rest, flag = row.split(",")
        lines.append(",".join(("made", patient, "CD22 CAR-T", "B-ALL", *rest, "x", flag)))
    path = tmp_path / "car22.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def outcomes(tmp_path):
    path = tmp_path / "outcomes.csv"
    path.write_text(OUTCOMES)
    return path


def rows(data, output):
    table = data.observations[data.observations["output"] == output]
    return list(zip(table["time"], table["value"], table["censoring"], strict=True))


def test_floors_and_ceilings_are_censored_where_flagged_and_only_there(path):
    data = car22_lichtenstein2021(path, outputs=("il6", "gmcsf", "crp"))
    assert rows(data, "il6") == [
        (0.0, 2.5, QUANTIFIED),
        (7.0, 1500.0, RIGHT),
        (8.0, 1480.0, RIGHT),
        (9.0, 1495.5, QUANTIFIED),
    ]
    assert rows(data, "gmcsf") == [(0.0, 0.4, LEFT), (5.0, 0.5, LEFT), (9.0, 12.0, QUANTIFIED)]
    assert [code for _, _, code in rows(data, "crp")] == [QUANTIFIED] * 3
    assert "crp at its largest value 300 without a flag: 2" in data.summary.text()
    assert "il6 at its largest" not in data.summary.text()


def test_a_ceiling_can_be_named(path):
    data = car22_lichtenstein2021(path, outputs=("crp", "il6"), ceilings={"crp": 300.0, "il6": 1490.0})
    assert rows(data, "crp") == [(1.0, 300.0, RIGHT), (2.0, 300.0, RIGHT), (3.0, 4.0, QUANTIFIED)]
    assert [code for _, _, code in rows(data, "il6")] == [QUANTIFIED, RIGHT, RIGHT, RIGHT]
    text = data.summary.text()
    assert "crp from 300 on, right-censored: 2" in text
    assert "il6 from 1490 on, right-censored: 1" in text


def test_counts_of_zero_are_below_an_assumed_limit_that_can_be_varied(path):
    data = car22_lichtenstein2021(path, outputs=("car_t", "il6"))
    assert rows(data, "car_t") == [(6.0, 0.1, LEFT), (13.0, 55.5, QUANTIFIED), (20.0, 0.1, LEFT)]
    lower = car22_lichtenstein2021(path, outputs=("car_t", "il6"), lloq={"car_t": 0.04}, drop_before=-7.0)
    assert rows(lower, "car_t") == [
        (-1.0, 0.04, LEFT),
        (6.0, 0.04, LEFT),
        (13.0, 55.5, QUANTIFIED),
        (20.0, 0.07, QUANTIFIED),
    ]


def test_every_row_is_kept_or_counted_by_reason(path):
    with pytest.warns(CartsimWarning, match="S2"):
        data = car22_lichtenstein2021(
            path, outputs=("car_t", "il6", "gmcsf", "b_cells"), lloq={"b_cells": 1.0}
        )
    assert {drop.reason: drop.count for drop in data.summary.dropped} == {
        "another output": 3,
        "before day 0 (drop_before=)": 1,
    }
    assert len(data.observations) + data.summary.dropped_rows == data.summary.rows_read == 15


def test_outcomes_become_covariates(path, outcomes):
    data = car22_lichtenstein2021(path, outcomes=outcomes, outputs=("il6", "crp"))
    table = data.covariates
    assert table["crs_grade"].to_dict() == {"S1": 3.0, "S2": 0.0}
    assert table["tocilizumab"].to_dict() == {"S1": "yes", "S2": "no"}
    assert table["hlh_like"].to_dict() == {"S1": "yes", "S2": "no"}
    assert table.loc["S1", "steroids"] == "yes"
    assert table["steroids"].isna().to_dict() == {"S1": False, "S2": True}
    assert table.loc["S1", "product"] == "CD22 CAR-T"
    assert "tocilizumab" not in car22_lichtenstein2021(path, outputs=("il6", "crp")).covariates


def test_outcomes_that_lack_a_patient_or_a_column_are_refused(path, outcomes):
    outcomes.write_text(OUTCOMES.replace("S2", "S9").replace("toci", "tocilizumab"))
    with pytest.raises(CartsimError, match=r"without a row: S2; columns missing: toci"):
        car22_lichtenstein2021(path, outcomes=outcomes, outputs=("il6", "crp"))


def test_an_unknown_output_is_refused_with_the_known_ones(path):
    with pytest.raises(CartsimError, match=r"no such output.*il7.*gmcsf"):
        car22_lichtenstein2021(path, outputs=("il7",))


def test_a_value_that_is_no_number_is_left_to_the_reader(path):
    path.write_text(path.read_text().replace("2.5", "two"))
    with pytest.raises(CartsimError, match="row 2"):
        car22_lichtenstein2021(path, outputs=("il6", "crp"))


def test_the_real_set_has_all_patients_and_accounts_for_every_row(real_data):
    data = LOADERS["car22_lichtenstein2021"]()
    assert len(data.subjects) == 34
    assert len(data.observations) + data.summary.dropped_rows == data.summary.rows_read == 8559
    counts = {c.output: (c.observations, c.below, c.above) for c in data.summary.outputs}
    assert set(counts) == set(OUTPUTS)
    assert counts["il6"] == (556, 0, 7)
    assert counts["ifng"] == (557, 0, 18)
    assert counts["il8"] == (557, 0, 8)
    assert counts["car_t"] == (106, 22, 0)
    assert set(data.observations["unit"]) == {"pg/mL", "mg/L", "ug/L", "cells/uL"}
    assert data.covariates["tocilizumab"].value_counts().to_dict() == {"no": 22, "yes": 11}
    assert (data.covariates["crs_grade"] > 0).sum() == 30
