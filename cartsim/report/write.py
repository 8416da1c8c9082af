"""Writes the report to disk: one HTML page and, beside it, every figure as PNG and SVG."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from cartsim.report.contents import ReportContents
from cartsim.report.html import Printed, render
from cartsim.report.plates import plates
from cartsim.report.style import png, stamp, svg

BUDGET = 3_400_000  # bytes of pictures in the page; base64 makes 4.6 MB of them
FOLDER = "figures"
LIST = "figures.txt"  # the figures that the last report wrote, so that the next one removes what is stale


def write_report(path: str | os.PathLike[str], contents: ReportContents) -> Path:
    """Write the page, and its figures to `figures/` beside it; each file appears whole or not at all.

    Figures of an earlier report in the same place that this one does not draw are removed.

    Parameters
    ----------
    path : path
        The page (`….html`) or the folder that gets `report.html`.
    contents : ReportContents

    Returns
    -------
    Path
        The page.
    """
    page = Path(path)
    if page.suffix.lower() not in (".html", ".htm"):
        page = page / "report.html"
    folder = page.parent / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    printed, names, spent = [], [], 0
    for plate in plates(contents):
        figure = plate.draw()
        stamp(figure, contents.stamps)
        picture = png(figure, plate.dpi)
        for name, content in ((f"{plate.name}.png", picture), (f"{plate.name}.svg", svg(figure))):
            _write(folder / name, content)
            names.append(name)
        fits = spent + len(picture) <= BUDGET
        spent += len(picture) if fits else 0
        printed.append(Printed(plate, picture if fits else None))
    _forget(folder, names)
    _write(page, render(contents, printed).encode("utf-8"))
    return page


def _forget(folder: Path, names: list[str]) -> None:
    """Remove the figures that an earlier report listed and this one did not draw."""
    known = folder / LIST
    if known.exists():
        for name in set(known.read_text(encoding="utf-8").splitlines()) - set(names):
            if name == Path(name).name:
                (folder / name).unlink(missing_ok=True)
    _write(known, ("\n".join(names) + "\n").encode("utf-8"))


def _write(path: Path, content: bytes) -> None:
    """Write beside the place and move into it, so that no reader ever sees half a file."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
