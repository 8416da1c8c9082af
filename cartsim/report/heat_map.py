"""Outcomes over two factors, such as burden and dose: one panel an outcome, the number in every cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from cartsim.report.style import INK, drawn, headline, sheet

if TYPE_CHECKING:
    from pandas import DataFrame


@drawn
def heat_map(table: DataFrame, *, x: str, y: str, labels: tuple[str, str], title: str = "") -> Figure:
    """Draw percentages over a grid of two factors.

    Parameters
    ----------
    table : DataFrame
        Columns `x`, `y`, outcome, percent; one row a cell and outcome.
    x, y : columns of the factors; their order in the table is kept
    labels : what the two axes say
    """
    outcomes = list(dict.fromkeys(table["outcome"]))
    across, up = (list(dict.fromkeys(table[name])) for name in (x, y))
    figure = sheet(1.0 + 3.4 * len(outcomes), 1.6 + 0.42 * len(up))
    for axes, outcome in zip(figure.subplots(1, len(outcomes), squeeze=False).flat, outcomes, strict=True):
        own = table[table["outcome"] == outcome].set_index([y, x])["percent"]
        values = [[float(own[(row, column)]) for column in across] for row in up]
        axes.imshow(values, cmap="Blues", vmin=0.0, vmax=100.0, aspect="auto", origin="lower")
        for i, line in enumerate(values):
            for j, value in enumerate(line):
                colour = "white" if value > 60.0 else INK
                axes.text(j, i, f"{value:.0f}", ha="center", va="center", fontsize=8.5, color=colour)
        axes.set_xticks(range(len(across)), [str(value) for value in across])
        axes.set_yticks(range(len(up)), [str(value) for value in up])
        axes.set(title=outcome, xlabel=labels[0], ylabel=labels[1])
        axes.grid(visible=False)
    headline(figure, title or "Per cent of virtual patients")
    return figure
