"""All models at a glance: one small panel a model, its first output as its paper ran it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from cartsim.report.style import decades, drawn, headline, plain, sheet
from cartsim.report.time_axis import smooth_days
from cartsim.report.trajectory import course_panel
from cartsim.report.wording import labelled

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = 4
FEW = 5  # ticks that a small panel has room for


@dataclass(frozen=True)
class ModelPanel:
    """One model: its name, its courses (`time`, `subject`, outputs), the output drawn, its unit.

    `clock` and `depth` are as in `report.trajectory`.
    """

    name: str
    courses: DataFrame
    output: str
    unit: str
    clock: str
    depth: float


@drawn
def model_montage(panels: Sequence[ModelPanel], *, title: str, note: str = "") -> Figure:
    """Draw one panel a model; the lines of a panel are the scenarios of its paper."""
    rows = -(-max(1, len(panels)) // COLUMNS)
    figure = sheet(2.9 * COLUMNS, 0.8 + 1.75 * rows)
    grid = figure.subplots(rows, COLUMNS, squeeze=False)
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    for axes, panel in zip(grid.flat, panels, strict=False):
        subjects = list(dict.fromkeys(panel.courses["subject"].astype(str)))
        course_panel(axes, panel.courses, panel.output, subjects, panel.depth)
        for line in axes.lines:
            line.set_linewidth(1.2)
        end = float(panel.courses["time"].max())
        if panel.clock:
            axes.set_xlim(-0.015 * end, 1.02 * end)
            plain(axes.xaxis, FEW)
        else:
            smooth_days(axes, end, label=False)
            axes.set_xticks(axes.get_xticks()[:: -(-len(axes.get_xticks()) // FEW)])
        if axes.get_yscale() == "log":
            decades(axes.yaxis, FEW)
        axes.set_title(panel.name, fontsize=8.5)
        axes.set_ylabel(labelled(panel.output, panel.unit), fontsize=7.5)
        axes.tick_params(labelsize=7)
    headline(figure, title, note)
    return figure
