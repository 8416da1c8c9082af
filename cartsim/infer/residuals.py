"""Individual weighted residuals (IWRES) with their normal scores, and how far they have shrunk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.infer.tables import QUANTIFIED, observation_table

if TYPE_CHECKING:
    import pandas as pd

    from cartsim.infer.problem import Problem

Array = NDArray[np.float64]


def iwres_table(problem: Problem, values: Array) -> pd.DataFrame:
    """One row a sample: subject, output, time, censoring, iwres (NaN where censored).

    Residual at the posterior median of prediction and sd, from draws (n, d) in physical units.
    """
    table = observation_table(problem, values).rename(columns={"residual": "iwres"})
    return table[["subject", "output", "time", "censoring", "iwres"]]


def with_normal_scores(table: pd.DataFrame) -> pd.DataFrame:
    """The IWRES of all patients with `normal_score`, what a standard normal would give (Blom 1958)."""
    from scipy.special import ndtri

    by_output = table.groupby("output")["iwres"]
    place = (by_output.rank() - 0.375) / (by_output.transform("count") + 0.25)
    return table.assign(normal_score=ndtri(place))


def shrinkage_table(table: pd.DataFrame) -> pd.DataFrame:
    """Epsilon shrinkage 1 - sd(IWRES) by output over all patients (Savic & Karlsson 2009, AAPS J 11:558).

    Columns output, samples, censored (left out), mean, sd, shrinkage (NaN below three residuals). Censored
    samples are left out, which by itself narrows the residuals of the lowest values.
    """
    import pandas as pd

    rows = []
    for output, part in table.groupby("output", sort=False):
        residuals = part.loc[part["censoring"] == QUANTIFIED, "iwres"].to_numpy(float)
        residuals = residuals[np.isfinite(residuals)]
        sd = residuals.std(ddof=1) if len(residuals) > 2 else np.nan
        rows.append(
            {
                "output": output,
                "samples": len(residuals),
                "censored": int((part["censoring"] != QUANTIFIED).sum()),
                "mean": residuals.mean() if len(residuals) else np.nan,
                "sd": sd,
                "shrinkage": 1.0 - sd,
            }
        )
    return pd.DataFrame(rows)
