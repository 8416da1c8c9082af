"""Sparse Gaussian elimination on symbols: in which order to eliminate, and the formulas of the factors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cartsim.spec.expression import Graph, Node


def markowitz_order(size: int, entries: Iterable[tuple[int, int]]) -> tuple[int, ...]:
    """Diagonal pivots in the greedy order of least fill-in, (rows - 1)(columns - 1), ties by index.

    Markowitz 1957, Management Science 3:255.
    """
    pattern = {(i, j) for i, j in entries} | {(i, i) for i in range(size)}
    left = set(range(size))
    order: list[int] = []
    while left:
        rows = {k: [i for i in left if i != k and (i, k) in pattern] for k in left}
        columns = {k: [j for j in left if j != k and (k, j) in pattern] for k in left}
        pivot = min(left, key=lambda k: (len(rows[k]) * len(columns[k]), k))
        pattern |= {(i, j) for i in rows[pivot] for j in columns[pivot]}
        order.append(pivot)
        left.remove(pivot)
    return tuple(order)


@dataclass(frozen=True)
class Factors:
    """LU factors of (g I - J): formulas and the fixed order of elimination.

    `inverse_pivots[k]`, `lower[i, k]` and `upper[k, j]` are indexed by state; `pivots[k]` are for the check
    that none is tiny.
    """

    order: tuple[int, ...]
    pivots: Mapping[int, Node]
    inverse_pivots: Mapping[int, Node]
    lower: Mapping[tuple[int, int], Node]
    upper: Mapping[tuple[int, int], Node]


def factorise(graph: Graph, size: int, jacobian: Mapping[tuple[int, int], Node], shift: Node) -> Factors:
    """Eliminate (shift I - J) without pivoting, in Markowitz order."""
    matrix = {position: -entry for position, entry in jacobian.items()}
    for i in range(size):
        matrix[i, i] = shift + matrix[i, i] if (i, i) in matrix else shift
    order = markowitz_order(size, jacobian)
    pivots, inverse, lower, upper = {}, {}, {}, {}
    left = set(range(size))
    for k in order:
        left.remove(k)
        pivots[k] = matrix[k, k]
        inverse[k] = 1.0 / matrix[k, k]
        columns = [j for j in sorted(left) if (k, j) in matrix]
        for j in columns:
            upper[k, j] = matrix[k, j]
        for i in sorted(left):
            if (i, k) not in matrix:
                continue
            lower[i, k] = multiplier = matrix[i, k] * inverse[k]
            for j in columns:
                update = multiplier * matrix[k, j]
                matrix[i, j] = matrix[i, j] - update if (i, j) in matrix else -update
    return Factors(order, pivots, inverse, lower, upper)


def solve_formulas(graph: Graph, factors: Factors, right_side: list[Node], stored: Mapping) -> list[Node]:
    """x of (g I - J) x = b by forward and backward substitution; `stored` gives the factors' leaves."""
    x = list(right_side)
    position = {k: n for n, k in enumerate(factors.order)}
    for i, k in sorted(factors.lower, key=lambda entry: (position[entry[1]], position[entry[0]])):
        x[i] = x[i] - stored["lower", i, k] * x[k]
    rows: dict[int, list[int]] = {}
    for k, j in sorted(factors.upper):
        rows.setdefault(k, []).append(j)
    for k in reversed(factors.order):
        for j in rows.get(k, ()):
            x[k] = x[k] - stored["upper", k, j] * x[j]
        x[k] = x[k] * stored["inverse", k]
    return x
