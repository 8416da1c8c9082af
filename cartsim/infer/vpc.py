"""Visual predictive check: do data simulated from the model look like the data, assay limits included?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.errors import FitError
from cartsim.infer.time_bins import automatic_bins, bin_of

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
QUANTIFIED, LEFT, RIGHT, INTERVAL = 0, 1, 2, 3
PERCENTILES = (5.0, 50.0, 95.0)
BAND = (0.05, 0.5, 0.95)  # 90% simulation interval of each percentile
COLUMNS = ("subject", "time", "output", "value", "censoring", "lower", "upper", "lloq")


@dataclass(frozen=True)
class VPC:
    """A visual predictive check, output units, days.

    Parameters
    ----------
    percentiles : DataFrame
        One row a bin and percentile: stratum, output, bin, time (median of the bin's samples), percentile,
        observed, simulated_lower, simulated_median, simulated_upper (5, 50, 95% over replicates).
        -inf: below the bin's `limit`; +inf: above its upper limit. Neither is a number to draw.
    censored : DataFrame
        One row a bin and side ("below", "above" where anything was): stratum, output, bin, time, side,
        observed, simulated_lower, simulated_median, simulated_upper; per cent of the bin's samples.
    bins : DataFrame
        stratum, output, bin, left, right (its first and last sample), time, count, limit (largest corrected
        LLOQ, NaN if none), upper_limit (smallest corrected ULOQ).
    points : DataFrame
        One row an observation: subject, stratum, output, time, bin, value (corrected; NaN where censored),
        censoring, limit (corrected LLOQ of the row).
    corrected : bool
        Whether values and limits are prediction-corrected.
    """

    percentiles: pd.DataFrame
    censored: pd.DataFrame
    bins: pd.DataFrame
    points: pd.DataFrame
    corrected: bool


def vpc(
    observed: pd.DataFrame, simulated: Array, *, prediction: Array | None = None, bins: Array | None = None
) -> VPC:
    """Compare percentiles of observed data, by time bin, with those of data simulated on the same design.

    Censoring. A simulated value outside its row's limits is censored as the observed one would be. A
    censored value keeps its rank, below (or above) every quantified one; it is never dropped. A percentile
    that falls among the censored values is not a number but "below the limit". The share below the LLOQ is
    compared on its own.

    Prediction correction (given `prediction`; Bergstrand 2011, doi:10.1208/s12248-011-9255-z, for values
    bounded below by zero): y_i becomes y_i c_i, c_i = median(PRED in the bin) / PRED_i; the limits of row i
    are multiplied by the same c_i, so that what was censored stays so. The limits then differ within a bin,
    and ranks are known only above the largest corrected LLOQ (and below the smallest corrected ULOQ):
    a percentile, observed or simulated, is a number only there. Without correction the same rule holds
    with the limits as they are.

    Parameters
    ----------
    observed : DataFrame
        Columns subject, time (day), output, value (ignored where censored), censoring (0 quantified, 1 left,
        2 right, 3 interval), lower, upper, lloq (of every row, NaN where none); optional uloq, stratum.
    simulated : float64 (replicates, rows)
        Measurements, residual error included, not censored.
    prediction : float64 (rows,), optional
        Population prediction (typical parameters), > 0.
    bins : float64 edges (day), optional
        Such as `nominal_bins(days)`; else `automatic_bins` of each output.

    Raises
    ------
    FitError
        For missing columns, arrays that do not fit the rows, predictions that are not positive, samples
        outside the bins.
    """
    import pandas as pd

    simulated = np.asarray(simulated, dtype=np.float64)
    _check(observed, simulated, prediction)
    table = observed.reset_index(drop=True)
    if "stratum" not in table.columns:
        table = table.assign(stratum="")
    time = table["time"].to_numpy(float)
    place = _bins(table, time, bins)
    low, high = limits(table)
    parts: dict[str, list] = {"percentiles": [], "censored": [], "bins": [], "points": []}
    keys = table[["stratum", "output"]].assign(bin=place)
    for (stratum, output, index), group in keys.groupby(["stratum", "output", "bin"], sort=True):
        rows = group.index.to_numpy()
        factor = np.ones(len(rows))
        if prediction is not None:
            typical = np.asarray(prediction, dtype=np.float64)[rows]
            factor = np.median(typical) / typical
        head = {"stratum": stratum, "output": output, "bin": index, "time": float(np.median(time[rows]))}
        one = _bin(table.loc[rows], simulated[:, rows], factor, low[rows], high[rows])
        for name, records in zip(parts, one, strict=True):
            parts[name] += [head | record for record in records]
    return VPC(**{name: pd.DataFrame(rows) for name, rows in parts.items()}, corrected=prediction is not None)


def limits(table: pd.DataFrame) -> tuple[Array, Array]:
    """The LLOQ (-inf if none) and ULOQ (+inf) of every row, of its own column or of how it was censored."""
    censoring = table["censoring"].to_numpy(int)
    low, above = table["lloq"].to_numpy(float), is_above(table)
    below = ((censoring == LEFT) | (censoring == INTERVAL)) & ~above
    low = np.where(np.isnan(low) & below, table["upper"].to_numpy(float), low)
    high = table["uloq"].to_numpy(float) if "uloq" in table.columns else np.full(len(table), np.nan)
    high = np.where(np.isnan(high) & above, table["lower"].to_numpy(float), high)
    return np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)


def is_above(table: pd.DataFrame) -> NDArray[np.bool_]:
    """Rows above a ULOQ: right-censored, or an interval that begins at or above the LLOQ."""
    censoring, lower, lloq = (table[name].to_numpy(float) for name in ("censoring", "lower", "lloq"))
    return (censoring == RIGHT) | ((censoring == INTERVAL) & (lower >= lloq))


def ranked(values: Array, percentile: float) -> Array:
    """A percentile along the last axis (numpy's linear rule) of values that may be -inf or +inf by rank.

    It is infinite where one of the two values that it lies between is.
    """
    ordered = np.sort(values, axis=-1)
    position = (ordered.shape[-1] - 1) * percentile / 100.0
    first = int(np.floor(position))
    a, b = ordered[..., first], ordered[..., int(np.ceil(position))]
    with np.errstate(invalid="ignore"):
        between = a + (position - first) * (b - a)
    return np.where(np.isinf(a), a, np.where(np.isinf(b), b, between))


def _bin(part: pd.DataFrame, simulated: Array, factor: Array, low: Array, high: Array) -> tuple[list, ...]:
    """Records of percentiles, censored shares, the bin itself and its points."""
    censoring, above = part["censoring"].to_numpy(int), is_above(part)
    value = np.where(censoring == QUANTIFIED, part["value"].to_numpy(float), np.nan)
    below = (censoring != QUANTIFIED) & ~above
    seen = np.where(below, -np.inf, np.where(above, np.inf, value * factor))
    made = np.where(simulated < low, -np.inf, np.where(simulated > high, np.inf, simulated * factor))
    floor, ceiling = float(np.max(low * factor)), float(np.min(high * factor))
    percentiles = []
    for percentile in PERCENTILES:
        observed = _within(ranked(seen, percentile), floor, ceiling)
        each = _within(ranked(made, percentile), floor, ceiling)
        percentiles.append({"percentile": percentile, "observed": float(observed), **_band(each)})
    censored = [{"side": "below", "observed": 100.0 * below.mean(), **_band(_share(simulated < low))}]
    if above.any() or np.isfinite(high).any():
        censored.append(
            {"side": "above", "observed": 100.0 * above.mean(), **_band(_share(simulated > high))}
        )
    time = part["time"].to_numpy(float)
    whole = {"left": time.min(), "right": time.max(), "count": len(part)}
    whole |= {
        "limit": floor if np.isfinite(floor) else np.nan,
        "upper_limit": ceiling if np.isfinite(ceiling) else np.nan,
    }
    columns = (
        part["subject"],
        time,
        value * factor,
        censoring,
        np.where(np.isfinite(low), low, np.nan) * factor,
    )
    names = ("subject", "time", "value", "censoring", "limit")
    points = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    return percentiles, censored, [whole], points


def _within(values: Array, floor: float, ceiling: float) -> Array:
    """Percentiles where ranks are known; -inf or +inf beyond."""
    return np.where(values < floor, -np.inf, np.where(values > ceiling, np.inf, values))


def _share(outside: NDArray[np.bool_]) -> Array:
    return 100.0 * outside.mean(axis=-1)


def _band(each: Array) -> dict[str, float]:
    names = ("simulated_lower", "simulated_median", "simulated_upper")
    return {name: float(ranked(each, 100.0 * level)) for name, level in zip(names, BAND, strict=True)}


def _bins(table: pd.DataFrame, time: Array, bins: Array | None) -> NDArray[np.intp]:
    place = np.zeros(len(table), dtype=np.intp)
    for output in table["output"].unique():
        rows = (table["output"] == output).to_numpy()
        edges = automatic_bins(time[rows]) if bins is None else np.asarray(bins, dtype=np.float64)
        if (np.diff(edges) <= 0).any() or time[rows].min() < edges[0] or time[rows].max() > edges[-1]:
            raise FitError(
                "the bins do not hold every sample, or their edges do not rise",
                value=edges,
                limit=f"days {time[rows].min():g} to {time[rows].max():g}",
                remedy="give rising edges around all samples, or nominal_bins(days)",
            )
        place[rows] = bin_of(time[rows], edges)
    return place


def _check(observed: pd.DataFrame, simulated: Array, prediction: Array | None) -> None:
    missing = [name for name in COLUMNS if name not in observed.columns]
    if missing:
        raise FitError("the observed table lacks columns", value=missing, limit=", ".join(COLUMNS))
    if simulated.ndim != 2 or simulated.shape[1] != len(observed) or not len(observed):
        raise FitError(
            "simulated data do not fit the observed rows",
            value=simulated.shape,
            limit=f"(replicates, {len(observed)}), at least one row",
        )
    if np.isnan(simulated).any():
        raise FitError(
            "simulated data hold missing values",
            value=int(np.isnan(simulated).sum()),
            limit="0",
            remedy="draw the failed replicates again",
        )
    if prediction is not None and (np.shape(prediction) != (len(observed),) or not np.all(prediction > 0)):
        raise FitError(
            "predictions must be positive, one a row",
            value=np.shape(prediction),
            limit=f"({len(observed)},), > 0",
        )
