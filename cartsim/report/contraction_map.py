"""How much the data narrowed each parameter of each patient: dark squares learnt nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cartsim.report.style import INK, VERMILION, drawn, headline, sheet
from cartsim.report.wording import fixed

if TYPE_CHECKING:
    from pandas import DataFrame

FEW = 20  # patients whose squares carry their number


@drawn
def contraction_map(parameters: DataFrame, *, title: str = "") -> Figure:
    """Draw contraction (1 - posterior variance / prior variance) as a map, patients by parameters.

    Parameters
    ----------
    parameters : DataFrame
        `parameter_table` of all patients; squares where `informed` is false carry a cross.
    """
    subjects = list(dict.fromkeys(parameters["subject"].astype(str)))
    names = list(dict.fromkeys(parameters["name"]))
    grid = np.full((len(subjects), len(names)), np.nan)
    blind = []
    for row in parameters.itertuples():
        at = subjects.index(str(row.subject)), names.index(row.name)
        grid[at] = row.contraction
        if not row.informed:
            blind.append(at)
    few = len(subjects) <= FEW
    figure = sheet(9.0, 1.5 + (0.3 if few else 0.15) * max(3, len(subjects)))
    axes = figure.subplots()
    mesh = axes.pcolormesh(grid, cmap="cividis", vmin=0.0, vmax=1.0, edgecolor="white", lw=1.0)
    if few:
        for (row, column), value in np.ndenumerate(grid):
            ink = INK if value > 0.55 else "white"
            axes.text(
                column + 0.5, row + 0.5, fixed(value, 2), ha="center", va="center", color=ink, fontsize=8
            )
    for row, column in blind:
        axes.plot(
            column + 0.5 + (0.3 if few else 0), row + 0.5, "x", ms=6 if few else 4, mew=1.4, color=VERMILION
        )
    axes.set_xticks(np.arange(len(names)) + 0.5, names, rotation=0 if len(names) <= 8 else 45)
    axes.set_yticks(np.arange(len(subjects)) + 0.5, subjects, fontsize=8 if few else 6)
    axes.tick_params(length=0)
    axes.set_ylim(len(subjects), 0)
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    bar = figure.colorbar(mesh, ax=axes, aspect=30, pad=0.02)
    bar.set_label("Contraction")
    bar.outline.set_visible(False)
    if blind:
        mark = Line2D(
            [], [], ls="none", marker="x", mew=1.4, color=VERMILION, label="not informed by the data"
        )
        figure.legend(handles=[mark], loc="outside lower left")
    headline(figure, title or "Contraction: what the data taught (0: the prior only, 1: all)")
    return figure
