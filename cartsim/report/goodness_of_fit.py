"""Four pictures of how well the model describes the samples: predictions, residuals, their distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cartsim.report.marks import INTERVAL, LEFT, QUANTIFIED, RIGHT, draw_limits, sample_keys
from cartsim.report.style import GREY, INK, VERMILION, colour, decades, drawn, headline, plain, shape, sheet
from cartsim.report.time_axis import compressed_key, split_days
from cartsim.report.wording import labelled, number, quantity

if TYPE_CHECKING:
    from pandas import DataFrame

FAR = 1e-4  # of the smallest sample: predictions below it are drawn at this edge
NINETY = {"color": GREY, "lw": 0.8, "ls": (0, (4, 3))}
FEW = 8  # patients that still get a colour and a marker of their own


@drawn
def goodness_of_fit(gof: DataFrame, *, output: str, unit: str = "", title: str = "") -> Figure:
    """Draw observed against predicted, residuals against time and prediction, and their QQ plot.

    Parameters
    ----------
    gof : DataFrame
        `gof_table` of all patients: `residual` standardised, missing where censored;
        `theoretical_quantile` (normal score) if the QQ plot is wanted, otherwise a histogram is drawn.
    output : str
    unit : str
    """
    table = gof[gof["output"] == output].assign(subject=lambda frame: frame["subject"].astype(str))
    subjects = list(dict.fromkeys(table["subject"]))
    figure = sheet(9.0, 7.6)
    axes = figure.subplots(2, 2)
    _predictions(axes[0, 0], table, subjects, unit)
    residuals = table[np.isfinite(table["residual"].to_numpy(float))]
    reach = max([3.0, *np.abs(residuals["residual"]) * 1.08])
    end = max([1.0, *table["time"]])
    _residuals(axes[0, 1], residuals, subjects, "time", reach)
    split_days(axes[0, 1], end)
    axes[0, 1].set_title("Residuals vs time: any trend?")
    _residuals(axes[1, 0], residuals, subjects, "predicted", reach)
    axes[1, 0].set_title("Residuals vs prediction: even spread?")
    axes[1, 0].set_xlabel(labelled("predicted", unit))
    if len(residuals) and (residuals["predicted"] > 0).all():
        axes[1, 0].set_xscale("log")
        decades(axes[1, 0].xaxis)
    _quantiles(axes[1, 1], residuals, subjects, reach)
    keys = [key for key in sample_keys(set(table["censoring"]), limits=False) if key.get_label() != "sample"]
    if len(subjects) <= FEW:
        keys = [_dots(index, len(subjects), label=name) for index, name in enumerate(subjects)] + keys
    if len(residuals):
        keys.append(Line2D([], [], **NINETY, label="90% of a standard normal"))
    figure.legend(handles=[*keys, *compressed_key(end)], loc="outside lower left", ncols=4)
    headline(figure, title or f"{quantity(output)}: goodness of fit")
    return figure


def _dots(index: int, count: int, label: str | None = None) -> Line2D:
    return Line2D([], [], **_look(index, count), label=label)


def _look(index: int, count: int) -> dict[str, object]:
    few = count <= FEW
    return {
        "marker": shape(index, count),
        "ls": "none",
        "ms": 4.8 if few else 3.2,
        "color": colour(index, count),
        "mec": "white",
        "mew": 0.4,
        "alpha": 0.9 if few else 0.55,
    }


def _scatter(axes: Axes, table: DataFrame, subjects: list[str], x: str, y: str) -> None:
    for index, subject in enumerate(subjects):
        rows = table[table["subject"] == subject]
        axes.plot(rows[x], rows[y], **_look(index, len(subjects)))


def _predictions(axes: Axes, table: DataFrame, subjects: list[str], unit: str) -> None:
    observed = table["observed"].to_numpy(float)
    edge = None
    if len(observed) and (observed > 0).all():
        axes.set_xscale("log")
        axes.set_yscale("log")
        edge = observed.min() * FAR
        if (table["predicted"] < edge).any():
            axes.set_xlabel(f"{labelled('predicted', unit)}; below {number(edge, 2)} at the edge")
            table = table.assign(predicted=table["predicted"].clip(lower=edge))
    _scatter(axes, table[table["censoring"] == QUANTIFIED], subjects, "predicted", "observed")
    limits = table[table["censoring"].isin([LEFT, RIGHT])]
    draw_limits(axes, limits, "predicted", lower="observed", upper="observed")
    between = table[table["censoring"] == INTERVAL]
    if len(between) and {"lower_limit", "upper_limit"} <= set(table.columns):
        axes.vlines(
            between["predicted"], between["lower_limit"], between["upper_limit"], color=VERMILION, lw=2
        )
    seen = table[["observed", "predicted"]].to_numpy(float)
    seen = seen[np.isfinite(seen)]
    if len(seen):
        ends = (seen.min() / 2.0, seen.max() * 2.0) if edge is not None else (seen.min(), seen.max())
        axes.plot(ends, ends, color=GREY, lw=1.0, zorder=1)
        axes.set_xlim(ends)
        axes.set_ylim(ends)
    for axis in (axes.xaxis, axes.yaxis):
        (decades if edge is not None else plain)(axis)
    if not axes.get_xlabel():
        axes.set_xlabel(labelled("predicted", unit))
    axes.set_ylabel(labelled("observed", unit))
    axes.set_title("Observed vs predicted: near the line?")


def _residuals(axes: Axes, table: DataFrame, subjects: list[str], across: str, reach: float) -> None:
    axes.axhline(0.0, color=INK, lw=0.9)
    for level in (-1.645, 1.645):  # 90% of a standard normal lie between
        axes.axhline(level, **NINETY)
    _scatter(axes, table, subjects, across, "residual")
    axes.set_ylim(-reach, reach)
    axes.set_ylabel("Standardised residual")


def _quantiles(axes: Axes, table: DataFrame, subjects: list[str], reach: float) -> None:
    if "theoretical_quantile" in table.columns:
        axes.plot([-reach, reach], [-reach, reach], color=GREY, lw=1.0)
        _scatter(axes, table, subjects, "theoretical_quantile", "residual")
        axes.set_xlim(-reach, reach)
        axes.set_ylim(-reach, reach)
        axes.set_xlabel("Normal quantile")
        axes.set_ylabel("Standardised residual")
        axes.set_title("Residuals vs normal quantiles: on the line?")
        return
    axes.hist(
        table["residual"], bins=int(4 * reach), range=(-reach, reach), density=True, color=GREY, alpha=0.6
    )
    line = np.linspace(-reach, reach, 121)
    axes.plot(line, np.exp(-0.5 * line**2) / np.sqrt(2.0 * np.pi), color=INK, lw=1.0)
    axes.set_xlabel("Standardised residual")
    axes.set_ylabel("Density")
    axes.set_title("Residuals and the standard normal curve")
