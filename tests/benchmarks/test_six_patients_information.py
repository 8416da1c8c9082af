"""What the samples of the six could teach by the normal approximation, beside what the sampler found."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.record import RESULTS
from benchmarks.six_patients_information import contraction


@pytest.fixture(scope="module")
def found() -> dict:
    return json.loads((RESULTS / "six_patients_information.json").read_text(encoding="utf-8"))


def test_one_parameter_is_learnt_as_much_as_its_samples_say() -> None:
    """Prior sd 2, nine samples of sd 3: posterior variance 1 / (1/4 + 9/9) = 0.8 of 4."""
    assert contraction(np.array([[1.0]]), np.array([2.0])) == pytest.approx([0.8])


def test_what_two_parameters_share_is_not_learnt_twice() -> None:
    """Only their sum is measured: sum's prior variance 2, so of each at most half of its own is lost."""
    assert contraction(np.full((2, 2), 1e9), np.ones(2)) == pytest.approx([0.5, 0.5], abs=1e-6)


def test_the_sampled_contraction_is_that_of_the_normal_approximation(found: dict, project: Path) -> None:
    """Two ways to one number: 336,096 solves a patient, and 111. Posteriors are not quite normal: 0.25."""
    table = pd.read_csv(project / "fits" / "six_patients_mechanistic" / "recovery.csv")
    sampled = table.pivot(index="name", columns="subject", values="contraction")
    linear = pd.DataFrame(found["alone"], index=sampled.columns).T
    gap = (sampled - linear.loc[sampled.index]).abs()
    assert gap.to_numpy().max() < 0.25
    assert gap.to_numpy().mean() < 0.05


def test_holding_the_others_at_the_truth_only_ever_helps(found: dict) -> None:
    for name, alone in found["alone"].items():
        assert (np.array(found["together"][name]) <= np.array(alone) + 1e-3).all()
