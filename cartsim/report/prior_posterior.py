"""What each parameter was believed to be before the data (grey) and after them (one line a patient)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cartsim.report.style import CYCLE, GREY, colour, decades, drawn, headline, plain, sheet, wide
from cartsim.report.wording import parameter_label

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = 3
BINS = 36
TAIL = 0.005  # share of prior values left outside the panel at either end


@drawn
def prior_posterior(
    priors: DataFrame, draws: Mapping[str, DataFrame], *, units: Mapping[str, str] | None = None
) -> Figure:
    """Draw one panel a parameter: the prior's histogram filled, each patient's posterior as a line.

    Parameters
    ----------
    priors : DataFrame
        Equally likely prior values, one column a parameter, physical units.
    draws : mapping subject -> DataFrame
        Posterior draws with the same columns.
    units : mapping name -> unit, optional
    """
    names = list(priors.columns)
    rows = -(-max(1, len(names)) // COLUMNS)
    figure = sheet(9.0, 1.1 + 1.65 * rows)
    grid = figure.subplots(rows, COLUMNS, squeeze=False)
    for index, axes in enumerate(grid.flat):
        if index >= len(names):
            axes.set_visible(False)
            continue
        name = names[index]
        after = [frame[name].to_numpy(float) for frame in draws.values() if name in frame.columns]
        _panel(axes, priors[name].to_numpy(float), after)
        axes.set_title(parameter_label(name, (units or {}).get(name)), fontsize=9)
    keys: list[Line2D | Patch] = [Patch(facecolor=GREY, alpha=0.35, label="prior")]
    if len(draws) <= len(CYCLE):
        keys += [
            Line2D([], [], color=colour(k, len(draws)), label=str(subject)) for k, subject in enumerate(draws)
        ]
    else:
        keys.append(Line2D([], [], color=colour(0, len(draws)), label="posterior of one patient"))
    figure.legend(handles=keys, loc="outside lower left", ncols=7)
    headline(figure, "Prior and posterior: a line that follows the grey has learnt nothing")
    return figure


def _panel(axes: Axes, before: np.ndarray, after: list[np.ndarray]) -> None:
    inner = np.sort(before)[int(TAIL * len(before)) : len(before) - int(TAIL * len(before))]
    low = min([inner[0], *(values.min() for values in after if len(values))])
    high = max([inner[-1], *(values.max() for values in after if len(values))])
    if not low < high:
        low, high = low - 0.5, high + 0.5
    log = wide(low, high)
    edges = (np.geomspace if log else np.linspace)(low, high, BINS + 1)
    if log:
        axes.set_xscale("log")
    axes.hist(before, bins=edges, weights=np.full(len(before), 1.0 / len(before)), color=GREY, alpha=0.35)
    for k, values in enumerate(after):
        share = np.full(len(values), 1.0 / max(1, len(values)))
        axes.hist(
            values, bins=edges, weights=share, histtype="step", color=colour(k, len(after)), lw=1.2, alpha=0.9
        )
    if log:
        decades(axes.xaxis, 5)
    else:
        plain(axes.xaxis)
    axes.set_yticks([])
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)
