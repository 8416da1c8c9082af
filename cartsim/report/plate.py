"""One figure of the report before it is drawn, and how plates name and bind what they draw."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from cartsim.report.contents import ReportContents


@dataclass(frozen=True)
class Plate:
    """One figure of the report: `name` (file stem), section, caption, text for the blind, how to draw it."""

    name: str
    section: str
    caption: str
    alt: str
    draw: Callable[[], Figure]
    subject: str = ""
    dpi: int = 144


def units_of(contents: ReportContents) -> dict[str, str]:
    """Unit of each parameter."""
    table = contents.parameters.drop_duplicates("name")
    return dict(zip(table["name"], table["unit"], strict=True))


def unit_of(contents: ReportContents, output: str) -> str:
    """Unit of an output as measured; nothing where no samples are given."""
    if contents.observations is None:
        return ""
    units = contents.observations.loc[contents.observations["output"] == output, "unit"]
    return str(units.iloc[0]) if len(units) else ""


def later(function: Callable[..., Figure], *args: object, **kwargs: object) -> Callable[[], Figure]:
    """Bind the arguments now (not at the end of the loop), draw when asked."""
    return lambda: function(*args, **kwargs)


def stem(name: object) -> str:
    """Reduce a name to what every file system takes; the running number keeps it unique."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in str(name))[:40]
