"""Whether the sampler agreed with itself: R-hat and effective sample size of every parameter, with gates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cartsim.report.style import BLUE, ORANGE, VERMILION, decades, drawn, headline, plain, sheet
from cartsim.report.wording import exact

if TYPE_CHECKING:
    from pandas import DataFrame

FEW = 20


@drawn
def convergence(parameters: DataFrame, *, gate_limits: Mapping[str, float]) -> Figure:
    """Draw every parameter's R-hat, bulk and tail ESS, one row a patient, with the gates as lines.

    Parameters
    ----------
    parameters : DataFrame
        `parameter_table` of all patients.
    gate_limits : mapping
        `r_hat` and `ess`.
    """
    subjects = list(dict.fromkeys(parameters["subject"].astype(str)))
    place = {subject: row for row, subject in enumerate(subjects)}
    row = np.array([place[subject] for subject in parameters["subject"].astype(str)], dtype=float)
    few = len(subjects) <= FEW
    figure = sheet(9.0, 1.5 + (0.3 if few else 0.15) * max(3, len(subjects)))
    left, right = figure.subplots(1, 2, sharey=True)
    look = {"ls": "none", "mew": 1.0, "mfc": "none", "ms": 5 if few else 3.5, "alpha": 0.9}
    left.plot(parameters["r_hat"], row, "o", mec=BLUE, **look)
    right.plot(parameters["ess_bulk"], row - 0.14, "o", mec=BLUE, **look)
    right.plot(parameters["ess_tail"], row + 0.14, "s", mec=ORANGE, **look)
    keys = [
        Line2D([], [], marker="o", mec=BLUE, mfc="none", ls="none", label="one parameter (ESS: bulk)"),
        Line2D([], [], marker="s", mec=ORANGE, mfc="none", ls="none", label="ESS: tail"),
    ]
    gate = {"color": VERMILION, "lw": 1.2, "ls": (0, (5, 3))}
    plain(left.xaxis)
    right.set_xscale("log")
    decades(right.xaxis)
    for axes, name, title, sense in (
        (left, "r_hat", "R-hat", "at most"),
        (right, "ess", "Effective sample size", "at least"),
    ):
        axes.set_title(title)
        if name in gate_limits:
            axes.axvline(gate_limits[name], **gate)
            axes.set_title(f"{title}: {sense} {exact(gate_limits[name])}")
    if gate_limits:
        keys.append(Line2D([], [], **gate, label="gate"))
    left.set_yticks(range(len(subjects)), subjects, fontsize=8 if few else 6)
    left.set_ylim(len(subjects) - 0.4, -0.6)
    figure.legend(handles=keys, loc="outside lower left", ncols=3)
    headline(figure, "Convergence: every mark on the right side of its gate?")
    return figure
