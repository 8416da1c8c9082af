"""How one patient's parameters go together: every pair's joint posterior (library corner)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from cartsim.report.style import BLUE, decades, drawn, plain, sheet, wide
from cartsim.report.wording import parameter_label

if TYPE_CHECKING:
    from pandas import DataFrame

SIDE = 1.55  # inch a panel
SHADES = ("#FFFFFF00", "#BBD9EC", "#6BAED6")  # outside, 90%, 50%


@drawn
def corner_plot(draws: DataFrame, *, subject: str, units: Mapping[str, str] | None = None) -> Figure:
    """Draw the corner plot of one patient's draws; contours hold 50% and 90%, dashes mark 5, 50, 95%.

    Parameters
    ----------
    draws : DataFrame
        One row a draw, one column a parameter, physical units; columns that never change are left
        out and named in the title.
    """
    moving = [name for name in draws.columns if draws[name].nunique() > 1]
    still = [name for name in draws.columns if name not in moving]
    side = 1.2 + SIDE * max(2, len(moving))
    figure = sheet(side, side, layout=None)
    remark = f"\n(constant, left out: {', '.join(still)})" if still else ""
    figure.suptitle(f"{subject}: joint posterior{remark}", x=0.99, y=0.965, ha="right", va="top", fontsize=15)
    figure.text(
        *(0.99, 0.935 - 0.02 * bool(still)),
        "contours hold 50% and 90% of the draws\ndashed: 5%, median, 95%",
        ha="right",
        va="top",
        fontsize=11,
    )
    if not moving or len(draws) <= len(moving):
        figure.text(0.5, 0.5, "too few draws for a corner plot", ha="center")
        return figure
    scales = ["log" if wide(draws[name].min(), draws[name].max()) else "linear" for name in moving]
    _library()(
        draws[moving].to_numpy(float),
        fig=figure,
        labels=[_label(name, (units or {}).get(name)) for name in moving],
        axes_scale=scales,
        color=BLUE,
        bins=24,
        smooth=1.0,
        levels=(0.5, 0.9),
        quantiles=(0.05, 0.5, 0.95),
        plot_datapoints=False,
        plot_density=False,
        fill_contours=True,
        contourf_kwargs={"colors": SHADES},
        hist_kwargs={"lw": 1.1},
        label_kwargs={"fontsize": 11},
        labelpad=0.2,
    )
    _tidy(figure, scales)
    figure.subplots_adjust(left=1.15 / side, bottom=1.15 / side, right=1 - 0.1 / side, top=1 - 0.3 / side)
    return figure


def _library() -> Callable[..., Figure]:
    """Load corner, whose import of arviz announces arviz's own plans."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from corner import corner
    return corner


def _label(name: str, unit: object) -> str:
    return parameter_label(name, unit).replace(" (", "\n(")


def _tidy(figure: Figure, scales: list[str]) -> None:
    """Write ticks as the other figures do: plain numbers, no minor ticks, no grid."""
    count = len(scales)
    for index, axes in enumerate(list(figure.axes)):
        row, column = divmod(index, count)
        if column > row:
            axes.remove()
            continue
        axes.grid(False)
        _ticks(axes.xaxis, scales[column], row == count - 1)
        if column < row:
            _ticks(axes.yaxis, scales[row], column == 0)


def _ticks(axis: Axis, scale: str, shown: bool) -> None:
    if scale == "log":
        decades(axis, 4)
    else:
        plain(axis, 3)
    if not shown:
        axis.set_major_formatter(NullFormatter())
    axis.set_tick_params(labelsize=9.0, rotation=45 if axis.axis_name == "x" else 0)
