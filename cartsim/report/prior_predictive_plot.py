"""What the priors alone predict on each patient's sampling days, with the samples on top."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cartsim.report.marks import draw_samples, lloq_key, sample_keys
from cartsim.report.style import BLUE, VERMILION, decades, drawn, headline, plain, sheet, wide
from cartsim.report.time_axis import compressed_key, split_days
from cartsim.report.wording import exact, labelled, quantity

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = 3
DEPTH = 1e-3  # of the lowest sample: the bands of wide priors go further, the panel does not


@drawn
def prior_predictive_plot(
    bands: DataFrame, samples: DataFrame, counts: DataFrame, *, output: str, subjects: Sequence[str],
    limit: float | None = None, unit: str = "",
) -> Figure:  # fmt: skip
    """Draw one panel a patient: 5/50/95% of measurements simulated from the priors, and the samples.

    Parameters
    ----------
    bands, samples, counts : DataFrame
        The tables of `prior_predictive`.
    limit : float, optional
        LLOQ in the output's unit.
    """
    bands, samples, counts = (frame[frame["output"] == output] for frame in (bands, samples, counts))
    columns = min(COLUMNS, len(subjects))
    rows = -(-len(subjects) // columns)
    figure = sheet(9.0, 1.3 + 2.5 * rows)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    values = samples["value"]
    log = bool((values > 0).all() and (wide(values.min(), values.max()) or (bands["lower"] > 0).all()))
    end = max(bands["time"])
    for index, axes in enumerate(grid.flat):
        if index >= len(subjects):
            axes.set_visible(False)
            continue
        band = bands[bands["subject"].astype(str) == subjects[index]]
        axes.fill_between(band["time"], band["lower"], band["upper"], color=BLUE, alpha=0.18, lw=0)
        axes.plot(band["time"], band["median"], color=BLUE, lw=1.4)
        draw_samples(axes, samples[samples["subject"].astype(str) == subjects[index]])
        if limit is not None:
            axes.axhline(limit, color=VERMILION, lw=1.0, ls=(0, (5, 3)))
        split_days(axes, end, label=index >= len(subjects) - columns)
        axes.set_title(_counted(counts, subjects[index]), fontsize=8.5)
        if index % columns == 0:
            axes.set_ylabel(labelled(output, unit), fontsize=8)
    if log:
        grid[0, 0].set_yscale("log")
        bottom = DEPTH * values.min()
        top = min(1e3 * values.max(), 3.0 * max(bands["upper"].max(), values.max()))
        grid[0, 0].set_ylim(max(bottom, bands["lower"].clip(lower=bottom).min() / 2.0), top)
    for axes in grid.flat[: len(subjects)]:
        (decades if log else plain)(axes.yaxis)
    keys = [
        Line2D([], [], color=BLUE, label="prior median"),
        Patch(facecolor=BLUE, alpha=0.18, label="90% of measurements under the prior"),
        *sample_keys(set(samples["censoring"])),
    ]
    if limit is not None:
        keys.append(lloq_key(exact(limit)))
    figure.legend(handles=[*keys, *compressed_key(end)], loc="outside lower left", ncols=3)
    headline(figure, f"{quantity(output)}: what the priors expect before the data")
    return figure


def _counted(counts: DataFrame, subject: str) -> str:
    row = counts[counts["subject"].astype(str) == subject].iloc[0]
    expected = row["blq_expected"]
    text = f"{subject}: {row['outside_90']} of {row['quantified']} samples outside"
    text += f"\nBLQ {row['blq_observed']:.0%}"
    if expected == expected:
        text += f" (prior {expected:.0%})"
    return text
