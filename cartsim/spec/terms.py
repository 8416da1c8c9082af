"""The mathematical terms a model may use: one function serves symbols, numbers, arrays and complex numbers.

`hill`, `power` and `ratio` are safe at zero: below a declared floor they continue as a straight line through
the origin, so that neither their value nor their slope is infinite or 0/0 when a population dies out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cartsim.errors import ModelError
from cartsim.spec.expression import Graph, Node, leaves_below

NEVER = 1.0e9
"""day; a switch time that no simulation reaches: "the drug is never given"."""

FLOOR = 1.0e-30


def _graph(*values: Any) -> Graph | None:
    return next((value.graph for value in values if isinstance(value, Node)), None)


def _is_sympy(*values: Any) -> bool:
    return any(type(value).__module__.startswith("sympy") for value in values)


def _unary(name: str, value: Any) -> Any:
    if isinstance(value, Node):
        return value.graph.make(name, value)
    if _is_sympy(value):
        import sympy

        return getattr(sympy, name)(value)
    return getattr(np, name)(value)


def exp(x: Any) -> Any:
    """e**x."""
    return _unary("exp", x)


def log(x: Any) -> Any:
    """Natural logarithm."""
    return _unary("log", x)


def sqrt(x: Any) -> Any:
    """Square root."""
    return _unary("sqrt", x)


def where(condition: Any, if_true: Any, if_false: Any) -> Any:
    """`if_true` where the condition holds, else `if_false`; both are evaluated."""
    graph = _graph(condition, if_true, if_false)
    if graph is not None:
        return graph.make("where", condition, if_true, if_false)
    if _is_sympy(condition, if_true, if_false):
        import sympy

        return sympy.Piecewise((if_true, condition), (if_false, True))
    return np.where(condition, if_true, if_false)


def minimum(a: Any, b: Any) -> Any:
    """The smaller of two values."""
    graph = _graph(a, b)
    if graph is not None:
        return graph.make("min", a, b)
    return _chosen(a, b, np.minimum, lambda: _real(a) < _real(b))


def maximum(a: Any, b: Any) -> Any:
    """The larger of two values."""
    graph = _graph(a, b)
    if graph is not None:
        return graph.make("max", a, b)
    return _chosen(a, b, np.maximum, lambda: _real(b) < _real(a))


def _chosen(a: Any, b: Any, plain: Any, first: Any) -> Any:
    """Of plain numbers the one that NumPy picks (NaN wins); of complex numbers and symbols by comparison."""
    if _is_sympy(a, b) or np.iscomplexobj(a) or np.iscomplexobj(b):
        return where(first(), a, b)
    return plain(a, b)


def _real(x: Any) -> Any:
    """The real part, so that complex-step differentiation can compare."""
    return x.real if isinstance(x, complex | np.ndarray | np.complexfloating) else x


def ratio(numerator: Any, denominator: Any, *, floor: float = FLOOR) -> Any:
    """numerator / max(denominator, floor): 0 instead of 0/0 when both die out."""
    return numerator / maximum(denominator, floor)


def power(base: Any, exponent: Any, *, floor: float = FLOOR) -> Any:
    """base**exponent for base >= 0; below `floor` a straight line to (0, 0)."""
    safe = maximum(base, floor)
    return where(
        _real(base) > floor, safe**exponent, base * _scalar(floor, base, exponent) ** (exponent - 1.0)
    )


def _scalar(value: float, *others: Any) -> Any:
    graph = _graph(*others)
    return value if graph is None else graph.constant(value)


def hill(x: Any, half: Any, exponent: Any = 1.0, *, floor: float = FLOOR) -> Any:
    """x**n / (half**n + x**n), from 0 to 1, one half at x = half; `floor` is relative to `half`."""
    if isinstance(exponent, int | float) and exponent == 1:
        return x / (half + x)
    relative = x / half
    if isinstance(exponent, int | float) and exponent == int(exponent) and 0 < exponent <= 8:
        raised = relative ** int(exponent)
    else:
        raised = power(relative, exponent, floor=floor)
    return raised / (1.0 + raised)


def after(t: Any, switch_time: Any) -> Any:
    """1 from `switch_time` on, 0 before; the solver stops exactly there and restarts.

    `switch_time` may depend on parameters but not on states.
    """
    graph = _graph(t, switch_time)
    if graph is None:
        return where(t >= switch_time, 1.0, 0.0)
    if not isinstance(t, Node) or t.op != "time":
        raise ModelError(
            "after(t, switch_time) compares the model's own clock",
            remedy="pass `t` itself and move any shift into switch_time",
        )
    time = switch_time if isinstance(switch_time, Node) else graph.constant(switch_time)
    kinds = {kind for kind, _ in leaves_below([time])[time.key]}
    if kinds - {"parameter"}:
        raise ModelError(
            "after(t, switch_time) needs a time that depends on parameters only",
            value=f"depends on {', '.join(sorted(kinds))}",
            remedy="use where(...) with a smooth gate, or a Rule in the regimen",
        )
    return graph.switch(time)
