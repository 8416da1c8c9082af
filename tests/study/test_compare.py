"""A committed result is reproduced when all agrees within Monte Carlo error; each miss is named."""

import copy

import pytest

from cartsim.study.compare import mismatches

RECORD = {
    "model": {"name": "stein"},
    "data": {"sha256": "ab"},
    "patients": {
        "P1": {
            "parameters": {
                "tmax": {
                    "median": 20.0, "lower": 17.0, "upper": 24.0,
                    "mcse_median": 0.03, "mcse_lower": 0.06, "mcse_upper": 0.08,
                }
            }
        }
    },
}  # fmt: skip


def changed(**values: float) -> dict:
    fresh = copy.deepcopy(RECORD)
    fresh["patients"]["P1"]["parameters"]["tmax"].update(values)
    return fresh


def test_the_same_result_matches() -> None:
    assert mismatches(RECORD, copy.deepcopy(RECORD)) == []


def test_four_combined_errors_are_tolerated_and_a_little_more_is_not() -> None:
    limit = 4.0 * 0.03 * 2**0.5
    assert mismatches(RECORD, changed(median=20.0 + 0.99 * limit)) == []
    (found,) = mismatches(RECORD, changed(median=20.0 + 1.01 * limit))
    for word in ("P1", "tmax", "median", "20.1714", "4.0 Monte Carlo errors"):
        assert word in found


@pytest.mark.parametrize("quantity", ["median", "lower", "upper"])
def test_every_quantity_is_compared(quantity: str) -> None:
    (found,) = mismatches(RECORD, changed(**{quantity: 30.0}))
    assert quantity in found


def test_a_value_that_is_not_a_number_never_matches() -> None:
    assert len(mismatches(RECORD, changed(median=float("nan")))) == 1


def test_other_data_another_model_and_other_patients_are_named() -> None:
    fresh = copy.deepcopy(RECORD)
    fresh["model"]["name"], fresh["data"]["sha256"] = "singh", "cd"
    fresh["patients"]["P2"] = fresh["patients"].pop("P1")
    found = "\n".join(mismatches(RECORD, fresh))
    for word in ("singh", "cd", "P1: only in the record", "P2: only in this run"):
        assert word in found


def test_a_sensitivity_run_is_compared_too() -> None:
    old = RECORD | {"sensitivity": [{"name": "LLOQ 2", "patients": RECORD["patients"]}]}
    new = RECORD | {"sensitivity": [{"name": "LLOQ 2", "patients": changed(lower=1.0)["patients"]}]}
    (found,) = mismatches(old, new)
    assert found.startswith("LLOQ 2: patient P1, tmax: lower")
