"""Formulas with fewer divisions have the same values, and are left alone where merging could do harm."""

import numpy as np
import pytest

from cartsim.models import load_model, model_names
from cartsim.spec.check import plain_function
from cartsim.spec.expression import Graph, ordered
from cartsim.spec.reciprocals import by_reciprocals, with_merged_reciprocals
from cartsim.spec.terms import exp, where


def divisions(nodes) -> int:
    return sum(node.op == "div" for node in ordered(nodes))


def linear_denominators(count: int):
    """x_k / (1 + x_k + k) of `count` states."""
    graph = Graph()
    states = [graph.leaf("state", k) for k in range(count)]
    return graph, [x / (1.0 + x + float(k)) for k, x in enumerate(states)]


@pytest.mark.parametrize("name", model_names())
def test_rates_and_slopes_keep_their_values(name):
    model = load_model(name)
    traced = model.traced
    roots = [*traced.rhs, *traced.jacobian.values()]
    cheaper = with_merged_reciprocals(traced.graph, by_reciprocals(traced.graph, roots))
    assert divisions(cheaper) <= divisions(roots)
    rng = np.random.default_rng(5)
    for _ in range(20):
        y = 10.0 ** rng.uniform(-3.0, 9.0, len(model.states))
        leaves = {"state": y, "parameter": model.values, "time": [3.0], "switch": np.ones(9)}
        # each quotient is rounded up to five times instead of once; sums may cancel a few digits
        assert plain_function(cheaper)(**leaves) == pytest.approx(plain_function(roots)(**leaves), rel=1e-9)


@pytest.mark.parametrize(("together", "left"), [(1, 8), (2, 4), (4, 2)])
def test_one_division_serves_several_reciprocals(together, left):
    graph, roots = linear_denominators(8)
    merged = with_merged_reciprocals(graph, by_reciprocals(graph, roots), together=together)
    assert divisions(merged) == left
    states = np.linspace(0.0, 5.0, 8)
    # four rounded products more
    assert plain_function(merged)(state=states) == pytest.approx(
        plain_function(roots)(state=states), rel=1e-15
    )


def test_what_is_divided_by_the_same_shares_a_reciprocal():
    graph = Graph()
    a, b, c = (graph.leaf("state", k) for k in range(3))
    assert divisions(by_reciprocals(graph, [a / c, b / c, (a + b) / c])) == 1


def test_reciprocals_that_need_each_other_are_not_merged():
    graph = Graph()
    a, b = graph.leaf("state", 0), graph.leaf("state", 1)
    nested = by_reciprocals(graph, [a / (1.0 + b / (2.0 + a))])
    merged = with_merged_reciprocals(graph, nested)
    assert divisions(merged) == 2
    assert plain_function(merged)(state=[3.0, 4.0]) == pytest.approx([3.0 / 1.8], rel=1e-15)


def test_a_branch_that_is_not_taken_may_still_divide_by_zero():
    graph = Graph()
    a, b = graph.leaf("state", 0), graph.leaf("state", 1)
    roots = by_reciprocals(graph, [where(a > 0.0, 1.0 / a, 7.0), 1.0 / (1.0 + b)])
    merged = with_merged_reciprocals(graph, roots)
    with np.errstate(divide="ignore"):
        assert plain_function(merged)(state=[0.0, 1.0]).tolist() == [7.0, 0.5]


def test_products_that_could_overflow_are_not_formed():
    graph = Graph()
    a, b = graph.leaf("state", 0), graph.leaf("state", 1)
    roots = by_reciprocals(graph, [1.0 / (1.0 + a**4), 1.0 / (1.0 + b**4), 1.0 / exp(a), 1.0 / exp(b)])
    assert divisions(with_merged_reciprocals(graph, roots)) == 4
    # the largest states that a solve may reach
    assert plain_function(with_merged_reciprocals(graph, roots[:2]))(state=[1e60, 1e60]) == pytest.approx(
        [1e-240, 1e-240]
    )


def test_what_is_computed_elsewhere_is_left_as_it_is():
    graph = Graph()
    a, b, p = graph.leaf("state", 0), graph.leaf("state", 1), graph.leaf("parameter", 0)
    roots = by_reciprocals(graph, [a / p, a / (p + a), b / (p + b)])
    hoisted = next(node for node in ordered(roots) if node.op == "div" and node.args[1] is p)
    merged = with_merged_reciprocals(graph, roots, {hoisted.key})
    assert any(node is hoisted for node in ordered(merged))
    assert divisions(merged) == 2
