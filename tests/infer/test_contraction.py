"""Contraction and overlap against normals, where both are known."""

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import norm

from cartsim.infer.contraction import contraction_table
from tests.infer.known_posterior import quadratic

COUNT = 2_000


def draws(*moments):
    even = ndtri((np.arange(COUNT) + 0.5) / COUNT)
    return np.column_stack([mean + sd * even for mean, sd in moments])


def overlap(mean, sd, prior_sd=6.0):
    grid = np.linspace(-60.0, 60.0, 200_001)
    return np.trapezoid(np.minimum(norm.pdf(grid, 0.0, prior_sd), norm.pdf(grid, mean, sd)), grid)


def test_contraction_shift_and_overlap_of_normals():
    problem = quadratic(np.eye(3), (0.0, 0.0, 0.0))
    table = contraction_table(problem, draws((0.0, 6.0), (3.0, 1.5), (12.0, 0.6)))
    assert table["contraction"].to_numpy() == pytest.approx([0.0, 1 - 1 / 16, 0.99], abs=5e-3)
    assert table["shift"].to_numpy() == pytest.approx([0.0, 0.5, 2.0], abs=1e-2)
    expected = [1.0, overlap(3.0, 1.5), overlap(12.0, 0.6)]
    assert table["overlap"].to_numpy() == pytest.approx(expected, abs=0.03)  # width of the kernel
    assert list(table["words"]) == ["not informed", "-", "-"]
    assert list(table["informed"]) == [False, True, True]
