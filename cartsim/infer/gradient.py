"""The gradient of the log posterior: a point and its neighbours solved in step, all in one batched call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.infer.ordered import GAP_SD
from cartsim.solve.sensitivities import STEP, neighbour_groups

if TYPE_CHECKING:
    from cartsim.infer.problem import Problem

Array = NDArray[np.float64]
LANES = 8
# Central differences in units of the prior sd, where a solve has the noise of its own step control: wide
# enough to step over it.
WIDE = 1e-3


def prior_sds(problem: Problem) -> Array:
    """Sds of the priors on the unconstrained scale, float64 (d,); `GAP_SD` for the gaps of ordered blocks."""
    sds = np.array([prior.unconstrained_sd for prior in problem.priors])
    for block in getattr(problem, "ordered_columns", ()):
        sds[list(block[1:])] = GAP_SD
    return sds


def value_and_gradient(problem: Problem, u: Array) -> tuple[float, Array]:
    """Log posterior at u, float64 (d,), and its gradient, float64 (d,); -inf and NaN where it is impossible.

    Seven dimensions cost as much as one point alone. Forward differences, free of the noise of step control;
    central ones where neighbours cannot go in step (rules, two stops at the same moment, a `solve` of one's
    own).
    """
    size, sds = problem.ndim, prior_sds(problem)
    value, gradient = np.nan, np.full(size, np.nan)
    if problem.can_go_in_step:
        plan = neighbour_groups(size, LANES)
        points = np.tile(u, (*plan.shape, 1))
        places = [tuple(np.argwhere(plan == k)[0]) for k in range(size)]
        for k, place in enumerate(places):
            points[(*place, k)] += STEP * sds[k]
        values = problem.evaluate(points.reshape(-1, size), in_step=True).log_posterior.reshape(plan.shape)
        value = values[0, 0]
        values[~np.isfinite(values)] = np.nan
        for k, (group, lane) in enumerate(places):
            # what was added, not what was meant: the sum rounds
            gradient[k] = (values[group, lane] - values[group, 0]) / (points[group, lane, k] - u[k])
    apart = np.flatnonzero(~np.isfinite(gradient))
    if len(apart) and value != -np.inf:
        shifts = np.zeros((2 * len(apart) + 1, size))
        rows = np.arange(len(apart))
        shifts[2 * rows + 1, apart], shifts[2 * rows + 2, apart] = WIDE * sds[apart], -WIDE * sds[apart]
        values = problem.log_posterior(u + shifts)
        value = values[0]
        values[~np.isfinite(values)] = np.nan  # beside a wall there is no slope
        gradient[apart] = (values[1::2] - values[2::2]) / (2.0 * WIDE * sds[apart])
    return float(value), gradient
