"""The time axis of a CAR-T patient: days 0-28 wide, the months after them narrow."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from cartsim.report.style import GREY, PALE

EARLY = 28.0  # day up to which expansion and contraction are sampled densely
EARLY_SHARE = 0.54  # of the width, given to the first 28 days
LONG = 60.0  # follow-up from which the axis is split
SMOOTH = 7.0  # day round which the smooth axis turns from straight to logarithmic
_TICKS = (60, 90, 180, 270, 365, 545, 730, 1095, 1460, 1825, 2190, 2555, 2920, 3285, 3650)
_SMOOTH_TICKS = (0, 3, 7, 14, 28, 60, 120, 365, 1095, 3650)


def split_days(axes: Axes, end: float, *, label: bool = True) -> None:
    """Scale the time axis, days, to `end`; past day 60 the part after day 28 is compressed.

    Linear on both sides of day 28, so that an exponential on a log axis stays straight.
    """
    end = max(float(end), 1.0)
    if end <= LONG:
        axes.set_xlim(-0.015 * end, 1.02 * end)
        step = 7 if end > 10 else 1
        axes.set_xticks(np.arange(0, end + 1e-9, step))
    else:
        late = (1.0 - EARLY_SHARE) / (end - EARLY)
        early = EARLY_SHARE / EARLY

        def forward(day: np.ndarray) -> np.ndarray:
            day = np.asarray(day, dtype=float)
            return np.where(day <= EARLY, day * early, EARLY_SHARE + (day - EARLY) * late)

        def inverse(share: np.ndarray) -> np.ndarray:
            share = np.asarray(share, dtype=float)
            return np.where(share <= EARLY_SHARE, share / early, EARLY + (share - EARLY_SHARE) / late)

        axes.set_xscale("function", functions=(forward, inverse))
        axes.set_xlim(-0.5, EARLY + (end - EARLY) * 1.04)
        axes.set_xticks([0, 7, 14, 21, 28, *_late_ticks(end)])
        axes.axvspan(EARLY, EARLY + (end - EARLY) * 1.04, color=PALE, alpha=0.45, lw=0, zorder=0)
        axes.axvline(EARLY, color=GREY, lw=0.7, ls=(0, (2, 2)), zorder=0.5)
    axes.minorticks_off()
    axes.set_xticklabels([f"{tick:g}" for tick in axes.get_xticks()])
    if label:
        axes.set_xlabel("Days after infusion")


def smooth_days(axes: Axes, end: float, *, label: bool = True) -> None:
    """The same with one smooth scale past day 60, asinh(day / 7): a smooth course shows no kink.

    For models alone: beside data the straight halves of `split_days` let a rate be read off.
    """
    if end <= LONG:
        split_days(axes, end, label=label)
        return
    axes.set_xscale("asinh", linear_width=SMOOTH)
    axes.set_xlim(-0.3, end * 1.1)
    axes.set_xticks([tick for tick in _SMOOTH_TICKS if tick <= end * 1.02])
    axes.minorticks_off()
    axes.set_xticklabels([f"{tick:g}" for tick in axes.get_xticks()])
    if label:
        axes.set_xlabel("Days after infusion (later days narrower)")


def compressed_key(end: float) -> list[Patch]:
    """Give the legend entry that explains the shaded, compressed part; nothing where there is none."""
    if end <= LONG:
        return []
    return [Patch(facecolor=PALE, alpha=0.6, lw=0, label="after day 28: time axis compressed")]


def _late_ticks(end: float) -> list[float]:
    """Months after day 28, at least a ninth of the late part apart so that the labels stay clear."""
    kept: list[float] = []
    last = EARLY
    for tick in _TICKS:
        if tick <= end * 1.02 and tick - last >= (end - EARLY) / 6.0:
            kept.append(tick)
            last = tick
    return kept
