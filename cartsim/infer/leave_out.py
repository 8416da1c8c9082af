"""How well a population model predicts a patient it has not seen: leave-one-patient-out from one fit.

The unit is the patient: its own parameters are integrated out, so that leaving it out asks what a new
patient would look like. Pareto-smoothed importance sampling after Vehtari, Gelman & Gabry 2017
(doi:10.1007/s11222-016-9696-4).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.errors import CartsimWarning, FitError

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
DF = 5.0  # of the proposal: tails heavier than a patient's posterior
WIDEN = 1.2  # the proposal's scale over the posterior's, so that its centre errs on the wide side
UNSTABLE = 0.7  # Pareto k from which an estimate is not to be trusted (Vehtari et al. 2024)


@dataclass(frozen=True)
class Marginal:
    """log p(y_i | population draw s), each float64 (S, N): value, Monte Carlo sd, effective points."""

    log_likelihood: Array
    error: Array
    effective: Array


@dataclass(frozen=True)
class LeaveOut:
    """Expected log predictive density of unseen patients; higher is better.

    `table`: one row a patient: subject, elpd, pareto_k, trusted (k below the limit), lppd, waic, p_waic.
    `elpd`, `se`, `p_loo` and WAIC's `elpd_waic`, `se_waic`, `p_waic` are sums over patients; `k_limit` is
    min(1 - 1 / log10 S, 0.7). `reliable`: no patient's k is above it.
    """

    table: pd.DataFrame
    elpd: float
    se: float
    p_loo: float
    elpd_waic: float
    se_waic: float
    p_waic: float
    k_limit: float
    reliable: bool


@dataclass(frozen=True)
class Comparison:
    """First minus second model: difference in elpd, its standard error over patients, `table` by patient.

    `unclear`: the difference is smaller than two standard errors, or than 4, where the error itself is
    unreliable (Sivula et al. 2020), or a Pareto k is too high.
    """

    difference: float
    se: float
    unclear: bool
    table: pd.DataFrame


def marginal_log_likelihood(
    log_likelihood: Callable[[Array, int], Array],
    draws_theta: Array,
    population: tuple[Array, Array],
    *,
    generator: np.random.Generator,
    points: int = 1_000,
) -> Marginal:
    """Integrate each patient's parameters out of its likelihood, by importance sampling.

    The proposal is a multivariate t (5 d.f.) with mean and covariance of the patient's posterior draws, the
    scale widened by 1.2; the same points serve all population draws.

    Parameters
    ----------
    log_likelihood : called with (theta float64 (M, p), patient index)
        Returns (M,), or (S, M) where the residual error differs between population draws (the predictions
        are needed once only).
    draws_theta : float64 (S', N, p), posterior draws of patients' parameters, unconstrained scale
    population : mean float64 (S, p), or (S, N, p) with covariates; Cholesky factors float64 (S, p, p)
    points : points M a patient
    """
    mean, cholesky = (np.asarray(part, dtype=float) for part in population)
    draws_theta = np.asarray(draws_theta, dtype=float)
    count, patients, size = len(mean), draws_theta.shape[1], draws_theta.shape[2]
    if cholesky.shape != (count, size, size) or mean.shape[-1] != size:
        raise FitError(
            "population draws do not fit the patients' parameters",
            value=(mean.shape, cholesky.shape),
            limit=f"(S, {size}) or (S, {patients}, {size}), and (S, {size}, {size})",
        )
    inverse = np.linalg.inv(cholesky)
    found = [np.empty((count, patients)) for _ in range(3)]
    for patient in range(patients):
        theta, log_q = _proposal(draws_theta[:, patient], generator, points)
        centre = mean if mean.ndim == 2 else mean[:, patient]
        weight = np.asarray(log_likelihood(theta, patient)) - log_q + _log_normal(theta, centre, inverse)
        for array, column in zip(found, _average(weight), strict=True):
            array[:, patient] = column
    return Marginal(*found)


def leave_out(log_likelihood: Array, subjects: Sequence[str], *, effective_share: float = 1.0) -> LeaveOut:
    """Leave each patient out.

    Parameters
    ----------
    log_likelihood : float64 (S, N), patients' parameters integrated out (`Marginal.log_likelihood`)
    subjects : the N patients
    effective_share : effective over actual number of draws S

    Warns
    -----
    CartsimWarning
        Names the patients whose Pareto k is too high: refit without them.
    """
    import pandas as pd
    from scipy.special import logsumexp

    values = np.asarray(log_likelihood, dtype=float)
    if values.ndim != 2 or values.shape[1] != len(subjects) or not np.isfinite(values).all():
        raise FitError("log likelihood must be finite, (draws, patients)", value=values.shape)
    weights, k = _smoothed(-values.T, effective_share)
    elpd = logsumexp(weights + values.T, axis=1)
    lppd = logsumexp(values, axis=0) - np.log(len(values))
    spread = values.var(axis=0, ddof=1)
    limit = min(1.0 - 1.0 / np.log10(len(values)), UNSTABLE)
    table = pd.DataFrame(
        {
            "subject": [str(subject) for subject in subjects],
            "elpd": elpd,
            "pareto_k": k,
            "trusted": k <= limit,
            "lppd": lppd,
            "waic": lppd - spread,
            "p_waic": spread,
        }
    )
    bad = table.loc[~table["trusted"], "subject"].tolist()
    if bad:
        warnings.warn(
            f"leave-one-patient-out is not reliable for {', '.join(bad)} (Pareto k above {limit:.2f}); refit "
            "without them to be sure",
            CartsimWarning,
            stacklevel=2,
        )
    return LeaveOut(
        table,
        elpd=float(elpd.sum()),
        se=_error(elpd),
        p_loo=float((lppd - elpd).sum()),
        elpd_waic=float((lppd - spread).sum()),
        se_waic=_error(lppd - spread),
        p_waic=float(spread.sum()),
        k_limit=float(limit),
        reliable=not bad,
    )


def compare_left_out(first: LeaveOut, second: LeaveOut) -> Comparison:
    """Compare two models on the same patients, patient by patient."""
    joined = first.table.merge(second.table, on="subject", suffixes=("_first", "_second"))
    if not len(joined) == len(first.table) == len(second.table):
        raise FitError("the two models were not fitted to the same patients", value=len(joined))
    each = (joined["elpd_first"] - joined["elpd_second"]).to_numpy()
    difference, se = float(each.sum()), _error(each)
    unclear = abs(difference) < max(4.0, 2.0 * se) or not (first.reliable and second.reliable)
    return Comparison(difference, se, bool(unclear), joined[["subject"]].assign(difference=each))


def _error(each: Array) -> float:
    return float(np.sqrt(len(each) * each.var(ddof=1))) if len(each) > 1 else float("nan")


def _proposal(draws: Array, generator: np.random.Generator, points: int) -> tuple[Array, Array]:
    """Points (M, p) of a multivariate t around one patient's draws, and their log density."""
    from scipy.stats import multivariate_t

    covariance = np.atleast_2d(np.cov(draws, rowvar=False)) * WIDEN**2 * (DF - 2.0) / DF
    covariance += 1e-10 * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    law = multivariate_t(draws.mean(axis=0), covariance, df=DF)
    theta = law.rvs(points, random_state=generator).reshape(points, -1)
    return theta, law.logpdf(theta)


def _log_normal(theta: Array, mean: Array, inverse: Array) -> Array:
    """log density (S, M) of points under each population draw."""
    z = np.einsum("sij,mj->smi", inverse, theta) - np.einsum("sij,sj->si", inverse, mean)[:, None]
    log_det = np.log(np.abs(np.diagonal(inverse, axis1=1, axis2=2))).sum(axis=1)
    return -0.5 * (z**2).sum(axis=2) + log_det[:, None] - 0.5 * theta.shape[1] * np.log(2.0 * np.pi)


def _average(weight: Array) -> tuple[Array, Array, Array]:
    """log mean of exp(weight) over points, its Monte Carlo sd (delta method) and effective points."""
    top = weight.max(axis=1, keepdims=True)
    scaled = np.exp(weight - top)
    mean = scaled.mean(axis=1)
    error = scaled.std(axis=1, ddof=1) / (mean * np.sqrt(weight.shape[1]))
    return np.log(mean) + top[:, 0], error, scaled.sum(axis=1) ** 2 / (scaled**2).sum(axis=1)


def _smoothed(log_weights: Array, effective_share: float) -> tuple[Array, Array]:
    """Pareto-smoothed normalised log weights (N, S) and k (N,), by arviz."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # arviz 0.23 announces version 1 at import
        import arviz
    found = [arviz.psislw(row.copy(), reff=effective_share) for row in log_weights]
    return np.array([np.asarray(lw) for lw, _ in found]), np.array([float(k) for _, k in found])
