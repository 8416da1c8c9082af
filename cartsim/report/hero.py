"""The figure of the README's first screen: six patients, legible at 900 pixels' width."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from cartsim.report.individual_fits import individual_fits
from cartsim.report.style import stamp
from cartsim.report.wording import quantity

if TYPE_CHECKING:
    from cartsim.report.contents import ReportContents

PANELS = 6
DPI = 100  # of the 9-inch figure: 900 pixels


def hero(contents: ReportContents, *, output: str) -> Figure:
    """Draw the first six patients' fits of one output, marked as simulated where they are.

    Raises
    ------
    ValueError
        If the contents must not show observations or hold none.
    """
    if not contents.show_observations or contents.observations is None or contents.bands is None:
        raise ValueError("the hero figure shows samples: it needs contents with show_observations=True")
    figure = individual_fits(
        contents.observations,
        contents.bands,
        output=output,
        subjects=contents.subjects[:PANELS],
        limit=contents.limits.get(output),
        title=f"{quantity(output)}: samples, posterior median and 90% bands",
    )
    stamp(figure, contents.stamps)
    return figure
