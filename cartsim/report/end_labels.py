"""Names at the right end of curves, moved apart where they would overlap, instead of a legend to hunt in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

GAP = 0.062  # of the axes' height, between two names
_NO_GAP = {"shrinkA": 0.0, "shrinkB": 0.0}


def end_labels(
    axes: Axes, ends: Sequence[tuple[float, float, str, str]], *, lowest: float = 0.02, highest: float = 0.98
) -> None:
    """Write names right of the curves, at the height where each ends or as near as room allows.

    Call after the limits are set. `ends` are (day, value, name, colour) of each curve's last point; a value
    outside the axes is written at the edge, NaN at the lower one. Names stay between the shares `lowest`
    and `highest` of the axes' height.
    """
    if not ends:
        return
    to_axes = axes.transData + axes.transAxes.inverted()
    low, high = axes.get_ylim()
    values = np.clip([value if np.isfinite(value) else low for _, value, _, _ in ends], low, high)
    points = to_axes.transform(np.column_stack([[day for day, _, _, _ in ends], values]))
    order = np.argsort(points[:, 1], kind="stable")
    for place, k in zip(_apart(points[order, 1], lowest, highest), order, strict=True):
        _, _, name, colour = ends[k]
        right, height = min(points[k, 0], 1.0), points[k, 1]
        axes.annotate(
            name,
            (right, height),
            xytext=(right + 0.035, place),
            xycoords="axes fraction",
            textcoords="axes fraction",
            va="center",
            fontsize=8,
            color=colour,
            fontweight="bold",
            arrowprops={"arrowstyle": "-", "color": colour, "lw": 0.7, "relpos": (0.0, 0.5)} | _NO_GAP,
        )


def _apart(rising: np.ndarray, lowest: float, highest: float) -> np.ndarray:
    """Heights at least GAP apart: pushed up from below, then down from the top where room ends."""
    places = np.maximum(rising, lowest)
    for k in range(1, len(places)):
        places[k] = max(places[k], places[k - 1] + GAP)
    places[-1] = min(places[-1], highest)
    for k in range(len(places) - 2, -1, -1):
        places[k] = min(places[k], places[k + 1] - GAP)
    return places
