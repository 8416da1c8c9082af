"""Tables of a virtual trial: endpoints by arm, and paired differences between arms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cartsim.cohort.trial import TrialDesign
from cartsim.cohort.trial_endpoints import CountEndpoint, Endpoint, MedianEndpoint
from cartsim.endpoints.shares import exact_share

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.95  # of intervals of the large cohort
CENTRAL = (0.1, 0.9)  # of replicate trials
RESAMPLES, BOOTSTRAP_STREAM = 499, 301
Outcomes = Mapping[str, "pd.DataFrame"]


def replicate_values(design: TrialDesign, endpoint: Endpoint, outcomes: pd.DataFrame) -> np.ndarray:
    """The endpoint in each replicate trial, float64 (R,): a count or a median.

    NaN where a patient of the replicate was not solved (its count is not known) or a median does not exist.
    """
    found = endpoint.in_replicates(design.in_replicates(endpoint.values(outcomes)))
    lost = design.in_replicates((outcomes["status"] != 0).to_numpy()).any(axis=1)
    return np.where(lost, np.nan, found)


def endpoint_table(
    design: TrialDesign,
    outcomes: Outcomes,
    endpoints: Sequence[Endpoint],
    *,
    observed: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Endpoint by arm, in the large cohort and over replicate trials.

    Parameters
    ----------
    observed : counts or medians that a real trial had, by endpoint; compared with the first arm

    Returns
    -------
    DataFrame
        endpoint, meaning, arm, unit; `cohort_value` (share or median) with its exact 95 % interval, which is
        simulation noise of the large cohort and nothing else; `evaluable` patients behind it, `failed` solves
        of the cohort; mean and central 80 % of replicate trials (counts of n, or medians), replicates
        `incomplete` and not in them; `observed`, `probability_same` (of this very count) and
        `probability_at_least`.
    """
    import pandas as pd

    rows = []
    for endpoint in endpoints:
        for place, (arm, table) in enumerate(outcomes.items()):
            seen = (observed or {}).get(endpoint.name, np.nan) if place == 0 else np.nan
            cohort = table.iloc[: design.cohort]
            rows.append(
                {
                    "endpoint": endpoint.name,
                    "meaning": endpoint.meaning,
                    "arm": arm,
                    **_cohort_value(endpoint, endpoint.values(cohort)),
                    "failed": int((cohort["status"] != 0).sum()),
                    "unit": f"of {design.patients}" if isinstance(endpoint, CountEndpoint) else endpoint.unit,
                    **_over_replicates(replicate_values(design, endpoint, table), endpoint, seen),
                }
            )
    return pd.DataFrame(rows)


def _cohort_value(endpoint: Endpoint, values: np.ndarray) -> dict[str, float]:
    """Share or median with an exact interval (Clopper-Pearson; order statistics for a median)."""
    from scipy.stats import quantile_test

    known = values[np.isfinite(values)]
    found = {"cohort_value": np.nan, "cohort_lower": np.nan, "cohort_upper": np.nan, "evaluable": len(known)}
    if not len(known):
        return found
    if isinstance(endpoint, MedianEndpoint):
        middle = float(np.median(known))
        limits = quantile_test(known, q=middle, p=0.5).confidence_interval(LEVEL)
        return found | {"cohort_value": middle, "cohort_lower": limits.low, "cohort_upper": limits.high}
    share = exact_share(int(known.sum()), len(known), level=LEVEL)
    return found | {
        "cohort_value": share.share,
        "cohort_lower": share.lower,
        "cohort_upper": share.upper,
    }


def _over_replicates(values: np.ndarray, endpoint: Endpoint, observed: float) -> dict[str, float]:
    known = values[np.isfinite(values)]
    low, high = _central(known)
    asked = np.isfinite(observed) and len(known)
    counted = isinstance(endpoint, CountEndpoint)
    return {
        "replicate_mean": float(known.mean()) if len(known) else np.nan,
        "replicate_low": low,
        "replicate_high": high,
        "incomplete": len(values) - len(known),
        "observed": observed,
        "probability_same": float((known == observed).mean()) if asked and counted else np.nan,
        "probability_at_least": float((known >= observed).mean()) if asked else np.nan,
    }


def _central(known: np.ndarray) -> tuple[float, float]:
    """Ends of the central 80 %, values that occurred."""
    if not len(known):
        return np.nan, np.nan
    low, high = np.quantile(known, CENTRAL, method="inverted_cdf")
    return float(low), float(high)


def difference_table(design: TrialDesign, outcomes: Outcomes, endpoints: Sequence[Endpoint]) -> pd.DataFrame:
    """Every other arm minus the first, the same patients in both.

    Returns
    -------
    DataFrame
        endpoint, arm, against, `measure` (risk difference, difference of medians, hazard ratio), value with
        its paired 95 % interval in the large cohort, `pairs` behind it and `method` of the interval; central
        80 % over replicate trials of n patients an arm: `same_low`, `same_high` where both arms treat the
        same patients, as only a simulation can, `parallel_low`, `parallel_high` where they are different
        patients, as in a real trial. Hazard ratios have no replicate columns.
    """
    import pandas as pd

    (first, reference), *others = outcomes.items()
    rows = []
    for arm, table in others:
        for endpoint in endpoints:
            values = [endpoint.values(rows.iloc[: design.cohort]) for rows in (reference, table)]
            before, after = (replicate_values(design, endpoint, rows) for rows in (reference, table))
            scale = design.patients if isinstance(endpoint, CountEndpoint) else 1
            same, parallel = (after - before) / scale, (np.roll(after, 1) - before) / scale
            row = {"endpoint": endpoint.name, "arm": arm, "against": first}
            row |= _difference(design, endpoint, *values)
            row["same_low"], row["same_high"] = _central(same[np.isfinite(same)])
            if design.replicates > 1:
                row["parallel_low"], row["parallel_high"] = _central(parallel[np.isfinite(parallel)])
            rows.append(row)
        for kind in ("pfs", "os"):
            row = {"endpoint": kind, "arm": arm, "against": first}
            rows.append(
                row | _hazard_ratio(kind, reference.iloc[: design.cohort], table.iloc[: design.cohort])
            )
    columns = ["endpoint", "arm", "against", "measure", "value", "lower", "upper", "pairs", "method"]
    return pd.DataFrame(rows, columns=[*columns, "same_low", "same_high", "parallel_low", "parallel_high"])


def _difference(design: TrialDesign, endpoint: Endpoint, before: np.ndarray, after: np.ndarray) -> dict:
    both = np.isfinite(before) & np.isfinite(after)
    before, after = before[both], after[both]
    found = {"pairs": len(before), "value": np.nan, "lower": np.nan, "upper": np.nan}
    if isinstance(endpoint, MedianEndpoint):
        found |= {"measure": f"difference of medians, {endpoint.unit}", "method": "paired bootstrap"}
        seed = next(iter(design.arms.values())).seed
        return found | _median_difference(before, after, np.random.default_rng([seed, BOOTSTRAP_STREAM]))
    found |= {"measure": "risk difference", "method": "Agresti-Min, paired"}
    return found | paired_risk_difference(before, after)


def paired_risk_difference(before: np.ndarray, after: np.ndarray) -> dict[str, float]:
    """Share after minus share before of the same patients (n,), with its interval.

    Interval of Agresti and Min 2005 (doi:10.1002/sim.1781): half a pair added to each of the four cells, so
    that it has a width where no pair differs.
    """
    from scipy.stats import norm

    if not len(before):
        return {}
    gained, lost = float(((after == 1) & (before == 0)).sum()), float(((after == 0) & (before == 1)).sum())
    n, more, less = len(before) + 2.0, gained + 0.5, lost + 0.5
    middle = (more - less) / n
    half = norm.isf((1.0 - LEVEL) / 2.0) * np.sqrt(more + less - (more - less) ** 2 / n) / n
    return {"value": (gained - lost) / len(before), "lower": middle - half, "upper": middle + half}


def _median_difference(before: np.ndarray, after: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    if len(before) < 2:
        return {}
    value = float(np.median(after) - np.median(before))
    ranked = [(np.argsort(values, kind="stable"), np.sort(values)) for values in (after, before)]
    moved = np.empty(RESAMPLES)
    for k in range(RESAMPLES):  # one at a time: scipy's bootstrap would hold many copies of the cohort
        times = np.bincount(rng.integers(len(before), size=len(before)), minlength=len(before))
        middles = [_median_of_repeated(rising, times[order]) for order, rising in ranked]
        moved[k] = middles[0] - middles[1]
    lower, upper = np.quantile(moved, [(1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0])
    return {"value": value, "lower": float(lower), "upper": float(upper)}


def _median_of_repeated(rising: np.ndarray, times: np.ndarray) -> float:
    """Median of sorted values (n,), each there so many times, n in all: no sorting for each resample."""
    place = np.searchsorted(np.cumsum(times), [(len(rising) + 1) // 2, len(rising) // 2 + 1])
    return float(rising[place].mean())


def _hazard_ratio(kind: str, reference: pd.DataFrame, table: pd.DataFrame) -> dict:
    """Hazard ratio by Cox regression, Efron's ties; standard error clustered by patient, who is in both arms.

    The clustered variance is that of Lin and Wei 1989 (statsmodels `groups`). Times are whole days begun, as
    a trial records them: two solves of the same death differ by parts of a second.
    """
    from statsmodels.duration.hazard_regression import PHReg

    both = ((reference["status"] == 0).to_numpy()) & ((table["status"] == 0).to_numpy())
    reference, table = reference[both], table[both]
    n = len(reference)
    found = {"measure": "hazard ratio", "pairs": n, "method": "Cox, clustered by patient"}
    time = np.concatenate([np.ceil(rows[f"{kind}_day"].to_numpy(float)) for rows in (reference, table)])
    event = np.concatenate([rows[f"{kind}_event"].to_numpy(bool) for rows in (reference, table)])
    if n and np.array_equal(time[:n], time[n:]) and np.array_equal(event[:n], event[n:]):
        return found | {"value": 1.0, "lower": 1.0, "upper": 1.0, "method": "same course in every pair"}
    if not (event[:n].any() and event[n:].any()):
        return found | {"value": np.nan, "lower": np.nan, "upper": np.nan}
    arm, patient = np.repeat([0.0, 1.0], n), np.tile(np.arange(n), 2)
    seen = time >= time[event].min()  # who left before the first event is never at risk: no score, only NaN
    model = PHReg(time[seen], arm[seen, None], status=event[seen], ties="efron")
    fitted = model.fit(groups=patient[seen], disp=False)
    lower, upper = np.exp(fitted.conf_int(alpha=1.0 - LEVEL)[0])
    return found | {"value": float(np.exp(fitted.params[0])), "lower": float(lower), "upper": float(upper)}


def joint_table(
    design: TrialDesign, outcomes: pd.DataFrame, sets: Sequence[Sequence[CountEndpoint]], observed: Mapping
) -> pd.DataFrame:
    """How often a replicate trial has several observed counts at once: endpoints, observed, probability."""
    import pandas as pd

    rows = []
    for some in sets:
        counts = np.column_stack([replicate_values(design, endpoint, outcomes) for endpoint in some])
        counts = counts[np.isfinite(counts).all(axis=1)]
        seen = [observed[endpoint.name] for endpoint in some]
        chance = float((counts == seen).all(axis=1).mean()) if len(counts) else np.nan
        names = ", ".join(endpoint.name for endpoint in some)
        rows.append((names, ", ".join(f"{count:g}" for count in seen), len(counts), chance))
    return pd.DataFrame(rows, columns=["endpoints", "observed", "replicates", "probability"])
