"""How exactly a finite number of posterior draws fixes a median or the end of an interval."""

from __future__ import annotations

import numpy as np
from scipy.special import betaincinv

ONE_SD = (0.15865525393145707, 0.8413447460685429)


def quantile_error(values: np.ndarray, probability: float, ess: float) -> float:
    """Monte Carlo standard error of a quantile of posterior draws.

    Half the distance between the order statistics that would hold the quantile with one-sd probability if
    `ess` independent draws had been made (Vehtari et al. 2021, Bayesian Analysis 16:667, section 4.2; as in
    arviz's `mcse(method="quantile")`).

    Parameters
    ----------
    values : float64 (n,), draws of one quantity in any order
    probability : float, 0..1
    ess : float, effective sample size of that quantile

    Returns
    -------
    float, in the unit of the draws; infinite where the effective sample size is not positive
    """
    if not ess > 0.0:
        return float("inf")
    places = betaincinv(ess * probability + 1.0, ess * (1.0 - probability) + 1.0, np.array(ONE_SD))
    low, high = np.quantile(values, places)
    return float(high - low) / 2.0
