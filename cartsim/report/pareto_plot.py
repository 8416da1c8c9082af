"""Which samples of which patient sway the fit so much that leaving them out cannot be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from cartsim.report.style import GREY, VERMILION, colour, drawn, headline, plain, shape, sheet
from cartsim.report.time_axis import compressed_key, split_days

if TYPE_CHECKING:
    from pandas import DataFrame

FEW = 8
EDGE = 1.6  # larger ones are all alike: useless


@drawn
def pareto_plot(table: DataFrame, *, threshold: float) -> Figure:
    """Draw Pareto k of PSIS leave-one-out against time, censored samples hollow.

    Parameters
    ----------
    table : DataFrame
        `leave_one_out` of all patients: `subject`, `time`, `censoring`, `pareto_k`.
    threshold : float
        k above which a sample's leave-one-out value is not reliable.
    """
    subjects = list(dict.fromkeys(table["subject"].astype(str)))
    figure = sheet(9.0, 4.4)
    axes = figure.subplots()
    for index, subject in enumerate(subjects):
        rows = table[table["subject"].astype(str) == subject]
        tint = colour(index, len(subjects))
        for censored in (False, True):
            some = rows[(rows["censoring"] != 0) == censored]
            height = some["pareto_k"].clip(upper=EDGE)
            axes.plot(
                some["time"], height, ls="none", marker=shape(index, len(subjects)), ms=6,
                color=tint, mfc="white" if censored else tint, mec=tint, zorder=3,
                label=subject if not censored and len(subjects) <= FEW else None,
            )  # fmt: skip
    axes.axhline(threshold, color=VERMILION, lw=1.0, label=f"{threshold:g}: not reliable above")
    axes.axhline(0.0, color=GREY, lw=0.6)
    axes.set_ylim(min(-0.3, np.nanmin(table["pareto_k"]) - 0.1), EDGE + 0.1)
    end = float(table["time"].max())
    split_days(axes, end)
    plain(axes.yaxis, 6)
    axes.set_ylabel(f"Pareto k of the sample (above {EDGE:g} at the edge)")
    handles, _ = axes.get_legend_handles_labels()
    figure.legend(handles=[*handles, *compressed_key(end)], loc="outside lower left", ncols=4)
    headline(figure, "Influence of single samples (hollow: censored): which ones does the fit hang on?")
    return figure
