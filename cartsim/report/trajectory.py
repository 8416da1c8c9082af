"""Simulated courses over time, one panel an output, one line a patient."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cartsim.report.style import BLUE, CYCLE, colour, decades, drawn, headline, plain, sheet
from cartsim.report.time_axis import compressed_key, split_days
from cartsim.report.wording import labelled

if TYPE_CHECKING:
    from pandas import DataFrame

DECADES = 8.0  # most decades shown below the highest value: less is noise of the solver
SPAN = 100.0  # highest over lowest value from which an axis is logarithmic


@drawn
def trajectory(
    table: DataFrame,
    *,
    units: Mapping[str, str] | None = None,
    title: str = "",
    clock: str = "",
    depth: float = DECADES,
    days: Callable[..., None] = split_days,
) -> Figure:
    """Draw every output column of a simulated table against time.

    Parameters
    ----------
    table : DataFrame
        Columns `time` (day), `subject` (optional) and one column an output; a gap where a value is
        missing, as after a failed solve.
    units : mapping output -> unit, optional
        Which columns are outputs, too; every other numeric column if absent.
    title : str
    clock : str
        What the time axis counts where that is not days after an infusion; it is then linear throughout.
    depth : float
        Most decades shown below the highest value.
    days : function
        Makes the time axis of days after an infusion (`report.time_axis`).
    """
    if "subject" not in table.columns:
        table = table.assign(subject="")
    outputs = [name for name in (units or table.columns) if name in table.columns]
    outputs = [
        name for name in outputs if name not in ("time", "subject") and table[name].dtype.kind in "fiu"
    ]
    subjects = list(dict.fromkeys(table["subject"].astype(str)))
    columns = 1 if len(outputs) < 2 else 2
    rows = -(-max(1, len(outputs)) // columns)
    figure = sheet(6.5 if columns == 1 else 9.0, 0.9 + (3.4 if columns == 1 else 2.5) * rows)
    grid = figure.subplots(rows, columns, squeeze=False)
    end = float(table["time"].max()) if len(table) else 1.0
    for index, axes in enumerate(grid.flat):
        if index >= len(outputs):
            axes.set_visible(False)
            continue
        course_panel(axes, table, outputs[index], subjects, depth)
        lowest = index // columns == rows - 1
        if clock:
            axes.set_xlim(-0.015 * end, 1.02 * end)
            axes.set_xlabel(clock if lowest else "")
        else:
            days(axes, end, label=lowest)
        axes.set_ylabel(labelled(outputs[index], (units or {}).get(outputs[index])))
    keys = list(compressed_key(end)) if not clock and days is split_days else []
    if 1 < len(subjects) <= len(CYCLE):
        keys = [
            *(Line2D([], [], color=colour(k, len(subjects)), label=name) for k, name in enumerate(subjects)),
            *keys,
        ]
    if keys:
        figure.legend(handles=keys, loc="outside lower left", ncols=5 if columns == 2 else 3)
    headline(figure, title or "Simulated courses")
    return figure


def course_panel(axes: Axes, table: DataFrame, output: str, subjects: list[str], depth: float) -> None:
    """Draw one output of all subjects; logarithmic where the values are positive and span much."""
    names = table["subject"].astype(str)
    crowd = len(subjects) > len(CYCLE)
    for index, subject in enumerate(subjects):
        rows = table[names == subject]
        axes.plot(
            *(rows["time"], rows[output]),
            color=BLUE if crowd else colour(index, len(subjects)),
            lw=0.7 if crowd else 1.7,
            alpha=max(0.08, min(1.0, 25.0 / len(subjects))) if crowd else 1.0,
        )
    values = table[output].to_numpy(float)
    values = values[np.isfinite(values)]
    positive = values[values > 0]
    if len(positive) and (values >= 0).all() and positive.max() > SPAN * positive.min():
        axes.set_yscale("log")
        floor = max(positive.min(), positive.max() * 10.0**-depth)
        axes.set_ylim(10.0 ** np.floor(np.log10(floor)), positive.max() * 2.0)
        decades(axes.yaxis)
    else:
        plain(axes.yaxis, 5)
