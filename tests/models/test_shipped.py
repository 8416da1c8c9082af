"""Shipped models against SciPy at tight tolerance, and what their equations must do by construction."""

import numpy as np
import pytest

from cartsim.kernels.methods import Rodas5P
from cartsim.models import load_model
from cartsim.regimen.forcing import Forcing
from cartsim.regimen.regimen import Regimen, events_of
from cartsim.solve.batch import batch
from cartsim.spec.check import starts

# Radau at 1e-11 would take minutes in plain Python.
RTOL = {"DOP853": 1e-11, "LSODA": 1e-11, "Radau": 1e-8}
DRIVEN_BY = 200.0  # of a model's inputs, in their unit, on all days
TIMES = np.array([0.25, 1.0, 3.0, 7.0, 10.0, 14.0, 21.0, 28.0, 60.0, 120.0, 365.0])


def oracle(model, parameters: np.ndarray, dose: float, scipy_method: str) -> np.ndarray:
    """States by SciPy from the model's own plain function, the dose in the initial state."""
    from scipy.integrate import solve_ivp

    rtol = RTOL[scipy_method]
    y = starts(model, parameters)
    if model.infusion:
        y[model.state_names.index(model.infusion)] += dose
    y[len(model.own_states) :] = np.log(DRIVEN_BY)
    scale = np.array([state.scale for state in model.states])
    # SciPy does not know about switches: it is restarted at each.
    switches = [9.3] if model.name.startswith("stein") else []
    found, start = [], 0.0
    for end in [*switches, TIMES[-1]]:
        inside = TIMES[(start < TIMES) & (end >= TIMES)]
        middle = 0.5 * (start + end)

        def slopes(t, y, middle=middle):
            clock = middle if switches else t
            return model.derivatives(clock, y, parameters)

        solution = solve_ivp(
            slopes, (start, end), y, scipy_method, np.union1d(inside, [end]), rtol=rtol, atol=rtol * scale
        )
        assert solution.success
        found.append(solution.y[:, : len(inside)].T)
        start, y = end, solution.y[:, -1]
    return np.concatenate(found)


@pytest.mark.parametrize(
    ("name", "scenario", "scipy_method"),
    [
        ("stein2019_tisagenlecleucel", None, "DOP853"),
        ("singh2021_bb2121", None, "LSODA"),
        ("singh2021_bb2121", "burden_x0.2", "LSODA"),
        ("kirouac2023", None, "LSODA"),
        ("kirouac2023", "CR_1", "LSODA"),
        ("kirouac2023", "NR_5", "LSODA"),
        pytest.param(
            "cytokine_release_driven", None, "LSODA", marks=pytest.mark.slow
        ),  # has tests of its own
        pytest.param("singh2021_bb2121", None, "Radau", marks=pytest.mark.slow),
        pytest.param("kirouac2023", "PR_3", "Radau", marks=pytest.mark.slow),
    ],
)
def test_a_shipped_model_agrees_with_scipy(name, scenario, scipy_method):
    model = load_model(name)
    parameters = model.vector(scenario=scenario)
    dose = model.dose or 0.0
    series = tuple(Forcing(name, (0.0,), (DRIVEN_BY,)) for name in model.input_names)
    given = Regimen.single(dose) if model.infusion else Regimen(inputs=series)
    events = events_of(model, [given]) if model.infusion or series else None
    ours = batch(model, parameters[None], TIMES, events=events, method=Rodas5P(rtol=1e-10))
    assert ours.status.tolist() == [0]
    theirs = oracle(model, parameters, dose, scipy_method)
    scale = np.array([state.scale for state in model.states])
    # Both have global errors of some 100 times their tolerance, ours 1e-10.
    error = np.abs(ours.states - theirs) / (scale + np.abs(theirs))
    assert error.max() < max(2e-8, 100.0 * RTOL[scipy_method])


def test_singh_without_a_dose_keeps_m_protein_and_sbcma_at_baseline_at_first():
    model = load_model("singh2021_bb2121")
    y = starts(model, model.values)
    rates = dict(zip(model.state_names, model.derivatives(0.0, y, model.values), strict=True))
    assert abs(rates["m_protein"]) < 1e-14 * y[model.state_names.index("m_protein")]
    assert abs(rates["sbcma"]) < 1e-13 * y[model.state_names.index("sbcma")]
    assert rates["tumor"] == pytest.approx(0.008 * 2.5e9, rel=1e-12), "the tumour grows untouched"


def test_singh_exposure_depends_on_burden_far_more_than_on_dose():
    model = load_model("singh2021_bb2121")
    days = np.arange(1.0, 40.0, 0.25)

    def highest(dose: float, scenario: str) -> float:
        events = events_of(model, [Regimen.single(dose)])
        return batch(model, model.vector(scenario=scenario)[None], days, events=events).outputs[:, 0].max()

    assert 0.5 < highest(800e6, "typical") / highest(50e6, "typical") < 2.0
    assert highest(450e6, "burden_x5") / highest(450e6, "burden_x0.2") > 1000.0


def test_kirouac_keeps_its_36_sets_and_says_which_response_they_are():
    model = load_model("kirouac2023")
    assert len(model.scenarios) == 36
    assert {name.partition("_")[0] for name in model.scenarios} == {"CR", "PR", "NR"}
    fitted = set(model.scenarios["CR_1"])
    assert all(set(values) == fitted for values in model.scenarios.values())
    assert fitted == {p.name for p in model.parameters if not p.fixed}


def test_kirouac_engrafts_one_in_floss_plus_one_of_the_dose():
    """What leaves the dose site and is staged: dose / (1 + floss), whatever happens later."""
    model = load_model("kirouac2023")
    still = dict.fromkeys(("um", "ue", "kex", "dm", "de1", "de2", "dx", "rm"), 1e-12)
    events = events_of(model, [Regimen.single(1e8)])
    solved = batch(model, model.vector(**still)[None], np.array([5.0]), events=events)
    cells = solved.outputs[0, model.output_names.index("car_t")] * 2e6
    assert cells == pytest.approx(1e8 / (1.0 + model.parameter("floss").value), rel=1e-5)
