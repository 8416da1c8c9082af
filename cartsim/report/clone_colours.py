"""What the figures of clones share: who is drawn in colour, and where a sample stands on the time axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from cartsim.report.style import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION
from cartsim.report.time_axis import split_days
from cartsim.report.wording import exact

if TYPE_CHECKING:
    from pandas import DataFrame

TONES = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, "#F0E442", "#8C564B", "#5E4FA2", "#9ACD32")
REST = "#D3D8DE"
VISITS = 12  # samples, up to which each has the same room


def largest(shares: DataFrame, clones: int = len(TONES)) -> list[str]:
    """Clones that were ever the largest, by their highest share; those in first place come first."""
    top = shares.max(axis=1).sort_values(ascending=False, kind="stable")
    return [str(name) for name in top.index[: min(clones, int((top > 0).sum()))]]


def shares_of(wide: DataFrame) -> DataFrame:
    """Counts by clone and day as shares of each day; days without cells are left out."""
    total = wide.sum(axis=0)
    return wide.loc[:, total > 0] / total[total > 0]


def visit_axis(axes: Axes, days: np.ndarray, *, label: bool = True) -> np.ndarray:
    """Positions of the days: evenly spaced where they are few samples, else true to time as elsewhere."""
    if len(days) > VISITS:
        split_days(axes, float(days[-1]), label=label)
        return np.asarray(days, float)
    places = np.arange(len(days), dtype=float)
    axes.set_xticks(places, [exact(float(day)) for day in days])
    axes.set_xlim(-0.25, len(days) - 0.75 if len(days) > 1 else 0.75)
    axes.minorticks_off()
    if label:
        axes.set_xlabel("Sample, days after infusion (evenly spaced)")
    return places
