"""Which parameters matter: total Sobol indices, a panel an outcome, the largest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from cartsim.report.style import BLUE, INK, SKY, drawn, headline, plain, sheet

if TYPE_CHECKING:
    from pandas import DataFrame


@drawn
def sensitivity_plot(table: DataFrame, *, most: int = 8, title: str = "") -> Figure:
    """Draw Sobol indices.

    Parameters
    ----------
    table : DataFrame of `cartsim.cohort.sensitivity.sobol`
        Columns parameter, outcome, first, total and the ends of their intervals.
    most : parameters a panel
    """
    outcomes = list(dict.fromkeys(table["outcome"]))
    columns = min(3, len(outcomes))
    rows = -(-len(outcomes) // columns)
    figure = sheet(3.6 * columns, 0.8 + 0.26 * most * rows + 0.6 * rows)
    for axes in figure.subplots(rows, columns, squeeze=False).flat[len(outcomes) :]:
        axes.set_visible(False)
    for axes, outcome in zip(figure.axes, outcomes, strict=False):
        own = table[table["outcome"] == outcome].nlargest(most, "total").iloc[::-1]
        place = np.arange(len(own))
        axes.barh(place, own["total"], color=SKY, height=0.72, label="with interactions")
        axes.barh(place, own["first"].clip(lower=0.0), color=BLUE, height=0.36, label="alone")
        axes.hlines(place, own["total_lower"], own["total_upper"], color=INK, lw=1.0)
        axes.set_yticks(place, own["parameter"])
        axes.set(title=outcome, xlim=(0.0, max(1.0, float(own["total_upper"].max()))))
        axes.grid(visible=False, axis="y")
        plain(axes.xaxis, 5)
    figure.axes[0].legend(loc="lower right")
    headline(
        figure, title or "Share of the variance between patients", "Sobol indices; lines: 95 % intervals"
    )
    return figure
