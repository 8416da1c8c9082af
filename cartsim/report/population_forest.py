"""The population in one figure: typical values and variability between patients, each with its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cartsim.report.style import BLUE, INK, ORANGE, VERMILION, decades, drawn, headline, plain, sheet, wide
from cartsim.report.wording import number, parameter_label

if TYPE_CHECKING:
    from pandas import DataFrame


@drawn
def population_forest(table: DataFrame, *, title: str = "") -> Figure:
    """Draw a row a parameter: typical value (left, its own axis) and IIV (right), 90% credible intervals.

    Parameters
    ----------
    table : `population_table`
    """
    count = max(1, len(table))
    figure = sheet(9.0, 1.1 + 0.85 * count)
    grid = figure.subplots(count, 2, squeeze=False, width_ratios=(1.2, 1.0))
    for index, row in enumerate(table.itertuples(index=False)):
        left, right = grid[index]
        rse = f"RSE {row.rse:.0f}%"
        _interval(left, (row.lower, row.typical, row.upper), BLUE, f"{number(row.typical)}   {rse}")
        left.set_ylabel(parameter_label(row.name, row.unit), rotation=0, ha="right", va="center")
        kind = "%" if row.iiv_kind == "CV %" else " (SD, logit)"
        shrunk = "" if row.shrinkage != row.shrinkage else f"   shrinkage {row.shrinkage:.0f}%"
        tint = VERMILION if row.shrinkage > 30.0 else INK
        _interval(
            right, (row.iiv_lower, row.iiv, row.iiv_upper), ORANGE, f"{number(row.iiv)}{kind}{shrunk}", tint
        )
    grid[0, 0].set_title("Typical value")
    grid[0, 1].set_title("Variability between patients (CV % or SD)")
    key = Line2D([], [], color=INK, marker="o", ms=5, lw=2, label="median and 90% credible interval")
    figure.legend(handles=[key], loc="outside lower left")
    headline(figure, title or "Population parameters")
    return figure


def _interval(
    axes: Axes, ends: tuple[float, float, float], tint: str, text: str, text_tint: str = INK
) -> None:
    low, middle, high = ends
    axes.hlines(0.0, low, high, color=tint, lw=2.4)
    axes.plot(middle, 0.0, "o", ms=6, color=tint)
    axes.annotate(
        text, (middle, 0.0), xytext=(0, 7), textcoords="offset points", ha="center", fontsize=8
    ).set_color(text_tint)
    if wide(low, high):
        axes.set_xscale("log")
        decades(axes.xaxis, 4)
    else:
        pad = 0.35 * (high - low) if high > low else 0.1 * abs(high) + 1e-9
        axes.set_xlim(max(0.0, low - pad) if low >= 0 else low - pad, high + pad)
        plain(axes.xaxis, 4)
    axes.set_ylim(-0.6, 1.0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
