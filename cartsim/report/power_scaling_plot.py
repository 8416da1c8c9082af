"""How strongly each posterior follows its prior and its data when either is made stronger or weaker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from cartsim.report.style import GREY, PALE, VERMILION, colour, decades, drawn, headline, shape, sheet

if TYPE_CHECKING:
    from pandas import DataFrame

LEAST = 1e-3
CONFLICT = "prior-data conflict"


@drawn
def power_scaling_plot(table: DataFrame, *, threshold: float) -> Figure:
    """Draw prior against likelihood sensitivity, one mark a patient and parameter.

    Parameters
    ----------
    table : DataFrame
        `power_scaling_table` of all patients: `subject`, `name`, `prior`, `likelihood`, `words`.
    threshold : float
        Sensitivity from which a posterior counts as following.
    """
    names = list(dict.fromkeys(table["name"]))
    figure = sheet(9.0, 5.2)
    axes = figure.subplots()
    across = table["likelihood"].clip(lower=LEAST)
    up = table["prior"].clip(lower=LEAST)
    for index, name in enumerate(names):
        here = (table["name"] == name).to_numpy()
        axes.plot(
            across[here], up[here], marker=shape(index, len(names)), color=colour(index, len(names)),
            ls="none", ms=6, mec="white", mew=0.5, label=name, zorder=3,
        )  # fmt: skip
    apart = (table["words"] == CONFLICT).to_numpy()
    axes.plot(
        across[apart], up[apart], "o", ms=12, mfc="none", mec=VERMILION, mew=1.2, label=f"ring: {CONFLICT}"
    )
    for draw in (axes.axhline, axes.axvline):
        draw(threshold, color=GREY, lw=1.0, ls=(0, (4, 3)))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(min(0.5 * threshold, across.min() / 1.5), max(4 * threshold, across.max() * 1.5))
    axes.set_ylim(min(0.5 * threshold, up.min() / 1.5), max(4 * threshold, up.max() * 1.5))
    axes.axhspan(threshold, axes.get_ylim()[1], color=PALE, alpha=0.5, lw=0, zorder=0)
    for x, align, text in (
        (0.99, "right", "prior and data both matter"),
        (0.01, "left", "the prior decides"),
    ):
        axes.text(x, 0.985, text, transform=axes.transAxes, ha=align, va="top", fontweight="bold")
    axes.text(0.99, 0.015, "the data decide", transform=axes.transAxes, ha="right", fontweight="bold")
    decades(axes.xaxis)
    decades(axes.yaxis)
    axes.set_xlabel("Sensitivity to the likelihood (distance per doubling of its power)")
    axes.set_ylabel("Sensitivity to the prior")
    figure.legend(loc="outside lower left", ncols=8)
    headline(figure, "Prior sensitivity: who decides each posterior?")
    return figure
