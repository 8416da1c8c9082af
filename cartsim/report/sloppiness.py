"""Which combinations of parameters the data know, and which they leave to the prior, patient by patient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from cartsim.report.style import BLUE, GREY, INK, VERMILION, decades, drawn, headline, sheet

if TYPE_CHECKING:
    from pandas import DataFrame

EDGE = 1e-3  # information below this share of the prior's is drawn at the edge
NAMED = 10  # patients up to which the weakest direction is written out


@drawn
def sloppiness(directions: DataFrame) -> Figure:
    """Draw the information of every direction in units of the prior's, one row a patient.

    Parameters
    ----------
    directions : DataFrame
        `direction_table` of all patients: `subject`, `to_prior`, `sloppy`, `words`.
    """
    subjects = list(dict.fromkeys(directions["subject"].astype(str)))
    named = len(subjects) <= NAMED
    figure = sheet(9.0, 1.6 + (0.42 if named else 0.16) * max(2, len(subjects)))
    axes = figure.subplots()
    place = np.array([subjects.index(str(subject)) for subject in directions["subject"]])
    level = np.clip(directions["to_prior"].to_numpy(float), EDGE, None)
    sloppy = directions["sloppy"].to_numpy(bool)
    axes.plot(
        level[~sloppy], place[~sloppy], "o", ms=6, color=BLUE, label="the data know more than the prior"
    )
    axes.plot(
        level[sloppy], place[sloppy], "X", ms=7, color=VERMILION, ls="none",
        label=f"sloppy: the prior knows more (below {EDGE:g} at the edge)",
    )  # fmt: skip
    axes.axvline(1.0, color=GREY, lw=1.0, ls=(0, (4, 3)))
    axes.set_xscale("log")
    axes.set_xlim(EDGE / 2.0, max(30.0, 3.0 * level.max()))
    decades(axes.xaxis)
    if named:
        for row, subject in enumerate(subjects):
            some = directions[directions["subject"].astype(str) == subject]
            weakest = some.loc[some["to_prior"].idxmin()]
            text = f"weakest: {weakest['words']}"
            axes.text(EDGE * 0.7, row - 0.22, text, fontsize=7.5, va="bottom", color=INK)
    axes.set_yticks(range(len(subjects)), subjects)
    axes.set_ylim(len(subjects) - 0.4, -0.8)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("Observed information of a direction relative to the prior's (1: equally much)")
    figure.legend(loc="outside lower left", ncols=2)
    headline(figure, "Sloppy directions: what do the data leave open?")
    return figure
