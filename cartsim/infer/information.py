"""What the data can tell apart: Fisher information at the best fit, its sloppy directions named.

On the unconstrained scale (log or logit), so an sd of 0.1 is about 10% of a positive parameter. The observed
information is used (minus the curvature of the log likelihood): censored samples count with the curvature of
their own censored density, not with what they would be expected to tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.infer.gradient import LANES, prior_sds

if TYPE_CHECKING:
    import pandas as pd

    from cartsim.infer.problem import Problem

Array = NDArray[np.float64]
# Steps in prior sds: neighbours in step (and closed forms) have no solver noise to step over, others have.
SMOOTH, ROUGH = 2e-3, 2e-2
WIDER = 10.0
NAMED = 3  # parameters that name a direction at most
LOADING = 0.3  # of a unit vector; below it a parameter has less than a tenth of the direction
UNKNOWN = 1e-2  # squared loading on a direction without information
INFINITE = 1e-12  # of the largest eigenvalue: rounding of the differences


@dataclass(frozen=True)
class Information:
    """Observed information of the log likelihood, float64 (d, d), at `point`, float64 (d,), unconstrained.

    `smooth`, bool (d,): whether the curvature along each parameter is the same over ten times wider steps. At
    a kink (a switch time on a sampling day) it is not, and no precision follows from it.
    """

    names: tuple[str, ...]
    point: Array
    matrix: Array
    smooth: NDArray[np.bool_]


def observed_information(problem: Problem, point: Array) -> Information:
    """Minus the Hessian of the log likelihood at an unconstrained point, float64 (d,).

    By central differences; points that can share solver steps do (`infer.gradient`). An entry beside a wall
    (a neighbour that cannot be solved) counts as no information.
    """
    point = np.asarray(point, dtype=np.float64)
    size, in_step = problem.ndim, getattr(problem, "can_go_in_step", False)
    width = (SMOOTH if in_step else ROUGH) * prior_sds(problem)
    pairs = [(i, j) for i in range(size) for j in range(i, size)]
    signs = ((1, 1), (1, -1), (-1, 1), (-1, -1))
    shifts = np.zeros((len(pairs), 4, size))
    for row, (i, j) in enumerate(pairs):
        for corner, (a, b) in enumerate(signs):
            shifts[row, corner, i] += a * width[i]
            shifts[row, corner, j] += b * width[j]
    heights = _heights(problem, point, point + shifts.reshape(-1, size), in_step).reshape(-1, 4)
    matrix = np.zeros((size, size))
    for (i, j), (pp, pm, mp, mm) in zip(pairs, heights, strict=True):
        second = (pp - pm - mp + mm) / (4.0 * width[i] * width[j])
        matrix[i, j] = matrix[j, i] = -second if np.isfinite(second) else 0.0
    return Information(tuple(problem.names), point, matrix, _smooth(problem, point, matrix, width, in_step))


def _smooth(problem: Problem, point: Array, matrix: Array, width: Array, in_step: bool) -> NDArray[np.bool_]:
    """Whether each parameter's own curvature agrees with that over wider steps within a factor of two."""
    steps = np.diag(WIDER * width)
    shifts = np.vstack([steps, -steps, np.zeros(len(point))])
    heights = _heights(problem, point, point + shifts, in_step)
    up, down, here = heights[: len(point)], heights[len(point) : -1], heights[-1]
    wide = (2.0 * here - up - down) / (WIDER * width) ** 2
    narrow = np.diag(matrix)
    gap = np.abs(narrow - wide) * prior_sds(problem) ** 2  # in units of the prior's information
    return ~(gap > 0.5 * np.maximum(np.abs(narrow), np.abs(wide)) * prior_sds(problem) ** 2 + 1.0)


def _heights(problem: Problem, point: Array, points: Array, in_step: bool) -> Array:
    """Log likelihood at `points` (n, d); in groups led by the point itself where they can go in step."""
    if not in_step:
        return problem.evaluate(points).log_likelihood
    groups = -(-len(points) // (LANES - 1))
    lanes = np.tile(point, (groups, LANES, 1))
    padded = np.tile(point, (groups * (LANES - 1), 1))
    padded[: len(points)] = points
    lanes[:, 1:] = padded.reshape(groups, LANES - 1, -1)
    values = problem.evaluate(lanes.reshape(-1, len(point)), in_step=True).log_likelihood
    return values.reshape(groups, LANES)[:, 1:].ravel()[: len(points)]


def direction_table(problem: Problem, information: Information) -> pd.DataFrame:
    """Eigen-directions of the information, best known first.

    Columns subject, direction (1...), eigenvalue, relative (to the largest), sd (1 / sqrt eigenvalue, log or
    logit units; inf where the data say nothing or the likelihood bends upwards), prior_sd (of the same
    direction), to_prior (eigenvalue x prior variance: 1 means that data and prior know equally much), sloppy
    (to_prior < 1), words ("foldx up with tmax down"), then the loadings, one column a parameter.
    """
    import pandas as pd

    prior = prior_sds(problem)
    level, vectors = np.linalg.eigh(information.matrix)
    level, vectors = level[::-1], vectors[:, ::-1]
    rows = []
    for k, value in enumerate(level):
        vector = vectors[:, k] * (1.0 if vectors[np.argmax(np.abs(vectors[:, k])), k] > 0.0 else -1.0)
        known = value > INFINITE * max(level[0], 0.0) and value > 0.0
        spread = float(np.sqrt(np.sum((vector * prior) ** 2)))
        rows.append(
            {
                "subject": getattr(problem, "subject", ""),
                "direction": k + 1,
                "eigenvalue": value,
                "relative": value / level[0] if level[0] > 0.0 else np.nan,
                "sd": 1.0 / np.sqrt(value) if known else np.inf,
                "prior_sd": spread,
                "to_prior": value * spread**2,
                "sloppy": bool(not known or value * spread**2 < 1.0),
                "words": direction_in_words(information.names, vector),
                **dict(zip(information.names, vector, strict=True)),
            }
        )
    return pd.DataFrame(rows)


def direction_in_words(names: tuple[str, ...], vector: Array) -> str:
    """The parameters with the largest loadings and how they move together: "foldx up with tmax down"."""
    order = np.argsort(-np.abs(vector), kind="stable")[:NAMED]
    kept = [k for rank, k in enumerate(order) if rank == 0 or abs(vector[k]) >= LOADING]
    moves = [f"{names[k]} {'up' if vector[k] > 0.0 else 'down'}" for k in kept]
    return moves[0] + (" with " + " and ".join(moves[1:]) if len(moves) > 1 else " alone")


def precision_table(problem: Problem, information: Information) -> pd.DataFrame:
    """What precision the data allow, one row a parameter.

    Columns subject, name, estimate (physical, at the point), sd_data and rse_data (from the likelihood alone;
    inf where it leaves the parameter free), sd_with_prior and rse_with_prior (prior added as a normal of its
    variance); smooth (false at a kink: no precision follows, see the profile). Sds in
    log or logit units; rse in % of the physical value by the delta method.
    """
    import pandas as pd

    prior = prior_sds(problem)
    point = information.point
    values = problem.constrain(point[None])[0]
    ends = problem.constrain(np.vstack([point + 1e-5 * prior, point - 1e-5 * prior]))
    slope = (ends[0] - ends[1]) / (2e-5 * prior)
    data = _sds(information.matrix, prior)
    level, vectors = np.linalg.eigh(information.matrix * np.outer(prior, prior))
    # curvature upwards (a switch time between two samples) is no knowledge: the prior alone remains
    covariance = (vectors / (1.0 + np.clip(level, 0.0, None))) @ vectors.T
    both = np.sqrt(np.diag(covariance)) * prior
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = 100.0 * np.abs(slope / values)
    return pd.DataFrame(
        {
            "subject": getattr(problem, "subject", ""),
            "name": list(information.names),
            "estimate": values,
            "sd_data": data,
            "rse_data": relative * data,
            "sd_with_prior": both,
            "rse_with_prior": relative * both,
            "smooth": information.smooth,
        }
    )


def _sds(matrix: Array, prior: Array) -> Array:
    """Sds from the inverse of the information, inf for what a direction without information touches."""
    level, vectors = np.linalg.eigh(matrix * np.outer(prior, prior))
    free = level <= max(INFINITE * level[-1], 0.0)
    known = np.where(free, np.inf, level)
    variance = (vectors**2) @ (1.0 / known)
    # less than a hundredth of a parameter (in prior sds) along such a direction is not called unknown
    touched = (vectors[:, free] ** 2).sum(axis=1) > UNKNOWN
    return np.where(touched, np.inf, np.sqrt(variance) * prior)
