"""The variants of the CD22 cytokine fit change what they say they change, and nothing else."""

from pathlib import Path

import pytest

from benchmarks.car22_variants import FIT, FULL_DOSE, with_tocilizumab, without_counts
from cartsim.study.inputs import read_dataset
from cartsim.study.plan import plan_of
from cartsim.study.settings import read_settings


@pytest.fixture
def given(real_data: Path):
    settings = read_settings(FIT)
    return plan_of(settings, FIT), read_dataset(settings.data, FIT)[0]


def test_the_fit_has_every_patient_with_a_count(given):
    plan, dataset = given
    fitted, without = plan.subjects(dataset)
    assert (len(fitted), without) == (33, ())
    assert "P3177" not in fitted


def test_without_counts_all_patients_have_one_course(given):
    plan, dataset = given
    _, blind = without_counts(plan, dataset)
    series = {r.inputs[0].values for r in plan.population_problem(blind).regimens.values()}
    assert [value for values in series for value in values] == pytest.approx([1000.0] * sum(map(len, series)))
    fitted, seen = plan.fitted(blind).observations, plan.fitted(dataset).observations
    assert fitted.equals(seen)


def test_only_treated_patients_are_dosed_and_after_the_onset(given):
    plan, dataset = given
    _, dosed = with_tocilizumab(plan, dataset, days=1.0)
    treated = dataset.covariates.index[dataset.covariates["tocilizumab"] == "yes"]
    assert sorted(dosed.doses["subject"]) == sorted(treated)
    assert (dosed.doses["amount"] == FULL_DOSE).all()
    assert dosed.doses["time"].between(4.0, 14.0).all()
    regimens = plan.population_problem(dosed).regimens
    assert sum(dose.target == "toci_central" for r in regimens.values() for dose in r.doses) == len(treated)
