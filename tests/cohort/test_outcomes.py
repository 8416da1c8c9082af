"""Outcomes of virtual patients: theirs alone, complete, and honest about failed solves."""

import numpy as np
import pandas as pd
import pytest

from cartsim.cohort.outcomes import Curves, _death, outcome_table
from cartsim.cohort.products import TrialPopulation, read_products
from cartsim.endpoints.imwg_rules import Response
from cartsim.kernels.methods import Rodas5P
from cartsim.models import load_model

MODEL, PRODUCTS = load_model("bcma_myeloma"), read_products()


@pytest.fixture(scope="module")
def population():
    return TrialPopulation(MODEL, "fast", PRODUCTS, 7)


@pytest.fixture(scope="module")
def table(population):
    return outcome_table(population, 600)


def test_a_patients_outcome_does_not_depend_on_who_else_is_asked_for(population, table):
    """Patients 500 to 529 lie on both sides of a chunk of 512."""
    part = outcome_table(population, 30, first=500, threads=2)
    pd.testing.assert_frame_equal(part, table.iloc[500:530].reset_index(drop=True))


def test_every_patient_has_one_row_and_sensible_outcomes(table):
    assert table["patient"].tolist() == list(range(600))
    assert (table["status"] == 0).all()
    assert set(table["best_response_word"]) <= {code.label for code in Response}
    assert (table.loc[table["crs"], "surrogate_grade"] >= 1).all()
    assert (table.loc[~table["crs"], "surrogate_grade"] == 0).all()
    assert table["crs_onset"].notna().equals(table["crs"])
    assert (table["pfs_day"] <= table["os_day"] + 1e-9).all(), (
        "progression-free ends with death at the latest"
    )
    last = max(PRODUCTS.observation.response_days)
    assert (table.loc[table["os_day"] < last, "pfs_event"]).all(), "a death ends it"
    assert ((table["cmax_pcr"] == 0) | (table["cmax_pcr"] >= 50)).all(), (
        "nothing below the LLOQ is quantified"
    )
    assert (table["auc6m_pcr"] >= table["auc28_pcr"]).all()


def test_a_death_after_the_last_visit_is_no_event_of_progression_free_survival(table):
    """Everyone alive is censored at that visit: the few who die later would be all who are at risk."""
    last = max(PRODUCTS.observation.response_days)
    late = table[table["os_event"] & (table["os_day"] > last) & table["progression_day"].isna()]
    assert len(late) > 0
    assert not late["pfs_event"].any()
    assert (late["pfs_day"] == last).all()


def test_the_best_change_is_the_depth_and_exists_where_only_progression_was_seen(table):
    known = table["depth"].notna()
    np.testing.assert_allclose(table["best_change"][known], 100.0 * (table["depth"][known] - 1.0))
    only = table[(table["best_response_word"] == "PD") & (table["progression_day"] == 30.0)]
    assert len(only) > 0
    assert only["depth"].isna().all()
    assert (only["best_change"] > 0.0).all(), "a rise, below a quarter only from a baseline of 5 g/dL or more"
    assert set(table["measured_by"]) <= {"m_protein", "flc", "marrow", "nothing"}


def test_therapy_comes_36_hours_after_the_temperature_that_the_policy_names(population, table):
    treated = table[table["therapy_day"].notna()]
    assert 0.2 < len(treated) / len(table) < 0.75
    assert (treated["peak_temperature"] >= 38.5 - 1e-6).all()
    cool = table[table["peak_temperature"] < 38.4]
    assert cool["therapy_day"].isna().all()


def test_a_failed_solve_is_a_status_and_has_no_outcome(population):
    found = outcome_table(population, 5, method=Rodas5P(rtol=1e-4, max_steps=20))
    assert (found["status"] == 1).all()
    assert found["patient"].tolist() == list(range(5))
    scored = found.drop(columns=["patient", "status", "dose", "weight", "burden"])
    assert scored.isna().all(axis=None)


def test_death_comes_when_the_cumulative_hazard_passes_the_patients_limit():
    class Grade:
        surrogate_grade, onset = np.array([1, 1, 3]), np.array([1.0, 1.0, 2.0])

    days = np.array([0.0, 100.0, 400.0])
    hazard = np.array([[0.0, 0.1, 0.4]] * 3)
    curves = Curves(days, {}, hazard, np.zeros(3, dtype=int), np.full(3, np.nan))
    uniform = -np.expm1(-np.array([0.25, 0.5, 0.25]))
    found = _death(curves, PRODUCTS.observation, Grade, uniform, toxic=np.array([0.9, 0.9, 0.0]))
    assert found[0] == pytest.approx(250.0), "half-way between 0.1 and 0.4"
    assert np.isnan(found[1]), "alive at the end"
    assert found[2] == 9.0, "an early toxic death, a week after the onset"
