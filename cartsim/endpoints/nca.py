"""Non-compartmental analysis of cellular kinetics: one row of Cmax, Tmax, AUC, half-life ... a patient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cartsim.data.dataset import Dataset
from cartsim.endpoints.metrics import Analysis, Metric, metrics
from cartsim.endpoints.outcomes import Outcomes
from cartsim.endpoints.profile import NcaSettings, Profile
from cartsim.errors import DataError, Finding

if TYPE_CHECKING:
    import pandas as pd


def nca(dataset: Dataset, *, output: str = "car_transgene", settings: NcaSettings | None = None) -> Outcomes:
    """Analyse one output of every subject on its observed grid; day 0 is the infusion.

    Rules: linear-up log-down areas from day 0 (0 where nothing was sampled then); BLQ is 0 before Tmax,
    after it the first BLQ of a run is 0 and the others are left out; AUC windows are interpolated at their
    end, never extrapolated, and marked and kept out of the summary where sampling stops before; replicates
    are averaged; samples before day 0 are not used; a sample above the upper limit counts as that limit; a
    subject without any quantified sample has areas of 0 and no Cmax. A month is 30.44 days. The settings
    state the visit windows and what makes a half-life evaluable; `Outcomes.summary` describes each measure.

    Parameters
    ----------
    dataset : Dataset
    output : str
        What to analyse.
    settings : NcaSettings, optional

    Returns
    -------
    Outcomes
        Exposures are summarised as geometric mean (geometric CV %) of the positive values, times as median
        [range], detectability as a count; each with the number evaluable.

    Raises
    ------
    DataError
        Where the data do not measure `output`, or may be negative.
    """
    import pandas as pd

    settings = settings or NcaSettings()
    seen = dataset.observations[dataset.observations["output"] == output]
    _check(dataset, output, seen)
    measures = metrics(settings)
    by_subject = dict(list(seen.groupby("subject", sort=False)))
    rows = [
        {"subject": subject, **_row(by_subject.get(subject, seen.iloc[:0]), measures, settings)}
        for subject in dataset.subjects
    ]
    table = pd.DataFrame(rows, columns=["subject", *(metric.name for metric in measures)])
    table = _typed(table, measures)
    return Outcomes(table, _summary(table, measures, seen["unit"].iloc[0], settings), settings)


def _check(dataset: Dataset, output: str, seen: pd.DataFrame) -> None:
    """The output must be measured and cannot be negative."""
    if not len(seen):
        raise DataError(
            [
                Finding(
                    "the output to analyse is not in the data",
                    dataset.source,
                    value=output,
                    limit=", ".join(dataset.outputs),
                    remedy="name one with output=",
                )
            ]
        )
    negative = seen[seen["value"] < 0.0]
    if len(negative):
        first = negative.iloc[0]
        raise DataError(
            [
                Finding(
                    "the analysis needs values that cannot be negative",
                    dataset.source,
                    row=int(first["row"]),
                    subject=first["subject"],
                    value=float(first["value"]),
                    limit=">= 0",
                )
            ]
        )


def _row(samples: pd.DataFrame, measures: tuple[Metric, ...], settings: NcaSettings) -> dict[str, float]:
    """All measures of one subject."""
    profile = Profile.from_samples(
        samples["time"].to_numpy(dtype=np.float64),
        samples["value"].to_numpy(dtype=np.float64),
        samples["censoring"].to_numpy(dtype=np.int64),
    )
    analysis = Analysis.of(profile, settings)
    known: dict[str, float] = {}
    for metric in measures:
        known[metric.name] = metric.compute(analysis, known)
    return known


def _typed(table: pd.DataFrame, measures: tuple[Metric, ...]) -> pd.DataFrame:
    """Counts as integers and yes/no as booleans, empty where not evaluable."""
    flags = {metric.name for metric in measures if metric.statistic == "share" or "truncated" in metric.name}
    counts = {"samples", "samples_blq", "samples_above", "doubling_points", "half_life_points"}
    types = dict.fromkeys(flags, "boolean") | dict.fromkeys(counts, "Int64")
    return table.astype(types)


def _summary(
    table: pd.DataFrame, measures: tuple[Metric, ...], unit: str, settings: NcaSettings
) -> pd.DataFrame:
    """One row a summarised measure."""
    import pandas as pd

    words = {
        "early": f"{settings.early_days:g}",
        "late": f"{settings.late_days:g}",
        "r2": f"{settings.adjusted_r2:g}",
        "points": settings.slope_points,
    }
    rows = []
    for metric in measures:
        if not metric.statistic:
            continue
        usable = table[metric.name]
        excluded = 0
        if metric.valid_unless:
            marked = table[metric.valid_unless].to_numpy(dtype=bool)
            excluded = int((marked & usable.notna()).sum())
            usable = usable[~marked]
        values = usable.dropna().to_numpy(dtype=np.float64)
        statistic, text, center, lower, upper, count = _STATISTICS[metric.statistic](values)
        rows.append(
            {
                "metric": metric.name,
                "description": metric.description.format(**words),
                "unit": metric.unit.format(unit=unit),
                "statistic": statistic,
                "text": text,
                "evaluable": count,
                "subjects": len(table),
                "truncated": excluded,
                "center": center,
                "lower": lower,
                "upper": upper,
            }
        )
    return pd.DataFrame(rows)


Summary = tuple[str, str, float, float, float, int]


def _geometric(values: np.ndarray) -> Summary:
    """Geometric mean and CV of the positive values; lower and upper are mean over and times exp(log sd)."""
    positive = values[values > 0.0]
    label = "geometric mean (CV %)"
    if positive.size == 0:
        return label, "not evaluable", np.nan, np.nan, np.nan, 0
    logs = np.log(positive)
    center = float(np.exp(logs.mean()))
    if positive.size == 1:
        return label, f"{center:.4g} (one value)", center, np.nan, np.nan, 1
    spread = float(logs.std(ddof=1))
    cv = 100.0 * np.sqrt(np.expm1(spread**2))
    factor = np.exp(spread)
    return label, f"{center:.4g} ({cv:.0f}%)", center, center / factor, center * factor, positive.size


def _median(values: np.ndarray) -> Summary:
    """Median and range."""
    label = "median [range]"
    if values.size == 0:
        return label, "not evaluable", np.nan, np.nan, np.nan, 0
    center, lower, upper = float(np.median(values)), float(values.min()), float(values.max())
    return label, f"{center:.4g} [{lower:.4g}-{upper:.4g}]", center, lower, upper, values.size


def _share(values: np.ndarray) -> Summary:
    """How many of those evaluable."""
    label = "patients (%)"
    if values.size == 0:
        return label, "not evaluable", np.nan, np.nan, np.nan, 0
    share = 100.0 * float(values.mean())
    return label, f"{int(values.sum())}/{values.size} ({share:.0f}%)", share, np.nan, np.nan, values.size


_STATISTICS = {"geometric": _geometric, "median": _median, "share": _share}
