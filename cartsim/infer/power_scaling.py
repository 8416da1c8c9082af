"""Do prior and data pull apart? Each made a little stronger and weaker, and how far the posterior follows.

Power-scaling (Kallioinen, Paananen, Buerkner & Vehtari 2023, Stat Comput 34:57): prior^(alpha - 1) or
likelihood^(alpha - 1) as Pareto-smoothed importance weights on the draws at hand, no new solves of a sampler.
The prior is scaled as a density on the unconstrained scale: a log-normal keeps its median and gets narrower.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

    from cartsim.infer.problem import Problem

Array = NDArray[np.float64]
ALPHAS = (0.8, 1.25)
# Our own choice: about 0.2 sd of shift a doubling of the power; the paper's threshold was not at hand.
SENSITIVE = 0.05
CONFLICT, WEAK, FINE = "prior-data conflict", "weak likelihood", "-"


def power_scaling_table(problem: Problem, values: Array) -> pd.DataFrame:
    """One row a parameter, from posterior draws (n, d) in physical units.

    Columns subject, name; prior and likelihood (sensitivity: cumulative Jensen-Shannon distance between the
    posterior and the scaled one, per doubling of alpha, mean of alpha 0.8 and 1.25); prior_shift and
    likelihood_shift (change of the mean, in posterior sds, between alpha 0.8 and 1.25); prior_pareto_k and
    likelihood_pareto_k (worst of the two weights); words: "prior-data conflict" where both matter and
    pull the mean in opposite directions (the paper asks for the first only, which also meets parameters that
    both merely widen), "weak likelihood" where else the prior matters, "-" where it does not.
    """
    u = problem.unconstrain(values)
    parts = problem.evaluate(u)
    subject = getattr(problem, "subject", "")
    return scaling_table(subject, problem.names, u, parts.log_prior, parts.log_likelihood)


def scaling_table(
    subject: str, names: tuple[str, ...], u: Array, log_prior: Array, log_likelihood: Array
) -> pd.DataFrame:
    """The table of `power_scaling_table` from unconstrained draws (n, d) with their log densities (n,)."""
    import pandas as pd

    kept = np.isfinite(log_prior) & np.isfinite(log_likelihood)
    u = u[kept]
    prior = _sensitivity(u, log_prior[kept])
    likelihood = _sensitivity(u, log_likelihood[kept])
    table = pd.DataFrame(
        {
            "subject": subject,
            "name": list(names),
            "prior": prior[0],
            "likelihood": likelihood[0],
            "prior_shift": prior[1],
            "likelihood_shift": likelihood[1],
            "prior_pareto_k": prior[2],
            "likelihood_pareto_k": likelihood[2],
        }
    )
    sensitive = table["prior"] >= SENSITIVE
    apart = table["prior_shift"] * table["likelihood_shift"] < 0.0
    conflict = sensitive & (table["likelihood"] >= SENSITIVE) & apart
    return table.assign(words=np.where(conflict, CONFLICT, np.where(sensitive, WEAK, FINE)))


def scaled_weights(log_density: Array, alpha: float) -> tuple[Array, float]:
    """Normalised Pareto-smoothed weights, float64 (n,), of density^(alpha - 1), and their Pareto k."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # arviz 0.23 announces version 1 at import
        import arviz
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # k is returned and shown
        log_weights, k = arviz.psislw((alpha - 1.0) * (log_density - log_density.max()))
    weights = np.exp(np.asarray(log_weights) - np.max(log_weights))
    return weights / weights.sum(), float(k)


def _sensitivity(u: Array, log_density: Array) -> tuple[Array, Array, float]:
    """Distance a doubling (d,), shift of the mean between the two alphas in sds (d,), worst Pareto k."""
    distances, means, worst = [], [], -np.inf
    for alpha in ALPHAS:
        weights, k = scaled_weights(log_density, alpha)
        worst = max(worst, k)
        distance = [cumulative_js_distance(u[:, j], weights) for j in range(u.shape[1])]
        distances.append(np.array(distance) / abs(np.log2(alpha)))
        means.append(weights @ u)
    return np.mean(distances, axis=0), (means[1] - means[0]) / u.std(axis=0), worst


def cumulative_js_distance(x: Array, weights: Array) -> float:
    """Cumulative Jensen-Shannon distance (0..1) between draws and the same draws weighted, float64 (n,) each.

    Of the distribution functions (Nguyen & Vreeken 2015), normalised by its bound, square root taken; the
    larger of the distances for x and -x, as it is not symmetric about zero.
    """
    return max(_one_sided(x, weights), _one_sided(-x, weights))


def _one_sided(x: Array, weights: Array) -> float:
    order = np.argsort(x, kind="stable")
    width = np.diff(x[order])
    p = (np.arange(1, len(x)) / len(x)).astype(np.float64)
    q = np.clip(np.cumsum(weights[order])[:-1], 0.0, 1.0)
    m = 0.5 * (p + q)
    with np.errstate(divide="ignore", invalid="ignore"):
        of_p = np.where(p > 0.0, p * np.log2(p / m), 0.0)
        of_q = np.where(q > 0.0, q * np.log2(q / m), 0.0)
    bound = np.sum((p + q) * width)
    # the terms in integral(q - p) of the two directions cancel
    return float(np.sqrt(max(np.sum((of_p + of_q) * width), 0.0) / bound)) if bound > 0.0 else 0.0
