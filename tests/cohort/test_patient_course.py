"""One virtual patient's page shows the same patient as the outcome table."""

import numpy as np
import pytest

from cartsim.cohort.outcomes import outcome_table
from cartsim.cohort.patient_course import patient_course
from cartsim.cohort.products import TrialPopulation, read_products
from cartsim.errors import SolveError
from cartsim.kernels.methods import Rodas5P
from cartsim.models import load_model

MODEL, PRODUCTS = load_model("bcma_myeloma"), read_products()
LAST = PRODUCTS.observation.follow_up


@pytest.fixture(scope="module")
def population():
    return TrialPopulation(MODEL, "fast", PRODUCTS, 7)


@pytest.fixture(scope="module")
def table(population):
    return outcome_table(population, 200)


def first(table, chosen) -> int:
    assert chosen.any(), "no such patient among those drawn"
    return int(table.loc[chosen, "patient"].iloc[0])


def test_drugs_crs_and_response_are_those_of_the_outcome_table(population, table):
    treated = table["therapy_day"].notna() & table["crs"] & (table["best_response"] >= 4)
    patient = first(table, treated & table["progression_day"].isna() & ~table["os_event"])
    row, found = table.loc[patient], patient_course(population, patient)
    assert found.doses["drug"].tolist() == ["tocilizumab"]
    assert found.doses["time"].iloc[0] == pytest.approx(row["therapy_day"], abs=1e-9)
    assert found.doses["amount"].iloc[0] == pytest.approx(min(8.0 * row["weight"], 800.0))
    assert found.crs == pytest.approx((row["crs_onset"], row["crs_end"], row["surrogate_grade"]))
    assert found.best == row["best_response_word"]
    assert found.responses["response"].iloc[-1] == found.best, "a response is kept without progression"
    assert found.course["time"].iloc[-1] == LAST
    assert found.course["temperature"].max() == pytest.approx(row["peak_temperature"], abs=0.02)


def test_progression_is_shown_from_its_visit_on(population, table):
    responded = table["progression_day"].notna() & (table["best_response"] >= 3)
    patient = first(table, responded & ~table["os_event"])
    found = patient_course(population, patient)
    since = found.responses["time"] >= found.progression_day
    assert (found.responses.loc[since, "response"] == "PD").all()
    assert (found.responses.loc[~since, "response"] != "PD").all()


def test_nothing_is_shown_after_death(population, table):
    patient = first(table, table["os_event"] & (table["os_day"] < 300.0))
    found = patient_course(population, patient)
    assert found.death_day == pytest.approx(table.loc[patient, "os_day"])
    for shown in (found.course, found.doses, found.responses):
        assert (shown["time"] <= found.death_day).all()
    assert "NE" not in set(found.responses["response"])


def test_a_patient_without_fever_has_no_crs_and_no_drug(population, table):
    found = patient_course(population, first(table, ~table["crs"] & table["therapy_day"].isna()))
    assert found.crs is None
    assert found.doses.empty
    assert list(found.doses.columns) == ["time", "drug", "amount"]


def test_the_last_myeloma_cell_can_die():
    """With escape off and strong killing the patient is cured: exactly 0 cells, and everything finite."""
    strong = {"escape": 0.0, "killing": 2.0, "effector_death": 0.05, "withdrawal": 0.0, "division": 2.4}
    found = patient_course(TrialPopulation(MODEL, "slow", PRODUCTS, 7, strong), 19)
    assert found.course["burden"].iloc[-1] == 0.0
    assert np.isfinite(found.course.to_numpy()).all()


def test_a_patient_who_could_not_be_solved_has_no_course(population):
    with pytest.raises(SolveError, match="virtual patient 3"):
        patient_course(population, 3, method=Rodas5P(rtol=1e-4, max_steps=20))
