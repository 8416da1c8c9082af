"""Formulas with fewer divisions have the same values."""

import numpy as np
import pytest

from cartsim.models import load_model, model_names
from cartsim.spec.check import plain_function
from cartsim.spec.expression import Graph, ordered
from cartsim.spec.reciprocals import by_reciprocals
from cartsim.spec.terms import where

# Slopes of Dobreva's fever far above its half; Gallaher's 1 - M/(b + M)/2 - R/(b + R)/2.
CANCELS = {"dobreva2021": 1e-7, "gallaher2018": 1e-8}


def divisions(nodes) -> int:
    return sum(node.op == "div" for node in ordered(nodes))


@pytest.mark.parametrize("name", model_names())
def test_rates_and_slopes_keep_their_values(name):
    model = load_model(name)
    traced = model.traced
    roots = [*traced.rhs, *traced.jacobian.values()]
    cheaper = by_reciprocals(traced.graph, roots)
    assert divisions(cheaper) <= divisions(roots)
    rng = np.random.default_rng(5)
    for _ in range(20):
        y = 10.0 ** rng.uniform(-3.0, 9.0, len(model.states))
        y[len(model.own_states) :] = rng.uniform(-3.0, 9.0)  # an input is held as its logarithm
        leaves = {"state": y, "parameter": model.values, "time": [3.0], "switch": np.ones(9)}
        # each quotient is rounded twice instead of once; sums may cancel a few digits
        expected = plain_function(roots)(**leaves)
        assert plain_function(cheaper)(**leaves) == pytest.approx(expected, rel=CANCELS.get(name, 1e-9))


def test_what_is_divided_by_the_same_shares_a_reciprocal():
    graph = Graph()
    a, b, c = (graph.leaf("state", k) for k in range(3))
    assert divisions(by_reciprocals(graph, [a / c, b / c, (a + b) / c])) == 1


def test_a_branch_that_is_not_taken_may_still_divide_by_zero():
    graph = Graph()
    a = graph.leaf("state", 0)
    (root,) = by_reciprocals(graph, [where(a > 0.0, 2.0 / a, 7.0)])
    with np.errstate(divide="ignore"):
        assert plain_function([root])(state=[0.0]).tolist() == [7.0]
