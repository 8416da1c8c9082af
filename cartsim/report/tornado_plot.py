"""One parameter at a time from the low to the high end of its distribution: tornado plots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from cartsim.report.bar_panels import bar_panels
from cartsim.report.style import BLUE, INK, ORANGE, drawn, headline, plain

if TYPE_CHECKING:
    from pandas import DataFrame


@drawn
def tornado_plot(table: DataFrame, *, most: int = 8, title: str = "") -> Figure:
    """Draw what one parameter at a time does to each outcome of the typical patient.

    Parameters
    ----------
    table : DataFrame of `cartsim.cohort.sensitivity.tornado`
        Columns parameter, outcome, typical, low, high.
    most : parameters a panel
    """
    outcomes = list(dict.fromkeys(table["outcome"]))
    figure, panels = bar_panels(outcomes, most)
    for axes, outcome in zip(panels, outcomes, strict=True):
        own = table[table["outcome"] == outcome]
        reach = (own[["low", "high"]].sub(own["typical"], axis=0)).abs().max(axis=1)
        own = own.loc[reach.nlargest(most).index].iloc[::-1]
        place, typical = np.arange(len(own)), own["typical"].to_numpy(float)
        for end, colour, label in (
            ("low", BLUE, "parameter low (5 %)"),
            ("high", ORANGE, "parameter high (95 %)"),
        ):
            axes.barh(place, own[end] - typical, left=typical, color=colour, height=0.7, label=label)
        axes.axvline(typical[0], color=INK, lw=0.8)
        axes.set_yticks(place, own["parameter"])
        plain(axes.xaxis, 5)
    handles, words = panels[0].get_legend_handles_labels()
    figure.legend(handles, words, loc="outside lower right", ncols=2)
    headline(figure, title or "The typical patient, one parameter at a time")
    return figure
