"""When curves are at or above a level: start and end of every stretch, for many patients at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cartsim.endpoints.checks import Array


@dataclass(frozen=True)
class Stretches:
    """Stretches of time at or above a level, ordered by patient, then by time.

    `patient` (m,) int64 is the row of the curve; `start` and `end` (m,) are days; `open` (m,) is True where
    the curve was still at or above the level at its last point.
    """

    patient: NDArray[np.int64]
    start: Array
    end: Array
    open: NDArray[np.bool_]

    def where(self, kept: NDArray[np.bool_]) -> Stretches:
        """Those marked in `kept` (m,)."""
        return Stretches(self.patient[kept], self.start[kept], self.end[kept], self.open[kept])

    def within(self, first: Array | float, last: Array | float) -> Stretches:
        """Their parts between two days; one number, or one a stretch, (m,)."""
        cut = Stretches(
            self.patient,
            np.maximum(self.start, first),
            np.minimum(self.end, last),
            self.open | (self.end > last),
        )
        return cut.where(cut.end >= cut.start)

    def first_start(self, patients: int) -> Array:
        """Start of the first stretch of each patient, (patients,); NaN where there is none."""
        found = np.full(patients, np.nan)
        found[self.patient[::-1]] = self.start[::-1]  # the first is written last
        return found

    def last(self, patients: int) -> tuple[Array, NDArray[np.bool_]]:
        """End of the last stretch of each patient and whether it is open, (patients,); NaN where none."""
        end, still = np.full(patients, np.nan), np.zeros(patients, dtype=bool)
        end[self.patient], still[self.patient] = self.end, self.open
        return end, still


def at_or_above(time: Array, values: Array, level: float) -> Stretches:
    """Every stretch at or above `level` of curves that are straight between their points.

    Parameters
    ----------
    time : float64 (T,), day, strictly increasing
    values : float64 (n, T), no NaN
    level : in the unit of `values`

    A curve that touches the level in one point has a stretch of length 0.
    """
    above = values >= level
    border = np.zeros((len(values), 1), dtype=bool)
    rises = above & ~np.hstack([border, above[:, :-1]])
    falls = above & ~np.hstack([above[:, 1:], border])
    patient, begins = np.nonzero(rises)  # both in the order of patient, then time: they pair up
    ends = np.nonzero(falls)[1]
    start = _crossing(time, values, level, patient, begins, np.maximum(begins - 1, 0))
    end = _crossing(time, values, level, patient, ends, np.minimum(ends + 1, time.size - 1))
    return Stretches(patient, start, end, ends == time.size - 1)


def _crossing(
    time: Array, values: Array, level: float, patient: NDArray, inside: NDArray, outside: NDArray
) -> Array:
    """Day at which the line from the point `inside` (at or above) to the point `outside` meets the level."""
    height, fall = values[patient, inside] - level, values[patient, inside] - values[patient, outside]
    share = np.divide(height, fall, out=np.zeros_like(height), where=outside != inside)
    return time[inside] + share * (time[outside] - time[inside])
