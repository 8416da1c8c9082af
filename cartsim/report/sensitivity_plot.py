"""Which parameters matter: total Sobol indices, a panel an outcome, the largest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from cartsim.report.bar_panels import bar_panels
from cartsim.report.style import BLUE, INK, SKY, drawn, headline, plain

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
    figure, panels = bar_panels(outcomes, most)
    for axes, outcome in zip(panels, outcomes, strict=True):
        own = table[table["outcome"] == outcome].nlargest(most, "total").iloc[::-1]
        place = np.arange(len(own))
        axes.barh(place, own["total"], color=SKY, height=0.72, label="with interactions")
        axes.barh(place, own["first"].clip(lower=0.0), color=BLUE, height=0.36, label="alone")
        axes.hlines(place, own["total_lower"], own["total_upper"], color=INK, lw=1.0)
        axes.set_yticks(place, own["parameter"])
        axes.set(xlim=(0.0, max(1.0, float(own["total_upper"].max()))))
        plain(axes.xaxis, 5)
    panels[0].legend(loc="lower right")
    headline(
        figure, title or "Share of the variance between patients", "Sobol indices; lines: 95 % intervals"
    )
    return figure
