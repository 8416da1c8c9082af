"""Diversity of clones against time, with the bands that sampling leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cartsim.report.clone_colours import VISITS, visit_axis
from cartsim.report.style import (
    CYCLE,
    GREY,
    INK,
    colour,
    decades,
    drawn,
    headline,
    plain,
    shape,
    sheet,
    stamp,
)
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
    figure = sheet(10.0, 5.6)
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
        for name in series:
            own = rows[(rows["subject"] == name[0]) & (rows["compartment"] == name[1])]
            _series(axes, own, days, places, series, name)
        if index == "UC50":
            axes.set_yscale("log")
            axes.set_ylim(0.8, 2.0 * max(rows["upper"].max(), 5.0))
            decades(axes.yaxis, 5)
        else:
            plain(axes.yaxis, 5)
        axes.set_title(NAMES.get(index, index))
    figure.legend(handles=_keys(series, truth is not None), loc="outside right center")
    headline(figure, title, note)
    stamp(figure, labels)
    return figure


def _look(series: Sequence[tuple[str, str]], name: tuple[str, str]) -> dict[str, object]:
    """A colour for each subject, a marker for each compartment."""
    subjects, compartments = (list(dict.fromkeys(names)) for names in zip(*series, strict=True))
    many = len(subjects) > len(CYCLE)
    return {
        "color": colour(subjects.index(name[0]), len(subjects)),
        "marker": shape(compartments.index(name[1]), len(compartments)),
        "ms": 3.5 if many else 4.5,
        "lw": 0.7 if many else 1.3,
        "alpha": 0.55 if many else 1.0,
    }


def _series(
    axes: Axes,
    own: DataFrame,
    days: np.ndarray,
    places: np.ndarray,
    series: Sequence[tuple[str, str]],
    name: tuple[str, str],
) -> None:
    own = own.sort_values("time")
    at = places[np.searchsorted(days, own["time"].to_numpy(float))]
    subjects = list(dict.fromkeys(subject for subject, _ in series))
    alone = len(subjects) == 1 or len(places) > VISITS
    apart = 0.0 if alone else 0.3 * ((subjects.index(name[0]) + 0.5) / len(subjects) - 0.5)
    value = own["value"].to_numpy(float)
    bars = np.maximum([value - own["lower"].to_numpy(float), own["upper"].to_numpy(float) - value], 0.0)
    axes.errorbar(at + apart, value, yerr=bars, elinewidth=1.1, capsize=2.0, **_look(series, name))


def _keys(series: Sequence[tuple[str, str]], truth: bool) -> list[Line2D]:
    if len(series) <= 2 * len(CYCLE):
        keys = [Line2D([], [], label=", ".join(name), **_look(series, name)) for name in series]
    else:
        keys = [Line2D([], [], label=f"{len(series)} series, a line each", **_look(series, series[0]))]
    if truth:
        keys.append(Line2D([], [], color=GREY, lw=1.3, label="all cells, nobody sampling"))
    keys.append(Line2D([], [], color=INK, lw=1.1, marker="|", label="90% interval of the sampling"))
    return keys
