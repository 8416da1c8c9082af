"""Cytokines driven by measured CAR+ counts: against SciPy, and what the counts do and cannot do."""

import itertools

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from cartsim.kernels.methods import Rodas5P
from cartsim.models import load_model
from cartsim.regimen.doses import Dose
from cartsim.regimen.forcing import Forcing
from cartsim.regimen.regimen import Regimen, events_of
from cartsim.solve.batch import batch
from cartsim.spec.check import starts

pytestmark = pytest.mark.slow  # its kernels serve no other test

MODEL = load_model("cytokine_release_driven")
METHOD = Rodas5P(rtol=1e-10)
DAYS = np.arange(0.0, 36.0, 0.5)
CYTOKINES = ("ifng", "il6", "il8", "il10", "crp")


def measured(*points: tuple[float, float]) -> Forcing:
    """A series of (day, cells/uL)."""
    return Forcing("car_t_measured", *zip(*points, strict=True))


WEEKLY = measured((-1.0, 0.0), (6.0, 0.0), (13.0, 570.0), (20.0, 320.0), (27.0, 73.0))


def course(series: Forcing, *doses: Dose, **values: float) -> dict[str, np.ndarray]:
    """Outputs by name on DAYS, float64 (T,) each."""
    events = events_of(MODEL, [Regimen(doses, inputs=(series,))])
    run = batch(MODEL, MODEL.vector(**values)[None], DAYS, events=events, method=METHOD)
    assert run.status.tolist() == [0]
    return dict(zip(MODEL.output_names, run.outputs.reshape(len(DAYS), -1).T, strict=True))


@pytest.fixture(scope="module")
def weekly():
    return course(WEEKLY)


def test_it_agrees_with_scipy_under_counts_that_rise_and_fall(weekly):
    """SciPy gets the straight lines in the logarithm piece by piece, from the measurements themselves."""
    y, found = starts(MODEL, MODEL.values), {}
    knots = [(0.0, np.log(0.05)), (6.0, np.log(0.05)), (13.0, np.log(570.0)), (20.0, np.log(320.0))]
    knots += [(27.0, np.log(73.0)), (36.0, np.log(73.0))]
    scale = np.array([state.scale for state in MODEL.states])
    for (start, low), (stop, high) in itertools.pairwise(knots):

        def slopes(t, y, start=start, low=low, rate=(high - low) / (stop - start)):
            return MODEL.derivatives(t, [*y[:-1], low + rate * (t - start)], MODEL.values)

        inside = DAYS[(start <= DAYS) & (stop > DAYS)]
        run = solve_ivp(
            slopes, (start, stop), y, "LSODA", np.append(inside, stop), rtol=1e-11, atol=1e-11 * scale
        )
        assert run.success
        found |= dict(zip(inside, run.y.T[:-1], strict=True))
        y = run.y[:, -1]
    for name in CYTOKINES:
        theirs = np.array([found[day][MODEL.state_names.index(name)] for day in DAYS])
        assert weekly[name] == pytest.approx(theirs, rel=1e-6), name


def test_without_cells_every_cytokine_stays_near_its_baseline():
    nothing = course(measured((0.0, 0.0)), contact_half=1e4)
    for name in CYTOKINES:
        assert nothing[name] == pytest.approx(np.full(len(DAYS), nothing[name][0]), rel=1e-2), name


def test_cytokines_fall_while_the_cells_stay():
    still = course(measured((6.0, 0.0), (12.0, 500.0), (30.0, 500.0)))
    last = DAYS >= 20.0
    assert still["car_t"][last].min() > 400.0
    for name in CYTOKINES:
        assert still[name].argmax() < np.flatnonzero(last)[0]
        assert (still[name][last] - still[name][0]).max() < 0.2 * (still[name].max() - still[name][0]), name


def test_the_fall_is_as_fast_as_antigen_is_lost():
    """At full contact antigen falls by exp(-antigen_loss * t); IFN-gamma above its baseline follows."""
    slow = course(measured((0.0, 1e4)), contact_half=1e-3, antigen_loss=0.2, ifng_il10_half=1e9)
    above = slow["ifng"] - MODEL.parameter("ifng_start").value
    late = (DAYS >= 14.0) & (DAYS <= 24.0)
    slope = np.polyfit(DAYS[late], np.log(above[late]), 1)[0]
    assert slope == pytest.approx(-0.2, rel=0.01)


def test_a_late_first_count_does_not_mean_that_many_cells_since_the_infusion():
    late = course(measured((13.0, 1000.0), (20.0, 300.0)))
    clone = np.exp(1.1 * (DAYS - 7.5))
    assert np.all(late["car_t"] <= np.minimum(1000.0, clone) * (1.0 + 1e-9))
    assert late["ifng"][DAYS == 3.0] < 1.1 * MODEL.parameter("ifng_start").value
    assert 9.0 <= DAYS[late["ifng"].argmax()] <= 13.0


def test_the_drives_scale_and_the_gain_are_one_number():
    """full_drive times ifng_gain is all that counts, so only one of the two is estimated."""
    other = course(WEEKLY, full_drive=40.0, ifng_gain=13.0)
    usual = course(WEEKLY, full_drive=20.0, ifng_gain=26.0)
    for name in CYTOKINES:
        assert other[name] == pytest.approx(usual[name], rel=1e-6), name


def test_tocilizumab_raises_measured_il6_and_lowers_crp(weekly):
    treated = course(WEEKLY, Dose(560.0, 11.0, target="toci_central"))
    before, after = DAYS < 11.0, (DAYS > 11.0) & (DAYS < 16.0)
    assert treated["il6"][before] == pytest.approx(weekly["il6"][before], rel=1e-6)
    assert (treated["il6"][after] > 2.0 * weekly["il6"][after]).all()
    assert (treated["crp"][after] < weekly["crp"][after]).all()
    assert treated["ifng"] == pytest.approx(weekly["ifng"], rel=0.1), "the drug leaves the cells alone"
