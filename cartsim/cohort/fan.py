"""How widely a cohort's curves spread: exact quantiles over patients at every day, for a few outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cartsim.cohort.outcomes import CHUNK, RTOL, followed, grid
from cartsim.cohort.products import TrialPopulation
from cartsim.errors import ModelError
from cartsim.kernels.methods import Method, Rodas5P

if TYPE_CHECKING:
    import pandas as pd

QUANTILES = {"q05": 0.05, "q25": 0.25, "q50": 0.50, "q75": 0.75, "q95": 0.95}


@dataclass(frozen=True)
class Fan:
    """Quantiles of a cohort's curves.

    `table` has one row an output and day: output, time (day), patients (solved and alive then), q05 to q95
    over them, in the output's unit; NaN where nobody is alive. `failed` of all `patients` were not solved
    and are in no quantile.
    """

    table: pd.DataFrame
    patients: int
    failed: int


def fan(
    population: TrialPopulation,
    outputs: Sequence[str],
    count: int,
    *,
    first: int = 0,
    method: Method | None = None,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Fan:
    """Quantiles of the curves themselves, without assay error, of patients first .. first + count - 1.

    Solved in chunks; kept are the asked outputs alone, 8 bytes a patient, day and output. A patient who died
    has no value from then on, so that late quantiles are those of survivors.

    Raises
    ------
    ModelError
        Naming outputs that the model does not have, or a count below 1.
    """
    known = population.model.output_names
    unknown = [name for name in outputs if name not in known]
    if unknown or not outputs:
        raise ModelError("no such output", value=", ".join(unknown) or "(none)", limit=", ".join(known))
    if count < 1:
        raise ModelError("a fan needs patients", value=count, limit=">= 1")
    days, method = grid(population), method or Rodas5P(rtol=RTOL)
    kept = np.full((len(outputs), len(days), count), np.nan)  # patients last: quantiles run along memory
    failed = 0
    for begin in range(first, first + count, CHUNK):
        end = min(begin + CHUNK, first + count)
        seen = followed(population, begin, end, method, threads)
        lost = seen.curves.status != 0
        gone = (days > seen.death_day[:, None]) | lost[:, None]
        failed += int(lost.sum())
        for k, name in enumerate(outputs):
            values = np.where(gone, np.nan, seen.curves.outputs[name])
            kept[k, :, begin - first : end - first] = values.T
        if progress is not None:
            progress(end - first, count)
    return Fan(_table(tuple(outputs), days, kept), count, failed)


def _table(outputs: tuple[str, ...], days: np.ndarray, kept: np.ndarray) -> pd.DataFrame:
    import pandas as pd

    kept.sort(axis=-1)  # NaN last
    alive = np.isfinite(kept).sum(axis=-1)
    columns = {name: _of_sorted(kept, alive, share) for name, share in QUANTILES.items()}
    return pd.DataFrame(
        {
            "output": np.repeat(outputs, len(days)),
            "time": np.tile(days, len(outputs)),
            "patients": alive.ravel(),
            **{name: values.ravel() for name, values in columns.items()},
        }
    )


def _of_sorted(rising: np.ndarray, count: np.ndarray, share: float) -> np.ndarray:
    """Quantile of the first `count` of sorted values, straight between ranks as numpy's default."""
    place = share * (np.maximum(count, 1) - 1)
    below = np.floor(place).astype(int)
    above = np.minimum(below + 1, np.maximum(count, 1) - 1)
    low, high = (np.take_along_axis(rising, k[..., None], axis=-1)[..., 0] for k in (below, above))
    return low + (place - below) * (high - low)
