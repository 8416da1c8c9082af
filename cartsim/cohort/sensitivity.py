"""Which parameters matter: Sobol indices, partial rank correlations and one-at-a-time tornado tables.

Sobol indices are scipy's (Saltelli's estimators); partial rank correlation after Marino et al. 2008
(doi:10.1016/j.jtbi.2008.04.011).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.errors import ModelError
from cartsim.spec.model import Model

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
Outcome = Callable[[Array], Array]
"""Called with parameter rows float64 (n, P), all parameters in the model's order; returns outcomes (n, K)."""


class _PriorScale:
    """A parameter's distribution as scipy wants it: quantiles by `ppf`, round a given median."""

    def __init__(self, model: Model, name: str, median: float) -> None:
        self.prior, self.median = model.parameter(name).prior, median

    def ppf(self, q: Array) -> Array:
        from scipy.special import ndtri

        prior = self.prior
        if prior.normal_on_line is None:
            return prior.quantile(q)
        return prior.constrain(prior.unconstrain(self.median) + prior.normal_on_line[1] * ndtri(q))


def varying(model: Model) -> tuple[str, ...]:
    """Names of the parameters that differ between patients."""
    return tuple(p.name for p in model.parameters if not p.fixed)


def sobol(
    model: Model,
    outcome: Outcome,
    outcome_names: Sequence[str],
    *,
    names: Sequence[str],
    base: int,
    seed: int,
    scenario: str | None = None,
) -> pd.DataFrame:
    """First-order and total Sobol indices with 95% bootstrap intervals, parameters taken as independent.

    Parameters
    ----------
    outcome : see `Outcome`; a row whose solve failed must not be hidden: it raises
    names : parameters that vary as their priors round the scenario's values; the others stay
    base : points of the design, a power of 2; base × (len(names) + 2) patients are solved

    Returns
    -------
    DataFrame
        parameter, outcome, first, first_lower, first_upper, total, total_lower, total_upper.

    Raises
    ------
    ModelError
        Where outcomes are not finite, or do not vary at all.
    """
    import pandas as pd
    from scipy.stats import DegenerateDataWarning, sobol_indices

    medians = model.vector(scenario=scenario)
    where = [model.index(name) for name in names]
    scales = [_PriorScale(model, name, medians[k]) for name, k in zip(names, where, strict=True)]

    def solved(x: Array) -> Array:
        rows = np.tile(medians, (x.shape[1], 1))
        rows[:, where] = x.T
        values = _checked(outcome(rows), outcome_names)
        return values.T

    found = sobol_indices(func=solved, n=base, dists=scales, rng=np.random.default_rng(seed))
    with warnings.catch_warnings(), np.errstate(invalid="ignore", divide="ignore"):
        # An index that is the same in every resample, such as exactly 0, has no bootstrap interval.
        warnings.simplefilter("ignore", DegenerateDataWarning)
        spread = found.bootstrap()
    rows = []
    for k, label in enumerate(outcome_names):
        for j, name in enumerate(names):
            parts = []
            for which in ("first_order", "total_order"):
                index = np.atleast_2d(getattr(found, which))[k, j]
                interval = getattr(spread, which).confidence_interval
                ends = [float(np.atleast_2d(end)[k, j]) for end in (interval.low, interval.high)]
                parts += [float(index), *(float(index) if np.isnan(end) else end for end in ends)]
            rows.append((name, label, *parts))
    columns = ["parameter", "outcome", "first", "first_lower", "first_upper"]
    return pd.DataFrame(rows, columns=[*columns, "total", "total_lower", "total_upper"])


def prcc(
    rows: Array, outcomes: Array, *, names: Sequence[str], outcome_names: Sequence[str], level: float = 0.95
) -> pd.DataFrame:
    """Partial rank correlation of each parameter with each outcome, the other parameters held.

    Parameters
    ----------
    rows : float64 (n, p), values of the parameters `names`
    outcomes : float64 (n, K)

    Returns
    -------
    DataFrame
        parameter, outcome, prcc, lower, upper (Fisher's z with n - p - 2 degrees of freedom).
    """
    import pandas as pd
    from scipy.stats import norm, rankdata

    rows, outcomes = np.asarray(rows, dtype=float), _checked(outcomes, outcome_names)
    count, size = rows.shape
    if size != len(names) or len(outcomes) != count or count < size + 5:
        raise ModelError(
            "partial correlations need a row a patient, more patients than parameters",
            value=(rows.shape, outcomes.shape),
        )
    flat = [name for name, column in zip(names, rows.T, strict=True) if np.ptp(column) == 0.0]
    if flat:
        raise ModelError("parameters that do not vary have no correlation", value=", ".join(flat))
    width = norm.ppf(0.5 + level / 2) / np.sqrt(count - size - 2)
    table = []
    for k, label in enumerate(outcome_names):
        ranks = rankdata(np.column_stack([rows, outcomes[:, k]]), axis=0)
        precision = np.linalg.inv(np.corrcoef(ranks, rowvar=False))
        partial = -precision[:-1, -1] / np.sqrt(np.diag(precision)[:-1] * precision[-1, -1])
        z = np.arctanh(partial)
        table += [
            (name, label, r, lower, upper)
            for name, r, lower, upper in zip(
                names, partial, np.tanh(z - width), np.tanh(z + width), strict=True
            )
        ]
    return pd.DataFrame(table, columns=["parameter", "outcome", "prcc", "lower", "upper"])


def tornado(
    model: Model,
    outcome: Outcome,
    outcome_names: Sequence[str],
    *,
    names: Sequence[str],
    quantiles: tuple[float, float] = (0.05, 0.95),
    scenario: str | None = None,
) -> pd.DataFrame:
    """Outcomes of the typical patient with one parameter at a time at the ends of its distribution.

    Returns
    -------
    DataFrame
        parameter, outcome, typical, low, high, low_value, high_value (the parameter's two values).
    """
    import pandas as pd

    medians = model.vector(scenario=scenario)
    rows, ends = [medians], []
    for name in names:
        k = model.index(name)
        values = _PriorScale(model, name, medians[k]).ppf(np.asarray(quantiles))
        ends.append(values)
        for value in values:
            rows.append(medians.copy())
            rows[-1][k] = value
    found = _checked(outcome(np.array(rows)), outcome_names)
    table = []
    for k, label in enumerate(outcome_names):
        for j, name in enumerate(names):
            low, high = found[1 + 2 * j, k], found[2 + 2 * j, k]
            table.append((name, label, found[0, k], low, high, *map(float, ends[j])))
    columns = ["parameter", "outcome", "typical", "low", "high", "low_value", "high_value"]
    return pd.DataFrame(table, columns=columns)


def _checked(values: Array, names: Sequence[str]) -> Array:
    """Outcomes (n, K), all finite."""
    values = np.asarray(values, dtype=float)
    if values.ndim != 2 or values.shape[1] != len(names):
        raise ModelError("outcomes have the wrong shape", value=values.shape, limit=f"(n, {len(names)})")
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(bad):
        raise ModelError(
            f"outcomes of {len(bad)} of {len(values)} patients are not finite",
            value=f"rows {bad[:5].tolist()}",
            remedy="leave patients whose solve failed out, and count them",
        )
    return values
