"""Our own expansion forms against their closed forms and limits: Stein 2019, Lambert W, a fixed delay."""

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad, solve_ivp
from scipy.special import lambertw

from cartsim.models import load_model
from cartsim.models.blocks.smooth_gate import gate
from cartsim.models.delayed_memory import STAGES, with_stages
from cartsim.simulate import simulate
from cartsim.spec.check import check_model, starts
from cartsim.spec.model import Model

STEIN = load_model("stein2019_tisagenlecleucel")
GATE, LAG, DELAY = (
    load_model(name) for name in ("smooth_gate_expansion", "lag_biexponential", "delayed_memory")
)
DAYS = np.array([0.0, 2.0, 6.0, 9.0, 12.0, 20.0, 45.0, 90.0, 365.0])
UNBOUNDED, STEP = 1e30, 1e4


def by_scipy(model: Model, days: np.ndarray, **parameters: float) -> dict[str, np.ndarray]:
    """Outputs and states; LSODA may step no further than the gate is wide."""
    p = model.vector(**parameters)
    solved = solve_ivp(
        lambda t, y: model.derivatives(t, y, p), (0.0, days[-1]), starts(model, p), "LSODA", days,
        rtol=1e-9, atol=1e-9, max_step=2.0,
    )  # fmt: skip
    assert solved.success
    y = solved.y
    seen = model.observe(days, model.state_vector(*y), model.parameter_vector(*p))
    return dict(zip(model.state_names, y, strict=True)) | dict(seen)


def steins(days: np.ndarray) -> np.ndarray:
    p = STEIN.parameter_vector(*STEIN.values)
    return sum(STEIN.solution(days, p).values())


def as_stein() -> dict[str, float]:
    """Parameters of the gated forms under which they are Stein's typical patient."""
    foldx, tmax, cmax, alpha, fb, beta = (
        STEIN.parameter(name).value for name in ("foldx", "tmax", "cmax", "alpha", "fb", "beta")
    )
    conversion = fb * (alpha - beta)
    return {
        "start": cmax / foldx,
        "rho": np.log(foldx) / tmax,
        "km": UNBOUNDED,
        "tmax": tmax,
        "steepness": STEP,
        "loss": alpha - conversion,
        "conversion": conversion,
        "beta": beta,
    }


@pytest.mark.parametrize("model", [GATE, LAG, DELAY], ids=lambda model: model.name)
def test_an_own_form_says_that_it_is_one(model):
    assert model.source.citation.startswith("own model")
    assert not model.source.doi
    assert "no published numbers" in model.notes
    assert all(parameter.source.citation == "assumed" for parameter in model.parameters)


def test_without_lag_the_biexponential_form_is_steins():
    shared = {name: STEIN.parameter(name).value for name in ("foldx", "cmax", "alpha", "fb", "beta")}
    p = LAG.parameter_vector(*LAG.vector(lag=0.0, growth_days=9.3, **shared))
    assert sum(LAG.solution(DAYS, p).values()) == pytest.approx(steins(DAYS), rel=1e-12)


def test_a_lag_moves_steins_curve_by_its_length_and_is_flat_before():
    p = LAG.parameter_vector(*LAG.vector(lag=3.0, growth_days=9.3))
    shared = {name: LAG.parameter(name).value for name in ("foldx", "cmax", "alpha", "fb", "beta")}
    q = STEIN.parameter_vector(*STEIN.vector(tmax=9.3, **shared))
    moved = sum(LAG.solution(DAYS + 3.0, p).values())
    assert moved == pytest.approx(sum(STEIN.solution(DAYS, q).values()), rel=1e-12)
    early = sum(LAG.solution(np.array([0.0, 1.0, 3.0]), p).values())
    assert early == pytest.approx(np.full(3, p.cmax / p.foldx), rel=1e-12)


def test_the_lag_forms_equations_give_its_closed_form_between_the_switches():
    p = LAG.values
    lag, growth = (p[LAG.index(name)] for name in ("lag", "growth_days"))
    y = starts(LAG, p)
    for first, last in ((0.0, lag), (lag, lag + growth), (lag + growth, 200.0)):
        inside = np.nextafter(first, np.inf)
        solved = solve_ivp(
            lambda t, y, inside=inside, last=last: LAG.derivatives(
                min(max(t, inside), np.nextafter(last, 0.0)), y, p
            ),
            (first, last), y, "DOP853", rtol=1e-11, atol=1e-12,
        )  # fmt: skip
        y = solved.y[:, -1]
        closed = LAG.solution(last, LAG.parameter_vector(*p))
        assert y == pytest.approx([closed["effector"], closed["memory"]], rel=1e-9, abs=1e-9)


def test_a_steep_gate_without_saturation_gives_steins_numbers():
    got = by_scipy(GATE, DAYS, **as_stein())["car_transgene"]
    assert got == pytest.approx(steins(DAYS), rel=1e-5)  # the gate is 1e-4 days wide


def test_a_smooth_gate_without_saturation_has_a_closed_form():
    """With G = integral of the gate: effectors = start exp(rho G - (loss + conversion)(t - G))."""
    p = as_stein() | {"steepness": 2.0}

    def softplus(x):
        return np.logaddexp(0.0, x)

    opened = DAYS - (softplus(2.0 * (DAYS - p["tmax"])) - softplus(-2.0 * p["tmax"])) / 2.0
    expected = p["start"] * np.exp(p["rho"] * opened - (p["loss"] + p["conversion"]) * (DAYS - opened))
    assert by_scipy(GATE, DAYS, **p)["effector"] == pytest.approx(expected, rel=1e-6)


def test_saturable_expansion_follows_lambert_w_while_the_gate_is_open():
    """ln E + E / km grows by rho a day: E = km W(start / km exp(start / km + rho t))."""
    p = as_stein() | {"km": 500.0, "tmax": 1e3}
    early = DAYS[DAYS <= 20.0]
    small = p["start"] / p["km"]
    expected = p["km"] * lambertw(small * np.exp(small + p["rho"] * early)).real
    assert by_scipy(GATE, early, **p)["effector"] == pytest.approx(expected, rel=1e-6)


def test_the_gate_is_half_shut_on_its_day_and_stays_finite_however_steep():
    assert gate(9.3, 9.3, 5.0) == 0.5
    assert gate(0.0, 9.3, 1e4) == 1.0
    assert 0.0 <= gate(365.0, 9.3, 1e4) < 1e-200


def test_without_delay_the_delayed_form_is_the_gated_one():
    shared = as_stein() | {"steepness": 2.0, "km": 3e4}
    plain = by_scipy(GATE, DAYS, **shared)
    quick = by_scipy(DELAY, DAYS, **shared, tau=1e-4)
    assert quick["car_transgene"] == pytest.approx(plain["car_transgene"], rel=1e-5)
    assert quick["memory_transgene"][3:] == pytest.approx(plain["memory"][3:], rel=1e-3)


def fixed_delay(days: np.ndarray, tau: float, p: dict[str, float]) -> np.ndarray:
    """Memory cells by quadrature where every conversion takes exactly tau days and the gate is a step."""
    cells = p["start"] * np.exp(p["rho"] * p["tmax"])  # at the peak
    gone = p["loss"] + p["conversion"]
    since = np.maximum(days - p["tmax"] - tau, 0.0)
    grown = (np.exp(-p["beta"] * since) - np.exp(-gone * since)) / (gone - p["beta"])
    return p["conversion"] * cells * grown


def test_a_longer_chain_comes_closer_to_a_fixed_delay():
    p, days = as_stein(), np.array([0.0, 14.0, 18.0, 21.0, 24.0, 30.0, 45.0, 90.0])
    due = fixed_delay(days, 10.0, p)
    errors = []
    for stages in (2, 8, 32):
        got = by_scipy(with_stages(stages), days, **p, tau=10.0)["memory_transgene"]
        errors.append(np.abs(got - due).max() / due.max())
    assert errors[0] > 2.0 * errors[1] > 4.0 * errors[2]
    assert errors[2] < 0.04
    assert check_model(with_stages(2)) == []


def test_the_delay_is_gamma_distributed():
    """With the gate shut from the start, memory is the conversion folded with the gamma distribution."""
    days, loss, conversion, tau = DAYS[1:], 0.1, 0.2, 7.0
    p = {"start": 100.0, "tmax": -1e3, "loss": loss, "beta": 0.0, "conversion": conversion, "tau": tau}
    arrived = stats.gamma(STAGES, scale=tau / STAGES).cdf

    def flow(s: float, day: float) -> float:
        return 100.0 * conversion * np.exp(-(loss + conversion) * s) * arrived(day - s)

    due = [quad(flow, 0.0, day, (day,), epsabs=1e-12, limit=200)[0] for day in days]
    got = by_scipy(DELAY, DAYS, **p)["memory_transgene"][1:]
    assert got == pytest.approx(due, rel=1e-6, abs=1e-7)


def test_cells_on_their_way_to_memory_are_still_counted():
    """With no death anywhere and a shut gate, nothing is lost: the total stays."""
    p = {"start": 100.0, "tmax": -1e3, "loss": 0.0, "beta": 0.0, "conversion": 0.3, "tau": 7.0}
    total = by_scipy(DELAY, DAYS, **p)["car_transgene"]
    assert total == pytest.approx(np.full(len(DAYS), 100.0), rel=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("model", [GATE, DELAY], ids=lambda model: model.name)
def test_the_kernels_agree_with_scipy(model):
    run, due = simulate(model, times=DAYS, threads=1), by_scipy(model, DAYS)
    for name in model.output_names:
        assert run.output(name)[0] == pytest.approx(due[name], rel=1e-6, abs=1e-8)


@pytest.mark.slow
def test_the_kernels_give_the_lag_forms_closed_form():
    from cartsim.kernels.methods import Rodas5P

    closed = simulate(LAG, times=DAYS, threads=1).output("car_transgene")
    solved = simulate(LAG, times=DAYS, threads=1, method=Rodas5P(rtol=1e-10)).output("car_transgene")
    assert solved == pytest.approx(closed, rel=1e-7)
