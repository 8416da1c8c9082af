"""What early predictions are compared with, and how: base rate and logistic regression on log AUC0-14."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
import pandas as pd

from cartsim.endpoints.scores import brier, censored_brier, concordance, resampled
from cartsim.endpoints.survival import kaplan_meier

TIMES = 2_000  # resamples of the patients


def logistic(x: np.ndarray, happened: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Probabilities at `new` of a logistic regression on x, (n,) or (n, k), by statsmodels' GLM.

    Where all outcomes are alike it is their share.
    """
    import statsmodels.api as sm

    happened = np.asarray(happened, float)
    if happened.min() == happened.max():
        return np.full(len(new), happened.mean())
    x, new = (np.asarray(part, float).reshape(len(part), -1) for part in (x, new))
    centre, scale = x.mean(axis=0), np.where(x.std(axis=0) > 0.0, x.std(axis=0), 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # perfect separation in a small part is an answer here
        found = sm.GLM(happened, sm.add_constant((x - centre) / scale), family=sm.families.Binomial()).fit()
    return found.predict(sm.add_constant((new - centre) / scale, has_constant="add"))


def area(days: np.ndarray, values: np.ndarray, least: float) -> float:
    """Log of the area to the last day from samples, 0 at the infusion; below the limit counts as 0.

    Where all samples are below it: a limit's worth of area.
    """
    order = np.argsort(days)
    found = np.trapezoid(np.append(0.0, values[order]), np.append(0.0, days[order]))
    return float(np.log(max(found, least * float(days.max()))))


def brier_rows(
    outcome: str, happened: np.ndarray, predictions: Mapping[str, np.ndarray], rng: np.random.Generator
) -> list[dict]:
    """Brier score of every prediction, and the first one's minus each other's on the same patients."""
    happened, names = np.asarray(happened, float), list(predictions)
    rows = []
    for name in names:
        own = resampled(
            lambda at, p=predictions[name]: brier(p[at], happened[at]), len(happened), rng, times=TIMES
        )
        rows.append({"outcome": outcome, "score": "Brier", "prediction": name, **own.__dict__})
    first = predictions[names[0]]
    for name in names[1:]:
        own = resampled(
            lambda at, p=predictions[name]: brier(first[at], happened[at]) - brier(p[at], happened[at]),
            len(happened),
            rng,
            times=TIMES,
        )
        rows.append({"outcome": outcome, "score": f"Brier minus that of {name}", "prediction": names[0],
                     **own.__dict__})  # fmt: skip
    return rows


def survival_rows(
    time: np.ndarray,
    event: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    rng: np.random.Generator,
    *,
    day: float,
) -> list[dict]:
    """Harrell's C and Graf's Brier score at one day for probabilities of no event by then."""
    rows, names = [], list(predictions)

    def graf(free: np.ndarray, at: np.ndarray) -> float:
        followed = time[at].max() >= day  # else nobody is left to weight
        return censored_brier(free[at], time[at], event[at], day=day) if followed else np.nan

    for name, free in predictions.items():
        if np.ptp(free) > 0.0:
            own = resampled(
                lambda at, p=free: concordance(-p[at], time[at], event[at]), len(time), rng, times=TIMES
            )
            rows.append({"outcome": "PFS", "score": "Harrell's C", "prediction": name, **own.__dict__})
        own = resampled(lambda at, p=free: graf(p, at), len(time), rng, times=TIMES)
        rows.append({"outcome": f"PFS at day {day:g}", "score": "censored Brier", "prediction": name,
                     **own.__dict__})  # fmt: skip
    first = predictions[names[0]]
    for name in names[1:]:
        own = resampled(
            lambda at, p=predictions[name]: graf(first, at) - graf(p, at), len(time), rng, times=TIMES
        )
        rows.append({"outcome": f"PFS at day {day:g}", "score": f"censored Brier minus that of {name}",
                     "prediction": names[0], **own.__dict__})  # fmt: skip
    return rows


def free_at(time: np.ndarray, event: np.ndarray, day: float) -> float:
    """Kaplan-Meier share without the event at a day; that of the last follow-up where it ended before."""
    table = kaplan_meier(time, event).table
    return float(table["survival"][table["time"] <= day].iloc[-1]) if (table["time"] <= day).any() else 1.0


def printed(rows: list[dict]) -> list[tuple]:
    """Rows of the Markdown table."""
    return [
        (r["outcome"], r["score"], r["prediction"], r["patients"],
         f"{r['value']:.3f} ({r['low']:.3f} to {r['high']:.3f})")
        for r in rows
    ]  # fmt: skip


def frame(rows: pd.DataFrame) -> list[dict]:
    """A table as plain records."""
    return [
        {k: (v.item() if hasattr(v, "item") else v) for k, v in row.items()}
        for row in rows.to_dict("records")
    ]
