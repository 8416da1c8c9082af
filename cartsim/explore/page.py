"""The page itself: controls on the left, curves and outcomes on the right, redrawn while a slider moves.

NiceGUI serves it: of the four libraries weighed it and Panel bring a charting library of their own as local
files (Shiny and marimo draw through a second one). The same four charts with 20 curves, drawn both ways
without any tuning on one machine, took 120 ms a redraw here and 170 ms with Panel; a page of 1.4 MB in place
of 3.6 MB; an installation of 29 MB in place of 119 MB and Bokeh's 32. Both loaded nothing from elsewhere.
`python -m benchmarks.explore` measures this page.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Any

from cartsim.cohort.scenario import Choice, Dial, Picture, Scenario, started
from cartsim.errors import CartsimError
from cartsim.explore.charts import frame, layout
from cartsim.explore.panels import Panel, panels
from cartsim.explore.words import (
    STYLE,
    crs_html,
    dial_text,
    legend_html,
    remarks_html,
    response_html,
    status_html,
)

RESEARCH_USE = (
    "Research use only. Curves and probabilities of a model, not of a person: no clinical decisions."
)
STEPS = 200  # of a slider's way
# Up to so many charts are at least so wide and are so high, in pixels.
SIZES = {1: (700, 460), 2: (450, 380), 4: (450, 280), 1000: (330, 218)}
# Charts in view are drawn at once, the others when the controls rest or they come into view: each takes time.
DRAW = """
window.cartsim = {
  waiting: new Map(), timer: null,
  inView(element) {
    const box = element.getBoundingClientRect();
    return Math.min(box.bottom, window.innerHeight) - Math.max(box.top, 0) > box.height / 3;
  },
  draw(frames, words) {
    for (const [id, option] of frames) this.waiting.set(id, option);
    this.flush(false);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(true), 250);
    for (const [id, html] of words) {
      const element = document.getElementById('c' + id);
      if (element && element.innerHTML !== html) element.innerHTML = html;
    }
  },
  flush(all) {
    for (const [id, option] of [...this.waiting]) {
      const chart = getElement(id);
      if (!chart || !chart.chart || !(all || this.inView(chart.$el))) continue;
      chart.chart.setOption(option);
      this.waiting.delete(id);
    }
  },
};
window.addEventListener('scroll', () => window.cartsim.flush(false), {passive: true});
"""
LOG = logging.getLogger("cartsim.explore")


class Page:
    """One browser tab: its settings, and what is drawn of them."""

    def __init__(self, scenario: Scenario) -> None:
        from nicegui import ui

        self.ui, self.scenario, self.client = ui, scenario, ui.context.client
        self.settings: dict[str, Any] = started(scenario)
        self.controls = {control.name: control for control in scenario.controls({})}
        self.sliders: dict[str, Any] = {}
        self.values: dict[str, Any] = {}
        self.groups: dict[str, Any] = {}
        self.charts: list[tuple[Panel, Any]] = []
        self.panels = panels(scenario.model)
        self.size = next(size for count, size in SIZES.items() if len(self.panels) <= count)
        self.reference: Picture | None = None
        self.shown: Picture | None = None
        self.wanted = self.busy = False
        self.moving = False  # while the page itself moves its sliders
        self.refused = 0
        self._build(scenario.picture(self.settings))

    def _build(self, first: Picture) -> None:
        ui, scenario = self.ui, self.scenario
        ui.add_css(STYLE)
        ui.add_head_html(f"<script>{DRAW}</script>")
        with ui.element("header").classes("head w-full"):
            ui.html(f"<h1>{_text(scenario.title)}</h1>", sanitize=False)
            ui.label(scenario.subtitle).classes("sub")
        ui.label(RESEARCH_USE).classes("warn w-full").props("role=note")
        with ui.row().classes("w-full no-wrap items-start gap-3 p-3"):
            with ui.column().classes("gap-3").style("width: 290px; flex: none; position: sticky; top: 12px"):
                self._controls()
            with ui.column().classes("gap-3 grow").style("min-width: 0"):
                with ui.row().classes("w-full no-wrap gap-3 items-stretch") as outcomes:
                    self.crs = _card(ui)
                    self.response = _card(ui)
                outcomes.set_visibility(first.crs is not None or first.response is not None)
                columns = f"grid-template-columns: repeat(auto-fill, minmax({self.size[0]}px, 1fr))"
                with ui.element("div").classes("w-full grid gap-3").style(columns):
                    self._charts(first)
        self.shown = first
        said = dict(self._words(first, None))
        for element in (self.crs, self.response, self.status, self.legend, self.remarks):
            element.set_content(said[element.id])

    def _controls(self) -> None:
        ui = self.ui
        with ui.column().classes("card w-full gap-2"):
            for control in self.controls.values():
                if isinstance(control, Choice):
                    self._choice(control)
                else:
                    self._slider(control)
            with ui.row().classes("w-full gap-2 no-wrap"):
                ui.button("Pin line", on_click=self.pin).props("outline dense no-caps size=13px").classes(
                    "grow"
                )
                ui.button("Reset", on_click=self.reset).props("outline dense no-caps size=13px").classes(
                    "grow"
                )
        with ui.column().classes("card note w-full gap-1"):
            self.status = ui.html("", sanitize=False).props("data-role=status")
            self.legend = ui.html("", sanitize=False)
            self.remarks = ui.html("", sanitize=False)

    def _choice(self, control: Choice) -> None:
        ui = self.ui
        few = len(control.options) <= 4 and sum(map(len, control.options.values())) <= 40
        with ui.column().classes("w-full gap-0"):
            label = ui.label(control.label).classes("label")
            if control.about:
                label.tooltip(control.about)
            make = ui.toggle if few else ui.select
            chosen = make(
                dict(control.options), value=self.settings[control.name],
                on_change=lambda event, name=control.name: self.chosen(name, event.value),
            )  # fmt: skip
            chosen.props(
                f"dense no-caps size=12px data-name={control.name}" if few else "dense outlined options-dense"
            )
            chosen.classes("w-full")
            if not few:
                chosen.props(f"data-name={control.name}")
        self.sliders[control.name] = chosen

    def _slider(self, control: Dial) -> None:
        ui = self.ui
        with ui.column().classes("w-full gap-0") as group:
            with ui.row().classes("w-full no-wrap justify-between items-baseline"):
                label = ui.label(control.label).classes("label")
                if control.about:
                    label.tooltip(control.about)
                self.values[control.name] = ui.label(dial_text(control, control.value)).classes("value")
            slider = ui.slider(
                min=0, max=STEPS, step=1, value=round(STEPS * control.share(control.value)),
                on_change=lambda event, name=control.name: self.moved(name, event.value),
            ).props(f'dense data-name={control.name} aria-label="{_text(control.label)}"')  # fmt: skip
        self.sliders[control.name] = slider
        self.groups[control.name] = group
        group.set_visibility(control.matters(self.settings))

    def _charts(self, first: Picture) -> None:
        ui = self.ui
        for panel in self.panels:
            with ui.element("div").classes("card").style("padding: 8px 8px 4px 10px"):
                ui.label(panel.title).classes("title")
                options = layout(panel)
                chart = ui.echart(merged(options, frame(panel, first))).style(
                    f"height: {self.size[1]}px; width: 100%"
                )
            self.charts.append((panel, chart))

    def moved(self, name: str, position: float) -> None:
        """A slider stands at a position of its way."""
        if self.moving:
            return
        dial = self.controls[name]
        self.settings[name] = dial.at(position / STEPS)
        self.values[name].set_text(dial_text(dial, self.settings[name]))
        self.redraw()

    def chosen(self, name: str, value: str) -> None:
        """Another choice; where it resets, the dials start anew."""
        if self.moving:
            return
        self.settings[name] = value
        if self.controls[name].resets:
            kept = {key: item for key, item in self.settings.items() if isinstance(item, str)}
            self._start(kept)
        self.redraw()

    def reset(self) -> None:
        """Everything as it was first, but for the patient, product or published scenario."""
        kept = {
            c.name: self.settings[c.name]
            for c in self.controls.values()
            if isinstance(c, Choice) and c.resets
        }
        self._start(kept)
        self.reference = None
        self.redraw()

    def pin(self) -> None:
        """Keep the line shown as a dotted one, to compare with."""
        self.reference = self.shown
        self.redraw()

    def _start(self, kept: dict[str, str]) -> None:
        self.settings = started(self.scenario, kept)
        self.controls |= {control.name: control for control in self.scenario.controls(kept)}
        self.moving = True
        try:
            for name, value in self.settings.items():
                control, widget = self.controls[name], self.sliders.get(name)
                if widget is None:
                    continue
                if isinstance(control, Dial):
                    widget.set_value(round(STEPS * control.share(float(value))))
                    self.values[name].set_text(dial_text(control, float(value)))
                else:
                    widget.set_value(value)
        finally:
            self.moving = False

    def redraw(self) -> None:
        """Draw the newest settings; those passed over while one is at work are never drawn."""
        for name, group in self.groups.items():
            group.set_visibility(self.controls[name].matters(self.settings))
        self.wanted = True
        if not self.busy:
            self.busy = True
            self.task = asyncio.ensure_future(self._work())

    async def _work(self) -> None:
        try:
            while self.wanted:
                self.wanted = False
                begin = time.perf_counter()
                try:
                    picture, frames = await asyncio.to_thread(self._drawn, dict(self.settings))
                    self._show(picture, frames, 1e3 * (time.perf_counter() - begin))
                except Exception as error:  # whatever it is: said, counted and logged, and the page goes on
                    if not isinstance(error, CartsimError):
                        LOG.exception("no picture of %s", self.settings)
                    self._refuse(f"{error}" or type(error).__name__)
        finally:
            self.busy = False

    def _drawn(self, settings: dict[str, Any]) -> tuple[Picture, list[dict[str, Any]]]:
        picture = self.scenario.picture(settings)
        return picture, [frame(panel, picture, self.reference) for panel, _ in self.charts]

    def _show(self, picture: Picture, frames: list[dict[str, Any]], milliseconds: float) -> None:
        self.shown = picture
        told = [[chart.id, changed] for (_, chart), changed in zip(self.charts, frames, strict=True)]
        self._tell(told, self._words(picture, milliseconds))

    def _tell(self, frames: list[Any], words: list[tuple[int, str]]) -> None:
        """Everything in one message past NiceGUI's elements, which would lay the whole page out anew."""
        self.client.run_javascript(f"cartsim.draw({json.dumps(frames)}, {json.dumps(words)})")

    def _words(self, picture: Picture, milliseconds: float | None) -> list[tuple[int, str]]:
        """(element, HTML) of everything said beside the curves."""
        said = {
            self.crs: crs_html(picture.crs, picture),
            self.response: response_html(picture.response, picture),
            self.status: status_html(picture, milliseconds),
            self.legend: legend_html(picture, self.reference is not None),
            self.remarks: f"<ul>{remarks_html(picture)}</ul>",
        }
        return [(element.id, html) for element, html in said.items()]

    def _refuse(self, why: str) -> None:
        self.refused += 1
        said = f'<b class="bad">Not computed ({self.refused} so far): {_text(why)}</b>'
        self._tell([], [(self.status.id, said)])


def merged(options: dict[str, Any], changed: dict[str, Any]) -> dict[str, Any]:
    """A chart's whole options: layout with the first frame in it, series by id."""
    whole = {**options, "dataset": changed["dataset"]}
    for axis in ("xAxis", "yAxis"):
        whole[axis] = {**options[axis], **changed.get(axis, {})}
    by_id = {series["id"]: series for series in changed["series"]}
    whole["series"] = [{**series, **by_id.get(series["id"], {})} for series in options["series"]]
    return whole


def _card(ui: Any) -> Any:
    return ui.html("", sanitize=False).classes("card grow").style("flex: 1 1 0; min-width: 0")


def _text(words: str) -> str:
    from html import escape

    return escape(words)
