"""Kaplan-Meier curves with their intervals, censoring ticks, medians and the numbers at risk below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from cartsim.report.style import CYCLE, INK, drawn, headline, sheet, stamp
from cartsim.report.wording import whole

if TYPE_CHECKING:
    from cartsim.endpoints.survival import KaplanMeier, Median

STYLES = ("-", (0, (6, 2)), (0, (2, 1.2)), (0, (6, 2, 1, 2)))  # colour is never the only sign
MONTHS_3 = 90.0  # day, between ticks


@drawn
def survival_curve(
    groups: Mapping[str, KaplanMeier], *, event: str = "event", title: str = "", note: str = ""
) -> Figure:
    """Draw one curve a group.

    Parameters
    ----------
    groups : mapping name -> KaplanMeier, one or more
    event : what the curve is free of, such as "progression or death", for the axis
    note : a line below the figure, such as a log-rank test
    """
    figure = sheet(8.0, 4.6 + 0.28 * len(groups))
    axes, below = figure.subplots(2, 1, height_ratios=(1.0, 0.09 + 0.065 * len(groups)), sharex=True)
    end = max(float(group.time.max()) for group in groups.values())
    ticks = np.arange(0.0, end + 1e-9, MONTHS_3 if end > 2.0 * MONTHS_3 else 30.0)
    for k, (name, group) in enumerate(groups.items()):
        colour = CYCLE[k % len(CYCLE)]
        _curve(axes, group, colour, STYLES[k % len(STYLES)], f"{name}: {_median(group.median)}")
        for tick, count in zip(ticks, group.at_risk(ticks), strict=True):
            below.annotate(whole(count), (tick, -k), ha="center", va="center", fontsize=8, color=colour)
    axes.set(ylim=(0.0, 1.02), xlim=(0.0, 1.02 * end), ylabel=f"Share without {event}")
    axes.yaxis.set_major_locator(MultipleLocator(0.25))
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f}%")
    axes.axhline(0.5, color=INK, lw=0.6, ls=(0, (1, 3)))
    axes.legend(loc="lower left")
    axes.tick_params(labelbottom=True)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xlabel("Days after infusion; ticks on a curve: censored")
    _at_risk_axis(below, list(groups))
    levels = sorted({group.level for group in groups.values()})
    band = "bands: " + ", ".join(f"{100 * level:g}%" for level in levels) + " log-log intervals"
    headline(figure, title or f"Virtual patients without {event}", f"{note}; {band}" if note else band)
    stamp(figure, ["SIMULATED"])
    return figure


def _curve(axes: Axes, group: KaplanMeier, colour: str, style: object, label: str) -> None:
    table = group.table
    time = np.concatenate([[0.0], table["time"].to_numpy(float)])
    share = np.concatenate([[1.0], table["survival"].to_numpy(float)])
    axes.step(time, share, where="post", color=colour, ls=style, lw=1.7, label=label)
    axes.fill_between(
        *(table["time"], table["lower"], table["upper"]), step="post", color=colour, alpha=0.13, lw=0
    )
    censored = table[table["censored"] > 0]
    axes.plot(censored["time"], censored["survival"], "|", color=colour, ms=7, mew=1.0, ls="none")
    if group.median.reached:
        axes.plot([group.median.value], [0.5], "o", color=colour, ms=4.5, mec="white", mew=0.6, zorder=5)


def _median(median: Median) -> str:
    if not median.reached:
        return "median not reached"
    lower, upper = (
        f"{limit:.0f}" if np.isfinite(limit) else "not reached" for limit in (median.lower, median.upper)
    )
    return f"median {median.value:.0f} days ({lower} to {upper})"


def _at_risk_axis(axes: Axes, names: list[str]) -> None:
    axes.set_ylim(-len(names) + 0.4, 0.6)
    axes.set_yticks([-k for k in range(len(names))], names)
    for k, label in enumerate(axes.get_yticklabels()):
        label.set_color(CYCLE[k % len(CYCLE)])
    axes.set_title("At risk", fontsize=8.5, fontweight="normal")
    axes.tick_params(length=0, labelbottom=False, pad=16)
    axes.grid(visible=False)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
