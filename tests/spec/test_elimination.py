"""Sparse elimination on symbols solves what NumPy solves, with as little fill-in as the order allows."""

import numpy as np
import pytest

from cartsim.spec.check import plain_function
from cartsim.spec.elimination import factorise, markowitz_order, solve_formulas
from cartsim.spec.expression import Graph

# Pivots are not exchanged; the shift makes the matrices diagonally dominant, so rounding stays near 1e-15.
TOLERANCE = 1e-12


def solved(jacobian: np.ndarray, shift: float, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x of (shift I - J) x = b through the formulas, and the pivots."""
    graph, size = Graph(), len(jacobian)
    entries = {(i, j): graph.leaf("state", i * size + j) for i, j in np.argwhere(jacobian != 0.0)}
    factors = factorise(graph, size, entries, graph.leaf("time"))
    stored = {("inverse", k): node for k, node in factors.inverse_pivots.items()}
    stored |= {("lower", *position): node for position, node in factors.lower.items()}
    stored |= {("upper", *position): node for position, node in factors.upper.items()}
    b = [graph.leaf("input", i) for i in range(size)]
    x = solve_formulas(graph, factors, b, stored)
    values = plain_function([*x, *factors.pivots.values()])(state=jacobian.ravel(), time=[shift], input=right)
    return values[:size], values[size:]


@pytest.mark.parametrize("density", [0.05, 0.2, 0.6, 1.0])
@pytest.mark.parametrize("size", [1, 2, 5, 12])
def test_the_formulas_solve_random_sparse_systems(size, density):
    rng = np.random.default_rng([size, int(100 * density)])
    for _ in range(5):
        jacobian = rng.normal(size=(size, size)) * (rng.random((size, size)) < density)
        right = rng.normal(size=size)
        shift = 2.0 * size
        expected = np.linalg.solve(shift * np.eye(size) - jacobian, right)
        assert solved(jacobian, shift, right)[0] == pytest.approx(expected, rel=TOLERANCE, abs=TOLERANCE)


def test_the_product_of_the_pivots_is_the_determinant():
    rng = np.random.default_rng(7)
    jacobian = rng.normal(size=(6, 6)) * (rng.random((6, 6)) < 0.5)
    _, pivots = solved(jacobian, 12.0, np.ones(6))
    assert np.prod(pivots) == pytest.approx(np.linalg.det(12.0 * np.eye(6) - jacobian), rel=TOLERANCE)


def test_an_arrow_matrix_is_eliminated_from_its_tip_without_fill_in():
    size = 9
    arrow = {(0, k) for k in range(size)} | {(k, 0) for k in range(size)} | {(k, k) for k in range(size)}
    order = markowitz_order(size, arrow)
    assert order[-2:] in {(0, size - 1), (size - 1, 0)}, "the dense row goes last or beside the last"
    graph = Graph()
    entries = {position: graph.leaf("state", k) for k, position in enumerate(sorted(arrow))}
    factors = factorise(graph, size, entries, graph.leaf("time"))
    assert len(factors.lower) == len(factors.upper) == size - 1
    assert set(factors.lower) | set(factors.upper) <= arrow


def test_a_chain_is_eliminated_without_fill_in():
    size = 8
    chain = {(k, k) for k in range(size)} | {(k + 1, k) for k in range(size - 1)} | {(0, size - 1)}
    graph = Graph()
    entries = {position: graph.leaf("state", k) for k, position in enumerate(sorted(chain))}
    factors = factorise(graph, size, entries, graph.leaf("time"))
    # One cycle through all states: each elimination shortens it, so one entry is filled in for each but two.
    assert len(factors.lower) + len(factors.upper) <= size + (size - 2)


def test_the_order_does_not_depend_on_how_entries_are_listed():
    rng = np.random.default_rng(3)
    entries = [tuple(position) for position in np.argwhere(rng.random((10, 10)) < 0.3)]
    shuffled = [entries[k] for k in rng.permutation(len(entries))]
    assert markowitz_order(10, entries) == markowitz_order(10, shuffled)
    assert sorted(markowitz_order(10, entries)) == list(range(10))
