"""Response categories as colours and legend entries: worse to better, light to dark, progression apart."""

from __future__ import annotations

from collections.abc import Collection

from matplotlib.patches import Patch

from cartsim.report.style import INK, VERMILION

RESPONSES = {
    "NE": "white", "PD": VERMILION, "SD": "#CBD2D9", "MR": "#D6E6F2", "PR": "#A9CCE3", "VGPR": "#7FB3D5",
    "CR": "#3E8EC4", "sCR": "#14527F",
}  # fmt: skip
DARK = ("PD", "CR", "sCR")  # on which words are white
MEANINGS = {"NE": "not evaluable", "PD": "progression", "SD": "stable"}


def word_colour(response: str) -> str:
    """Colour of a word written on its response."""
    return "white" if response in DARK else INK


def response_keys(found: Collection[str]) -> list[Patch]:
    """Legend entries of the responses that occur, best first."""
    return [
        Patch(
            facecolor=colour,
            edgecolor="#7B8794" if word == "NE" else "none",
            label=f"{word} ({MEANINGS[word]})" if word in MEANINGS else word,
        )
        for word, colour in reversed(RESPONSES.items())
        if word in found
    ]
