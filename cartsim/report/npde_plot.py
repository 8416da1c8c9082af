"""Prediction distribution errors: against normal quantiles, as a histogram, over time and prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cartsim.report.marks import QUANTIFIED
from cartsim.report.style import BLUE, GREY, INK, VERMILION, decades, drawn, headline, plain, sheet
from cartsim.report.time_axis import compressed_key, split_days
from cartsim.report.wording import fixed, labelled, quantity

if TYPE_CHECKING:
    from pandas import DataFrame

    from cartsim.infer.npde import NPDE

NINETY = {"color": GREY, "lw": 0.8, "ls": (0, (4, 3))}
REACH = 4.2


@drawn
def npde_plot(errors: NPDE, *, output: str, unit: str = "", title: str = "") -> Figure:
    """Draw the errors of one output; samples below the limit (random below it) in their own colour.

    Time and prediction show npd: decorrelation mixes a sample with the ones before it and blurs trends.
    """
    table = errors.table[errors.table["output"] == output]
    figure = sheet(9.0, 7.2)
    axes = figure.subplots(2, 2)
    _quantiles(axes[0, 0], table)
    axes[0, 0].text(
        0.98, 0.03, _words(errors, output), transform=axes[0, 0].transAxes, ha="right", fontsize=8
    )
    _histogram(axes[0, 1], table)
    _scatter(axes[1, 0], table, "time")
    end = max([1.0, *table["time"]])
    split_days(axes[1, 0], end)
    axes[1, 0].set_title("Over time: any trend?")
    _scatter(axes[1, 1], table, "prediction")
    axes[1, 1].set_xlabel(labelled("median prediction", unit))
    axes[1, 1].set_title("Over prediction: even spread?")
    if len(table) and (table["prediction"] > 0).all():
        axes[1, 1].set_xscale("log")
        decades(axes[1, 1].xaxis)
    keys = [
        Line2D([], [], marker="o", ls="none", ms=4, color=BLUE, label="quantified"),
        Line2D([], [], marker="o", ls="none", ms=4, color=VERMILION, mfc="none", label="censored: drawn"),
        Line2D([], [], **NINETY, label="90% of a standard normal"),
    ]
    figure.legend(handles=[*keys, *compressed_key(end)], loc="outside lower left", ncols=4)
    headline(figure, title or f"{quantity(output)}: normalised prediction distribution errors")
    return figure


def _words(errors: NPDE, output: str) -> str:
    rows = errors.tests[(errors.tests["output"] == output) & (errors.tests["measure"] == "npde")]
    if not len(rows):
        return ""
    row = rows.iloc[0]
    return (
        f"mean {fixed(row['mean'], 2)} (p {fixed(row['p_mean'], 3)})\n"
        f"variance {fixed(row['variance'], 2)} (p {fixed(row['p_variance'], 3)})\n"
        f"normal (p {fixed(row['p_normal'], 3)})\nall three (p {fixed(row['p_global'], 3)})"
    )


def _quantiles(axes: Axes, table: DataFrame) -> None:
    from scipy.special import ndtri

    ordered = table.sort_values("npde")
    normal = ndtri((np.arange(len(ordered)) + 0.5) / max(1, len(ordered)))
    axes.plot([-REACH, REACH], [-REACH, REACH], color=GREY, lw=1.0)
    _dots(axes, ordered.assign(normal=normal), "normal", "npde")
    axes.set_xlim(-REACH, REACH)
    axes.set_ylim(-REACH, REACH)
    axes.set_xlabel("Normal quantile")
    axes.set_ylabel("NPDE")
    axes.set_title("Against normal quantiles: on the line?")


def _histogram(axes: Axes, table: DataFrame) -> None:
    axes.hist(table["npde"], bins=17, range=(-REACH, REACH), density=True, color=GREY, alpha=0.55)
    line = np.linspace(-REACH, REACH, 121)
    axes.plot(line, np.exp(-0.5 * line**2) / np.sqrt(2.0 * np.pi), color=INK, lw=1.2)
    axes.set_xlabel("NPDE")
    axes.set_ylabel("Density")
    axes.set_title("Histogram and the standard normal curve")
    plain(axes.yaxis, 4)


def _scatter(axes: Axes, table: DataFrame, across: str) -> None:
    axes.axhline(0.0, color=INK, lw=0.9)
    for level in (-1.645, 1.645):
        axes.axhline(level, **NINETY)
    _dots(axes, table, across, "npd")
    axes.set_ylim(-REACH, REACH)
    axes.set_ylabel("NPD")


def _dots(axes: Axes, table: DataFrame, across: str, measure: str) -> None:
    known = table["censoring"] == QUANTIFIED
    axes.plot(table.loc[known, across], table.loc[known, measure], "o", ms=2.8, color=BLUE, alpha=0.6, mew=0)
    axes.plot(
        *(table.loc[~known, across], table.loc[~known, measure]),
        *("o",),
        ms=3.2,
        mfc="none",
        mec=VERMILION,
        mew=0.8,
        alpha=0.8,
    )
