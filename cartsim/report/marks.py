"""How one patient's samples are drawn: dots where quantified, arrows where only a limit is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.path import Path

from cartsim.report.style import BLUE, INK, VERMILION

if TYPE_CHECKING:
    from pandas import DataFrame

QUANTIFIED, LEFT, RIGHT, INTERVAL = 0, 1, 2, 3
_DOWN = Path(
    [(-0.5, 0), (0.5, 0), (0, 0), (0, -1.5), (-0.35, -1.0), (0, -1.5), (0.35, -1.0)],
    [Path.MOVETO, Path.LINETO, Path.MOVETO, Path.LINETO, Path.MOVETO, Path.LINETO, Path.LINETO],
)
_UP = Path(_DOWN.vertices * (1, -1), _DOWN.codes)
_ARROW = {"ls": "none", "markersize": 12, "mfc": "none", "mec": VERMILION, "mew": 1.5}


def draw_samples(axes: Axes, samples: DataFrame) -> None:
    """Draw samples (columns time, value, censoring, lower, upper) of one patient and output."""
    quantified = samples[samples["censoring"] == QUANTIFIED]
    axes.plot(quantified["time"], quantified["value"], "o", ms=4.2, color=INK, mec="white", mew=0.6, zorder=5)
    draw_limits(axes, samples, "time")
    between = samples[samples["censoring"] == INTERVAL]
    if len(between):
        axes.vlines(between["time"], between["lower"], between["upper"], color=VERMILION, lw=2.2, zorder=5)


def draw_limits(
    axes: Axes, samples: DataFrame, across: str, lower: str = "lower", upper: str = "upper"
) -> None:
    """Draw arrows from the limit of left (down) and right (up) censored samples at column `across`."""
    below = samples[samples["censoring"] == LEFT]
    axes.plot(below[across], below[upper], marker=_DOWN, **_ARROW, zorder=5)
    above = samples[samples["censoring"] == RIGHT]
    axes.plot(above[across], above[lower], marker=_UP, **_ARROW, zorder=5)


def sample_keys(censoring: set[int], *, limits: bool = True) -> list[Line2D | Patch]:
    """Give the legend entries for the kinds of samples that occur."""
    keys: list[Line2D | Patch] = []
    if QUANTIFIED in censoring:
        keys.append(Line2D([], [], marker="o", ls="none", ms=5, color=INK, label="sample"))
    if LEFT in censoring:
        text = "below LLOQ: arrow from the limit" if limits else "BLQ, at the limit"
        keys.append(Line2D([], [], marker=_DOWN, **_ARROW, label=text))
    if RIGHT in censoring:
        keys.append(Line2D([], [], marker=_UP, **_ARROW, label="above ULOQ: arrow from the limit"))
    if INTERVAL in censoring:
        keys.append(Line2D([], [], color=VERMILION, lw=2.2, label="between two limits"))
    return keys


def band_keys() -> list[Line2D | Patch]:
    """Give the legend entries of the model's curve and its bands."""
    return [
        Line2D([], [], color=BLUE, lw=1.8, label="posterior median"),
        Patch(facecolor=BLUE, alpha=0.47, lw=0, label="90% credible band (curve)"),
        Patch(facecolor=BLUE, alpha=0.14, lw=0, label="90% predictive band (new sample)"),
    ]


def lloq_key(limit: str) -> Line2D:
    """Give the legend entry of the quantification limit."""
    return Line2D([], [], color=VERMILION, lw=1.0, ls=(0, (5, 3)), label=f"LLOQ {limit}")
