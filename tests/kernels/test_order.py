"""Measured order of convergence of every method, at the end of a solve and of its dense output.

A dense output of order q has a local error of order q + 1 that does not accumulate, so the measured order is
min(p, q + 1): 4 for Rodas4 (q = 3), 5 for Rodas5P and Dormand-Prince (q = 4).
"""

import numpy as np
import pytest

from cartsim.kernels.methods import DormandPrince, Rodas4, Rodas5P
from tests.problems import WARD, smooth_solution, solved

END = 1.5
INSIDE = (0.15, 0.35, 0.5, 0.8)  # fractions of a step at which the dense output is read
# Each method compiles its own solver of the ward model; one is enough for the fast suite.
ORDERS = [
    pytest.param(Rodas4, 4, marks=pytest.mark.slow),
    (Rodas5P, 5),
    pytest.param(DormandPrince, 5, marks=pytest.mark.slow),
]
METHODS = [pytest.param(m, marks=pytest.mark.slow) for m in (Rodas4, DormandPrince)] + [Rodas5P]


def errors(method: type, steps: int) -> tuple[float, float]:
    """Largest relative error at the end and inside the steps, on a clock-driven non-linear problem."""
    h = END / steps
    inside = (np.arange(steps)[:, None] + np.array(INSIDE)).ravel() * h
    times = np.append(inside, END)
    result = solved(WARD, times, method(fixed_step=h), pace=1.0)
    assert result.counts[0].tolist() == [steps, 0, 0]
    exact = smooth_solution(times)
    error = (np.abs(result.states[:, :4] - exact) / np.maximum(1.0, np.abs(exact))).max(axis=1)
    return error[-1], error[:-1].max()


@pytest.mark.parametrize(("method", "order"), ORDERS, ids=lambda item: getattr(item, "__name__", ""))
def test_measured_order_is_the_stated_one(method, order):
    coarse, fine = errors(method, 64), errors(method, 128)
    for label, before, after in zip(("end", "dense output"), coarse, fine, strict=True):
        assert np.log2(before / after) == pytest.approx(order, abs=0.2), label


@pytest.mark.parametrize("method", METHODS)
def test_the_error_follows_the_tolerance(method):
    """The control is on the error of one step, in units of scale + |y|; this problem amplifies it tenfold."""
    times = np.linspace(0.0, END, 31)
    exact = smooth_solution(times)
    for rtol in (1e-4, 1e-6, 1e-8):
        states = solved(WARD, times, method(rtol=rtol), pace=1.0).states[:, :4]
        assert (np.abs(states - exact) / (1.0 + np.abs(exact))).max() < 50.0 * rtol


def test_a_step_limit_is_kept():
    result = solved(WARD, [10.0], Rodas5P(max_step=0.25))
    assert result.counts[0, 0] >= 40
