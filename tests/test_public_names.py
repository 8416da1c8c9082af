"""What `import cartsim` offers by name."""

import subprocess
import sys

import pytest

import cartsim


def test_every_public_name_of_the_waist_exists() -> None:
    for name in (
        "load_model",
        "simulate",
        "Model",
        "Trajectories",
        "Regimen",
        "Dose",
        "Rule",
        "priors",
        "Rodas5P",
    ):
        assert getattr(cartsim, name) is not None


def test_every_public_name_of_a_reduced_cohort_exists() -> None:
    for name in (
        *("Peak", "TimeOfPeak", "Trough", "TimeOfTrough", "LowestShare", "Area", "ValueAt"),
        *("FirstAbove", "FirstBelow", "LastAbove", "TimeAbove", "reduce_cohort", "Reduced"),
    ):
        assert getattr(cartsim, name).__name__ == name
        assert name in dir(cartsim)


def test_every_public_name_of_virtual_patients_and_endpoints_exists() -> None:
    for name in (
        *("Forcing", "TrialPopulation", "read_products", "outcome_table"),
        *("cytokine_release", "imwg_response", "MyelomaVisits", "kaplan_meier"),
    ):
        assert getattr(cartsim, name).__name__ == name


def test_simulate_stays_the_function_after_its_file_was_imported() -> None:
    code = (
        "import cartsim; from cartsim.solve.batch import batch; import cartsim.simulate; "
        "print(callable(cartsim.simulate), callable(batch))"
    )
    answer = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert answer.stdout.split() == ["True", "True"], answer.stderr


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(AttributeError, match="load_model"):
        cartsim.no_such_thing  # noqa: B018 - the access is the test
