"""Each patient's samples with the fitted curve, its credible band and the band of a new sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cartsim.report.marks import band_keys, draw_samples, lloq_key, sample_keys
from cartsim.report.style import BLUE, VERMILION, decades, drawn, headline, sheet
from cartsim.report.time_axis import compressed_key, split_days
from cartsim.report.wording import exact, labelled, unit_text

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = 3  # panels side by side


@drawn
def individual_fits(
    observations: DataFrame,
    bands: DataFrame,
    *,
    output: str,
    subjects: Sequence[str],
    limit: float | None = None,
    remarks: Mapping[str, str] | None = None,
    title: str = "",
) -> Figure:
    """Draw one panel a patient of one output, all on the same axes.

    Parameters
    ----------
    observations : DataFrame
        `Dataset.observations`: time in days, value and limits in `unit`.
    bands : DataFrame
        `band_table`: 90% credible and predictive bands at fine times.
    limit : float, optional
        LLOQ, drawn as a line.
    remarks : mapping subject -> str, optional
        A few words behind a patient's name, such as a missed gate.
    """
    samples, curves = _of(observations, output, subjects), _of(bands, output, subjects)
    unit = samples["unit"].iloc[0] if len(samples) else ""
    columns = min(COLUMNS, max(1, len(subjects)))
    rows = -(-max(1, len(subjects)) // columns)
    figure = sheet(9.0, 1.25 + 2.15 * rows) if columns > 1 else sheet(7.0, 5.0)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    end = max([1.0, *samples["time"], *curves["time"]])
    for index, axes in enumerate(grid.flat):
        if index >= len(subjects):
            axes.set_visible(False)
            continue
        subject = subjects[index]
        _panel(axes, samples[samples["subject"] == subject], curves[curves["subject"] == subject], limit)
        lowest = index + columns >= len(subjects)
        split_days(axes, end, label=index // columns == rows - 1)
        axes.tick_params(labelbottom=lowest)
        remark = (remarks or {}).get(subject, "")
        axes.set_title(f"{subject}  ({remark})" if remark else subject, fontsize=9.5)
    _value_axis(grid[0, 0], samples, curves)
    figure.supylabel(labelled(output, unit), fontsize=9.5)
    figure.legend(
        handles=[
            *band_keys(),
            *sample_keys(set(samples["censoring"])),
            *([lloq_key(f"{exact(limit)} {unit_text(unit)}")] if limit is not None else []),
            *compressed_key(end),
        ],
        loc="outside lower left",
        ncols=3 if columns > 1 else 2,
    )
    headline(figure, title or f"{labelled(output, '')}: fit by patient")
    return figure


def _of(table: DataFrame, output: str, subjects: Sequence[str]) -> DataFrame:
    """Rows of one output and some patients, names as text."""
    rows = table.assign(subject=table["subject"].astype(str))
    return rows[(rows["output"] == output) & rows["subject"].isin(list(subjects))]


def _panel(axes: Axes, samples: DataFrame, curve: DataFrame, limit: float | None) -> None:
    time = curve["time"]
    axes.fill_between(
        time, curve["predictive_lower"], curve["predictive_upper"], color=BLUE, alpha=0.14, lw=0
    )
    axes.fill_between(time, curve["lower"], curve["upper"], color=BLUE, alpha=0.38, lw=0)
    axes.plot(time, curve["median"], color=BLUE, lw=1.6)
    if limit is not None:
        axes.axhline(limit, color=VERMILION, lw=1.0, ls=(0, (5, 3)), zorder=3)
    draw_samples(axes, samples)


def _value_axis(axes: Axes, samples: DataFrame, curves: DataFrame) -> None:
    """Log axis for values that can only be positive, cut a decade or two below the smallest sample."""
    seen = samples.loc[samples["censoring"] != 2, "value"].to_numpy(float)
    curve = curves[["median", "upper"]].to_numpy(float).ravel()
    everything = np.concatenate([seen, curve])
    everything = everything[np.isfinite(everything)]
    if not len(everything) or everything.min() < 0 or not (everything > 0).any():
        return
    axes.set_yscale("log")
    positive = everything[everything > 0]
    floor = (seen[seen > 0].min() if (seen > 0).any() else positive.max() * 1e-5) / 20.0
    top = max(positive.max(), np.nanmax(curves["predictive_upper"].to_numpy(float), initial=0.0))
    axes.set_ylim(10 ** np.floor(np.log10(floor)), min(top * 1.5, positive.max() * 30.0))
    decades(axes.yaxis)
