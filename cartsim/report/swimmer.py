"""One bar a patient: CRS and its treatment in the first weeks, response, progression and death after them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cartsim.report.response_colours import RESPONSES, response_keys, word_colour
from cartsim.report.style import GREY, INK, ORANGE, PALE, VERMILION, drawn, headline, plain, sheet, stamp

if TYPE_CHECKING:
    from pandas import DataFrame

ACUTE_DAYS = 28.0
SHORTEST_WORD = 0.055  # of the follow-up: shorter segments have no room for their word
MARKS = {
    "progression": ("X", VERMILION, "progression"),
    "death": ("s", INK, "died"),
    "ongoing": (">", GREY, "alive at the end of follow-up"),
}
DRUG = ("v", INK)


@drawn
def swimmer(
    segments: DataFrame, *, crs: DataFrame | None = None, events: DataFrame | None = None, title: str = ""
) -> Figure:
    """Draw up to some thirty patients, the first of `segments` at the top.

    Parameters
    ----------
    segments : DataFrame
        Columns `patient`, `start`, `end` (day), `response`, a word such as VGPR; as of `swim_lanes`.
    crs : DataFrame, optional
        Columns `patient`, `start`, `end`, `grade`.
    events : DataFrame, optional
        Columns `patient`, `time`, `event`: progression, death, ongoing; anything else is a drug.
    """
    patients = list(dict.fromkeys(segments["patient"]))
    height = {patient: -k for k, patient in enumerate(patients)}
    figure = sheet(10.5, 2.0 + 0.2 * max(len(patients), 3))
    acute, late = figure.subplots(1, 2, width_ratios=(1.0, 2.3), sharey=True)
    end = float(segments["end"].max()) if len(segments) else ACUTE_DAYS
    drugs = _acute(acute, height, crs, events)
    _late(late, segments, height, end)
    found = _marks(late, height, events)
    acute.set_ylim(-len(patients) + 0.4, 0.6)
    acute.set_yticks(list(height.values()), [str(patient) for patient in patients])
    acute.set(ylabel="Virtual patient", xlabel="Days after infusion", xlim=(0.0, ACUTE_DAYS))
    acute.set_xticks(range(0, 29, 7))
    acute.set_title("CRS (its surrogate grade)")
    late.set(xlabel="Days after infusion", xlim=(0.0, 1.035 * end))
    late.set_title("Best confirmed response so far")
    plain(late.xaxis, 9)
    for axes in (acute, late):
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0, labelsize=7.5)
    keys = response_keys(set(segments["response"]) - {"NE"})
    keys += [Patch(facecolor=PALE, label="before the first visit")]
    keys += [Patch(facecolor=ORANGE, label="CRS")] if crs is not None and len(crs) else []
    keys += [Line2D([], [], marker=DRUG[0], color=DRUG[1], ls="none", label=drug) for drug in drugs]
    keys += [
        Line2D([], [], marker=marker, color=colour, ls="none", ms=6.5, label=text)
        for event, (marker, colour, text) in MARKS.items()
        if event in found
    ]
    figure.legend(handles=keys, loc="outside lower left", ncols=6)
    headline(figure, title or f"{len(patients)} virtual patients")
    stamp(figure, ["SIMULATED"])
    return figure


def _acute(axes: Axes, height: dict, crs: DataFrame | None, events: DataFrame | None) -> list[str]:
    """CRS as bars with the grade; drugs as marks. Names of the drugs."""
    for row in () if crs is None else crs.itertuples():
        y = height[row.patient]
        axes.barh(y, row.end - row.start, left=row.start, height=0.72, color=ORANGE, alpha=0.75)
        axes.annotate(
            *(f"{row.grade}", (row.end, y)),
            xytext=(3, 0),
            textcoords="offset points",
            ha="left",
            va="center",
            fontsize=7.5,
        )
    if events is None:
        return []
    given = events[~events["event"].isin(list(MARKS))]
    axes.plot(
        given["time"], given["patient"].map(height), DRUG[0], color=DRUG[1], ms=4.5, ls="none", zorder=5
    )
    deaths = events[(events["event"] == "death") & (events["time"] <= ACUTE_DAYS)]
    marker, colour, _ = MARKS["death"]
    axes.plot(deaths["time"], deaths["patient"].map(height), marker, color=colour, ms=5, ls="none", zorder=5)
    return list(dict.fromkeys(given["event"]))


def _late(axes: Axes, segments: DataFrame, height: dict, end: float) -> None:
    for row in segments.itertuples():
        y, length = height[row.patient], row.end - row.start
        colour = PALE if row.response == "NE" else RESPONSES[row.response]
        axes.barh(y, length, left=row.start, height=0.8, color=colour)
        if row.response != "NE" and length >= SHORTEST_WORD * end:
            axes.annotate(
                *(row.response, (row.start + 0.5 * length, y)),
                ha="center",
                va="center_baseline",
                fontsize=7,
                color=word_colour(row.response),
            )


def _marks(axes: Axes, height: dict, events: DataFrame | None) -> set[str]:
    if events is None:
        return set()
    for event, (marker, colour, _) in MARKS.items():
        rows = events[events["event"] == event]
        axes.plot(
            *(rows["time"], rows["patient"].map(height)),
            marker,
            color=colour,
            mec="white",
            mew=0.6,
            ms=7,
            ls="none",
            zorder=5,
            clip_on=False,
        )
    return set(events["event"])
