"""Normalised prediction distribution errors: where each sample lies among its simulations, BLQ included.

Brendel 2006 (doi:10.1007/s11095-006-9067-5), Comets 2008 (doi:10.1016/j.cmpb.2007.12.002); below the limit
Nguyen 2012 (doi:10.1007/s10928-012-9264-2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.errors import FitError
from cartsim.infer.vpc import INTERVAL, QUANTIFIED, is_above, limits

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
LEAST_REPLICATES = 100


@dataclass(frozen=True)
class NPDE:
    """Standard normal when the model is right.

    Parameters
    ----------
    table : DataFrame
        One row an observation: subject, output, time, prediction (median of its simulations), censoring,
        npd (as it is), npde (decorrelated within the patient).
    tests : DataFrame
        One row an output and measure (npde, npd): output, measure, count, mean, variance, p_mean (t-test,
        mean 0), p_variance (chi-square, variance 1, two-sided), p_normal (Shapiro-Wilk), p_global (smallest
        of the three times 3). The tests take values as independent: npd of one patient are not, so theirs
        are too small; judge by npde.
    """

    table: pd.DataFrame
    tests: pd.DataFrame


def npde(observed: pd.DataFrame, simulated: Array, generator: np.random.Generator) -> NPDE:
    """Prediction distribution errors of every sample.

    A quantified value's error is its rank among the simulations of its row. A value below the LLOQ gets a
    uniform draw below the share of simulations under the LLOQ (above, between limits: likewise). Simulated
    values outside the limits get the same draw, so that observed and simulated patients are treated alike.
    Ranks become normal scores; those of a patient are decorrelated with the Cholesky factor of the
    covariance of its simulated scores, and ranked again. Ties are broken at random, which makes the errors
    exactly uniform for any number of replicates.

    Parameters
    ----------
    observed, simulated : as `vpc`; at least 100 replicates, and more than samples in any patient
    generator : for the draws below the limit and for ties

    Raises
    ------
    FitError
        If the arrays do not fit or replicates are too few.
    """
    import pandas as pd

    simulated = np.asarray(simulated, dtype=np.float64)
    table = observed.reset_index(drop=True)
    most = int(table.groupby("subject").size().max()) if len(table) else 0
    if simulated.ndim != 2 or simulated.shape[1] != len(table):
        raise FitError(
            "simulated data do not fit the rows", value=simulated.shape, limit=f"(replicates, {len(table)})"
        )
    if len(simulated) < max(LEAST_REPLICATES, 5 * most):
        raise FitError(
            "too few replicates for prediction distribution errors",
            value=len(simulated),
            limit=f">= {max(LEAST_REPLICATES, 5 * most)}",
            remedy="simulate more, 1000 are usual",
        )
    own, scores = _scores(table, simulated, generator)
    decorrelated = np.empty(len(table))
    for rows in table.groupby("subject", sort=False).indices.values():
        one, many = _decorrelated(own[rows], scores[:, rows])
        decorrelated[rows] = _normal(_rank_in(one, many, generator))
    columns = ["subject", "output", "time", "censoring"]
    found = table[columns].assign(prediction=np.median(simulated, axis=0), npd=own, npde=decorrelated)
    tests = [
        {"output": output, "measure": measure, **_tests(part[measure].to_numpy())}
        for output, part in found.groupby("output", sort=False)
        for measure in ("npde", "npd")
    ]
    return NPDE(found, pd.DataFrame(tests))


def _scores(table: pd.DataFrame, simulated: Array, generator: np.random.Generator) -> tuple[Array, Array]:
    """Normal scores of the observations (rows,) and of the simulations (replicates, rows)."""
    from scipy.stats import rankdata

    count = len(simulated)
    low, high = limits(table)
    censoring, above = table["censoring"].to_numpy(int), is_above(table)
    value = table["value"].to_numpy(float)
    share = (rankdata(simulated, axis=0) - 0.5) / count
    below, beyond = (simulated < low).mean(axis=0), (simulated > high).mean(axis=0)
    random = generator.random(simulated.shape)
    share = np.where(simulated < low, random * below, share)
    share = np.where(simulated > high, 1.0 - random * beyond, share)
    rank = _rank_in(np.where(np.isnan(value), 0.0, value), simulated, generator)
    first, last = np.zeros(len(table)), np.where(censoring == QUANTIFIED, rank, below)
    first = np.where(censoring == QUANTIFIED, rank, first)
    first, last = np.where(above, 1.0 - beyond, first), np.where(above, 1.0, last)
    between = (censoring == INTERVAL) & ~above
    if between.any():
        first = np.where(between, (simulated < table["lower"].to_numpy(float)).mean(axis=0), first)
        last = np.where(between, (simulated < table["upper"].to_numpy(float)).mean(axis=0), last)
    own = first + generator.random(len(table)) * (last - first)
    edge = 0.5 / (count + 1)  # no simulation as far out: as far as can be told
    return _normal(np.clip(own, edge, 1.0 - edge)), _normal(np.clip(share, edge, 1.0 - edge))


def _rank_in(values: Array, among: Array, generator: np.random.Generator) -> Array:
    """The share of replicates below each value, spread over its step: uniform when alike (columns apart)."""
    below, same = (among < values).sum(axis=0), (among == values).sum(axis=0)
    return (below + generator.random(len(values)) * (same + 1)) / (len(among) + 1)


def _decorrelated(own: Array, scores: Array) -> tuple[Array, Array]:
    """One patient's scores and its simulations' in the order of time, freed of their correlation."""
    from scipy.linalg import solve_triangular

    mean = scores.mean(axis=0)
    covariance = np.atleast_2d(np.cov(scores, rowvar=False))
    ridge = 1e-9 * np.trace(covariance) / len(own)  # replicate samples without error are one sample
    factor = np.linalg.cholesky(covariance + ridge * np.eye(len(own)))
    return (
        solve_triangular(factor, own - mean, lower=True),
        solve_triangular(factor, (scores - mean).T, lower=True).T,
    )


def _normal(share: Array) -> Array:
    from scipy.special import ndtri

    return ndtri(share)


def _tests(values: Array) -> dict[str, float]:
    """Count, mean, variance and the p values of the three tests."""
    from scipy.stats import chi2, shapiro, ttest_1samp

    count = len(values)
    if count < 3:
        names = ("mean", "variance", "p_mean", "p_variance", "p_normal", "p_global")
        return {"count": count, **dict.fromkeys(names, np.nan)}
    variance = float(values.var(ddof=1))
    lower = float(chi2.cdf((count - 1) * variance, count - 1))
    p = {
        "p_mean": float(ttest_1samp(values, 0.0).pvalue),
        "p_variance": 2.0 * min(lower, float(chi2.sf((count - 1) * variance, count - 1))),
        "p_normal": float(shapiro(values[:5000]).pvalue),  # its p value is not known beyond 5000
    }
    return {
        "count": count,
        "mean": float(values.mean()),
        "variance": variance,
        **p,
        "p_global": min(1.0, 3.0 * min(p.values())),
    }
