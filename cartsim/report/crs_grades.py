"""Surrogate grades of CRS by product: bars of one length, with the number of patients in each part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from cartsim.report.style import GREY, INK, ORANGE, PALE, VERMILION, drawn, headline, plain, sheet, stamp
from cartsim.report.wording import whole

if TYPE_CHECKING:
    from pandas import DataFrame

COLOURS = {
    "no CRS": PALE, "grade 1": "#F6D99A", "grade 2": ORANGE, "grade 3 or worse": VERMILION,
    "not solved": GREY,
}  # fmt: skip
SURROGATE = (
    "Grades are a surrogate drawn from peak IL-6 (no blood pressure or oxygen need is simulated); "
    "the cut for grade 2 was chosen for each product."
)
DIGIT = 0.9  # percent; width of a digit: narrower parts have no room for their count


@drawn
def crs_grades(table: DataFrame, *, title: str = "") -> Figure:
    """Draw one bar a group.

    Parameters
    ----------
    table : DataFrame
        Columns `group`, `grade` (a word of `COLOURS`), `patients`, as of `grade_counts`.
    """
    groups = list(dict.fromkeys(table["group"]))
    figure = sheet(8.5, 1.7 + 0.55 * len(groups))
    axes = figure.subplots()
    for y, group in enumerate(groups):
        rows = table[table["group"] == group]
        total, left = max(int(rows["patients"].sum()), 1), 0.0
        for grade, patients in zip(rows["grade"], rows["patients"], strict=True):
            width = 100.0 * patients / total
            axes.barh(-y, width, left=left, height=0.62, color=COLOURS[grade], edgecolor="white", lw=0.8)
            if width >= DIGIT * len(str(patients)):
                axes.annotate(
                    *(whole(patients), (left + 0.5 * width, -y)),
                    ha="center",
                    va="center",
                    fontsize=8.5,
                    color="white" if grade == "grade 3 or worse" else INK,
                )
            left += width
    totals = table.groupby("group", sort=False)["patients"].sum()
    axes.set_yticks(
        [-k for k in range(len(groups))], [f"{name}\n{whole(totals[name])} patients" for name in groups]
    )
    axes.set(xlim=(0.0, 100.0), xlabel="Share of virtual patients, % (number in the bar)")
    plain(axes.xaxis, 6)
    axes.grid(visible=False, axis="y")
    found = [grade for grade in COLOURS if grade in set(table["grade"])]
    handles = [Patch(facecolor=COLOURS[grade], label=grade) for grade in found]
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=len(found))
    headline(figure, title or "CRS by surrogate grade", SURROGATE)
    stamp(figure, ["SIMULATED"])
    return figure
