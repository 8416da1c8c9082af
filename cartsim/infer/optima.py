"""Where a fit starts: the distinct best parameter sets of a patient, and walkers spread around them.

Starts are a Sobol sequence through the priors; the best are polished by BFGS with batched gradients;
optima that are alike are merged; each keeps a normal approximation (Laplace). Walkers start wider than it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.errors import FitError
from cartsim.infer.gradient import prior_sds, value_and_gradient
from cartsim.infer.ordered import gaps, in_order

if TYPE_CHECKING:
    from cartsim.infer.problem import Problem

Array = NDArray[np.float64]
# Optima more than this many log units below the best hold a share of the posterior that cannot matter.
NEGLIGIBLE = 12.0


@dataclass(frozen=True)
class Optima:
    """Distinct maxima of the posterior on the unconstrained scale, best first.

    Attributes
    ----------
    names : tuple of str, length d
    points : float64 (k, d)
    log_posterior : float64 (k,)
    covariance : float64 (k, d, d), of the normal approximation at each
    starts : int, how many local searches were run
    """

    names: tuple[str, ...]
    points: Array
    log_posterior: Array
    covariance: Array
    starts: int


def find_optima(
    problem: Problem, rng: np.random.Generator, *, starts: int = 64, polished: int = 12
) -> Optima:
    """Multi-start search for the maxima of the posterior.

    Parameters
    ----------
    problem : Problem
    rng : Generator, scrambles the Sobol sequence
    starts : int, power of two; prior quantiles at which the posterior is evaluated
    polished : int, how many of the best are followed uphill

    Raises
    ------
    FitError
        Where no start has a finite posterior.
    """
    from scipy.optimize import minimize

    candidates = prior_starts(problem, rng, starts)
    found = []
    for start in candidates[:polished]:
        result = minimize(downhill(problem), start, jac=True, method="BFGS", options={"maxiter": 300})
        found.append(result.x if np.isfinite(result.fun) else start)
    points = np.array(found)
    values = problem.log_posterior(points)
    order = np.argsort(-values, kind="stable")
    points, values = points[order], values[order]
    points, values = points[values > values[0] - NEGLIGIBLE], values[values > values[0] - NEGLIGIBLE]
    covariance = np.array([laplace_covariance(problem, point) for point in points])
    kept = _distinct(points, covariance)
    return Optima(problem.names, points[kept], values[kept], covariance[kept], len(found))


def prior_starts(problem: Problem, rng: np.random.Generator, count: int) -> Array:
    """Sobol points through the prior quantiles, best first, impossible ones left out."""
    from scipy.stats import qmc

    unit = qmc.Sobol(problem.ndim, rng=rng).random_base2(int(np.ceil(np.log2(count))))
    unit = 0.005 + 0.99 * unit  # the last half percent of a prior is no place to start
    points = np.column_stack(
        [prior.unconstrain(prior.quantile(unit[:, k])) for k, prior in enumerate(problem.priors)]
    )
    blocks = getattr(problem, "ordered_columns", ())
    points = gaps(in_order(points, blocks), blocks) if blocks else points
    heights = problem.log_posterior(points)
    possible = np.isfinite(heights)
    if not possible.any():
        raise FitError(
            f"subject {problem.subject}: no start drawn from the priors has a finite posterior",
            value=f"{count} starts",
            remedy="check the priors against the data (units, LLOQ) and the model's solve",
        )
    return points[possible][np.argsort(-heights[possible], kind="stable")]


def downhill(problem: Problem):
    """Minus the log posterior and its gradient."""

    def objective(u: Array) -> tuple[float, Array]:
        value, gradient = value_and_gradient(problem, u)
        if not (np.isfinite(value) and np.isfinite(gradient).all()):
            # a wall: steep enough to turn the line search around, flat enough to stay finite
            return -value if np.isfinite(value) else 1e10, np.zeros(problem.ndim)
        return -value, -gradient

    return objective


def laplace_covariance(problem: Problem, point: Array, *, step: float = 1e-2) -> Array:
    """Covariance of the normal approximation at an optimum, float64 (d, d).

    Curvature by central differences; directions the data and prior leave flat, or bend upwards (a switch time
    between two samples), get the prior's variance.
    """
    size, prior_sd = len(point), prior_sds(problem)
    width = step * prior_sd
    pairs = [(i, j) for i in range(size) for j in range(i, size)]
    signs = ((1, 1), (1, -1), (-1, 1), (-1, -1))
    corners = np.array([_corner(size, i, j, a, b) for i, j in pairs for a, b in signs])
    values = problem.log_posterior(point + corners * width).reshape(len(pairs), 4)
    curvature = np.zeros((size, size))
    for (i, j), (pp, pm, mp, mm) in zip(pairs, values, strict=True):
        second = (pp - pm - mp + mm) / (4.0 * step**2)
        curvature[i, j] = curvature[j, i] = -second if np.isfinite(second) else float(i == j)
    level, direction = np.linalg.eigh(curvature)  # in units of the prior sd: prior alone has curvature 1
    variance = 1.0 / np.clip(level, 1.0, 1e8)
    return (direction * variance) @ direction.T * np.outer(prior_sd, prior_sd)


def _corner(size: int, i: int, j: int, a: int, b: int) -> Array:
    corner = np.zeros(size)
    corner[i] += a
    corner[j] += b
    return corner


def _distinct(points: Array, covariance: Array) -> list[int]:
    """Indices of optima further than two posterior sds (Mahalanobis) from every better one."""
    kept: list[int] = []
    for i, point in enumerate(points):
        gaps = [point - points[k] for k in kept]
        near = [gap @ np.linalg.solve(covariance[k], gap) < 4.0 for gap, k in zip(gaps, kept, strict=True)]
        if not any(near):
            kept.append(i)
    return kept


def walkers(
    problem: Problem, optima: Optima, rng: np.random.Generator, *, count: int, widening: float = 2.0
) -> Array:
    """Over-dispersed starting points of one ensemble, float64 (count, d), all with a finite posterior.

    Shared out over the optima by weight (at least one walker each), drawn from each normal approximation with
    its sds times `widening`, within two sds of the prior; impossible draws are drawn again, closer in.

    Raises
    ------
    FitError
        Where no finite point can be found around an optimum.
    """
    shares = _shares(problem, optima, rng, count)
    prior_sd = prior_sds(problem)
    result = np.empty((count, problem.ndim))
    for w, k in enumerate(shares):
        root = np.linalg.cholesky(optima.covariance[k])
        width = widening
        for _ in range(60):
            step = width * (root @ rng.standard_normal(problem.ndim))
            point = optima.points[k] + np.clip(step, -2.0 * prior_sd, 2.0 * prior_sd)
            if np.isfinite(problem.log_posterior(point[None])[0]):
                break
            width *= 0.9
        else:
            raise FitError(
                f"subject {problem.subject}: no possible starting point near the optimum",
                value=dict(zip(problem.names, problem.constrain(optima.points[k][None])[0], strict=True)),
                remedy="the posterior is a needle: check for values that fix a parameter exactly",
            )
        result[w] = point
    return result


def _shares(problem: Problem, optima: Optima, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    """Which optimum each walker starts from: by mass of the normal approximation, at least one each."""
    _, log_determinant = np.linalg.slogdet(optima.covariance)
    mass = optima.log_posterior + 0.5 * log_determinant
    weight = np.exp(mass - mass.max())
    number = min(len(weight), count)
    chosen = rng.choice(len(weight), size=count, p=weight / weight.sum())
    chosen[:number] = np.arange(number)
    return chosen
