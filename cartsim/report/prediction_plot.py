"""One new patient: the samples that a prediction used, the bands ahead, and how likely each outcome is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cartsim.report.marks import draw_samples, sample_keys
from cartsim.report.style import BLUE, GREY, INK, decades, drawn, headline, sheet
from cartsim.report.time_axis import compressed_key, split_days
from cartsim.report.wording import labelled

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = 2


@drawn
def prediction_plot(
    samples: DataFrame,
    bands: DataFrame,
    outcomes: DataFrame | None = None,
    *,
    until: float,
    units: Mapping[str, str] | None = None,
    title: str = "",
) -> Figure:
    """Draw one panel an output, and one of probabilities where the model has outcomes.

    Parameters
    ----------
    samples : DataFrame
        Of one patient: output, time, value, censoring, lower, upper,
        used (bool; the others are drawn hollow).
    bands : DataFrame
        `infer.new_patient_tables.band_rows` of this patient.
    outcomes : DataFrame, optional
        outcome, before, probability.
    until : float
        Last day that was used; a line.
    """
    outputs = list(dict.fromkeys(bands["output"]))
    panels = len(outputs) + (outcomes is not None)
    rows = -(-panels // COLUMNS)
    figure = sheet(9.6, 1.2 + 2.6 * rows)
    grid = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    end = float(bands["time"].max())
    for axes, output in zip(grid, outputs, strict=False):
        _output(axes, samples[samples["output"] == output], bands[bands["output"] == output])
        axes.axvline(until, color=GREY, lw=1.0, ls=(0, (2, 2)))
        axes.set_ylabel(labelled(output, (units or {}).get(output, "")))
        split_days(axes, end)
    if outcomes is not None:
        _outcomes(grid[len(outputs)], outcomes)
    for axes in grid[panels:]:
        axes.set_visible(False)
    keys = [*_keys(until), *sample_keys(set(samples["censoring"])), *compressed_key(end)]
    figure.legend(handles=keys, loc="outside lower left", ncols=3)
    headline(figure, title)
    return figure


def _output(axes: Axes, samples: DataFrame, bands: DataFrame) -> None:
    time = bands["time"]
    axes.fill_between(time, bands["sample_q05"], bands["sample_q95"], color=BLUE, alpha=0.13, lw=0)
    axes.fill_between(time, bands["q05"], bands["q95"], color=BLUE, alpha=0.22, lw=0)
    axes.fill_between(time, bands["q25"], bands["q75"], color=BLUE, alpha=0.3, lw=0)
    axes.plot(time, bands["q50"], color=BLUE, lw=1.8)
    draw_samples(axes, samples[samples["used"]])
    later = samples[~samples["used"]]
    axes.plot(later["time"], later["value"], "o", ms=4.6, mfc="white", mec=INK, mew=0.9, zorder=5)
    top = max([float(bands["sample_q95"].max()), *samples["value"]])
    low = min([float(bands["q05"][time > 0].min()), *samples["value"]])
    axes.set_yscale("log")
    axes.set_ylim(max(low / 2.0, top * 1e-8), 2.0 * top)
    decades(axes.yaxis, 6)


def _outcomes(axes: Axes, outcomes: DataFrame) -> None:
    places = range(len(outcomes))
    axes.barh(places, outcomes["probability"], color=BLUE, alpha=0.75, height=0.6)
    axes.plot(outcomes["before"], places, "|", color=INK, ms=11, mew=2)
    for place, value in zip(places, outcomes["probability"], strict=True):
        axes.text(value + 0.02, place, f"{100 * value:.0f} %", va="center", fontsize=8)
    axes.set_yticks(list(places), list(outcomes["outcome"]))
    axes.invert_yaxis()
    axes.set_xlim(0.0, 1.16)
    axes.set_xticks([0.0, 0.25, 0.5, 0.75, 1.0])
    axes.set_xlabel("probability (bar); before the samples (mark)")
    axes.grid(axis="y", visible=False)


def _keys(until: float) -> list[Line2D | Patch]:
    return [
        Line2D([], [], color=BLUE, lw=1.8, label="median"),
        Patch(facecolor=BLUE, alpha=0.6, lw=0, label="50% of the curve"),
        Patch(facecolor=BLUE, alpha=0.35, lw=0, label="90% of the curve"),
        Patch(facecolor=BLUE, alpha=0.13, lw=0, label="90% of a new sample"),
        Line2D([], [], color=GREY, lw=1.0, ls=(0, (2, 2)), label=f"day {until:g}: used up to here"),
        Line2D([], [], marker="o", ls="none", ms=5, mfc="white", mec=INK, label="later sample, not used"),
    ]
