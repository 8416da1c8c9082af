"""One simulated patient on one page: CAR-T phenotypes, cytokines, fever and CRS, myeloma and response."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cartsim.report.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PALE,
    PURPLE,
    SKY,
    VERMILION,
    decades,
    drawn,
    headline,
    plain,
    sheet,
    stamp,
)

if TYPE_CHECKING:
    from pandas import DataFrame

PHENOTYPES = (
    ("tem", "memory (Tem)", BLUE),
    ("effector_1", "effector Te_1", SKY),
    ("effector_2", "effector Te_2", ORANGE),
    ("exhausted_count", "exhausted", GREY),
)
CYTOKINES = (
    ("ifng", "IFN-γ", VERMILION),
    ("il6", "IL-6", BLUE),
    ("il8", "IL-8", GREEN),
    ("il10", "IL-10", PURPLE),
)
MARKERS = (
    ("m_protein", "M-protein", BLUE),
    ("free_light_chain", "involved free light chain", GREEN),
    ("sbcma", "soluble BCMA", ORANGE),
    ("burden", "myeloma cells", INK),
)
# Worse to better, light to dark; the words stand in the strip, so that colour is not the only sign.
RESPONSES = {
    "PD": VERMILION, "SD": PALE, "MR": "#D6E6F2", "PR": "#A9CCE3", "VGPR": "#7FB3D5", "CR": "#3E8EC4",
    "sCR": "#1B6CA8",
}  # fmt: skip
FEVER = 38.0
ACUTE_DAYS, EXPANSION_DAYS = 30.0, 60.0


@drawn
def patient_page(
    course: DataFrame,
    *,
    doses: DataFrame | None = None,
    crs: tuple[float, float, int] | None = None,
    responses: DataFrame | None = None,
    title: str = "",
) -> Figure:
    """Draw one patient's simulated course.

    Parameters
    ----------
    course : DataFrame
        Column `time` (day) and the outputs of `bcma_myeloma`.
    doses : DataFrame, optional
        Columns `time` (day) and `drug`, for marks.
    crs : (onset day, last day, surrogate grade), optional
    responses : DataFrame, optional
        Columns `time` (day) and `response`, a word such as VGPR.
    """
    figure = sheet(10.0, 7.2)
    cells, cytokines, fever, disease = figure.subplots(2, 2).flat
    _phenotypes(cells, course)
    _cytokines(cytokines, course, doses)
    _fever(fever, course, crs, doses)
    _disease(disease, course, responses)
    headline(figure, title or "One simulated patient")
    stamp(figure, ["SIMULATED"])
    return figure


def _phenotypes(axes: Axes, course: DataFrame) -> None:
    total = course["car_t"].to_numpy(float)
    shares = course.assign(exhausted_count=course["exhausted_fraction"] * total)
    shown = shares[shares["time"] <= EXPANSION_DAYS]
    layers = [shown[name].to_numpy(float) for name, _, _ in PHENOTYPES]
    rest = np.maximum(shown["car_t"].to_numpy(float) - np.sum(layers, axis=0), 0.0)
    axes.stackplot(
        shown["time"].to_numpy(float),
        *(rest, *layers),
        labels=("infused, not engrafted", *(label for _, label, _ in PHENOTYPES)),
        colors=(PALE, *(colour for _, _, colour in PHENOTYPES)),
    )
    axes.set(title="CAR-T cells by phenotype", xlabel="day", ylabel="cells/µL", xlim=(0.0, EXPANSION_DAYS))
    axes.legend(loc="upper right")
    plain(axes.yaxis)


def _cytokines(axes: Axes, course: DataFrame, doses: DataFrame | None) -> None:
    shown = course[course["time"] <= ACUTE_DAYS]
    for name, label, colour in CYTOKINES:
        axes.plot(shown["time"], shown[name], color=colour, label=label)
    axes.plot(shown["time"], shown["il6_signal"], color=BLUE, ls=":", label="IL-6 that still signals")
    axes.set_yscale("log")
    axes.set(title="Cytokines in serum", xlabel="day", ylabel="pg/mL", xlim=(0.0, ACUTE_DAYS))
    axes.set_ylim(bottom=max(0.3, shown["il6_signal"].min() / 1.5))
    decades(axes.yaxis)
    _mark_doses(axes, doses)
    axes.legend(loc="upper right")


def _fever(
    axes: Axes, course: DataFrame, crs: tuple[float, float, int] | None, doses: DataFrame | None
) -> None:
    shown = course[course["time"] <= ACUTE_DAYS]
    axes.plot(shown["time"], shown["temperature"], color=VERMILION, label="temperature")
    axes.axhline(FEVER, color=INK, lw=0.8, ls="--")
    axes.annotate("38 °C", (ACUTE_DAYS, FEVER), ha="right", va="bottom", fontsize=8)
    axes.set(xlabel="day", ylabel="°C", xlim=(0.0, ACUTE_DAYS))
    axes.set_title("Temperature and CRP: no CRS" if crs is None else f"CRS, surrogate grade {crs[2]}")
    if crs is not None:
        axes.axvspan(crs[0], crs[1], color=ORANGE, alpha=0.18, lw=0, label="CRS")
    _mark_doses(axes, doses)
    other = axes.twinx()
    other.plot(shown["time"], shown["crp"], color=GREY, lw=1.2)
    other.set_ylabel("CRP, mg/L (grey)", color=GREY)
    other.spines["right"].set_visible(True)
    other.grid(visible=False)
    plain(other.yaxis)
    axes.legend(loc="upper right")


def _disease(axes: Axes, course: DataFrame, responses: DataFrame | None) -> None:
    days = course["time"].to_numpy(float)
    for name, label, colour in MARKERS:
        values = course[name].to_numpy(float)
        axes.plot(days, np.where(values > 0.0, values, np.nan) / values[0], color=colour, label=label)
    axes.set_yscale("log")
    axes.set(title="Myeloma, over baseline", xlabel="day", ylabel="times baseline", xlim=(0.0, days[-1]))
    axes.set_ylim(1e-6, 30.0)
    decades(axes.yaxis)
    if responses is not None and len(responses):
        _strip(axes, responses, days[-1])
    axes.legend(loc="lower right" if course["burden"].iloc[-1] < course["burden"].iloc[0] / 1e3 else "best")


def _strip(axes: Axes, responses: DataFrame, end: float) -> None:
    """The response at each visit, a box until the next one; runs of one response share their word."""
    times, words = responses["time"].to_numpy(float), responses["response"].to_numpy(str)
    starts = [0, *(k for k in range(1, len(words)) if words[k] != words[k - 1]), len(words)]
    for first, last in pairwise(starts):
        left = times[first]
        right = times[last] if last < len(times) else end
        axes.axvspan(left, right, 0.93, 1.0, color=RESPONSES.get(words[first], PALE), lw=0)
        dark = words[first] in ("CR", "sCR", "PD")
        axes.annotate(
            *(words[first], (0.5 * (left + right), 0.965)),
            xycoords=("data", "axes fraction"),
            ha="center",
            va="center",
            fontsize=7.5,
            color="white" if dark else INK,
        )


def _mark_doses(axes: Axes, doses: DataFrame | None) -> None:
    if doses is None:
        return
    for drug, rows in doses.groupby("drug", sort=False):
        for k, day in enumerate(rows["time"]):
            axes.axvline(day, color=INK, lw=0.9, ls="-.", label=drug if k == 0 else None)
