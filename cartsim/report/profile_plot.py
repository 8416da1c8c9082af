"""Profile likelihood of every parameter of one patient: how far it can go before the fit gets worse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cartsim.report.style import BLUE, GREY, PALE, VERMILION, decades, drawn, headline, plain, sheet, wide
from cartsim.report.wording import parameter_label

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = 4
DEEP = 3.2  # log units below the best that a panel shows
LIKELIHOOD, POSTERIOR = "likelihood", "posterior"


@drawn
def profile_plot(
    profiles: DataFrame, intervals: DataFrame, *, subject: str, threshold: float, units: Mapping[str, str]
) -> Figure:
    """Draw one panel a parameter: log likelihood and log posterior below their best, with the 95% interval.

    Parameters
    ----------
    profiles : DataFrame
        `subject`, `name`, `kind`, `value`, `drop`, `start` of `profile_likelihood` and `profile_posterior`.
    intervals : DataFrame
        `interval_table` of them.
    threshold : float
        Drop at the ends of the interval.
    """
    profiles = profiles[profiles["subject"].astype(str) == subject]
    intervals = intervals[intervals["subject"].astype(str) == subject]
    names = list(dict.fromkeys(profiles["name"]))
    columns = max(1, min(COLUMNS, len(names)))
    rows = -(-len(names) // columns)
    figure = sheet(9.0, 1.1 + 1.9 * rows)
    grid = figure.subplots(rows, columns, squeeze=False)
    for index, axes in enumerate(grid.flat):
        if index >= len(names):
            axes.set_visible(False)
            continue
        name = names[index]
        _panel(axes, profiles[profiles["name"] == name], intervals[intervals["name"] == name], threshold)
        axes.set_title(parameter_label(name, units.get(name)), fontsize=9)
        if index % columns == 0:
            axes.set_ylabel("log height below the best")
    keys = [
        Line2D([], [], color=BLUE, marker="o", ms=3, label="profile likelihood"),
        Line2D([], [], color=GREY, ls=(0, (4, 2)), label="profile posterior"),
        Patch(facecolor=PALE, label="95% likelihood interval"),
        Line2D([], [], color=VERMILION, lw=0.9, label=f"threshold {threshold:.2f}"),
        Line2D([], [], color=VERMILION, marker="s", ms=4, ls="none", label="another start won"),
    ]
    figure.legend(handles=keys, loc="outside lower left", ncols=5)
    headline(figure, f"{subject}: profiles (open: the data set no bound inside the prior's 99.8% range)")
    return figure


def _panel(axes: Axes, profiles: DataFrame, intervals: DataFrame, threshold: float) -> None:
    likelihood = profiles[profiles["kind"] == LIKELIHOOD].sort_values("value")
    posterior = profiles[profiles["kind"] == POSTERIOR].sort_values("value")
    seen = profiles.loc[np.isfinite(profiles["drop"]) & (profiles["drop"] < 1.5 * DEEP), "value"]
    low, high = seen.min(), seen.max()
    bound = intervals[intervals["kind"] == LIKELIHOOD]
    if len(bound):
        ends = bound.iloc[0]
        axes.axvspan(ends["lower"], ends["upper"], color=PALE, alpha=0.8, lw=0, zorder=0)
        low, high = min(low, ends["lower"]), max(high, ends["upper"])
        sides = [word for word in ("lower", "upper") if ends[f"open_{word}"]]
        if sides:
            text = "open " + " and ".join("below" if side == "lower" else "above" for side in sides)
            axes.text(
                0.5, 0.04, text, transform=axes.transAxes, ha="center", color=VERMILION, fontweight="bold"
            )
    axes.axhline(-threshold, color=VERMILION, lw=0.9)
    axes.plot(posterior["value"], -posterior["drop"], color=GREY, ls=(0, (4, 2)), lw=1.2)
    axes.plot(likelihood["value"], -likelihood["drop"], "-o", ms=3, color=BLUE, lw=1.3)
    won = likelihood[likelihood["start"] == "prior"]
    axes.plot(won["value"], -won["drop"], "s", ms=4, color=VERMILION)
    if wide(low, high):
        axes.set_xscale("log")
        decades(axes.xaxis, 4)
        axes.set_xlim(low / 1.1, high * 1.1)
    else:
        edge = 0.04 * (high - low)
        axes.set_xlim(low - edge, high + edge)
        plain(axes.xaxis, 3)
    axes.set_ylim(-DEEP, 0.2)
