"""One simulated patient on one page: CAR-T phenotypes, cytokines, fever and CRS, myeloma and response."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cartsim.report.end_labels import end_labels
from cartsim.report.response_colours import RESPONSES, word_colour
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
from cartsim.report.wording import number, power_of_ten

if TYPE_CHECKING:
    from pandas import DataFrame

PHENOTYPES = (
    ("tem", "memory (Tem)", BLUE),
    ("effector_1", "activated (Te_1)", SKY),
    ("effector_2", "cytotoxic (Te_2)", ORANGE),
    ("exhausted_count", "exhausted", GREY),
)
CYTOKINES = (
    ("ifng", "IFN-γ", VERMILION),
    ("il6", "IL-6", BLUE),
    ("il8", "IL-8", GREEN),
    ("il10", "IL-10", PURPLE),
)
MARKERS = (
    ("m_protein", "M-protein", "g/dL", BLUE),
    ("free_light_chain", "free light chain", "mg/L", GREEN),
    ("sbcma", "soluble BCMA", "ng/mL", ORANGE),
    ("burden", "myeloma cells", "", INK),
)
FOLLOWED = {"m_protein": "m_protein", "flc": "free_light_chain"}  # thick: what the response is read from
FEVER = 38.0
ACUTE_DAYS, EXPANSION_DAYS = 30.0, 60.0
FAINTEST = 1.0  # pg/mL; lowest cytokine shown, below what assays quantify
LOWEST, HIGHEST = 1e-6, 300.0  # times baseline; the strip is above 30
NOTE = "Virtual patient: simulated by a model that is not validated. Not for clinical decisions."


@drawn
def patient_page(
    course: DataFrame,
    *,
    doses: DataFrame | None = None,
    crs: tuple[float, float, int] | None = None,
    responses: DataFrame | None = None,
    measured_by: str | None = None,
    death_day: float = float("nan"),
    title: str = "",
) -> Figure:
    """Draw one patient's simulated course.

    Parameters
    ----------
    course : DataFrame
        Column `time` (day) and the outputs of `bcma_myeloma`, to the end of follow-up or to death.
    doses : DataFrame, optional
        Columns `time` (day) and `drug`, for marks.
    crs : (onset day, last day, surrogate grade), optional
    responses : DataFrame, optional
        Columns `time` (day) and `response`, a word such as VGPR.
    measured_by : "m_protein" or "flc", optional
        What the response is read from, drawn thick; an M-protein that is not it is left out.
    death_day : float, day; NaN = alive
    """
    figure = sheet(11.0, 7.6)
    cells, cytokines, fever, disease = figure.subplots(2, 2).flat
    _phenotypes(cells, course)
    _cytokines(cytokines, course, doses)
    _fever(fever, course, crs, doses)
    _disease(disease, course, responses, measured_by)
    for axes in (cells, cytokines, fever, disease):
        axes.set_xlabel("Days after infusion")
        if death_day <= axes.get_xlim()[1]:
            below_legend = 0.76 if axes is cells else 0.985
            _mark_day(axes, death_day, f"died, day {death_day:.0f}", VERMILION, top=below_legend)
    headline(figure, title or "One simulated patient", NOTE)
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
        labels=("infused", *(label for _, label, _ in PHENOTYPES)),
        colors=(PALE, *(colour for _, _, colour in PHENOTYPES)),
    )
    axes.set(title="CAR-T cells in blood, by phenotype", ylabel="cells/µL", xlim=(0.0, EXPANSION_DAYS))
    axes.set_ylim(0.0, 1.25 * max(shown["car_t"].max(), 1.0))
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], loc="upper left", ncols=3)  # in the order of the stack
    plain(axes.yaxis)


def _cytokines(axes: Axes, course: DataFrame, doses: DataFrame | None) -> None:
    shown = course[course["time"] <= ACUTE_DAYS]
    for name, label, colour in CYTOKINES:
        axes.plot(shown["time"], shown[name], color=colour, label=label)
    last = shown.iloc[-1]
    ends = [(last["time"], last[name], label, colour) for name, label, colour in CYTOKINES]
    if doses is not None and len(doses):  # without a blocker the two curves are one
        axes.plot(shown["time"], shown["il6_signal"], color=BLUE, ls=(0, (1, 1.2)), lw=1.3)
        ends.append((last["time"], last["il6_signal"], "IL-6 not blocked", BLUE))
    axes.set_yscale("log")
    axes.set(title="Cytokines in serum", ylabel="pg/mL", xlim=(0.0, ACUTE_DAYS))
    highest = max(shown[name].max() for name, _, _ in CYTOKINES)
    axes.set_ylim(FAINTEST, max(1e3, 3.0 * highest))
    decades(axes.yaxis)
    _mark_doses(axes, doses)
    end_labels(axes, ends)


def _fever(
    axes: Axes, course: DataFrame, crs: tuple[float, float, int] | None, doses: DataFrame | None
) -> None:
    shown = course[course["time"] <= ACUTE_DAYS]
    axes.set(ylabel="Temperature, °C", xlim=(0.0, ACUTE_DAYS))
    axes.set_ylim(min(36.0, shown["temperature"].min() - 0.2), max(40.5, shown["temperature"].max() + 0.6))
    other = axes.twinx()
    other.plot(shown["time"], shown["crp"], color=GREY, lw=1.2)
    other.set_ylabel("CRP, mg/L (grey line)", color=GREY)
    other.set_ylim(0.0, max(100.0, 1.35 * shown["crp"].max()))
    other.spines["right"].set_visible(True)
    other.grid(visible=False)
    plain(other.yaxis)
    axes.set_zorder(other.get_zorder() + 1)  # fever is what CRS is read from: above CRP
    axes.patch.set_visible(False)
    axes.grid(visible=False)
    axes.plot(shown["time"], shown["temperature"], color=VERMILION, lw=2.0)
    axes.yaxis.label.set_color(VERMILION)
    axes.axhline(FEVER, color=INK, lw=0.8, ls="--")
    axes.annotate("fever, 38 °C", (ACUTE_DAYS, FEVER), ha="right", va="bottom", fontsize=8)
    if crs is None:
        axes.set_title("Temperature and CRP: no CRS")
    else:
        axes.set_title(f"CRS of surrogate grade {crs[2]}, day {crs[0]:.1f} to {crs[1]:.1f} (shaded)")
        axes.axvspan(crs[0], crs[1], color=ORANGE, alpha=0.18, lw=0)
    _mark_doses(axes, doses)


def _disease(axes: Axes, course: DataFrame, responses: DataFrame | None, measured_by: str | None) -> None:
    days, ends = course["time"].to_numpy(float), []
    followed = FOLLOWED.get(measured_by or "", "")
    for name, label, unit, colour in MARKERS:
        values = course[name].to_numpy(float)
        if values[0] <= 0.0 or (name == "m_protein" and measured_by not in (None, "m_protein")):
            continue
        share = np.where(values > 0.0, values, np.nan) / values[0]
        axes.plot(days, share, color=colour, lw=2.6 if name == followed else 1.4)
        ends.append((days[-1], share[-1], f"{label}, from {number(values[0], 2)} {unit}".rstrip(), colour))
    axes.set_yscale("log")
    axes.set(title="Myeloma, over baseline", ylabel="times baseline")
    axes.set_xlim(0.0, max(days[-1], 100.0))
    axes.set_ylim(LOWEST, HIGHEST)
    axes.set_yticks([10.0**k for k in range(-6, 2)])
    axes.yaxis.set_major_formatter(power_of_ten)
    axes.minorticks_off()
    for level, text in ((0.5, "−50 %"), (0.1, "−90 %")):
        axes.axhline(level, color=GREY, lw=0.8, ls=(0, (4, 3)))
        axes.annotate(
            text, (0.99, level), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=7
        )
    gone = days[course["burden"].to_numpy(float) <= 0.0]
    if len(gone):
        axes.annotate(
            *(f"no myeloma cell left from day {gone[0]:.0f}", (0.98, 0.03)),
            xycoords="axes fraction",
            ha="right",
            fontsize=8,
        )
    if responses is not None and len(responses):
        _strip(axes, responses, days[-1])
    end_labels(axes, ends, highest=0.88)


def _strip(axes: Axes, responses: DataFrame, end: float) -> None:
    """The response at each visit, a box until the next one; runs of one response share their word."""
    times, words = responses["time"].to_numpy(float), responses["response"].to_numpy(str)
    starts = [0, *(k for k in range(1, len(words)) if words[k] != words[k - 1]), len(words)]
    for first, last in pairwise(starts):
        left = times[first]
        right = times[last] if last < len(times) else end
        axes.axvspan(left, right, 0.93, 1.0, color=RESPONSES.get(words[first], PALE), lw=0)
        axes.annotate(
            *(words[first], (0.5 * (left + right), 0.965)),
            xycoords=("data", "axes fraction"),
            ha="center",
            va="center",
            fontsize=7.5,
            color=word_colour(words[first]),
        )


def _mark_doses(axes: Axes, doses: DataFrame | None) -> None:
    if doses is None:
        return
    for drug, rows in doses.groupby("drug", sort=False):
        for k, day in enumerate(rows["time"]):
            _mark_day(axes, day, f"{drug}, day {day:.1f}" if k == 0 else "", INK)


def _mark_day(axes: Axes, day: float, text: str, colour: str, *, top: float = 0.985) -> None:
    axes.axvline(day, color=colour, lw=1.0, ls="-.")
    axes.annotate(
        *(text, (day, top)),
        xycoords=("data", "axes fraction"),
        xytext=(3, 0),
        textcoords="offset points",
        va="top",
        fontsize=8,
        color=colour,
    )
