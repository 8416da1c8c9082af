"""Stacked shares of clones over time, like a fish plot: who takes over, and what is left for all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from cartsim.report.clone_colours import REST, TONES, largest, shares_of, visit_axis
from cartsim.report.style import drawn, headline, plain, sheet, stamp
from cartsim.report.wording import whole

if TYPE_CHECKING:
    from pandas import DataFrame

MOST = 12  # panels


@drawn
def clone_areas(
    series: Mapping[str, DataFrame], *, title: str = "", note: str = "", labels: Sequence[str] = ()
) -> Figure:
    """Draw the shares of the ten largest clones of each series, one panel a series.

    Parameters
    ----------
    series : name (a patient and compartment) -> counts, clones as rows, days as columns, rising; two days
        or more. At most twelve are drawn
    labels : stamps, such as SIMULATED
    """
    shown = dict(list(series.items())[:MOST])
    across = 1 if len(shown) == 1 else 2 if len(shown) < 5 else 3
    down = -(-len(shown) // across)
    figure = sheet(7.2 if across == 1 else 1.7 + 3.4 * across, 1.3 + (3.3 if across == 1 else 2.3) * down)
    panels = figure.subplots(down, across, squeeze=False, sharey=True)
    for k, axes in enumerate(panels.flat):
        if k >= len(shown):
            axes.set_visible(False)
            continue
        name, wide = list(shown.items())[k]
        shares = shares_of(wide)
        _panel(axes, shares, key=across == 1)
        if len(shown) > 1:
            axes.set_title(name)
        if k % across == 0:
            axes.set_ylabel("Share of cells (%)")
    if across > 1:
        handles = [
            Patch(facecolor=tone, label=text)
            for tone, text in (
                (TONES[0], "largest clone\n(others: the next nine)"),
                (REST, "all other clones"),
            )
        ]
        figure.legend(handles=handles, loc="outside right center")
    left_out = len(series) - len(shown)
    headline(figure, title, note + (f" {left_out} more series not drawn." if left_out else ""))
    stamp(figure, labels)
    return figure


def _panel(axes: Axes, shares: DataFrame, *, key: bool) -> None:
    days = shares.columns.to_numpy(float)
    places = visit_axis(axes, days)
    names = largest(shares)
    rest = shares.drop(index=names)
    others = int((rest.max(axis=1) > 0).sum())
    layers = [100.0 * shares.loc[name].to_numpy(float) for name in names]
    axes.stackplot(
        places,
        [*layers, 100.0 * rest.sum(axis=0).to_numpy(float)],
        colors=[*TONES[: len(names)], REST],
        labels=[*names, f"{whole(others)} other clones"],
        lw=0.25,
        edgecolor="white",
    )
    for place in places if len(places) <= 12 else ():
        axes.axvline(place, color="white", lw=0.8, alpha=0.7)
    axes.set_ylim(0.0, 100.0)
    axes.grid(visible=False)
    axes.margins(x=0)
    plain(axes.yaxis, 5)
    if key:
        handles, words = axes.get_legend_handles_labels()
        words = [word if len(word) <= 22 else f"{word[:20]}…" for word in words]
        axes.legend(
            handles[::-1], words[::-1], loc="center left", bbox_to_anchor=(1.01, 0.5), handlelength=1.0
        )
