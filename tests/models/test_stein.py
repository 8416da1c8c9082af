"""Stein 2019: the closed form is the ODE, with and without comedication, and the peak is where Tmax says."""

import numpy as np
import pytest

from cartsim.kernels.methods import Rodas5P
from cartsim.models import load_model
from cartsim.solve.batch import batch

STEIN = load_model("stein2019_tisagenlecleucel")
TIMES = np.array([0.0, 0.5, 2.0, 4.9999, 5.0, 9.2999, 9.3, 9.3001, 10.0, 12.0, 28.0, 90.0, 180.0, 365.0])
TREATMENTS = {
    "none": {},
    "tocilizumab on day 0": {"tocilizumab_day": 0.0},
    "tocilizumab on day 5": {"tocilizumab_day": 5.0},
    "tocilizumab after the peak": {"tocilizumab_day": 11.0},
    "steroid slows expansion": {"steroid_day": 4.0, "fster": 0.7},
    "tocilizumab then steroid": {"tocilizumab_day": 2.0, "steroid_day": 6.5, "fster": 0.8},
    "steroid then tocilizumab": {"tocilizumab_day": 6.5, "steroid_day": 2.0, "fster": 0.8},
    "both on the day of the peak": {"tocilizumab_day": 9.3, "steroid_day": 9.3, "fster": 0.8},
    "memory falls faster than effectors": {"beta": 0.3},
    "equal rates": {"beta": 0.16},
}


def closed_form_and_ode(table: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    ode = batch(STEIN, table, times, method=Rodas5P(rtol=1e-11))
    assert (ode.status == 0).all()
    return batch(STEIN, table, times).outputs[:, 0], ode.outputs[:, 0]


@pytest.mark.parametrize("treatment", TREATMENTS)
def test_the_closed_form_equals_the_ode(treatment):
    closed, ode = closed_form_and_ode(STEIN.vector(**TREATMENTS[treatment])[None], TIMES)
    assert ode == pytest.approx(closed, rel=1e-8)


def test_the_closed_form_equals_the_ode_for_patients_from_the_population():
    rng = np.random.default_rng(90)
    table = np.repeat(STEIN.values[None], 40, axis=0)
    for name in ("foldx", "tmax", "cmax", "alpha", "fb", "beta"):
        table[:, STEIN.index(name)] = STEIN.parameter(name).prior.sample(rng, 40)
    table[:, STEIN.index("tocilizumab_day")] = rng.uniform(0.0, 15.0, 40)
    closed, ode = closed_form_and_ode(table, np.linspace(0.0, 200.0, 81))
    assert ode == pytest.approx(closed, rel=1e-8)


def test_untreated_patients_reach_cmax_at_tmax_and_treated_ones_more():
    times = np.array([9.3])
    plain, treated, slowed = (
        batch(STEIN, STEIN.vector(**values)[None], times).outputs[0, 0]
        for values in ({}, {"tocilizumab_day": 5.0}, {"steroid_day": 5.0, "fster": 0.5})
    )
    assert plain == pytest.approx(24_000.0, rel=1e-12)
    # From day 5 to Tmax = 9.3 the rate ln(3900) / 9.3 is 1.2 times as large.
    assert treated == pytest.approx(24_000.0 * np.exp(0.2 * np.log(3900.0) * 4.3 / 9.3), rel=1e-12)
    assert slowed == pytest.approx(24_000.0 * np.exp(-0.5 * np.log(3900.0) * 4.3 / 9.3), rel=1e-12)


def test_a_late_start_is_integrated_not_read_off_the_closed_form():
    """The closed form counts from day 0; a baseline declared for day 3 grows from day 3."""
    late = batch(STEIN, STEIN.values[None], np.array([3.0, 5.0]), start=3.0).outputs[:, 0]
    early = batch(STEIN, STEIN.values[None], np.array([0.0, 2.0])).outputs[:, 0]
    assert late == pytest.approx(early, rel=1e-5)


def test_the_kink_at_tmax_costs_few_steps():
    """Stepping across it blindly would be refused dozens of times at this tolerance."""
    counts = batch(STEIN, STEIN.values[None], np.array([365.0]), method=Rodas5P(rtol=1e-8)).counts
    assert counts[0, 1] < 10
