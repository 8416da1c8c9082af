"""What a picture says beside its curves, as HTML: CRS grades, response, solves, remarks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape

from cartsim.cohort.scenario import GRADES, CrsSeen, Dial, Picture, ResponseSeen
from cartsim.report.crs_grades import COLOURS
from cartsim.report.response_colours import RESPONSES, word_colour
from cartsim.report.style import GREY, INK, PALE, VERMILION
from cartsim.report.wording import number, unit_text

# As in the report's figure of grades.
GRADE_COLOURS = dict(zip(GRADES, list(COLOURS.values())[: len(GRADES)], strict=True))
NARROW = 0.09  # of the bar, below which a part has no room for its words
MEASURES = {
    "m_protein": "M-protein",
    "flc": "free light chain",
    "marrow": "marrow",
    "nothing": "nothing measurable",
}


def dial_text(dial: Dial, value: float) -> str:
    """A dial's value with its unit."""
    if dial.zero and value == 0.0:
        return "none"
    return f"{number(value)} {unit_text(dial.unit)}".strip()


def crs_html(crs: CrsSeen | None, picture: Picture) -> str:
    """Days of CRS of the line, and the bar of shares by grade."""
    if crs is None:
        return ""
    if math.isfinite(crs.onset):
        said = f"{picture.line}: day {crs.onset:.1f} to {crs.end:.1f}"
    else:
        said = f"{picture.line}: no CRS"
    return _bar("CRS, surrogate grade", said, crs.shares, {g: (c, _on(c)) for g, c in GRADE_COLOURS.items()})


def response_html(response: ResponseSeen | None, picture: Picture) -> str:
    """Best response, the bar of best responses, and the response at every visit."""
    if response is None:
        return ""
    colours = {word: (colour, word_colour(word)) for word, colour in RESPONSES.items()}
    by = MEASURES.get(response.measured_by, response.measured_by)
    said = f"{picture.line}: <b>{escape(response.best)}</b>, read from {escape(by)}"
    cells = "".join(
        f'<div title="day {day:g}" style="flex:1;background:{colours[word][0]};color:{colours[word][1]};'
        f'border:1px solid white">{escape(word)}<br><span style="opacity:.75">{day:g}</span></div>'
        for day, word in response.visits
    )
    strip = f'<div class="strip" aria-label="Response at visits">{cells}</div>'
    return _bar("Best response, IMWG", said, response.shares, colours, trusted=True) + strip


def status_html(picture: Picture, milliseconds: float | None) -> str:
    """How many solves, how many failed and why, how long it took where that was measured."""
    failed = " none failed"
    if picture.failed:
        why = ", ".join(f"{reason}: {count}" for reason, count in picture.reasons.items())
        failed = f' <b class="bad">{picture.failed} failed ({escape(why)}), in no band and no share</b>'
    solves = "1 solve" if picture.solved == 1 else f"{picture.solved} solves"
    taken = "" if milliseconds is None else f" · {milliseconds:.0f} ms"
    return f"{solves},{failed}{taken}"


def remarks_html(picture: Picture) -> str:
    """One line a remark; a picture without curves says so first."""
    said = list(picture.remarks)
    if not picture.curves:
        said.insert(0, "Nothing to show: these values could not be solved. Move a control back.")
    return "".join(f"<li>{escape(line)}</li>" for line in said)


def legend_html(picture: Picture, reference: bool) -> str:
    """What line, band and dots are."""
    parts = [f"<b>line</b> {escape(picture.line)}"]
    if picture.band:
        parts.append(f"<b>band</b> {escape(picture.band)} (first quantity of a chart)")
    if any(picture.samples.values()):
        parts.append("<b>dots</b> measured, open triangles below the limit")
    if reference:
        parts.append("<b>dotted</b> pinned line")
    return " · ".join(parts)


def _bar(
    title: str, said: str, shares: Mapping[str, float], colours: Mapping[str, tuple[str, str]], *,
    trusted: bool = False,
) -> str:  # fmt: skip
    said = said if trusted else escape(said)
    parts = "".join(
        f'<div title="{escape(word)}: {share:.1%}" style="flex:{share:.4f};background:{colours[word][0]};'
        f'color:{colours[word][1]}">{_inside(word, share)}</div>'
        for word, share in shares.items()
        if math.isfinite(share) and share > 0.0
    )
    narrow = {word: share for word, share in shares.items() if 0.0 < share < NARROW}
    keys = ", ".join(f"{escape(word)} {share:.0%}" for word, share in narrow.items())
    small = f'<div class="small">{keys}</div>' if keys else ""
    return f'<div class="what"><b>{title}</b> <span>{said}</span></div><div class="bar">{parts}</div>{small}'


def _inside(word: str, share: float) -> str:
    return f"{escape(word)} {share:.0%}" if share >= NARROW else ""


def _on(colour: str) -> str:
    return "white" if colour == VERMILION else INK


STYLE = f"""
body {{ background: #F5F7FA; color: {INK}; font-family: Roboto, 'DejaVu Sans', sans-serif; }}
.nicegui-content {{ padding: 0; gap: 0; }}
.head {{ background: white; border-bottom: 1px solid {PALE}; padding: 10px 20px; }}
.head h1 {{ font-size: 19px; font-weight: 600; line-height: 1.3; margin: 0; }}
.sub {{ font-size: 12.5px; color: #52606D; }}
.warn {{ background: #FFF4DE; border-bottom: 1px solid #E69F00; padding: 6px 20px; font-size: 13px; }}
.card {{ background: white; border: 1px solid {PALE}; border-radius: 6px; padding: 10px 14px; }}
.card:empty {{ display: none; }}
.title {{ font-size: 13.5px; font-weight: 600; margin-bottom: 2px; }}
.label {{ font-size: 13px; }} .value {{ font-size: 13px; font-weight: 600; }}
.what {{ font-size: 13px; margin-bottom: 4px; }} .what span {{ color: #52606D; margin-left: 6px; }}
.bar {{ display: flex; height: 24px; border-radius: 4px; overflow: hidden; border: 1px solid {PALE}; }}
.bar div {{ font-size: 11.5px; line-height: 22px; text-align: center; white-space: nowrap; }}
.bar div {{ overflow: hidden; }}
.q-btn-toggle .q-btn {{ padding: 0 9px; }}
.small {{ font-size: 11px; color: {GREY}; }}
.strip {{ display: flex; margin-top: 6px; text-align: center; font-size: 11px; line-height: 13px; }}
.note {{ font-size: 12px; color: #52606D; }} .note b {{ color: {INK}; font-weight: 600; }}
.bad {{ color: #B23B00 !important; }}
.note ul {{ margin: 0; padding-left: 16px; list-style: disc; }}
"""
