"""The walk of each ensemble through one patient's parameters: flat, overlapping bands mean agreement."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from cartsim.report.contents import Trace
from cartsim.report.style import CYCLE, PALE, decades, drawn, headline, plain, sheet, wide
from cartsim.report.wording import exact, parameter_label

COLUMNS = 2


@drawn
def trace_plot(trace: Trace, *, subject: str, units: Mapping[str, str] | None = None) -> Figure:
    """Draw one panel a parameter, one line an ensemble (the mean of its walkers); burn-in shaded.

    Parameters
    ----------
    trace : Trace
    subject : str
    units : mapping name -> unit, optional
    """
    trace = Trace(*trace)
    values = np.asarray(trace.values, dtype=float)
    steps = np.arange(values.shape[1]) if trace.steps is None else np.asarray(trace.steps)
    rows = -(-max(1, len(trace.names)) // COLUMNS)
    height = 1.2 + 1.25 * rows
    figure = sheet(9.0, height, layout=None)  # the layout engine takes longer than the drawing here
    figure.subplots_adjust(0.08, 0.78 / height, 0.99, 1.0 - 0.62 / height, wspace=0.15, hspace=0.5)
    grid = figure.subplots(rows, COLUMNS, sharex=True, squeeze=False)
    stored = trace.burn_in is not None and len(steps) > 0 and steps[0] < trace.burn_in
    for index, axes in enumerate(grid.flat):
        if index >= len(trace.names):
            axes.set_visible(False)
            continue
        name = trace.names[index]
        path = values[:, :, index]
        if stored:
            axes.axvspan(steps[0], trace.burn_in, color=PALE, alpha=0.8, lw=0)
        for ensemble in range(values.shape[0]):
            axes.plot(steps, path[ensemble], lw=0.7, color=CYCLE[ensemble % len(CYCLE)], alpha=0.85)
        if path.size and wide(path.min(), path.max()):
            axes.set_yscale("log")
            decades(axes.yaxis, 5)
        else:
            plain(axes.yaxis)
        axes.set_title(parameter_label(name, (units or {}).get(name)), fontsize=9)
        axes.xaxis.set_major_formatter(FuncFormatter(exact))
        axes.tick_params(labelbottom=index + COLUMNS >= len(trace.names))
        if index // COLUMNS == rows - 1:
            axes.set_xlabel("Sampler step")
    keys = [
        Line2D([], [], color=CYCLE[k % len(CYCLE)], label=f"ensemble {k + 1}") for k in range(values.shape[0])
    ]
    if stored:
        keys.append(Patch(facecolor=PALE, label="burn-in, not used"))
    figure.legend(handles=keys, loc="lower left", ncols=5)
    headline(figure, f"{subject}: traces by ensemble, {_burn_in(trace, bool(stored))}")
    return figure


def _burn_in(trace: Trace, stored: bool) -> str:
    if trace.burn_in is None:
        return "walker means"
    kept = "shaded" if stored else "not shown"
    return f"first {trace.burn_in:,} steps are burn-in ({kept})"
