"""Diversity of clones against time, with the bands that sampling leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cartsim.report.clone_colours import visit_axis
from cartsim.report.style import GREY, INK, colour, drawn, headline, plain, shape, sheet, stamp
from cartsim.report.time_axis import split_days

if TYPE_CHECKING:
    from pandas import DataFrame

INDICES = ("Shannon (nats)", "clonality", "top 10", "UC50")
NAMES = {"top 10": "Share of the ten largest clones", "UC50": "Clones that hold half (UC50)"}


@drawn
def clone_diversity(
    table: DataFrame,
    *,
    truth: DataFrame | None = None,
    title: str = "",
    note: str = "",
    labels: Sequence[str] = (),
) -> Figure:
    """Draw four indices over time, one line a subject and compartment, with 90% bars.

    Parameters
    ----------
    table : DataFrame
        `subject`, `compartment`, `time` (day), `index`, `value`, `lower`, `upper`, as of
        `cartsim.clones.resampling.diversity_of`.
    truth : DataFrame, optional
        `time`, `index`, `value` of all cells of a simulated patient, drawn as a grey line; the time axis is
        then true to time.
    """
    figure = sheet(9.0, 6.0)
    panels = figure.subplots(2, 2)
    days = np.unique(table["time"].to_numpy(float))
    series = list(dict.fromkeys(zip(table["subject"], table["compartment"], strict=True)))
    for k, (axes, index) in enumerate(zip(panels.flat, INDICES, strict=True)):
        rows = table[table["index"] == index]
        if truth is None:
            places = visit_axis(axes, days, label=k > 1)
        else:
            split_days(axes, float(max(days[-1], truth["time"].max())), label=k > 1)
            places = days
            course = truth[truth["index"] == index]
            axes.plot(course["time"], course["value"], color=GREY, lw=1.3, zorder=1.5)
        for n, (subject, compartment) in enumerate(series):
            own = rows[(rows["subject"] == subject) & (rows["compartment"] == compartment)]
            _series(axes, own, days, places, n, len(series))
        if index == "UC50":
            axes.set_yscale("symlog", linthresh=10)
            axes.set_ylim(bottom=0)
        else:
            plain(axes.yaxis, 5)
        axes.set_title(NAMES.get(index, index))
    figure.legend(handles=_keys(series, truth is not None), loc="outside lower left", ncols=4)
    headline(figure, title, note)
    stamp(figure, labels)
    return figure


def _series(axes: Axes, own: DataFrame, days: np.ndarray, places: np.ndarray, n: int, count: int) -> None:
    own = own.sort_values("time")
    at = places[np.searchsorted(days, own["time"].to_numpy(float))]
    apart = 0.0 if count == 1 or len(places) > 12 else 0.3 * ((n + 0.5) / count - 0.5)
    value = own["value"].to_numpy(float)
    bars = np.maximum([value - own["lower"].to_numpy(float), own["upper"].to_numpy(float) - value], 0.0)
    many = count > 8
    axes.errorbar(
        at + apart, value, yerr=bars, color=colour(n, count), marker=shape(n, count), ms=3.5 if many else 4.5,
        lw=0.7 if many else 1.3, elinewidth=1.1, capsize=0 if many else 2.5, alpha=0.55 if many else 1.0,
    )  # fmt: skip


def _keys(series: Sequence[tuple[str, str]], truth: bool) -> list[Line2D]:
    keys = []
    if len(series) <= 8:
        keys = [
            Line2D(
                [],
                [],
                color=colour(n, len(series)),
                marker=shape(n, len(series)),
                ms=4.5,
                label=", ".join(name),
            )
            for n, name in enumerate(series)
        ]
    else:
        keys = [
            Line2D(
                [], [], color=colour(9, 99), marker="o", ms=3.5, label=f"{len(series)} series, one line each"
            )
        ]
    if truth:
        keys.append(Line2D([], [], color=GREY, lw=1.3, label="all cells, nobody sampling"))
    keys.append(Line2D([], [], color=INK, lw=1.1, marker="|", label="90% interval of the sampling"))
    return keys
