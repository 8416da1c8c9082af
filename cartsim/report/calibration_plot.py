"""How far the ranks of the truth are from uniform, with the band in which they may be by chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from cartsim.report.style import BLUE, GREY, PALE, VERMILION, drawn, headline, sheet

if TYPE_CHECKING:
    from cartsim.infer.calibration import Envelope

ACROSS = 4


@drawn
def calibration_plot(names: Sequence[str], difference: np.ndarray, envelope: Envelope) -> Figure:
    """Draw one panel a quantity: ECDF of the ranks minus the uniform one, over the envelope.

    Parameters
    ----------
    difference : float64 (draws + 1, quantities)
    """
    rows = -(-len(names) // ACROSS)
    figure = sheet(9.0, 1.2 + 1.9 * rows)
    grid = figure.subplots(rows, ACROSS, squeeze=False, sharex=True, sharey=True)
    share = (np.arange(len(difference)) + 1) / len(difference)
    inside = envelope.holds(difference)
    for index, axes in enumerate(grid.flat):
        if index >= len(names):
            axes.set_visible(False)
            continue
        axes.fill_between(share, envelope.lower, envelope.upper, step="post", color=PALE, lw=0)
        axes.axhline(0.0, color=GREY, lw=0.8)
        axes.step(share, difference[:, index], where="post", color=BLUE if inside[index] else VERMILION)
        axes.set_title(names[index], fontsize=9)
    for axes in grid[-1]:
        axes.set_xlabel("rank of the truth / (draws + 1)", fontsize=8)
    for axes in grid[:, 0]:
        axes.set_ylabel("ECDF − uniform", fontsize=8)
    headline(
        figure,
        "Simulation-based calibration",
        f"shaded: {100 * envelope.level:.0f}% of calibrated samplers stay inside at every rank; "
        "above 0 on the left: posteriors too high, S-shape: too narrow or too wide",
    )
    return figure
