"""A virtual trial: arms given the same virtual patients, replicates of the real size, one large cohort."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cartsim.cohort.outcomes import CHUNK, outcome_table
from cartsim.cohort.products import TrialPopulation
from cartsim.errors import ModelError
from cartsim.kernels.methods import Method

if TYPE_CHECKING:
    import pandas as pd

_MEASURED = ("cmax", "tmax", "auc28", "auc6m")
_PEAKS = ("ifng", "il6", "il8", "il10")
KEPT = (
    *("patient", "status", "dose", "weight", "burden"),
    *(f"{name}_{assay}" for assay in ("pcr", "flow") for name in _MEASURED),
    *(f"{assay}_month_{month}" for assay in ("pcr", "flow") for month in (1, 6)),
    *("crs", "crs_onset", "crs_duration", "surrogate_grade", "therapy_day", "il6_before_therapy"),
    *(f"peak_{name}" for name in _PEAKS),
    *("best_response", "best_response_word", "measured_by", "best_change", "first_response_day"),
    *("progression_day", "mrd_negative", "pfs_day", "pfs_event", "os_day", "os_event"),
)
"""Columns of `outcome_table` that a trial keeps of every patient."""


@dataclass(frozen=True)
class TrialDesign:
    """Arms and sizes of a virtual trial.

    Patient k has the same parameters, weight and luck in every arm, so that arms differ only by what is done.
    Arms of different products have their own medians, the same patient's place among them is kept. Replicate
    r is patients r n to r n + n - 1; the large cohort is the first `cohort` patients, so the two overlap.

    Parameters
    ----------
    arms : population of each arm by name; the first is what the others are compared with
    patients : of one replicate trial, each arm (n)
    replicates : how many replicate trials
    cohort : patients of the large cohort, each arm

    Raises
    ------
    ModelError
        Where sizes are below 1, or arms do not share model, seed, sampling days and laboratory: their
        patients would not be the same.
    """

    arms: Mapping[str, TrialPopulation]
    patients: int
    replicates: int
    cohort: int

    def __post_init__(self) -> None:
        faults = [
            f"{name} is {getattr(self, name)}, at least 1 needed"
            for name in ("patients", "replicates", "cohort")
            if getattr(self, name) < 1
        ]
        if not self.arms:
            faults.append("there is no arm")
        shared = {
            (p.model.digest(), p.seed, tuple(p.product.sample_days), p.products.observation.model_dump_json())
            for p in self.arms.values()
        }
        if len(shared) > 1:
            faults.append(
                "arms must share model, seed, sampling days and laboratory to have the same patients"
            )
        if faults:
            raise ModelError("this trial cannot be simulated\n  " + "\n  ".join(faults))

    @property
    def simulated(self) -> int:
        """How many patients of each arm are simulated."""
        return max(self.cohort, self.patients * self.replicates)

    def in_replicates(self, values: np.ndarray) -> np.ndarray:
        """Values of all simulated patients (N, ...) as (replicates, patients)."""
        return values[: self.patients * self.replicates].reshape(self.replicates, self.patients)


def simulate_trial(
    design: TrialDesign,
    *,
    method: Method | None = None,
    threads: int = 1,
    chunk: int = CHUNK,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, pd.DataFrame]:
    """Outcomes of every simulated patient, by arm: columns `KEPT`, one row a patient.

    Curves exist for one chunk at a time; the numbers depend neither on `chunk` nor on `threads`. A failed
    solve is a row with its status and no outcome.
    """
    import pandas as pd

    total, done, found = design.simulated * len(design.arms), 0, {}
    for name, population in design.arms.items():
        parts = []
        for first in range(0, design.simulated, chunk):
            count = min(chunk, design.simulated - first)
            rows = outcome_table(population, count, first=first, method=method, threads=threads)
            parts.append(rows[list(KEPT)])
            done += count
            if progress is not None:
                progress(done, total)
        found[name] = pd.concat(parts, ignore_index=True)
    return found
