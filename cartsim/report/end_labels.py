"""Names at the right end of curves, moved apart where they would overlap, instead of a legend to hunt in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

GAP = 0.062  # of the axes' height, between two names


def end_labels(axes: Axes, ends: Sequence[tuple[float, str, str]], *, size: float = 8.0) -> None:
    """Write names right of the axes at the height where their curves end.

    Call after the limits are set. `ends` are (value, name, colour); a value outside the axes is written at
    the edge, NaN at the lower one.
    """
    if not ends:
        return
    to_axes = axes.transData + axes.transAxes.inverted()
    low, high = axes.get_ylim()
    x = axes.get_xlim()[1]
    values = np.clip([value if np.isfinite(value) else low for value, _, _ in ends], low, high)
    heights = to_axes.transform(np.column_stack([np.full(len(ends), x), values]))[:, 1]
    order = np.argsort(heights, kind="stable")
    for place, k in zip(_apart(heights[order]), order, strict=True):
        _, name, colour = ends[k]
        axes.annotate(
            name,
            (1.0, heights[k]),
            xytext=(1.035, place),
            xycoords="axes fraction",
            textcoords="axes fraction",
            va="center",
            fontsize=size,
            color=colour,
            fontweight="bold",
            arrowprops={"arrowstyle": "-", "color": colour, "lw": 0.7, "shrinkA": 0, "shrinkB": 0},
        )


def _apart(rising: np.ndarray) -> np.ndarray:
    """Heights at least GAP apart, moved as little as pushing up and then down needs, inside the axes."""
    places = rising.astype(float).copy()
    for k in range(1, len(places)):
        places[k] = max(places[k], places[k - 1] + GAP)
    over = places[-1] - 0.98
    if over > 0.0:
        places[-1] -= over
        for k in range(len(places) - 2, -1, -1):
            places[k] = min(places[k], places[k + 1] - GAP)
    return places
