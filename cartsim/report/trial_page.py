"""The page of a virtual trial: its tables in words a reader knows, its figures, what was run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cartsim.data.write import replace_bytes, replace_text
from cartsim.report.html import Printed, environment
from cartsim.report.plate import Plate
from cartsim.report.style import png, svg
from cartsim.report.tables import grid

if TYPE_CHECKING:
    from pandas import DataFrame

BANNER = "SIMULATED: virtual patients, no observed data but what is called observed"


@dataclass(frozen=True)
class TrialSection:
    """One part of the page: sentences, tables by caption, then figures (plates of this section's name)."""

    name: str
    heading: str
    sentences: Sequence[str] = ()
    tables: Sequence[tuple[str, DataFrame]] = ()


@dataclass(frozen=True)
class TrialContents:
    """Everything that the page of a virtual trial prints and draws."""

    title: str
    paragraphs: Sequence[str]
    sections: Sequence[TrialSection]
    plates: Sequence[Plate]
    run: Mapping[str, str]
    banner: str = BANNER


def write_trial_page(folder: Path, contents: TrialContents) -> tuple[str, ...]:
    """Write report.html into `folder` and its figures (PNG, SVG) into figures/; names of what was written."""
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    printed, names = [], []
    for plate in contents.plates:
        figure = plate.draw()
        printed.append(Printed(plate, png(figure, plate.dpi)))
        for name, content in ((f"{plate.name}.png", printed[-1].png), (f"{plate.name}.svg", svg(figure))):
            replace_bytes(folder / "figures" / name, content or b"")
            names.append(f"figures/{name}")
    replace_text(folder / "report.html", render_trial(contents, printed))
    return (*names, "report.html")


def render_trial(contents: TrialContents, figures: Sequence[Printed]) -> str:
    """The page as text; it needs no network."""
    sections = [
        {
            "name": section.name,
            "heading": section.heading,
            "sentences": section.sentences,
            "tables": [(caption, grid(table)) for caption, table in section.tables],
            "figures": [figure for figure in figures if figure.plate.section == section.name],
        }
        for section in contents.sections
    ]
    return (
        environment()
        .get_template("trial.html")
        .render(
            title=contents.title,
            banner=contents.banner,
            paragraphs=contents.paragraphs,
            sections=sections,
            run=list(contents.run.items()),
        )
    )
