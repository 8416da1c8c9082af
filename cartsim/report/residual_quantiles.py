"""Individual weighted residuals against a standard normal, output by output, with their shrinkage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from cartsim.report.style import GREY, colour, drawn, headline, plain, shape, sheet
from cartsim.report.wording import fixed, quantity

if TYPE_CHECKING:
    from pandas import DataFrame

FEW = 8


@drawn
def residual_quantiles(iwres: DataFrame, shrinkage: DataFrame) -> Figure:
    """Draw IWRES against normal scores, one panel an output.

    Parameters
    ----------
    iwres : DataFrame
        `with_normal_scores` of all patients: `subject`, `output`, `iwres`, `normal_score`.
    shrinkage : DataFrame
        `shrinkage_table`: `output`, `samples`, `censored`, `shrinkage`.
    """
    outputs = list(shrinkage["output"])
    subjects = list(dict.fromkeys(iwres["subject"].astype(str)))
    columns = min(2, len(outputs))
    rows = -(-len(outputs) // columns)
    figure = sheet(max(7.0, 4.6 * columns + 0.4), 1.1 + 3.8 * rows)
    grid = figure.subplots(rows, columns, squeeze=False)
    for index, axes in enumerate(grid.flat):
        if index >= len(outputs):
            axes.set_visible(False)
            continue
        here = iwres[(iwres["output"] == outputs[index]) & np.isfinite(iwres["iwres"].to_numpy(float))]
        reach = 1.1 * max([2.5, *here["iwres"].abs(), *here["normal_score"].abs()])
        axes.plot((-reach, reach), (-reach, reach), color=GREY, lw=1.0)
        for number, subject in enumerate(subjects):
            some = here[here["subject"].astype(str) == subject]
            axes.plot(
                some["normal_score"], some["iwres"], marker=shape(number, len(subjects)), ls="none", ms=5,
                color=colour(number, len(subjects)), mec="white", mew=0.4,
                label=subject if index == 0 and len(subjects) <= FEW else None,
            )  # fmt: skip
        counted = shrinkage.iloc[index]
        axes.set_title(
            f"{quantity(outputs[index])}\nshrinkage {fixed(100 * counted['shrinkage'], 0)}%, "
            f"{counted['samples']} samples, {counted['censored']} censored left out",
            fontsize=9,
        )
        axes.set_xlim(-reach, reach)
        axes.set_ylim(-reach, reach)
        axes.set_aspect("equal")
        plain(axes.xaxis, 5)
        plain(axes.yaxis, 5)
        axes.set_xlabel("normal score")
        axes.set_ylabel("IWRES (sds)")
    if len(subjects) <= FEW:
        figure.legend(loc="outside lower left", ncols=3)
    headline(figure, "Residuals: normal, and as wide as they claim?")
    return figure
