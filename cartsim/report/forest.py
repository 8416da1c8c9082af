"""Posterior intervals of every patient side by side, over the prior they started from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cartsim.report.style import BLUE, GREY, PALE, decades, drawn, headline, plain, sheet, wide
from cartsim.report.wording import parameter_label

if TYPE_CHECKING:
    from pandas import DataFrame

FEW = 15  # patients up to which panels stand in rows of four


@drawn
def forest(parameters: DataFrame, *, title: str = "") -> Figure:
    """Draw one panel a parameter, one row a patient: median and 90% credible interval.

    Parameters
    ----------
    parameters : DataFrame
        `parameter_table` of all patients; hollow marks where `informed` is false; a band from
        `prior_lower` to `prior_upper` where the table has them.
    """
    subjects = list(dict.fromkeys(parameters["subject"].astype(str)))
    names = list(dict.fromkeys(parameters["name"]))
    columns = min(4, len(names)) if len(subjects) <= FEW else min(7, len(names))
    columns = max(1, columns)
    rows = -(-max(1, len(names)) // columns)
    each = 0.26 if len(subjects) <= FEW else 0.15
    figure = sheet(9.0 if columns <= 4 else 11.0, 1.1 + rows * (0.75 + each * max(3, len(subjects))))
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
    for index, axes in enumerate(grid.flat):
        if index >= len(names):
            axes.set_visible(False)
            continue
        _panel(axes, parameters[parameters["name"] == names[index]], subjects)
    figure.legend(handles=_keys(parameters), loc="outside lower left", ncols=4)
    headline(figure, title or "Parameters by patient: where do patients differ, and from the prior?")
    return figure


def _panel(axes: Axes, table: DataFrame, subjects: list[str]) -> None:
    place = {subject: row for row, subject in enumerate(subjects)}
    row = np.array([place[subject] for subject in table["subject"].astype(str)], dtype=float)
    informed = table["informed"].to_numpy(bool)
    few = len(subjects) <= FEW
    ends = [table["lower"].min(), table["upper"].max()]
    if {"prior_lower", "prior_upper"} <= set(table.columns):
        low, high = table["prior_lower"].iloc[0], table["prior_upper"].iloc[0]
        if np.isfinite([low, high]).all():
            axes.axvspan(low, high, color=PALE, alpha=0.65, lw=0, zorder=0)
            ends = [min(ends[0], low), max(ends[1], high)]
    for known, tint, fill in ((True, BLUE, BLUE), (False, GREY, "white")):
        some = table[informed == known]
        axes.hlines(row[informed == known], some["lower"], some["upper"], color=tint, lw=2.0 if few else 1.1)
        axes.plot(
            some["median"], row[informed == known], "o", ms=5 if few else 3, color=fill, mec=tint, zorder=3
        )
    if np.isfinite(ends).all() and wide(ends[0], ends[1]):
        axes.set_xscale("log")
        decades(axes.xaxis, 4)
    else:
        plain(axes.xaxis, 3)
    axes.set_yticks(range(len(subjects)), subjects, fontsize=8 if few else 6)
    axes.set_ylim(len(subjects) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    name = parameter_label(str(table["name"].iloc[0]), table["unit"].iloc[0])
    axes.set_title(name if few else name.replace(" (", "\n("), fontsize=9 if few or len(name) < 22 else 7)


def _keys(parameters: DataFrame) -> list[Line2D | Patch]:
    keys: list[Line2D | Patch] = [
        Line2D([], [], color=BLUE, marker="o", ms=5, lw=2, label="median and 90% credible interval")
    ]
    if not parameters["informed"].to_numpy(bool).all():
        keys.append(
            Line2D([], [], color=GREY, marker="o", ms=5, mfc="white", lw=2, label="not informed by the data")
        )
    if {"prior_lower", "prior_upper"} <= set(parameters.columns):
        keys.append(Patch(facecolor=PALE, label="prior, 90% interval"))
    return keys
