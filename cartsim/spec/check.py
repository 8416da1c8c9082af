"""What a model's author should know before trusting it: units, slopes, behaviour at zero, closed form.

`Model` itself refuses what cannot be solved; this checks what can be solved and still be wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cartsim.errors import UnitError
from cartsim.spec.expression import LEAVES, Node, ordered
from cartsim.spec.model import Model
from cartsim.spec.printing import scalar_lines

OWN = "own model"
STATES_TRIED = 20
# The traced slopes and the complex-step slopes differ by rounding only.
SLOPE_TOLERANCE = 1e-8
# Central differences of the closed form have an error of about (1e-5)^2 relative.
DIFFERENCE_TOLERANCE = 1e-6


def check_model(model: Model, *, seed: int = 20_240_229) -> list[str]:
    """Everything found wrong with a model's conventions, one sentence each; empty when all is well.

    Units must be known and rates must scale with time as declared; every number needs a source and place;
    the traced Jacobian must equal complex-step slopes of the model's own function; no positive state may fall
    at zero; derivatives must be finite at zero and at every declared start; a closed form must solve the rhs.
    """
    rng = np.random.default_rng(seed)
    found = _units(model) + _sources(model)
    if not found:
        found += _time_scaling(model, rng)
    with np.errstate(all="ignore"):
        found += _slopes(model, rng) + _positivity(model, rng) + _finite(model) + _closed_form(model, rng)
    return found


def plain_function(nodes: Sequence[Node]) -> Callable[..., np.ndarray]:
    """Formulas as a plain Python function of their leaves: f(state=…, parameter=…, time=[t]) -> float64."""
    names = {n.key: f"{n.op}[{int(n.value)}]" for n in ordered(nodes) if n.op in LEAVES and n.op != "const"}
    lines = scalar_lines(nodes, names, "    ")
    head = "def formulas(state=(), parameter=(), time=(), switch=(), input=(), rate=()):"
    text = "\n".join([head, *lines, f"    return [{', '.join(names[node.key] for node in nodes)}]"])
    room: dict[str, Any] = {"np": np}
    exec(compile(text, "<formulas>", "exec"), room)

    def evaluate(**leaves: Sequence[float]) -> np.ndarray:
        given = {kind: np.asarray(values, dtype=float) for kind, values in leaves.items()}
        return np.array(room["formulas"](**given), dtype=float)

    return evaluate


def jacobian_function(model: Model) -> Callable[[float, Sequence[float], Sequence[float]], np.ndarray]:
    """The traced slopes as a plain function (t, y, p) -> float64 (N, N), d rhs_i / d y_j."""
    positions, nodes = tuple(model.traced.jacobian), list(model.traced.jacobian.values())
    switch_times, slopes = plain_function(model.traced.switches), plain_function(nodes)

    def jacobian(t: float, y: Sequence[float], p: Sequence[float]) -> np.ndarray:
        matrix = np.zeros((len(model.states), len(model.states)))
        flags = np.where(t >= switch_times(parameter=p), 1.0, 0.0)
        values = slopes(state=y, parameter=p, time=[t], switch=flags)
        for position, value in zip(positions, values, strict=True):
            matrix[position] = value
        return matrix

    return jacobian


def starts(model: Model, p: np.ndarray) -> np.ndarray:
    """Initial states for parameter values p, float64 (N,)."""
    y = np.array([state.initial for state in model.states])
    if model.initial is not None:
        for name, value in model.initial(model.parameter_vector(*p)).items():
            y[model.state_names.index(name)] = value
    return y


def _units(model: Model) -> list[str]:
    from cartsim.units import canonical_unit

    found = []
    declared = (
        ("state", model.states),
        ("parameter", model.parameters),
        ("output", model.outputs),
        ("input", model.inputs),
    )
    for kind, items in declared:
        for item in items:
            try:
                canonical_unit(item.unit)
            except UnitError as error:
                found.append(f"{kind} {item.name}: {error}")
    return found


def _sources(model: Model) -> list[str]:
    # A model that nobody has published says so; its numbers need their sources all the same.
    cited = model.source.doi or model.source.where or model.source.citation.startswith(OWN)
    found = [] if cited and model.source.citation else ["the model's source has no citation or DOI"]
    for parameter in model.parameters:
        source = parameter.source
        if not (source.citation and source.where):
            found.append(f"parameter {parameter.name}: its source does not say where the number stands")
        low, high = parameter.prior.support
        if not low <= parameter.value <= high:
            found.append(f"parameter {parameter.name}: {parameter.value} is outside its prior's support")
    return found


def _time_scaling(model: Model, rng: np.random.Generator) -> list[str]:
    """Measure time in another unit: every number changes as its unit says, and so must every rate."""
    from cartsim.units import time_power

    stretch = 3.0
    powers = {
        kind: np.array([time_power(item.unit) for item in items])
        for kind, items in (("y", model.states), ("p", model.parameters), ("o", model.outputs))
    }
    wrong: set[str] = set()
    longer = np.zeros(len(model.states))  # a carried logarithm moves by what its input is multiplied with
    if model.inputs:
        longer[len(model.own_states) :] = [time_power(i.unit) * np.log(stretch) for i in model.inputs]
    for t, y in _random_states(model, rng, 3):
        p = model.values
        far_t, far_y, far_p = t * stretch, y * stretch ** powers["y"] + longer, p * stretch ** powers["p"]
        rates = np.array(model.derivatives(far_t, far_y, far_p), dtype=float)
        expected = np.array(model.derivatives(t, y, p), dtype=float) * stretch ** (powers["y"] - 1.0)
        seen, due = _outputs(model, far_t, far_y, far_p), _outputs(model, t, y, p) * stretch ** powers["o"]
        for names, got, want in (
            (model.state_names, rates, expected),
            (model.output_names, seen, due),
        ):
            scale = np.abs(want) + 1e-9 * np.abs(want).max()
            wrong |= {n for n, g, w, s in zip(names, got, want, scale, strict=True) if abs(g - w) > 1e-6 * s}
    return [
        f"{name}: does not scale with time as the declared units say; check the units of what it uses"
        for name in (*model.state_names, *model.output_names)
        if name in wrong
    ]


def _outputs(model: Model, t: float, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    values = model.observe(t, model.state_vector(*y), model.parameter_vector(*p))
    return np.array([float(values[name]) for name in model.output_names])


def _random_states(model: Model, rng: np.random.Generator, count: int) -> list[tuple[float, np.ndarray]]:
    """Times 0.5 to 60 and positive states around the model's own sizes, three decades wide."""
    sizes = np.maximum(starts(model, model.values), [state.scale for state in model.states])
    course = model.course()
    for name, share in model.infused.items() if course else ():
        sizes[model.state_names.index(name)] = course.amount * share
    carried = np.array([bool(state.carries) for state in model.states])
    drawn = [
        (rng.uniform(0.5, 60.0), sizes * 10.0 ** rng.uniform(-1.5, 1.5, size=len(sizes)))
        for _ in range(count)
    ]
    return [(t, np.where(carried, np.log(100.0 * y), y)) for t, y in drawn]


def _complex_step(model: Model, t: float, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Slopes of the model's own plain function, exact to rounding (Squire & Trapp 1998)."""
    matrix = np.empty((len(y), len(y)))
    for j in range(len(y)):
        step = 1e-20 * max(abs(y[j]), 1e-100)
        moved = np.array(y, dtype=complex)
        moved[j] += 1j * step
        matrix[:, j] = [complex(rate).imag / step for rate in model.derivatives(t, moved, p)]
    return matrix


def _slopes(model: Model, rng: np.random.Generator) -> list[str]:
    jacobian = jacobian_function(model)
    wrong: set[tuple[int, int]] = set()
    for t, y in _random_states(model, rng, STATES_TRIED):
        traced, plain = jacobian(t, y, model.values), _complex_step(model, t, y, model.values)
        # Entries are compared by what they contribute to a rate; cancellation limits the tiny ones.
        largest = (np.abs(plain) * y).max(axis=1, keepdims=True)
        off = np.abs(traced - plain) * y > SLOPE_TOLERANCE * (np.abs(plain) * y) + 1e-14 * largest
        wrong |= {(int(i), int(j)) for i, j in np.argwhere(off | ~np.isfinite(traced))}
    names = model.state_names
    return [f"slope of {names[i]}' by {names[j]} differs from the function's own" for i, j in sorted(wrong)]


def _positivity(model: Model, rng: np.random.Generator) -> list[str]:
    wrong = set()
    for t, y in _random_states(model, rng, STATES_TRIED):
        sizes = np.abs(np.array(model.derivatives(t, y, model.values), dtype=float))
        for i, state in enumerate(model.states):
            edge = np.where(np.arange(len(y)) == i, 0.0, y)
            rate = float(model.derivatives(t, edge, model.values)[i])
            if state.positive and rate < -1e-12 * sizes[i]:
                wrong.add(state.name)
    return [f"state {name} is declared positive but falls when it is at zero" for name in sorted(wrong)]


def _finite(model: Model) -> list[str]:
    found, jacobian = [], jacobian_function(model)
    cases = {"all states zero": (np.zeros(len(model.states)), model.values)}
    for scenario in (None, *model.scenarios):
        p = model.vector(scenario=scenario)
        cases[f"the start of {scenario or 'the default patient'}"] = (starts(model, p), p)
    for label, (y, p) in cases.items():
        rates = np.array(model.derivatives(0.0, [np.float64(v) for v in y], p), dtype=float)
        slopes = jacobian(0.0, y, p)
        for i, name in enumerate(model.state_names):
            if not (np.isfinite(rates[i]) and np.isfinite(slopes[i]).all()):
                found.append(f"the rate of {name} or a slope of it is not finite at {label}")
            if model.states[i].positive and y[i] < 0:
                found.append(f"state {name} is declared positive but negative at {label}")
    return found


def _closed_form(model: Model, rng: np.random.Generator) -> list[str]:
    """The closed form starts at the start, and its slope in time is the rhs (away from switches)."""
    if model.solution is None:
        return []
    p = model.parameter_vector(*model.values)

    def states(t: float) -> np.ndarray:
        values = model.solution(t, p)
        return np.array([float(values[name]) for name in model.state_names])

    jumps = plain_function(model.traced.switches)(parameter=model.values)
    wrong: set[int] = set()
    for t in [0.0, *rng.uniform(0.5, 60.0, size=STATES_TRIED)]:
        step = 1e-5
        if t == 0.0:
            got, want = states(0.0), starts(model, model.values)
        elif (np.abs(jumps - t) < 10 * step).any():
            continue
        else:
            got = (states(t + step) - states(t - step)) / (2 * step)
            want = np.array(model.derivatives(t, states(t), model.values), dtype=float)
        scale = np.abs(want) + 1e-9 * np.abs(want).max()
        wrong |= set(np.flatnonzero(np.abs(got - want) > DIFFERENCE_TOLERANCE * scale + 1e-300).tolist())
    return [f"the closed form of {model.state_names[i]} does not solve its equation" for i in sorted(wrong)]
