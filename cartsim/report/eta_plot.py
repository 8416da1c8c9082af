"""How patients deviate from the typical one: distributions with shrinkage, and against covariates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cartsim.report.style import BLUE, GREY, INK, PALE, VERMILION, drawn, headline, plain, sheet
from cartsim.report.wording import fixed, quantity

if TYPE_CHECKING:
    from pandas import DataFrame

HIGH = 0.3
COLUMNS = 3


@drawn
def eta_distributions(etas: DataFrame, shrinkage: DataFrame, *, title: str = "") -> Figure:
    """Draw a histogram of each parameter's posterior mean etas over the population's normal curve.

    Parameters
    ----------
    etas : `eta_table`
    shrinkage : `shrinkage_table`
    """
    names = list(shrinkage["name"])
    columns = min(COLUMNS, max(1, len(names)))
    rows = -(-max(1, len(names)) // columns)
    figure = sheet(9.0, 1.2 + 2.3 * rows)
    grid = figure.subplots(rows, columns, squeeze=False)
    for index, axes in enumerate(grid.flat):
        if index >= len(names):
            axes.set_visible(False)
            continue
        _distribution(axes, etas[etas["name"] == names[index]]["eta"], shrinkage.iloc[index])
    keys = [
        Line2D([], [], color=INK, lw=1.4, label="population: normal, SD omega"),
        Line2D([], [], color=GREY, lw=6, alpha=0.55, label="patients' posterior means (density)"),
    ]
    figure.legend(handles=keys, loc="outside lower left", ncols=2)
    headline(figure, title or f"Etas: shrinkage in red above {100 * HIGH:.0f}%, where etas mislead")
    return figure


def _distribution(axes: Axes, eta: pd.Series, row: pd.Series) -> None:
    reach = max(3.2 * row["omega"], 1.05 * float(np.abs(eta).max()))
    axes.hist(eta, bins=15, range=(-reach, reach), density=True, color=GREY, alpha=0.55)
    line = np.linspace(-reach, reach, 121)
    axes.plot(
        line,
        np.exp(-0.5 * (line / row["omega"]) ** 2) / (row["omega"] * np.sqrt(2 * np.pi)),
        color=INK,
        lw=1.4,
    )
    axes.axvline(0.0, color=GREY, lw=0.8)
    high = row["shrinkage"] > HIGH
    axes.set_title(
        f"{quantity(row['name'])}: shrinkage {100 * row['shrinkage']:.0f}%",
        color=VERMILION if high else INK,
        fontsize=9.5,
    )
    axes.set_xlabel(f"eta (omega {fixed(row['omega'], 2)})")
    plain(axes.xaxis, 5)
    plain(axes.yaxis, 3)


@drawn
def eta_covariate_plot(
    etas: DataFrame, covariates: DataFrame, found: DataFrame, *, title: str = ""
) -> Figure:
    """Draw every parameter's etas against every covariate: dots for numbers, boxes for categories.

    Parameters
    ----------
    etas, covariates, found : `eta_table`, the covariates it was compared with, `eta_covariates`
    """
    names, across = list(dict.fromkeys(found["name"])), list(dict.fromkeys(found["covariate"]))
    figure = sheet(max(4.5, 0.6 + 2.5 * len(across)), 1.0 + 1.7 * len(names))
    grid = figure.subplots(max(1, len(names)), max(1, len(across)), squeeze=False, sharex="col", sharey="row")
    joined = etas.merge(covariates, on="subject")
    for i, name in enumerate(names):
        for j, covariate in enumerate(across):
            row = found[(found["name"] == name) & (found["covariate"] == covariate)].iloc[0]
            part = joined[(joined["name"] == name) & joined[covariate].notna()]
            _association(grid[i, j], part, covariate, row)
        grid[i, 0].set_ylabel(f"eta {quantity(name)}")
    for j, covariate in enumerate(across):
        grid[-1, j].set_xlabel(quantity(covariate))
    headline(
        figure,
        title or "Etas against covariates",
        "r with its 95% interval, or share of variance between groups; red: p < 0.05, unadjusted",
    )
    return figure


def _association(axes: Axes, part: DataFrame, covariate: str, row: pd.Series) -> None:
    axes.axhline(0.0, color=GREY, lw=0.8)
    if row["kind"] == "number":
        axes.plot(part[covariate], part["eta"], "o", ms=3.2, color=BLUE, alpha=0.75, mew=0)
        text = f"r {fixed(row['estimate'], 2)} [{fixed(row['lower'], 2)}, {fixed(row['upper'], 2)}]"
        plain(axes.xaxis, 4)
    else:
        groups = sorted(part[covariate].astype(str).unique())
        values = [part.loc[part[covariate].astype(str) == group, "eta"] for group in groups]
        axes.boxplot(
            values,
            positions=range(len(groups)),
            widths=0.5,
            patch_artist=True,
            boxprops={"facecolor": PALE, "edgecolor": INK},
            medianprops={"color": INK},
            flierprops={"ms": 3},
        )
        axes.set_xticks(range(len(groups)), groups)
        text = f"between groups {100 * row['estimate']:.0f}%, p {fixed(row['p'], 3)}"
    axes.set_title(text, fontsize=8, fontweight="normal", color=VERMILION if row["p"] < 0.05 else INK)
    plain(axes.yaxis, 4)
