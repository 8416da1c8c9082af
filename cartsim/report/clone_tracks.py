"""The largest clones one by one over time, by phenotype, over the phases of a response."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cartsim.report.clone_colours import REST, TONES, VISITS, largest, shares_of, visit_axis
from cartsim.report.style import GREEN, INK, ORANGE, SKY, decades, drawn, headline, sheet, stamp
from cartsim.report.time_axis import compressed_key
from cartsim.report.wording import quantity

if TYPE_CHECKING:
    from pandas import DataFrame

PHASES = {"proliferation": SKY, "stress": ORANGE, "persistence": GREEN}
CLONES = 8


@drawn
def clone_tracks(
    panels: Mapping[str, DataFrame],
    *,
    phases: Sequence[tuple[str, float, float]] = (),
    unit: str = "Cells",
    title: str = "",
    note: str = "",
    labels: Sequence[str] = (),
) -> Figure:
    """Draw the counts of the largest clones, one panel a phenotype, all clones together in grey.

    Parameters
    ----------
    panels : phenotype -> counts, clones as rows, days as columns; the same clones and days in each. The
        clones drawn are the largest of all phenotypes together, after the first day
    phases : (name, first day, last day), shaded: proliferation, stress, persistence
    unit : what is counted
    """
    whole = sum(panels.values())
    later = shares_of(whole.iloc[:, 1:] if whole.shape[1] > 2 else whole)
    names = largest(later, CLONES)
    across = min(2, len(panels))
    down = -(-len(panels) // across)
    figure = sheet(1.9 + (3.7 * across if across > 1 else 5.2), 1.2 + 2.5 * down)
    grid = figure.subplots(down, across, squeeze=False, sharey=True)
    top = max(float(wide.sum(axis=0).max()) for wide in panels.values())
    counts = np.concatenate([wide.to_numpy(float).ravel() for wide in panels.values()])
    smallest = float(counts[counts > 0].min(initial=np.inf))
    floor = max(min(smallest, top / 10.0), top * 1e-9)
    for k, axes in enumerate(grid.flat):
        if k >= len(panels):
            axes.set_visible(False)
            continue
        kind, wide = list(panels.items())[k]
        _panel(axes, wide, names, phases, label=k + across >= len(panels))
        axes.set_yscale("log")
        axes.set_ylim(0.7 * floor, 3.0 * top)
        axes.set_title(quantity(kind))
        if k % across == 0:
            axes.set_ylabel(unit)
    for axes in grid.flat:
        decades(axes.yaxis, 7)
    days = whole.columns.to_numpy(float)
    handles = [*_keys(names, phases), *(compressed_key(days[-1]) if len(days) > VISITS else ())]
    figure.legend(handles=handles, loc="outside right center", handlelength=1.6)
    headline(figure, title, note)
    stamp(figure, labels)
    return figure


def _panel(
    axes: Axes,
    wide: DataFrame,
    names: Sequence[str],
    phases: Sequence[tuple[str, float, float]],
    *,
    label: bool,
) -> None:
    days = wide.columns.to_numpy(float)
    places = visit_axis(axes, days, label=label)
    marker = "o" if len(days) <= VISITS else ""
    for name, first, last in phases:
        ends = np.interp([first, last], days, places)
        axes.axvspan(*ends, color=PHASES.get(name, REST), alpha=0.10, lw=0, zorder=0.1)
    axes.plot(places, _seen(wide.sum(axis=0)), color=INK, lw=1.2, ls=(0, (4, 2)))
    for tone, name in zip(TONES, names, strict=False):
        counts = _seen(wide.loc[name]) if name in wide.index else np.full(len(days), np.nan)
        axes.plot(places, counts, color=tone, lw=1.4, marker=marker, ms=3.0)


def _seen(counts: object) -> np.ndarray:
    """Counts with gaps where there are none: a log axis has no zero."""
    found = np.asarray(counts, float)
    return np.where(found > 0, found, np.nan)


def _keys(names: Sequence[str], phases: Sequence[tuple[str, float, float]]) -> list[Line2D | Patch]:
    keys: list[Line2D | Patch] = [Line2D([], [], color=INK, lw=1.2, ls=(0, (4, 2)), label="all clones")]
    short = [name if len(name) <= 22 else f"{name[:20]}…" for name in names]
    keys += [Line2D([], [], color=tone, label=name) for tone, name in zip(TONES, short, strict=False)]
    keys += [Patch(facecolor=PHASES.get(n, REST), alpha=0.25, lw=0, label=n) for n, _, _ in phases]
    return keys
