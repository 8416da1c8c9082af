"""How outcomes hang together: rank correlations and hazard ratios with their intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cartsim.errors import ModelError


@dataclass(frozen=True)
class Association:
    """A measure of association with its interval and the number of patients behind it."""

    value: float
    lower: float
    upper: float
    patients: int

    @property
    def text(self) -> str:
        """As it is printed: value [lower, upper]."""
        return f"{self.value:.2f} [{self.lower:.2f}, {self.upper:.2f}]"


def rank_correlation(x: ArrayLike, y: ArrayLike, *, level: float = 0.95) -> Association:
    """Spearman's correlation; interval by Fisher's z with the variance of Bonett & Wright 2000.

    doi:10.1007/BF02294183. Patients with a missing value are left out, and counted as such by `patients`.
    """
    from scipy.stats import norm, spearmanr

    x, y = _together(x, y)
    value = float(spearmanr(x, y).statistic)
    spread = norm.ppf(0.5 + level / 2.0) * np.sqrt((1.0 + value**2 / 2.0) / (len(x) - 3))
    middle = np.arctanh(np.clip(value, -1.0 + 1e-15, 1.0 - 1e-15))  # finite where ranks agree exactly
    return Association(value, float(np.tanh(middle - spread)), float(np.tanh(middle + spread)), len(x))


def hazard_ratio(x: ArrayLike, time: ArrayLike, event: ArrayLike, *, level: float = 0.95) -> Association:
    """Hazard ratio of one standard deviation of `x` by Cox regression (statsmodels, Efron's ties)."""
    from statsmodels.duration.hazard_regression import PHReg

    x, time, event = _together(x, time, event)
    if not event.any():
        raise ModelError("a hazard ratio needs events", value=0)
    score = (x - x.mean()) / x.std(ddof=1)
    found = PHReg(time, score[:, None], status=event, ties="efron").fit(disp=False)
    lower, upper = np.exp(found.conf_int(alpha=1.0 - level)[0])
    return Association(float(np.exp(found.params[0])), float(lower), float(upper), len(x))


def _together(*columns: ArrayLike) -> tuple[np.ndarray, ...]:
    """The columns where none is missing; at least ten patients, and something that varies."""
    table = np.column_stack([np.asarray(column, dtype=float) for column in columns])
    table = table[np.isfinite(table).all(axis=1)]
    if len(table) < 10 or np.ptp(table[:, 0]) == 0.0:
        raise ModelError(
            "an association needs at least ten complete patients that differ", value=f"{len(table)} patients"
        )
    return tuple(table.T)
