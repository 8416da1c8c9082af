"""Measured counts of the data table drive the model in a fit: right series, not fitted, faults named."""

from dataclasses import replace

import numpy as np
import pytest

from cartsim.data.read import read_data
from cartsim.errors import FitError
from cartsim.infer.assemble import make_problems
from cartsim.infer.assemble_population import make_population
from cartsim.infer.driven import measured_inputs
from cartsim.observe.error_models import LogNormalError
from tests.driven import CYTOKINE, FLOOR, METHOD, by_scipy

ERRORS = {"il6": LogNormalError()}
INPUTS = {"car_t_measured": "cells_by_flow"}
# Made up. Counts are per litre in the table, and some below or above a limit.
TABLE = """subject,time,output,value,unit,lloq,uloq
A,-1,cells_by_flow,<1e5,cells/L,1e5,
A,3,cells_by_flow,4e6,cells/L,1e5,
A,7,cells_by_flow,9e8,cells/L,1e5,
A,7,cells_by_flow,1e8,cells/L,1e5,
A,14,cells_by_flow,>2e9,cells/L,1e5,2e9
A,1,il6,6,pg/mL,,
A,5,il6,30,pg/mL,,
A,9,il6,90,pg/mL,,
B,4,cells_by_flow,2e7,cells/L,1e5,
B,2,il6,8,pg/mL,,
B,6,il6,20,pg/mL,,
B,8,il6,25,pg/mL,,
"""
SERIES_A = ((-1.0, 3.0, 7.0, 14.0), (FLOOR, 4.0, 300.0, 2000.0))


@pytest.fixture
def dataset(tmp_path):
    path = tmp_path / "counts.csv"
    path.write_text(TABLE)
    return read_data(path, drop_before=-10.0)


def test_series_are_in_the_inputs_unit_with_limits_and_replicates_as_said(dataset):
    series = measured_inputs(CYTOKINE, dataset, INPUTS, fitted=ERRORS)
    ((a,), (b,)) = series["A"], series["B"]
    assert a.times == SERIES_A[0]
    assert a.values == pytest.approx(SERIES_A[1], rel=1e-12)
    assert (b.times, b.values) == ((4.0,), pytest.approx((20.0,)))


def test_a_measurement_between_two_limits_enters_at_their_geometric_mean(tmp_path):
    path = tmp_path / "counts.csv"
    path.write_text(TABLE.replace("A,3,cells_by_flow,4e6", "A,3,cells_by_flow,detected"))
    dataset = read_data(path, drop_before=-10.0, lod={"cells_by_flow": 0.064})
    (a,) = measured_inputs(CYTOKINE, dataset, INPUTS, fitted=ERRORS)["A"]
    assert a.values[1] == pytest.approx(np.sqrt(0.064 * 0.1))


def test_the_problem_of_a_patient_is_driven_by_its_own_counts_and_fits_the_rest(dataset):
    problems = make_problems(CYTOKINE, dataset, errors=ERRORS, inputs=INPUTS, method=METHOD)
    assert [problem.arrays.time.tolist() for problem in problems] == [[1.0, 5.0, 9.0], [2.0, 6.0, 8.0]]
    assert problems[0].names == ("made", "half", "clear", "loss", "sigma_il6")
    values = np.array([*CYTOKINE.values, 0.4])
    days = np.array([1.0, 5.0, 9.0])
    (a,) = measured_inputs(CYTOKINE, dataset, INPUTS, fitted=ERRORS)["A"]
    expected = by_scipy(a, days, CYTOKINE.values)[:, 1]
    np.testing.assert_allclose(problems[0].predict(values, days)[0, :, 0], expected, rtol=1e-9)
    likelihood = np.sum(
        -0.5 * (np.log([6.0, 30.0, 90.0] / expected) / 0.4) ** 2
        - np.log(0.4 * np.sqrt(2.0 * np.pi) * np.array([6.0, 30.0, 90.0]))
    )
    found = problems[0].log_likelihood(problems[0].unconstrain(values))
    assert found[0] == pytest.approx(likelihood, rel=1e-8)


def test_the_fingerprint_knows_the_course(dataset):
    def prints(data):
        return make_problems(CYTOKINE, data, errors=ERRORS, inputs=INPUTS)[0].fingerprint()

    first = prints(dataset)
    assert first == prints(dataset)
    moved = dataset.observations.assign(value=lambda t: np.where(t["value"] == 4.0, 5.0, t["value"]))
    second = prints(replace(dataset, observations=moved))
    assert {name for name in first if first[name] != second[name]} == {"data"}


def test_a_population_is_driven_patient_by_patient(dataset):
    population = make_population(CYTOKINE, dataset, errors=ERRORS, inputs=INPUTS, method=METHOD, threads=2)
    problems = make_problems(CYTOKINE, dataset, errors=ERRORS, inputs=INPUTS, method=METHOD)
    solved = population.observed.plan.solve(np.tile(CYTOKINE.values, (2, 1)), np.arange(2))
    own = [p.predict(np.array([*CYTOKINE.values, 0.4]), p.arrays.time)[0, :, 0] for p in problems]
    np.testing.assert_array_equal(solved.outputs[:, 0], np.concatenate(own))
    assert not np.isclose(own[0], own[1]).any()
    moved = dataset.observations.assign(value=lambda t: np.where(t["value"] == 20.0, 21.0, t["value"]))
    other = make_population(
        CYTOKINE, replace(dataset, observations=moved), errors=ERRORS, inputs=INPUTS, method=METHOD
    )
    ours, theirs = population.fingerprint(), other.fingerprint()
    assert {name for name in ours if ours[name] != theirs[name]} == {"data"}


@pytest.mark.parametrize("make", [make_problems, make_population])
def test_every_fault_of_the_inputs_is_named_at_once(dataset, make):
    lacking = replace(
        dataset,
        observations=dataset.observations[
            (dataset.observations["subject"] == "A") | (dataset.observations["output"] == "il6")
        ],
    )
    cases = {
        "no measured output is named for 'car_t_measured'": {},
        "no input 'car_tt'": {"car_tt": "cells_by_flow", **INPUTS},
        "the data do not measure 'flow'": {"car_t_measured": "flow"},
        "'il6' drives the model and is fitted too": {"car_t_measured": "il6"},
        "pg/mL does not convert": {"car_t_measured": "il6"},
        "subjects without 'cells_by_flow', which drives 'car_t_measured': B": INPUTS,
    }
    for words, inputs in cases.items():
        with pytest.raises(FitError, match="inputs that this fit cannot use") as caught:
            make(CYTOKINE, lacking, errors=ERRORS, inputs=inputs)
        assert words in str(caught.value)


def test_a_model_without_inputs_takes_none(dataset):
    from cartsim.models import load_model

    stein = load_model("stein2019_tisagenlecleucel")
    with pytest.raises(FitError, match="no input 'car_t_measured'"):
        measured_inputs(stein, dataset, INPUTS, fitted={})
