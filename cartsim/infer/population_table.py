"""The table of a population fit as pharmacometricians read it: typical values, RSE, IIV as CV, shrinkage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.errors import FitError

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
LEVELS = (0.05, 0.5, 0.95)
CV, SD = "CV %", "SD, logit scale"


def coefficient_of_variation(omega: Array) -> Array:
    """CV, per cent, of a log-normal parameter whose log has the standard deviation `omega`."""
    return 100.0 * np.sqrt(np.expm1(np.square(omega)))


def population_table(
    typical: Array,
    omega: Array,
    names: Sequence[str],
    *,
    log_normal: Sequence[bool],
    units: Sequence[str] | None = None,
    shrinkage: Array | None = None,
) -> pd.DataFrame:
    """One row a parameter.

    Columns name, unit, typical (posterior median), lower, upper (90% credible interval), rse (per cent,
    100 posterior sd / mean of the typical value), iiv, iiv_lower, iiv_upper, iiv_kind, shrinkage (per cent,
    standard deviation form). `iiv_kind` is "CV %", 100 sqrt(exp(omega²) - 1), for a log-normal parameter,
    and "SD, logit scale" for a logit-normal one, whose CV depends on where it lies.

    Parameters
    ----------
    typical : float64 (S, p), draws of typical values, physical units
    omega : float64 (S, p), draws of between-patient standard deviations on the log or logit scale
    log_normal : p truth values; False for logit-normal parameters
    shrinkage : float64 (p,), as a fraction (`shrinkage_table`)
    """
    import pandas as pd

    typical, omega = np.asarray(typical, dtype=float), np.asarray(omega, dtype=float)
    if typical.shape != omega.shape or typical.shape[1:] != (len(names),) or len(log_normal) != len(names):
        raise FitError(
            "typical values, omegas and names do not fit",
            value=(typical.shape, omega.shape),
            limit=f"(draws, {len(names)})",
        )
    spread = np.where(np.asarray(log_normal), coefficient_of_variation(omega), omega)
    lower, median, upper = np.quantile(typical, LEVELS, axis=0)
    iiv_lower, iiv, iiv_upper = np.quantile(spread, LEVELS, axis=0)
    return pd.DataFrame(
        {
            "name": list(names),
            "unit": list(units) if units is not None else "",
            "typical": median,
            "lower": lower,
            "upper": upper,
            "rse": 100.0 * typical.std(axis=0, ddof=1) / np.abs(typical.mean(axis=0)),
            "iiv": iiv,
            "iiv_lower": iiv_lower,
            "iiv_upper": iiv_upper,
            "iiv_kind": np.where(np.asarray(log_normal), CV, SD),
            "shrinkage": np.nan if shrinkage is None else 100.0 * np.asarray(shrinkage, dtype=float),
        }
    )
