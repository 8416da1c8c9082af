"""What is said of one new patient's counts and cytokines: bands over time, peak, exposure and persistence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
LEVELS = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}
EARLY = 28.0  # day to which exposure is counted
LATER = (28.0, 90.0, 180.0)


def band_rows(subject: str, times: Array, measured: Mapping[str, tuple[Array, Array]]) -> pd.DataFrame:
    """Bands of every output: subject, output, time, q05 ... q95 of the curve, sample_q05 ... of a new sample.

    `measured` : output -> curves and curves with residual error, each (n, T).
    """
    import pandas as pd

    parts = []
    for output, both in measured.items():
        columns = {"subject": subject, "output": output, "time": times}
        for prefix, values in zip(("", "sample_"), both, strict=True):
            found = np.nanquantile(values, list(LEVELS.values()), axis=0)
            columns |= {prefix + name: row for name, row in zip(LEVELS, found, strict=True)}
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def kinetics_rows(subject: str, times: Array, measured: Mapping[str, tuple[Array, Array]]) -> pd.DataFrame:
    """Peak, its day, area to day 28 and later values of the curve (no residual error) with 50 and 90 %.

    Columns subject, output, quantity, q05 ... q95; values in the output's unit, days, unit x day.
    """
    import pandas as pd

    rows = []
    for output, (curve, _) in measured.items():
        whole = curve[np.isfinite(curve).all(axis=1)]
        early = times <= EARLY
        found = {
            "peak": whole.max(axis=1),
            "day of the peak": times[whole.argmax(axis=1)],
            "area to day 28": np.trapezoid(whole[:, early], times[early], axis=1),
        }
        for day in LATER:
            if day <= times[-1]:
                found[f"value at day {day:g}"] = whole[:, np.searchsorted(times, day)]
        for name, values in found.items():
            quantiles = np.quantile(values, list(LEVELS.values()))
            row = dict(zip(LEVELS, quantiles, strict=True))
            rows.append({"subject": subject, "output": output, "quantity": name, **row})
    return pd.DataFrame(rows)
