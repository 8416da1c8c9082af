"""Coefficients of the step methods fulfil the order conditions, derived here from rooted trees."""

from dataclasses import replace
from functools import cache
from itertools import combinations_with_replacement

import numpy as np
import pytest

from cartsim.kernels.tableaus import DORMAND_PRINCE, RODAS4, RODAS5P, ExplicitTableau, RosenbrockTableau

ROUNDING = 1e-9  # coefficients are given to about 16 digits and reach 147 (Rodas5P, C)
ROSENBROCK = [RODAS4, RODAS5P]
EVERY = [*ROSENBROCK, DORMAND_PRINCE]
DENSE_ORDER = {"rodas4": 3, "rodas5p": 4, "dormand_prince": 4}


@cache
def trees(order: int) -> tuple[tuple, ...]:
    """All rooted trees of this order; a tree is the tuple of its branches."""
    found = set()
    for sizes in partitions(order - 1):
        forests = [()]
        for size in sorted(set(sizes)):
            choices = combinations_with_replacement(trees(size), sizes.count(size))
            forests = [(*forest, *chosen) for chosen in list(choices) for forest in forests]
        found |= {tuple(sorted(forest, key=repr)) for forest in forests}
    return tuple(sorted(found, key=repr))


def partitions(total: int, largest: int | None = None) -> list[tuple[int, ...]]:
    if total == 0:
        return [()]
    top = min(total, largest or total)
    return [(first, *rest) for first in range(top, 0, -1) for rest in partitions(total - first, first)]


def order_of(tree: tuple) -> int:
    return 1 + sum(order_of(branch) for branch in tree)


def density(tree: tuple) -> int:
    return order_of(tree) * int(np.prod([density(branch) for branch in tree], dtype=int))


def elementary_weight(tree: tuple, alpha: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """Of each stage. One branch grows through beta = alpha + gamma, several through alpha (IV.7 of II)."""
    if not tree:
        return np.ones(len(alpha))
    through = beta if len(tree) == 1 else alpha
    return np.prod([through @ elementary_weight(branch, alpha, beta) for branch in tree], axis=0)


def square(rows: tuple, size: int) -> np.ndarray:
    matrix = np.zeros((size, size))
    for i, row in enumerate(rows):
        matrix[i, : len(row)] = row
    return matrix


def classical(tableau: RosenbrockTableau | ExplicitTableau) -> tuple:
    """alpha, beta, weights of y1, of the embedded y1, and of the dense output as a function of theta."""
    size = tableau.stages
    a = square(tableau.a, size)
    if isinstance(tableau, ExplicitTableau):
        b = a[-1]
        start, end = np.eye(size)[0], np.eye(size)[-1]

        def dense(theta):
            r3 = start - b
            r4 = b - end - r3
            return theta * (b + (1 - theta) * (r3 + theta * (r4 + (1 - theta) * np.array(tableau.dense))))

        return a, a, b, b - np.array(tableau.error), dense
    gamma = np.linalg.inv(np.eye(size) / tableau.gamma - square(tableau.C, size))
    b = np.array(tableau.b)
    rows = square(tableau.dense, size)[: len(tableau.dense)]

    def dense(theta):
        bend = sum(theta**q * row for q, row in enumerate(rows))
        return (theta * (b + (1 - theta) * bend)) @ gamma

    return a @ gamma, a @ gamma + gamma, b @ gamma, (b - np.eye(size)[-1]) @ gamma, dense


def residuals(weights: np.ndarray, tableau, order: int, theta: float = 1.0) -> np.ndarray:
    alpha, beta, *_ = classical(tableau)
    return np.array(
        [
            weights @ elementary_weight(tree, alpha, beta) - theta**order / density(tree)
            for tree in trees(order)
        ]
    )


def test_there_are_as_many_trees_as_cayley_counted():
    assert [len(trees(order)) for order in range(1, 7)] == [1, 1, 2, 4, 9, 20]


@pytest.mark.parametrize("tableau", EVERY, ids=lambda t: t.name)
def test_a_method_has_its_order_and_no_more(tableau):
    weights = classical(tableau)[2]
    for order in range(1, tableau.order + 1):
        assert np.abs(residuals(weights, tableau, order)).max() < ROUNDING
    assert np.abs(residuals(weights, tableau, tableau.order + 1)).max() > 1e-5


@pytest.mark.parametrize("tableau", EVERY, ids=lambda t: t.name)
def test_the_error_estimate_compares_with_a_method_one_order_lower(tableau):
    weights = classical(tableau)[3]
    assert tableau.embedded_order == tableau.order - 1
    for order in range(1, tableau.embedded_order + 1):
        assert np.abs(residuals(weights, tableau, order)).max() < ROUNDING
    assert np.abs(residuals(weights, tableau, tableau.order)).max() > 1e-6


@pytest.mark.parametrize("theta", [0.1, 0.5, 0.77])
@pytest.mark.parametrize("tableau", EVERY, ids=lambda t: t.name)
def test_dense_output_loses_at_most_one_order(tableau, theta):
    weights, highest = classical(tableau)[4](theta), DENSE_ORDER[tableau.name]
    for order in range(1, highest + 1):
        assert np.abs(residuals(weights, tableau, order, theta)).max() < ROUNDING
    assert np.abs(residuals(weights, tableau, highest + 1, theta)).max() > 1e-7


@pytest.mark.parametrize("tableau", ROSENBROCK, ids=lambda t: t.name)
def test_the_rosenbrock_methods_forget_infinitely_stiff_components(tableau):
    _, beta, weights, *_ = classical(tableau)
    stability_at_infinity = 1.0 - weights @ np.linalg.solve(beta, np.ones(len(beta)))
    assert abs(stability_at_infinity) < 1e-8


@pytest.mark.parametrize("field", ["a", "C", "dense"])
@pytest.mark.parametrize("tableau", ROSENBROCK, ids=lambda t: t.name)
def test_a_rosenbrock_tableau_refuses_a_wrong_digit_anywhere(tableau, field):
    rows = getattr(tableau, field)
    # Rodas5P's last two stages are error estimates: in the dense output they touch no condition to order 4.
    checked = 6 if field == "dense" else tableau.stages
    for i, row in enumerate(rows):
        for j in range(min(len(row), checked)):
            wrong = tuple(
                tuple(x + 1e-5 if (i, j) == (k, n) else x for n, x in enumerate(r))
                for k, r in enumerate(rows)
            )
            with pytest.raises(ValueError, match=f"{tableau.name} breaks"):
                replace(tableau, **{field: wrong})


@pytest.mark.parametrize("tableau", ROSENBROCK, ids=lambda t: t.name)
def test_a_rosenbrock_tableau_refuses_wrong_nodes(tableau):
    for field in ("c", "d"):
        for i in range(tableau.stages):
            wrong = tuple(x + (1e-6 if i == k else 0.0) for k, x in enumerate(getattr(tableau, field)))
            with pytest.raises(ValueError, match="row sums"):
                replace(tableau, **{field: wrong})
    with pytest.raises(ValueError, match="breaks"):
        replace(tableau, gamma=tableau.gamma + 1e-6)


def test_the_explicit_tableau_refuses_a_wrong_digit_anywhere():
    for field in ("c", "error", "dense"):
        values = getattr(DORMAND_PRINCE, field)
        for i in range(len(values)):
            wrong = tuple(x + (1e-6 if i == k else 0.0) for k, x in enumerate(values))
            with pytest.raises(ValueError, match="breaks"):
                replace(DORMAND_PRINCE, **{field: wrong})
    for i, row in enumerate(DORMAND_PRINCE.a):
        for j in range(len(row)):
            wrong = [list(r) for r in DORMAND_PRINCE.a]
            wrong[i][j] += 1e-6
            with pytest.raises(ValueError, match="breaks"):
                replace(DORMAND_PRINCE, a=tuple(tuple(r) for r in wrong))
