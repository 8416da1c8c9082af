"""Differences between the arms of a virtual trial: risk differences beside hazard ratios, with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from cartsim.report.style import GREY, colour, drawn, headline, plain, sheet, stamp

if TYPE_CHECKING:
    from pandas import DataFrame

RATIOS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0, 20.0)  # ticks
NOTE = (
    "Thick: paired 95 % interval in the large cohort (simulation noise). Thin: central 80 % of trials of the "
    "real size with different patients in the two arms."
)


@drawn
def difference_forest(table: DataFrame, *, title: str = "") -> Figure:
    """Draw one row an endpoint, one mark an arm; the left panel in percent, the right one as a ratio.

    Parameters
    ----------
    table : DataFrame
        As of `difference_table`: `endpoint`, `arm`, `against`, `measure`, `value`, `lower`, `upper`, and
        `parallel_low`, `parallel_high` of replicate trials. Differences of medians have units of their own
        and stay in the table.
    """
    shares = table[table["measure"] == "risk difference"].copy()
    columns = ["value", "lower", "upper", "parallel_low", "parallel_high"]
    shares[columns] = 100.0 * shares[columns].astype(float)
    ratios = table[table["measure"] == "hazard ratio"]
    panels = [(part, kind) for part, kind in ((shares, "difference"), (ratios, "ratio")) if len(part)]
    arms = list(dict.fromkeys(table["arm"]))
    rows = max(part["endpoint"].nunique() for part, _ in panels)
    figure = sheet(9.0, 1.6 + (0.14 + 0.2 * len(arms)) * max(rows, 3))
    widths = [2.2 if kind == "difference" else 1.0 for _, kind in panels]
    for axes, (part, kind) in zip(
        figure.subplots(1, len(panels), squeeze=False, width_ratios=widths)[0], panels, strict=True
    ):
        _panel(axes, part, arms)
        if kind == "ratio":
            low, high = float(part["lower"].min()), float(part["upper"].max())
            ends = (
                (min(0.8 * low, 0.4), max(1.25 * high, 2.5)) if np.isfinite([low, high]).all() else (0.4, 2.5)
            )
            axes.set_xscale("log")
            axes.axvline(1.0, color=GREY, lw=0.8, zorder=0)
            axes.set(xlabel="hazard ratio", xlim=ends)
            axes.xaxis.set_major_locator(FixedLocator([k for k in RATIOS if ends[0] <= k <= ends[1]]))
            axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_major_formatter("{x:g}")
        else:
            axes.axvline(0.0, color=GREY, lw=0.8, zorder=0)
            axes.set_xlabel("risk difference, percentage points")
            plain(axes.xaxis, 7)
    keys = [
        Line2D([], [], color=colour(k, len(arms)), marker="o", ms=5, lw=2.5, label=arm)
        for k, arm in enumerate(arms)
    ]
    figure.axes[0].legend(handles=keys, loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=3)
    headline(figure, title or f"Every arm minus {table['against'].iloc[0]}", NOTE)
    stamp(figure, ["SIMULATED"])
    return figure


def _panel(axes: Axes, table: DataFrame, arms: list[str]) -> None:
    names = list(dict.fromkeys(table["endpoint"]))
    for k, arm in enumerate(arms):
        own = table[table["arm"] == arm]
        tint = colour(k, len(arms))
        y = [names.index(name) + (k - 0.5 * (len(arms) - 1)) * 0.8 / len(arms) for name in own["endpoint"]]
        axes.hlines(
            y, own["parallel_low"].astype(float), own["parallel_high"].astype(float), color=tint, lw=0.9
        )
        axes.hlines(y, own["lower"].astype(float), own["upper"].astype(float), color=tint, lw=3.0)
        axes.plot(own["value"].astype(float), y, "o", ms=5, color=tint, zorder=3)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
