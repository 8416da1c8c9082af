"""How well each sample is predicted by the others: PSIS-LOO and WAIC of one patient, side by side.

Leaving out a sample asks about this patient's other samples; it says nothing about a new patient.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.errors import FitError

if TYPE_CHECKING:
    import pandas as pd

    from cartsim.infer.problem import Problem

Array = NDArray[np.float64]
HIGH = 0.7  # Pareto k above which PSIS is not to be trusted (Vehtari et al. 2024, JMLR 25:72)
WAIC_LIMIT = 0.4  # variance of the log density above which WAIC is not (Vehtari et al. 2017, section 2.3)
# Variance of a sample's log likelihood over the draws below which leaving it out changes nothing, whatever
# the shape of its tail (samples far below the LLOQ, as expected).
FLAT = 1e-3
LEAST = 100  # draws


def leave_one_out(problem: Problem, values: Array) -> pd.DataFrame:
    """One row a sample, from posterior draws (n, d) in physical units, taken as independent.

    Columns subject, output, time, censoring, elpd_loo, elpd_waic (log predictive density of the sample by
    the others), pareto_k, waic_variance, high_k (k > 0.7 or not
    defined, and the variance above 0.001: below it the sample has no say).

    Raises
    ------
    FitError
        For fewer than 100 draws.
    """
    import pandas as pd

    if len(values) < LEAST:
        raise FitError("too few draws for leave-one-out", value=len(values), limit=f">= {LEAST}")
    pointwise = np.asarray(problem.pointwise(values))
    pointwise = pointwise[np.isfinite(pointwise).all(axis=1)]
    loo, waic = _arviz(pointwise)
    variance = pointwise.var(axis=0, ddof=1)
    arrays = problem.arrays
    k = np.asarray(loo.pareto_k)
    return pd.DataFrame(
        {
            "subject": problem.subject,
            "output": [arrays.outputs[number] for number in arrays.output],
            "time": arrays.time,
            "censoring": arrays.censoring,
            "elpd_loo": np.asarray(loo.loo_i),
            "elpd_waic": np.asarray(waic.waic_i),
            "pareto_k": k,
            "waic_variance": variance,
            "high_k": ~(k <= HIGH) & (variance > FLAT),
        }
    )


def _arviz(pointwise: Array) -> tuple:
    """arviz's ELPDData of LOO and WAIC for log likelihoods (n, R)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # version 1 is announced; high k and variances are in the table
        import arviz

        held = arviz.from_dict(
            posterior={"draw_number": np.arange(len(pointwise), dtype=float)[None]},
            log_likelihood={"sample": pointwise[None]},
        )
        return arviz.loo(held, pointwise=True, reff=1.0), arviz.waic(held, pointwise=True)


def leave_one_out_totals(table: pd.DataFrame) -> pd.DataFrame:
    """Sums by subject of `leave_one_out`.

    Columns subject, samples, elpd_loo, se_loo, elpd_waic, se_waic, high_k (samples whose Pareto k is above
    0.7), high_waic (samples whose variance is above 0.4), worst_k, difference (WAIC minus LOO).
    """
    import pandas as pd

    rows = []
    for subject, part in table.groupby("subject", sort=False):
        count = len(part)
        rows.append(
            {
                "subject": subject,
                "samples": count,
                "elpd_loo": part["elpd_loo"].sum(),
                "se_loo": np.sqrt(count) * part["elpd_loo"].std(ddof=0),
                "elpd_waic": part["elpd_waic"].sum(),
                "se_waic": np.sqrt(count) * part["elpd_waic"].std(ddof=0),
                "high_k": int(part["high_k"].sum()),
                "high_waic": int((part["waic_variance"] > WAIC_LIMIT).sum()),
                "worst_k": part["pareto_k"].max(),
                "difference": part["elpd_waic"].sum() - part["elpd_loo"].sum(),
            }
        )
    return pd.DataFrame(rows)
