"""Theophylline against the textbook's closed form; its population values are the printed logarithms."""

import numpy as np
import pytest

from cartsim.models import load_model
from cartsim.regimen.regimen import Regimen, events_of
from cartsim.solve.batch import batch

HOURS = np.array([0.25, 0.5, 1.0, 2.0, 3.5, 5.0, 7.0, 9.0, 12.0, 24.0])


def bateman(ka: float, cl: float, v: float, dose: float) -> np.ndarray:
    """Concentration after one dose by mouth, elimination rate cl / v, hours."""
    k = cl / v
    return dose * ka / v / (ka - k) * (np.exp(-k * HOURS) - np.exp(-ka * HOURS))


@pytest.mark.parametrize(("ka", "cl", "v", "dose"), [(1.59, 2.75, 31.8, 320.0), (0.05, 6.0, 20.0, 240.0)])
def test_one_oral_dose_follows_the_closed_form(ka, cl, v, dose):
    """Absorption faster than elimination, and slower (flip-flop)."""
    model = load_model("theophylline")
    solved = batch(
        model,
        model.vector(ka=ka, cl=cl, v=v)[None],
        HOURS / 24.0,
        events=events_of(model, [Regimen.single(dose)]),
    )
    # The default method works at a relative tolerance of 1e-6.
    assert solved.outputs[:, 0] == pytest.approx(bateman(ka, cl, v, dose), rel=1e-5)


def test_the_population_values_are_the_printed_logarithms_and_cvs():
    model = load_model("theophylline")
    assert np.log(model.values) == pytest.approx([0.463, 1.01, 3.46], abs=1e-4)
    spreads = np.array([parameter.prior.log_sd for parameter in model.parameters])
    assert 100.0 * np.sqrt(np.expm1(spreads**2)) == pytest.approx([70.7, 26.7, 14.0], abs=0.05)
