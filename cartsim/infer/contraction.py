"""How far the data moved each parameter away from its prior: contraction and overlap of the two densities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.infer.gradient import prior_sds
from cartsim.infer.tables import INFORMED

if TYPE_CHECKING:
    import pandas as pd

    from cartsim.infer.problem import Problem
    from cartsim.spec.distribution import Prior

Array = NDArray[np.float64]
GRID = 1_000
KERNEL_DRAWS = 2_000  # a kernel estimate of one dimension gains nothing from more
FAR = 8.0  # prior sds beyond the draws and the prior's middle


def contraction_table(problem: Problem, values: Array) -> pd.DataFrame:
    """One row a parameter, from posterior draws (n, d) in physical units.

    Columns subject, name, prior_sd and posterior_sd (unconstrained scale), contraction (1 - variance ratio),
    shift (posterior mean minus prior mean, in prior sds), overlap (area under both densities: 1 the same, 0
    apart), informed (contraction >= 0.1), words ("not informed" or "-").
    """
    import pandas as pd

    u = problem.unconstrain(values)
    prior_sd = prior_sds(problem)
    rows = []
    for k, prior in enumerate(problem.priors):
        grid, before = _prior_on_grid(prior, prior_sd[k], u[:, k])
        mean = np.trapezoid(grid * before, grid)
        contraction = 1.0 - np.var(u[:, k]) / prior_sd[k] ** 2
        rows.append(
            {
                "subject": getattr(problem, "subject", ""),
                "name": problem.names[k],
                "prior_sd": prior_sd[k],
                "posterior_sd": u[:, k].std(),
                "contraction": contraction,
                "shift": (u[:, k].mean() - mean) / prior_sd[k],
                "overlap": _overlap(grid, before, u[:, k]),
                "informed": bool(contraction >= INFORMED),
                "words": "-" if contraction >= INFORMED else "not informed",
            }
        )
    return pd.DataFrame(rows)


def _prior_on_grid(prior: Prior, sd: float, draws: Array) -> tuple[Array, Array]:
    """Grid on the unconstrained scale over prior and draws, and the prior's density on it, area 1."""
    middle = float(prior.unconstrain(prior.median))
    low, high = min(middle - FAR * sd, draws.min() - sd), max(middle + FAR * sd, draws.max() + sd)
    fine = np.linspace(draws.min() - draws.std(), draws.max() + draws.std(), GRID)
    grid = np.union1d(np.linspace(low, high, GRID), fine)
    density = np.exp(prior.log_density_unconstrained(grid))
    return grid, density / np.trapezoid(density, grid)


def _overlap(grid: Array, before: Array, draws: Array) -> float:
    """Area under the lower of the prior's density and a kernel estimate of the draws' density."""
    from scipy.stats import gaussian_kde

    some = draws[np.linspace(0, len(draws) - 1, min(len(draws), KERNEL_DRAWS)).astype(np.int64)]
    if not np.std(some) > 0.0:
        return 0.0
    after = gaussian_kde(some)(grid)
    return float(np.trapezoid(np.minimum(before, after), grid))
