"""Formulas are shared, simplified exactly and differentiated as sympy and complex steps do."""

import numpy as np
import pytest

from cartsim.errors import ModelError
from cartsim.spec.check import plain_function
from cartsim.spec.expression import Graph, derivative, ordered
from cartsim.spec.terms import exp, hill, log, maximum, minimum, power, ratio, sqrt, where

FUNCTIONS = {
    "sum": lambda x, y: 3.0 * x + y - x * y,
    "quotient": lambda x, y: (x + 1.0) / (x * x + y),
    "negated": lambda x, y: -(x - y) / 2.0,
    "exponential": lambda x, y: exp(-x * y) * log(x + y),
    "root": lambda x, y: sqrt(x * x + y),
    "whole power": lambda x, y: (x + y) ** 3 / y**-2,
    "real power": lambda x, y: (x + 0.5) ** 1.7 + 2.0**y,
    "power of a power": lambda x, y: (x + y) ** (x * y),
    "hill 1": lambda x, y: hill(x, y),
    "hill 2": lambda x, y: hill(x, y, 2),
    "hill 1.5": lambda x, y: hill(x, y, 1.5),
    "hill with a free exponent": lambda x, y: hill(x, 2.0, y),
    "safe power": lambda x, y: power(x, 0.4) * power(y, 2.5),
    "safe ratio": lambda x, y: ratio(x * x, y),
    "branch": lambda x, y: where(x < y, x * x, 2.0 * y * x),
    "smaller": lambda x, y: minimum(x * y, x + y),
    "larger": lambda x, y: maximum(x * x, y),
    "size": lambda x, y: abs(x - y) * x,
}
POINTS = [(0.3, 1.9), (2.4, 0.7), (1.1, 1.3)]


def leaves() -> tuple[Graph, object, object]:
    graph = Graph()
    return graph, graph.leaf("state", 0), graph.leaf("state", 1)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("point", POINTS)
def test_slopes_agree_with_complex_steps(name, point):
    function = FUNCTIONS[name]
    if name == "size":
        pytest.skip("the size of a complex number is not what abs means here; sympy checks it")
    _, x, y = leaves()
    root = function(x, y)
    value, by_x, by_y = plain_function([root, derivative(root, x), derivative(root, y)])(state=point)
    u, v = (np.complex128(part) for part in point)
    step = 1e-30
    assert value == pytest.approx(float(np.real(function(u, v))), rel=1e-14)
    assert by_x == pytest.approx(float(np.imag(function(u + 1j * step, v))) / step, rel=1e-12, abs=1e-14)
    assert by_y == pytest.approx(float(np.imag(function(u, v + 1j * step))) / step, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_slopes_agree_with_sympy(name):
    import sympy

    function = FUNCTIONS[name]
    u, v = sympy.symbols("u v", positive=True)
    symbolic = function(u, v)
    _, x, y = leaves()
    root = function(x, y)
    slopes = plain_function([derivative(root, x), derivative(root, y)])
    for point in POINTS:
        at = dict(zip((u, v), point, strict=True))
        expected = [float(sympy.diff(symbolic, s).subs(at).evalf(30)) for s in (u, v)]
        assert slopes(state=point) == pytest.approx(expected, rel=1e-12, abs=1e-14)


def test_the_same_operation_is_made_once():
    graph, x, y = leaves()
    assert (x + y) * 2.0 is (x + y) * 2.0
    assert exp(x / y) is exp(x / y)
    assert graph.constant(2) is graph.constant(2.0)
    root = (x + y) * (x + y) + (x + y)
    assert sum(node.op == "add" for node in ordered([root])) == 2


def test_simplification_is_exact():
    graph, x, y = leaves()
    assert x + 0.0 is x
    assert 0.0 + x is x
    assert x * 1.0 is x
    assert x / 1.0 is x
    negated = -x
    assert -negated is x
    assert (0.0 * x) is graph.constant(0.0)
    assert where(x < y, x, x) is x
    assert (graph.constant(2.0) * 3.0) is graph.constant(6.0)
    assert (x - x).op == "sub", "x - x is not 0 where x is infinite"


def test_small_whole_powers_are_products():
    _, x, _ = leaves()
    assert {node.op for node in ordered([x**8])} == {"state", "mul"}
    assert sum(node.op == "mul" for node in ordered([x**8])) == 3
    assert (x**9).op == "pow"


def test_zero_and_negative_zero_are_different_constants():
    graph = Graph()
    assert graph.constant(0.0) is not graph.constant(-0.0)


def test_a_formula_as_deep_as_a_long_sum_does_not_exhaust_the_stack():
    _, x, y = leaves()
    total = x
    for k in range(5000):
        total = total + y * float(k + 1)
    assert plain_function([derivative(total, y)])(state=(1.0, 2.0))[0] == pytest.approx(5000 * 5001 / 2)


@pytest.mark.parametrize("position", [0, 1])
@pytest.mark.parametrize("chosen", [minimum, maximum])
def test_min_and_max_never_hide_a_nan(chosen, position):
    _, x, y = leaves()
    point = [1.0, 1.0]
    point[position] = np.nan
    assert np.isnan(plain_function([chosen(x, y)])(state=point)[0])
    assert np.isnan(chosen(*point))


@pytest.mark.parametrize(
    "mistake",
    [
        lambda x, y: x if x > 1.0 else y,
        lambda x, y: max(x, y),
        lambda x, y: x > 0.0 and y > 0.0,
        lambda x, y: where(x == 0.0, 1.0, y),
        lambda x, y: where(x != y, 1.0, y),
        lambda x, y: [1.0, 2.0][x],
        lambda x, y: float(x),
        lambda x, y: int(y),
    ],
)
def test_what_cannot_be_traced_is_said_in_words(mistake):
    _, x, y = leaves()
    with pytest.raises(ModelError, match="remedy: use"):
        mistake(x, y)


def test_numpy_scalars_on_the_left_leave_the_work_to_the_formula():
    _, x, _ = leaves()
    assert (np.float64(2.0) * x).op == "mul"
    assert (np.float64(2.0) < x).op == "lt"
