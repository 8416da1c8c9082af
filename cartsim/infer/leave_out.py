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
DISCOUNTS = (1.0, 0.2)  # of the likelihood's precision in the proposals, for likelihoods that are not normal
EXPLORED = 2_000  # points at which a patient's likelihood is explored before
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
    points: int = 200,
) -> Marginal:
    """Integrate each patient's parameters out of its likelihood, by importance sampling.

    Every population draw has points of its own: where its spreads are small, points that suit another draw
    would all miss. They come from a mixture, in equal parts, of the population at that draw and of two
    multivariate t (5 d.f., the scale widened by 1.2) at the population times the patient's likelihood, taken
    as normal, in full and with its precision discounted to a fifth.

    Parameters
    ----------
    log_likelihood : called with (theta float64 (S, M, p), patient index), returns (S, M): row s at the
        residual error of population draw s
    draws_theta : float64 (S', N, p), posterior draws of patients' parameters, unconstrained scale
    population : mean float64 (S, p), or (S, N, p) with covariates; Cholesky factors float64 (S, p, p)
    points : points M a patient and draw
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
        centre = mean if mean.ndim == 2 else mean[:, patient]
        likelihood = _normal_likelihood(
            lambda theta, k=patient: log_likelihood(theta, k),
            draws_theta[:, patient],
            centre,
            cholesky,
            generator,
        )
        products = _products(*likelihood, centre, inverse)
        theta, log_q = _proposal(products, (centre, cholesky, inverse), generator, points)
        prior = _log_normal(theta, centre, inverse)
        weight = np.asarray(log_likelihood(theta, patient)) - log_q + prior
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


def _normal_likelihood(
    log_likelihood: Callable[[Array], Array],
    draws: Array,
    centre: Array,
    cholesky: Array,
    generator: np.random.Generator,
) -> tuple[Array, Array]:
    """Precision (p, p) of one patient's likelihood taken as normal, and precision times its centre (p,).

    Moments under the likelihood times a wide population, by importance sampling from a t twice as wide as the
    posterior draws: those come from populations of all spreads, narrow ones included.
    """
    count, size = centre.shape
    middle = centre.mean(axis=0)
    wide = 2.0 * (cholesky @ cholesky.transpose(0, 2, 1)).mean(axis=0) + np.cov(centre, rowvar=False, ddof=0)
    spread = np.atleast_2d(np.cov(draws, rowvar=False))
    spread = 4.0 * spread + 0.04 * np.diag(np.diag(wide))
    root = np.linalg.cholesky(spread)
    each = -(-EXPLORED // count)
    tails = np.sqrt(DF / generator.chisquare(DF, (count, each, 1)))
    theta = draws.mean(axis=0) + tails * generator.standard_normal((count, each, size)) @ root.T
    population = np.linalg.inv(np.linalg.cholesky(wide))
    log_weight = (
        np.asarray(log_likelihood(theta))
        + _log_normal(theta, middle[None], population[None])
        - _log_t(theta, draws.mean(axis=0)[None], np.linalg.inv(root)[None])
    ).ravel()
    weight = np.exp(log_weight - log_weight.max())
    points = theta.reshape(-1, size)
    mean = np.average(points, axis=0, weights=weight)
    covariance = np.atleast_2d(np.cov(points, rowvar=False, aweights=weight, ddof=0))
    covariance += 1e-4 * wide  # where few points carry the weight
    prior, posterior = population.T @ population, np.linalg.inv(covariance)
    values, vectors = np.linalg.eigh(posterior - prior)
    informed = vectors * (values > 0.0)  # where the posterior is wider, the likelihood says nothing
    shift = informed @ informed.T @ (posterior @ mean - prior @ middle)
    return (informed * values) @ informed.T, shift


def _products(likelihood: Array, shift: Array, centre: Array, inverse: Array) -> list[tuple[Array, Array]]:
    """Mean (S, p) and root (S, p, p) of population times normal likelihood, in full and discounted."""
    precision = inverse.transpose(0, 2, 1) @ inverse
    found = []
    for share in DISCOUNTS:
        total = precision + share * likelihood
        pull = np.einsum("sij,sj->si", precision, centre) + share * shift
        root = np.linalg.cholesky(np.linalg.inv(total)) * WIDEN * np.sqrt((DF - 2.0) / DF)
        found.append((np.linalg.solve(total, pull[..., None])[..., 0], root))
    return found


def _proposal(
    products: list[tuple[Array, Array]],
    population: tuple[Array, Array, Array],
    generator: np.random.Generator,
    points: int,
) -> tuple[Array, Array]:
    """Points (S, M, p) of the mixture at every draw, and their log density (S, M)."""
    from scipy.special import logsumexp

    centre, cholesky, inverse = population
    parts = np.array_split(np.arange(points), 1 + len(products))
    normal = generator.standard_normal((len(centre), points, centre.shape[1]))
    wide = np.sqrt(DF / generator.chisquare(DF, (len(centre), points, 1)))
    theta = centre[:, None] + normal @ cholesky.transpose(0, 2, 1)
    for part, (mean, root) in zip(parts[1:], products, strict=True):
        theta[:, part] = mean[:, None] + wide[:, part] * normal[:, part] @ root.transpose(0, 2, 1)
    logs = [_log_normal(theta, centre, inverse)]
    logs += [_log_t(theta, mean, np.linalg.inv(root)) for mean, root in products]
    shares = np.array([len(part) / points for part in parts])
    return theta, logsumexp(np.array(logs), axis=0, b=shares[:, None, None])


def _log_normal(theta: Array, mean: Array, inverse: Array) -> Array:
    """log density (S, M) of points (S, M, p) under each population draw."""
    square, log_det = _distance(theta, mean, inverse)
    return -0.5 * square + log_det - 0.5 * theta.shape[-1] * np.log(2.0 * np.pi)


def _log_t(theta: Array, mean: Array, inverse: Array) -> Array:
    """log density (S, M) of points (S, M, p) under each draw's multivariate t with `DF` degrees."""
    from scipy.special import gammaln

    size = theta.shape[-1]
    square, log_det = _distance(theta, mean, inverse)
    constant = gammaln(0.5 * (DF + size)) - gammaln(0.5 * DF) - 0.5 * size * np.log(DF * np.pi)
    return constant + log_det - 0.5 * (DF + size) * np.log1p(square / DF)


def _distance(theta: Array, mean: Array, inverse: Array) -> tuple[Array, Array]:
    """Squared distances (S, M) in units of the scale, and log determinants (S, 1) of its inverse."""
    z = (theta - mean[:, None]) @ inverse.transpose(0, 2, 1)
    return (z**2).sum(axis=2), np.log(np.abs(np.diagonal(inverse, axis1=1, axis2=2))).sum(axis=1)[:, None]


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
