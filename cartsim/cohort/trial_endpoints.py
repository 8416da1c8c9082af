"""Endpoints that a virtual trial can count: CRS, response, survival, detection, peak, tocilizumab."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cartsim.endpoints.imwg_rules import Response

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
MONTH = 365.0 / 12.0  # day; 12 months are 365 days, as for the clinical criteria


@dataclass(frozen=True)
class Endpoint:
    """One endpoint: `read` takes solved rows of an outcome table, returns a value a patient, NaN = none."""

    name: str
    meaning: str
    unit: str
    read: Callable[[pd.DataFrame], ArrayLike]

    def values(self, outcomes: pd.DataFrame) -> Array:
        """A value a patient, float64 (n,); NaN where the patient was not solved or has none."""
        found = np.full(len(outcomes), np.nan)
        solved = (outcomes["status"] == 0).to_numpy()
        found[solved] = np.asarray(self.read(outcomes[solved]), dtype=float)
        return found


class CountEndpoint(Endpoint):
    """Patients with it are counted; their share is the cohort's value."""

    def in_replicates(self, values: Array) -> Array:
        """Patients with it in each replicate, from values (R, n)."""
        return values.sum(axis=1)


class MedianEndpoint(Endpoint):
    """The median of the patients who have a value."""

    def in_replicates(self, values: Array) -> Array:
        """Median of each replicate over those with a value, NaN where none has one; from values (R, n)."""
        some = np.isfinite(values).any(axis=1)
        found = np.full(len(values), np.nan)
        found[some] = np.nanmedian(values[some], axis=1)
        return found


def _response(name: str, meaning: str, least: Response) -> CountEndpoint:
    return CountEndpoint(
        name, meaning, "patients", lambda rows: rows["best_response"].astype(int) >= int(least)
    )


def _free(name: str, meaning: str, kind: str, months: float) -> CountEndpoint:
    def read(rows: pd.DataFrame) -> ArrayLike:
        day = rows[f"{kind}_day"].to_numpy(float)
        return ~(rows[f"{kind}_event"].to_numpy(bool) & (day <= months * MONTH))

    return CountEndpoint(name, meaning, "patients", read)


def _grade(name: str, meaning: str, least: int) -> CountEndpoint:
    return CountEndpoint(name, meaning, "patients", lambda rows: rows["surrogate_grade"].astype(int) >= least)


def _yes(name: str, meaning: str, column: str) -> CountEndpoint:
    return CountEndpoint(name, meaning, "patients", lambda rows: rows[column].astype(bool))


def _middle(name: str, meaning: str, unit: str) -> MedianEndpoint:
    return MedianEndpoint(name, meaning, unit, lambda rows: rows[name].astype(float))


_ALL = (
    _yes("crs", "CRS, any", "crs"),
    _grade("crs_grade_2", "CRS of surrogate grade 2 or worse", 2),
    _grade("crs_grade_3", "CRS of surrogate grade 3 or worse", 3),
    CountEndpoint(
        "tocilizumab", "anti-cytokine drug given", "patients", lambda rows: rows["therapy_day"].notna()
    ),
    _response("orr", "best response PR or better (ORR)", Response.PR),
    _response("vgpr", "best response VGPR or better", Response.VGPR),
    _response("cr", "best response CR or better", Response.CR),
    _response("scr", "best response sCR", Response.SCR),
    _yes("mrd_negative", "MRD negative, of all patients", "mrd_negative"),
    _free("pfs_6", "alive without progression at 6 months", "pfs", 6),
    _free("pfs_12", "alive without progression at 12 months", "pfs", 12),
    _free("os_6", "alive at 6 months", "os", 6),
    _free("os_12", "alive at 12 months", "os", 12),
    _yes("pcr_month_1", "CAR-T detectable at month 1 (PCR)", "pcr_month_1"),
    _yes("pcr_month_6", "CAR-T detectable at month 6 (PCR)", "pcr_month_6"),
    _yes("flow_month_1", "CAR-T detectable at month 1 (flow)", "flow_month_1"),
    _yes("flow_month_6", "CAR-T detectable at month 6 (flow)", "flow_month_6"),
    _middle("crs_onset", "median onset of CRS, of those with it", "day"),
    _middle("crs_duration", "median duration of CRS, of those with it", "day"),
    _middle("peak_il6", "median peak IL-6, of all patients", "pg/mL"),
    _middle("peak_ifng", "median peak IFN-gamma, of all patients", "pg/mL"),
    _middle("tmax_pcr", "median Tmax (PCR)", "day"),
    _middle("tmax_flow", "median Tmax (flow)", "day"),
    _middle("cmax_pcr", "median Cmax (PCR)", "copies/ug"),
    _middle("cmax_flow", "median Cmax (flow)", "cells/uL"),
)
ENDPOINTS: dict[str, Endpoint] = {endpoint.name: endpoint for endpoint in _ALL}
