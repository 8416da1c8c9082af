"""A model's own equations run on symbols: derivatives, Jacobian, outputs and switch times as formulas."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cartsim.errors import ModelError
from cartsim.spec.expression import Graph, Node, derivative, leaves_below, ordered

if TYPE_CHECKING:
    from cartsim.spec.model import Model


@dataclass(frozen=True)
class Traced:
    """The formulas of one model, in declaration order.

    `jacobian` holds the structural non-zeros of d rhs_i / d y_j; `time_slope` d rhs_i / dt where not zero.
    `digest` identifies the formulas and the solver declarations of the states (scale, positivity,
    extinction).
    """

    graph: Graph
    rhs: tuple[Node, ...]
    jacobian: Mapping[tuple[int, int], Node]
    time_slope: Mapping[int, Node]
    initial: tuple[Node, ...]
    outputs: tuple[Node, ...]
    solution: tuple[Node, ...] | None
    switches: tuple[Node, ...]
    digest: str


def trace(model: Model) -> Traced:
    """Run the model's functions on symbols and differentiate; ModelError names every fault at once."""
    graph = Graph()
    y = model.state_vector(*(graph.leaf("state", i) for i in range(len(model.states))))
    p = model.parameter_vector(*(graph.leaf("parameter", i) for i in range(len(model.parameters))))
    t = graph.leaf("time")
    own = tuple(state.name for state in model.own_states)
    still = (graph.constant(0.0),) * len(model.inputs)
    rhs = _by_name(model, "rhs", model.rhs, (t, y, p), own) + still
    outputs = _by_name(model, "outputs", model.observe, (t, y, p), model.output_names)
    initial = tuple(graph.constant(state.initial) for state in model.states)
    if model.initial is not None:
        given = _call(model, "initial", model.initial, (p,))
        unknown = sorted(set(given) - set(own))
        if unknown:
            raise ModelError(
                f"initial(p) of {model.name} names states that do not exist", value=", ".join(unknown)
            )
        initial = tuple(
            _node(graph, given.get(name, start))
            for name, start in zip(model.state_names, initial, strict=True)
        )
    solution = None
    if model.solution is not None:
        solution = _by_name(model, "solution", model.solution, (t, p), model.state_names)
    _check_uses(model, [*rhs, *outputs, *initial, *graph.switches, *(solution or ())], initial, solution)
    states = [graph.leaf("state", i) for i in range(len(model.states))]
    jacobian = {
        (i, j): slope
        for i, row in enumerate(rhs)
        for j, state in enumerate(states)
        if not _is_zero(slope := derivative(row, state))
    }
    time_slope = {i: slope for i, row in enumerate(rhs) if not _is_zero(slope := derivative(row, t))}
    digest = _digest(model, [*rhs, *outputs, *initial, *graph.switches, *(solution or ())])
    return Traced(graph, rhs, jacobian, time_slope, initial, outputs, solution, tuple(graph.switches), digest)


def _call(model: Model, label: str, function: Callable, arguments: tuple) -> Mapping[str, Any]:
    try:
        result = function(*arguments)
    except ModelError as error:
        raise ModelError(f"{label} of model {model.name}: {error}") from error
    except AttributeError as error:
        raise ModelError(
            f"{label} of model {model.name} uses a name that is not declared", value=error
        ) from error
    except TypeError as error:
        raise ModelError(
            f"{label} of model {model.name} cannot be traced",
            value=error,
            remedy="use exp, log, sqrt, where, hill, power, ratio from cartsim.spec.terms",
        ) from error
    if not isinstance(result, Mapping):
        raise ModelError(f"{label} of model {model.name} must return values by name: dict(name=value, …)")
    return result


def _by_name(
    model: Model, label: str, function: Callable, arguments: tuple, names: Sequence[str]
) -> tuple[Node, ...]:
    """Call and put the results in declaration order; every name must be there, and no other."""
    result = _call(model, label, function, arguments)
    missing, extra = [n for n in names if n not in result], [n for n in result if n not in names]
    if missing or extra:
        raise ModelError(
            f"{label} of model {model.name} does not return its names",
            value=f"missing: {', '.join(missing) or 'none'}; not declared: {', '.join(extra) or 'none'}",
        )
    graph = arguments[-1][0].graph if arguments[-1] else arguments[0].graph
    return tuple(_node(graph, result[name]) for name in names)


def _node(graph: Graph, value: Any) -> Node:
    return value if isinstance(value, Node) else graph.constant(value)


def _is_zero(node: Node) -> bool:
    return node.op == "const" and node.value == 0.0


def _check_uses(
    model: Model, roots: Sequence[Node], initial: Sequence[Node], solution: Sequence[Node] | None
) -> None:
    """Every parameter and input is used; starts depend on parameters only; a closed form on no state."""
    below = leaves_below(roots)
    used = frozenset().union(*(below[root.key] for root in roots))
    idle = [name for i, name in enumerate(model.parameter_names) if ("parameter", i) not in used]
    if idle:
        raise ModelError(
            f"model {model.name} declares parameters that no equation uses", value=", ".join(idle)
        )
    own = len(model.own_states)
    unread = [name for i, name in enumerate(model.input_names) if ("state", own + i) not in used]
    if unread:
        raise ModelError(f"model {model.name} declares inputs that no equation uses", value=", ".join(unread))
    for label, nodes, allowed in (
        ("initial", initial, {"parameter"}),
        ("solution", solution or (), {"parameter", "time", "switch"}),
    ):
        for name, node in zip(model.state_names, nodes, strict=False):
            if {kind for kind, _ in below[node.key]} - allowed:
                raise ModelError(
                    f"{label} of model {model.name} may not depend on states or time", value=name
                )


def _digest(model: Model, roots: Sequence[Node]) -> str:
    text = [f"{s.name} {s.scale!r} {s.positive} {s.extinct_below!r} {s.dosed}" for s in model.states]
    text += [f"input {item.name} {item.unit} {item.floor!r}" for item in model.inputs]
    text += [*model.parameter_names, *model.output_names, f"infusion {model.infusion}"]
    order = ordered(roots)
    number = {node.key: i for i, node in enumerate(order)}
    text += [f"{node.op} {[number[a.key] for a in node.args]} {node.value!r}" for node in order]
    text += [str(number[root.key]) for root in roots]
    return hashlib.sha256("\n".join(text).encode()).hexdigest()
