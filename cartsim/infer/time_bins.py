"""Time bins of a visual predictive check: around nominal days, or found from the sampling times."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
FEW_TIMES = 20  # different times up to which each is a bin of its own
MOST_BINS = 14
LEAST_COUNT = 8  # samples a bin needs before its 5% and 95% percentiles are more than its extremes


def nominal_bins(days: Sequence[float]) -> Array:
    """Edges halfway between nominal days; the outer bins are open. float64 (days + 1,)."""
    days = np.unique(np.asarray(days, dtype=np.float64))
    return np.concatenate([[-np.inf], (days[1:] + days[:-1]) / 2.0, [np.inf]])


def automatic_bins(time: Array, *, least: int = LEAST_COUNT, most: int = MOST_BINS) -> Array:
    """Edges of bins found from sampling times (day), each with at least `least` samples where it can be.

    Up to 20 different times are nominal days. More are grouped by one-dimensional k-means on log(1 + day),
    as sampling thins out over months, started from quantiles. Bins with too few samples then join the
    neighbour that is nearer.
    """
    time = np.asarray(time, dtype=np.float64)
    different = np.unique(time)
    centres = different if len(different) <= FEW_TIMES else _cluster(time, most)
    while len(centres) > 1:
        edges = nominal_bins(centres)
        counts = np.bincount(bin_of(time, edges), minlength=len(centres))
        if counts.min() >= least:
            break
        centres = _join(centres, counts, int(np.argmin(counts)))
    return nominal_bins(centres)


def bin_of(time: Array, edges: Array) -> NDArray[np.intp]:
    """The bin of each time; a time on an edge belongs to the later bin, the last edge to the last bin."""
    found = np.searchsorted(edges, time, side="right") - 1
    return np.where(time == edges[-1], len(edges) - 2, found)


def _cluster(time: Array, most: int) -> Array:
    """Centres, in days, of at most `most` groups."""
    scaled = np.log1p(np.maximum(time, 0.0))
    centres = np.unique(np.quantile(scaled, (np.arange(most) + 0.5) / most))
    for _ in range(50):
        group = bin_of(scaled, nominal_bins(centres))
        moved = np.array([scaled[group == k].mean() for k in np.unique(group)])
        if len(moved) == len(centres) and np.allclose(moved, centres):
            break
        centres = np.unique(moved)
    return np.expm1(centres)


def _join(centres: Array, counts: NDArray[np.intp], thin: int) -> Array:
    """One bin fewer: the thin one and its nearer neighbour share their mean, weighted by samples."""
    gaps = np.diff(centres)
    left = thin - 1 if thin == len(gaps) or (thin > 0 and gaps[thin - 1] <= gaps[thin]) else thin
    weight = np.maximum(counts[left : left + 2], 1e-9)
    merged = np.average(centres[left : left + 2], weights=weight)
    return np.concatenate([centres[:left], [merged], centres[left + 2 :]])
