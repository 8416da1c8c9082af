"""What is known of a myeloma at visits: M-protein, free light chains, marrow and plasmacytoma."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cartsim.endpoints.checks import Array, Faults

NORMAL_UNINVOLVED_FLC = 15.0  # mg/L; normal level of the flagship model, taken where none is given


@dataclass(frozen=True)
class MyelomaVisits:
    """Values of n patients at V visits; the first visit is the baseline. NaN = not measured.

    Parameters
    ----------
    days : (V,)
        Day of each visit, strictly increasing; the baseline at or before infusion (day 0), the rest after.
    m_protein : (n, V), g/dL
        Serum M-protein.
    marrow : (n, V)
        Clonal plasma cells as a fraction of marrow cells, 0 to 1.
    involved_flc, uninvolved_flc : (n, V), mg/L, optional
        Free light chains. Without the involved one nobody is followed by it and no CR is stringent; the
        uninvolved one is taken as normal, 15 mg/L, where it is not given.
    plasmacytoma : (n, V), cm2, optional
        Sum of the products of the two largest diameters; 0 = none, taken where it is not given.

    Raises EndpointError with all faults at once.
    """

    days: Array
    m_protein: Array
    marrow: Array
    involved_flc: Array | None = None
    uninvolved_flc: Array | None = None
    plasmacytoma: Array | None = None

    def __post_init__(self) -> None:
        faults = Faults()
        days = faults.array("days", self.days, ndim=1)
        m_protein = faults.array("m_protein", self.m_protein, ndim=2)
        shape = (len(m_protein), days.size)
        faults.rising("days", days)
        faults.need(days.size > 1, "days", "holds no visit after the baseline")
        faults.need(not (days[:1] > 0.0).any(), "days", "has its baseline after day 0")
        faults.need(
            not (days[1:] <= 0.0).any(), "days", "has a visit other than the baseline before or at day 0"
        )
        absent = {"involved_flc": np.nan, "uninvolved_flc": NORMAL_UNINVOLVED_FLC, "plasmacytoma": 0.0}
        found = {"days": days, "m_protein": m_protein}
        for name in ("marrow", *absent):
            given = getattr(self, name)
            is_absent = given is None and name in absent
            found[name] = np.full(shape, absent[name]) if is_absent else faults.array(name, given, ndim=2)
        for name in ("m_protein", "marrow", *absent):
            faults.shape(name, found[name], shape)
            faults.not_negative(name, found[name])
            infinite = int(np.isinf(found[name]).sum())
            faults.need(not infinite, name, f"holds {infinite} infinite value(s)")
        too_much = int((found["marrow"] > 1.0).sum())
        faults.need(not too_much, "marrow", f"holds {too_much} fraction(s) above 1")
        faults.raise_any()
        for name, array in found.items():
            object.__setattr__(self, name, array)

    @property
    def patients(self) -> int:
        """How many patients."""
        return len(self.m_protein)

    @property
    def dflc(self) -> Array:
        """Involved minus uninvolved free light chain, (n, V), mg/L; at least 0."""
        return np.maximum(self.involved_flc - self.uninvolved_flc, 0.0)


def at_visits(time: ArrayLike, values: ArrayLike, days: ArrayLike) -> Array:
    """Curves read at visit days, straight between their points: (n, T) to (n, V).

    Parameters
    ----------
    time : (T,), day, strictly increasing
    values : (n, T)
    days : (V,), day, within `time`

    Raises EndpointError where a visit lies outside the times or shapes differ.
    """
    faults = Faults()
    time, days = faults.array("time", time, ndim=1), faults.array("days", days, ndim=1)
    values = faults.array("values", values, ndim=2)
    faults.rising("time", time)
    faults.need(time.size > 0, "time", "holds no time")
    faults.no_missing("days", days)
    faults.shape("values", values, (len(values), time.size))
    if time.size and days.size:
        outside = days[(days < time[0]) | (days > time[-1])]
        limits = f"outside day {time[0]:g} to {time[-1]:g}"
        faults.need(not outside.size, "days", f"holds {outside.size} visit(s) {limits}")
    faults.raise_any()
    right = np.searchsorted(time, days, side="left")
    left = np.where(time[right] == days, right, right - 1)
    width = np.where(right > left, time[right] - time[left], 1.0)
    share = (days - time[left]) / width
    return values[:, left] + share * (values[:, right] - values[:, left])
