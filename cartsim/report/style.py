"""One look for all figures: colours that colour-blind readers tell apart, type sizes, files that repeat."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Sequence
from typing import ParamSpec

import matplotlib
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from PIL import Image

from cartsim.report.wording import exact, power_of_ten

# Okabe & Ito (2008), "Color Universal Design": safe for the common colour-vision deficiencies.
BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, INK, GREY = "#CC79A7", "#56B4E9", "#1F2933", "#7B8794"
PALE = "#E4E7EB"
CYCLE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, INK, GREY)
SHAPES = ("o", "s", "^", "D", "v", "P", "X", "h")

RC = {
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same letters on every machine
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.0,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.which": "major",
    "axes.axisbelow": True,
    "grid.color": PALE,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "text.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.facecolor": "white",
    "figure.titlesize": 11.5,
    "figure.titleweight": "bold",
    "lines.linewidth": 1.6,
    "text.parse_math": False,  # a patient called "A$1$" stays a name
    "axes.formatter.use_mathtext": False,
    "svg.hashsalt": "cartsim",
    "svg.fonttype": "path",
}
_BETWEEN = ((1.0, 3.0), (1.0, 2.0, 5.0))  # ticks within a decade: narrow panels, wide panels

P = ParamSpec("P")


def drawn(function: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw with the house style and leave matplotlib's settings as they were."""

    @functools.wraps(function)
    def in_style(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with matplotlib.rc_context(RC):
            return function(*args, **kwargs)

    return in_style


def sheet(width: float, height: float, *, layout: str | None = "constrained") -> Figure:
    """Give an empty figure, width and height in inches, that no pyplot window knows."""
    figure = Figure(figsize=(width, height), layout=layout)
    if layout == "constrained":
        figure.get_layout_engine().set(w_pad=0.06, h_pad=0.06, wspace=0.03, hspace=0.05)
    return figure


def headline(figure: Figure, title: str, note: str = "") -> None:
    """Write what the reader should see above a figure and, smaller, how to read it below."""
    figure.suptitle(title, x=0.01, ha="left")
    if note:
        figure.supxlabel(note, x=0.01, ha="left", fontsize=8.0, color=INK)


def stamp(figure: Figure, labels: Sequence[str]) -> None:
    """Mark a figure that leaves the page on its own as simulated."""
    if labels:
        text = Text(
            *(0.995, 0.995, " · ".join(labels)),
            ha="right",
            va="top",
            fontsize=8,
            fontweight="bold",
            color=VERMILION,
            transform=figure.transFigure,
        )
        text.set_in_layout(False)
        figure.add_artist(text)


def decades(axis: Axis, most: int = 8) -> None:
    """Tick a log axis at powers of ten, or between them where it spans less than two of them.

    Call after the data are drawn; at most `most` ticks, written 0.1, 1, 10, 100, 10³.
    """
    low, high = axis.get_view_interval()
    short = low > 0 and high < 100.0 * low
    axis.set_major_locator(LogLocator(subs=_BETWEEN[most > 5] if short else (1.0,), numticks=most))
    axis.set_major_formatter(FuncFormatter(power_of_ten))
    axis.set_minor_locator(NullLocator())  # minor ticks would take more time than all other drawing


def plain(axis: Axis, most: int = 4) -> None:
    """Tick a linear axis at up to `most` round numbers, written with thousands separators."""
    axis.set_major_locator(MaxNLocator(most))
    axis.set_major_formatter(FuncFormatter(exact))
    axis.set_minor_locator(NullLocator())


def wide(low: float, high: float) -> bool:
    """Say whether values from `low` to `high` are positive and span enough for a log axis."""
    return low > 0.0 and high > 20.0 * low


def colour(index: int, count: int) -> str:
    """Give patient `index` of `count` its colour; past eight patients one colour serves all."""
    return CYCLE[index] if count <= len(CYCLE) else BLUE


def shape(index: int, count: int) -> str:
    """Give patient `index` of `count` its marker, so that colour is never the only sign."""
    return SHAPES[index] if count <= len(SHAPES) else "o"


def png(figure: Figure, dpi: int = 144) -> bytes:
    """Render a figure as PNG bytes that depend on the figure only; 256 colours keep the page small."""
    buffer = _render(figure, format="png", dpi=dpi)
    small = io.BytesIO()
    with Image.open(buffer) as image:
        image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(small, format="png", optimize=True)
    return small.getvalue()


def svg(figure: Figure) -> bytes:
    """Render a figure as SVG bytes that depend on the figure only (no date, no random ids)."""
    return _render(figure, format="svg", metadata={"Date": None, "Creator": "cartsim"}).getvalue()


def _render(figure: Figure, **how: object) -> io.BytesIO:
    buffer = io.BytesIO()
    with matplotlib.rc_context(RC):
        figure.savefig(buffer, **how)
    figure.set_layout_engine("none")  # laid out by now; the next format keeps the places and saves the time
    buffer.seek(0)
    return buffer
