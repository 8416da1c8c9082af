"""A published scenario solved twice: by SciPy from the model's plain equations, and by cartsim's kernels.

SciPy starts afresh at every dose and switch; a state that falls below its declared end dies out there.
"""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from cartsim.kernels.methods import Rodas5P
from cartsim.models import load_model
from cartsim.regimen.doses import Dose
from cartsim.regimen.regimen import Regimen
from cartsim.simulate import simulate
from cartsim.spec.check import plain_function, starts
from cartsim.spec.model import Model
from cartsim.spec.terms import NEVER

RTOL = 1e-9
Run = Callable[..., SimpleNamespace]


def regimen_of(model: Model, scenario: str | None, dose: float | None, more: tuple[Dose, ...]) -> Regimen:
    """The published course, or `dose` by the same course, and what is given besides."""
    published = Regimen.published(model, scenario=scenario, amount=dose) if model.infused else Regimen()
    return Regimen((*published.doses, *more))


def by_kernels(
    name: str,
    times: np.ndarray,
    scenario: str | None = None,
    dose: float | None = None,
    more: tuple[Dose, ...] = (),
    **parameters: float,
) -> SimpleNamespace:
    """States and outputs by name at `times`, one array each."""
    model = load_model(name)
    regimen = regimen_of(model, scenario, dose, more)
    run = simulate(
        model,
        times=times,
        scenario=scenario,
        parameters=parameters,
        regimen=regimen,
        method=Rodas5P(rtol=1e-8),
        threads=1,
    )
    assert run.status.tolist() == [0]
    seen = {name: run.output(name)[0] for name in model.output_names}
    return SimpleNamespace(times=times, **({s: run.state(s)[0] for s in model.state_names} | seen))


def by_scipy(
    name: str,
    times: np.ndarray,
    scenario: str | None = None,
    dose: float | None = None,
    more: tuple[Dose, ...] = (),
    **parameters: float,
) -> SimpleNamespace:
    """The same by LSODA."""
    model = load_model(name)
    p = model.vector(scenario=scenario, **parameters)
    doses = regimen_of(model, scenario, dose, more).doses
    switches = plain_function(model.traced.switches)(parameter=p) if model.traced.switches else []
    inner = {s for s in (*(d.time for d in doses), *switches) if 0.0 < s < min(NEVER, times[-1])}
    y, pieces = starts(model, p), []
    for first, last in pairwise([0.0, *sorted(inner), float(times[-1])]):
        for given in doses:
            if given.time == first:
                for state, share in {given.target: 1.0}.items() if given.target else model.infused.items():
                    y[model.state_names.index(state)] += given.amount * share
        ends = last == times[-1]
        inside = times[(times >= first) & ((times < last) | ends)]
        states, y = _until(model, p, first, last, y, inside)
        pieces.append(states)
    states = np.concatenate(pieces, axis=1)
    seen = model.observe(times, model.state_vector(*states), model.parameter_vector(*p))
    seen = {output: np.broadcast_to(value, times.shape) for output, value in seen.items()}
    return SimpleNamespace(times=times, **(dict(zip(model.state_names, states, strict=True)) | seen))


def _until(model: Model, p: np.ndarray, first: float, last: float, y: np.ndarray, inside: np.ndarray):
    """States (n, len(inside)) and at the end, over a stretch without doses and switches."""
    scale = np.array([state.scale for state in model.states])
    ends = [state.extinct_below for state in model.states]
    found, now = [], first
    while True:
        dying = [k for k, end in enumerate(ends) if end > 0.0 and y[k] > end]
        events = [partial(_above, k, ends[k]) for k in dying]
        for event in events:
            event.terminal, event.direction = True, -1.0
        ahead = inside[(inside >= now) & (inside <= last)]
        # at a switch the equations are those just after it
        rates = partial(_rates, model, p, np.nextafter(first, np.inf))
        solved = solve_ivp(
            rates,
            (now, last),
            y,
            "LSODA",
            np.union1d(ahead, [last]),
            rtol=RTOL,
            atol=RTOL * scale,
            events=events,
        )
        assert solved.success
        if solved.status == 0:
            found.append(solved.y[:, : len(ahead)])
            return np.concatenate(found, axis=1), solved.y[:, -1].copy()
        gone = next(k for k, times in enumerate(solved.t_events) if len(times))
        now, y = float(solved.t_events[gone][0]), solved.y_events[gone][0].copy()
        y[dying[gone]] = 0.0
        before = ahead < now
        found.append(np.reshape(solved.y, (len(y), -1))[:, : before.sum()])
        inside = inside[inside >= now]


def _above(k: int, end: float, t: float, y: np.ndarray) -> float:
    # on the log scale: the tumour falls by many decades
    return float(np.log(max(y[k], 1e-300) / end))


def _rates(model: Model, p: np.ndarray, earliest: float, t: float, y: np.ndarray) -> list[float]:
    return model.derivatives(max(t, earliest), y, p)


SOLVERS = [pytest.param(by_scipy, id="SciPy"), pytest.param(by_kernels, id="kernels", marks=pytest.mark.slow)]
