"""Rank-abundance of clones: how large the first, the tenth, the hundredth clone of a sample is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from cartsim.report.style import BLUE, GREY, ORANGE, VERMILION, decades, drawn, headline, sheet, stamp
from cartsim.report.wording import exact

if TYPE_CHECKING:
    from pandas import DataFrame

MOST = 12  # panels
_TIME = LinearSegmentedColormap.from_list("time", [GREY, BLUE, "#6A51A3", VERMILION, ORANGE])
_LINES = ("-", (0, (5, 1.5)), (0, (2, 1.2)), (0, (5, 1.2, 1.2, 1.2)))


@drawn
def clone_ranks(
    series: Mapping[str, DataFrame], *, title: str = "", note: str = "", labels: Sequence[str] = ()
) -> Figure:
    """Draw share against rank, both logarithmic, one line a sample, one panel a series.

    `series` as of `clone_areas`; at most twelve are drawn.
    """
    shown = dict(list(series.items())[:MOST])
    across = min(3, max(1, len(shown)))
    down = -(-len(shown) // across)
    figure = sheet(6.4 if across == 1 else 3.6 * across, 1.2 + (3.6 if across == 1 else 2.5) * down)
    panels = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True)
    for k, axes in enumerate(panels.flat):
        if k >= len(shown):
            axes.set_visible(False)
            continue
        name, wide = list(shown.items())[k]
        days = [day for day in wide.columns if wide[day].sum() > 0]
        tones = ScalarMappable(Normalize(0, max(len(days) - 1, 1)), _TIME)
        for n, day in enumerate(days):
            counts = np.sort(wide[day].to_numpy(float))[::-1]
            counts = counts[counts > 0]
            share = 100.0 * counts / counts.sum()
            axes.plot(
                np.arange(1, len(share) + 1), share, color=tones.to_rgba(n), ls=_LINES[n % 4], lw=1.5,
                label=f"day {exact(float(day))}",
            )  # fmt: skip
        axes.set_xscale("log")
        axes.set_yscale("log")
        if len(shown) > 1:
            axes.set_title(name)
        axes.legend(loc="lower left", fontsize=7.5, handlelength=2.6)
        if k % across == 0:
            axes.set_ylabel("Share of the sample (%)")
        if k + across >= len(shown):
            axes.set_xlabel("Rank of the clone")
    for axes in panels.flat:
        decades(axes.xaxis, 6)
        decades(axes.yaxis, 7)
    headline(figure, title, note)
    stamp(figure, labels)
    return figure
