"""How much individual parameters shrink to the population, how they are spread, what explains them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.errors import FitError

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
HIGH = 0.3  # from here individual estimates mislead in diagnostics (Savic & Karlsson 2009)
LEAST_PATIENTS = 4  # a correlation's interval needs 1 / sqrt(N - 3)


def shrinkage_table(draws_eta: Array, omega: Array, names: Sequence[str]) -> pd.DataFrame:
    """Eta shrinkage and distribution of posterior means.

    Savic & Karlsson 2009, doi:10.1208/s12248-009-9133-0.

    Columns name, omega (posterior median), eta_mean and eta_sd over patients of the posterior mean eta,
    shrinkage (1 - eta_sd / omega, the standard deviation form, as NONMEM), shrinkage_variance
    (1 - eta_sd² / omega², as Monolix), high (shrinkage above 0.3), p_mean (t-test of mean 0), p_normal
    (Shapiro-Wilk), skewness. Shrinkage can be slightly negative. The p values are those of shrunken etas.

    Parameters
    ----------
    draws_eta : float64 (S, N, p)
        Posterior draws of the individual deviations, on the scale where they are normal.
    omega : float64 (S, p)
        Draws of the between-patient standard deviations.
    names : the p parameter names
    """
    import pandas as pd
    from scipy.stats import shapiro, skew, ttest_1samp

    draws_eta, omega = np.asarray(draws_eta, dtype=float), np.asarray(omega, dtype=float)
    if draws_eta.ndim != 3 or omega.shape != (len(draws_eta), len(names)):
        raise FitError(
            "etas and omegas do not fit", value=(draws_eta.shape, omega.shape), limit="(S, N, p), (S, p)"
        )
    if draws_eta.shape[2] != len(names) or draws_eta.shape[1] < 3:
        raise FitError("shrinkage needs three patients and a name each parameter", value=draws_eta.shape)
    eta, typical = draws_eta.mean(axis=0), np.median(omega, axis=0)
    sd = eta.std(axis=0, ddof=1)
    return pd.DataFrame(
        {
            "name": list(names),
            "omega": typical,
            "eta_mean": eta.mean(axis=0),
            "eta_sd": sd,
            "shrinkage": 1.0 - sd / typical,
            "shrinkage_variance": 1.0 - (sd / typical) ** 2,
            "high": 1.0 - sd / typical > HIGH,
            "p_mean": ttest_1samp(eta, 0.0, axis=0).pvalue,
            "p_normal": [shapiro(column).pvalue for column in eta.T],
            "skewness": skew(eta, axis=0),
        }
    )


def eta_table(draws_eta: Array, names: Sequence[str], subjects: Sequence[str]) -> pd.DataFrame:
    """One row a patient and parameter: subject, name, eta (posterior mean), lower, upper (90%), sd."""
    import pandas as pd

    lower, upper = np.quantile(draws_eta, (0.05, 0.95), axis=0)
    return pd.DataFrame(
        {
            "subject": np.repeat(list(subjects), len(names)),
            "name": list(names) * len(subjects),
            "eta": draws_eta.mean(axis=0).ravel(),
            "lower": lower.ravel(),
            "upper": upper.ravel(),
            "sd": draws_eta.std(axis=0, ddof=1).ravel(),
        }
    )


def eta_covariates(etas: pd.DataFrame, covariates: pd.DataFrame) -> pd.DataFrame:
    """Association of each parameter's etas with each covariate, to look at before a covariate model.

    Numbers: Pearson's r with its 95% interval (Fisher z), Spearman's rho and its p. Categories: eta squared
    (share of variance between groups) as `estimate`, p of Kruskal-Wallis, group means in `groups`. Patients
    with a missing covariate are left out of that row. The p values are not adjusted for their number, and
    shrinkage hides or bends associations (Savic & Karlsson 2009).

    Columns name, covariate, kind ("number", "category"), count, estimate, lower, upper, spearman, p, groups.

    Parameters
    ----------
    etas : `eta_table`
    covariates : DataFrame, one row a patient, column `subject` and one column a covariate
    """
    import pandas as pd

    joined = etas.merge(covariates, on="subject", validate="many_to_one")
    rows = []
    for name, part in joined.groupby("name", sort=False):
        for covariate in covariates.columns.drop("subject"):
            there = part[part[covariate].notna()]
            number = pd.api.types.is_numeric_dtype(there[covariate]) and there[covariate].dtype != bool
            found = (_number if number else _category)(there["eta"], there[covariate])
            kind = "number" if number else "category"
            rows.append({"name": name, "covariate": covariate, "kind": kind, "count": len(there), **found})
    return pd.DataFrame(rows)


def _number(eta: pd.Series, covariate: pd.Series) -> dict[str, object]:
    from scipy.stats import pearsonr, spearmanr

    empty = {
        "estimate": np.nan,
        "lower": np.nan,
        "upper": np.nan,
        "spearman": np.nan,
        "p": np.nan,
        "groups": "",
    }
    if len(eta) < LEAST_PATIENTS or covariate.nunique() < 2:
        return empty
    pearson, spearman = pearsonr(eta, covariate), spearmanr(eta, covariate)
    interval = pearson.confidence_interval(0.95)
    return empty | {
        "estimate": pearson.statistic,
        "lower": interval.low,
        "upper": interval.high,
        "spearman": spearman.statistic,
        "p": spearman.pvalue,
    }


def _category(eta: pd.Series, covariate: pd.Series) -> dict[str, object]:
    from scipy.stats import kruskal

    means = eta.groupby(covariate).agg(["mean", "count"])
    texts = [f"{group}: {row['mean']:+.2f} (n = {row['count']:.0f})" for group, row in means.iterrows()]
    empty = {"estimate": np.nan, "lower": np.nan, "upper": np.nan, "spearman": np.nan, "p": np.nan}
    empty |= {"groups": "; ".join(texts)}
    total = float(((eta - eta.mean()) ** 2).sum())
    if len(means) < 2 or total == 0.0:
        return empty
    between = float((means["count"] * (means["mean"] - eta.mean()) ** 2).sum())
    groups = [part for _, part in eta.groupby(covariate)]
    return empty | {"estimate": between / total, "p": kruskal(*groups).pvalue}
