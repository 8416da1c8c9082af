"""Panels of horizontal bars, one an outcome, up to three side by side."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cartsim.report.style import sheet

MOST_COLUMNS = 3


def bar_panels(outcomes: Sequence[str], bars: int) -> tuple[Figure, list[Axes]]:
    """An empty figure with one titled panel an outcome, each with room for `bars` bars."""
    columns = min(MOST_COLUMNS, len(outcomes))
    rows = -(-len(outcomes) // columns)
    figure = sheet(3.6 * columns, 0.8 + 0.26 * bars * rows + 0.6 * rows)
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in panels[len(outcomes) :]:
        axes.set_visible(False)
    for axes, outcome in zip(panels, outcomes, strict=False):
        axes.set_title(outcome)
        axes.grid(visible=False, axis="y")
    return figure, panels[: len(outcomes)]
