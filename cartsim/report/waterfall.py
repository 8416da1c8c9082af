"""Best change of M-protein or involved light chain, one bar a patient, from worst to best."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from cartsim.report.response_colours import RESPONSES, response_keys
from cartsim.report.style import GREY, INK, drawn, headline, plain, sheet, stamp
from cartsim.report.wording import whole

if TYPE_CHECKING:
    from pandas import DataFrame

MOST = 100.0  # percent; a higher rise is cut here and marked
HATCH = "/////"
MEASURED = ("m_protein", "flc")


@drawn
def waterfall(table: DataFrame, *, title: str = "") -> Figure:
    """Draw the best change from baseline of every patient with something measurable in serum.

    Parameters
    ----------
    table : DataFrame
        Columns `best_change` (percent of baseline), `best_response_word`, `measured_by`, one row a patient,
        as of `outcome_table`. Who has no value (no visit, nothing measurable, not solved) is counted only.
    """
    serum = table["measured_by"].isin(MEASURED)
    shown = table[serum & table["best_change"].notna()]
    shown = shown.sort_values("best_change", ascending=False, kind="stable")
    figure = sheet(9.0, 5.0)
    axes = figure.subplots()
    change = shown["best_change"].to_numpy(float)
    words = shown["best_response_word"].to_numpy(str)
    chains = shown["measured_by"].to_numpy(str) == "flc"
    place = np.arange(len(shown))
    bars = axes.bar(
        *(place, np.minimum(change, MOST)),
        width=1.0 if len(shown) > 60 else 0.85,
        color=[RESPONSES[word] for word in words],
        edgecolor=[GREY if word == "NE" else "white" for word in words],
        linewidth=0.25,
    )
    for bar in np.array(bars.patches, dtype=object)[chains]:
        bar.set(hatch=HATCH, edgecolor=INK, linewidth=0.0)
    cut = place[change > MOST]
    axes.plot(cut, np.full(len(cut), MOST + 3.0), "^", color=INK, ms=4)
    axes.axhline(0.0, color=INK, lw=0.8)
    for level, text in ((-50.0, "−50% (PR)"), (-90.0, "−90% (VGPR)")):
        axes.axhline(level, color=INK, lw=0.9, ls=(0, (4, 3)))
        axes.annotate(
            text, (0.004, level), xycoords=("axes fraction", "data"), va="bottom", fontsize=8, color=INK
        )
    axes.set(ylim=(-104.0, MOST + 8.0), xlim=(-1.0, max(len(shown), 1)), xticks=[])
    axes.set_ylabel("Best change from baseline, %")
    axes.set_xlabel(f"{whole(len(shown))} virtual patients, worst to best")
    plain(axes.yaxis, 9)
    axes.grid(visible=False, axis="x")
    keys = response_keys(set(words))
    if chains.any():
        keys.append(Patch(facecolor="white", edgecolor=INK, hatch=HATCH, label="followed by light chains"))
    figure.legend(handles=keys, loc="outside lower left", ncols=5, title="Best response", alignment="left")
    missing = len(table) - len(shown)
    lost = f" ({whole(missing)} more without a value)" if missing else ""
    headline(figure, title or f"Best change of M-protein or involved light chain{lost}")
    stamp(figure, ["SIMULATED"])
    return figure
