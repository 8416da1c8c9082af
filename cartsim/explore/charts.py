"""Charts as plain data for ECharts: what stays (`layout`) and what every redraw changes (`frame`)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cartsim.cohort.scenario import Curve, Picture, Sample
from cartsim.explore.panels import ACUTE_DAYS, Panel
from cartsim.report.style import CYCLE, GREY, INK, ORANGE, PALE
from cartsim.report.wording import exact

Array = NDArray[np.float64]
Options = dict[str, Any]
FONT = "Roboto, 'DejaVu Sans', sans-serif"
FEVER = 38.0
DASHED = ("il6_signal",)  # until a blocker is given it is the line of IL-6
DEPTH = 6  # decades shown below the highest value; tumours fall to single cells
ROOM = 0.1  # of a step, above and below curves on a linear axis
WIDTH = 250.0  # pixels of a chart, roughly: what lies closer together cannot be seen and takes time to draw
# Ticks of a log axis as 0.1, 1, 100, 10⁴ (as in the report's figures).
POWER = """value => {
  const e = Math.round(Math.log10(value));
  if (e >= -2 && e <= 2) return String(Number(value.toPrecision(6)));
  return '10' + String(e).replace(/[-0-9]/g, c => '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'['-0123456789'.indexOf(c)]);
}"""
NUMBER = """value => (typeof value !== 'number') ? '' :
  (value !== 0 && (Math.abs(value) >= 1e5 || Math.abs(value) < 1e-3)) ? value.toExponential(2)
  : String(Number(value.toPrecision(3)))"""
# One polygon: up along the lower edge, back along the upper one.
BAND = """(params, api) => {
  if (params.dataIndex !== 0) return null;
  const up = [], back = [];
  for (let i = 0; i < params.dataInsideLength; i++) {
    const day = api.value(0, i), low = api.value(1, i), high = api.value(2, i);
    if (!isFinite(low) || !isFinite(high) || (low === 0 && high === 0)) continue;
    up.push(api.coord([day, low])); back.push(api.coord([day, high]));
  }
  return {type: 'polygon', silent: true, shape: {points: up.concat(back.reverse())},
          style: {fill: 'COLOUR', opacity: 0.16}};
}"""


def layout(panel: Panel) -> Options:
    """Axes, grid, legend and empty series of one chart, by id."""
    many = len(panel.outputs) > 1
    axis = {
        "axisLine": {"show": True, "onZero": False, "lineStyle": {"color": GREY}},
        "axisTick": {"show": True, "lineStyle": {"color": GREY}},
        "axisLabel": {"color": INK, "fontSize": 11, "hideOverlap": True},
        "nameTextStyle": {"color": INK, "fontSize": 11},
    }
    y_axis = {**axis, "type": "log" if panel.log else "value", "splitLine": {"lineStyle": {"color": PALE}}}
    y_axis |= {"name": panel.axis, "nameLocation": "middle", "nameGap": 40, "minorTick": {"show": False}}
    if panel.log:
        y_axis["axisLabel"] = {**axis["axisLabel"], ":formatter": POWER}
    lines = [
        {
            "id": name, "name": label, "type": "line", "showSymbol": False, "datasetIndex": 0,
            "encode": {"x": "day", "y": name}, "color": CYCLE[k], "z": 10 - k,
            "lineStyle": {"width": 1.5 if k else 2.2, "type": "dashed" if name in DASHED else "solid"},
            "emphasis": {"disabled": True},
        }
        for k, (name, label) in enumerate(zip(panel.outputs, panel.labels, strict=True))
    ]  # fmt: skip
    colour = CYCLE[0]
    return {
        "animation": False,
        "textStyle": {"fontFamily": FONT, "color": INK},
        "grid": {"left": 58, "right": 18, "top": 34 if many else 14, "bottom": 40},
        "legend": {
            "show": many, "top": 0, "left": 50, "itemWidth": 14, "itemHeight": 8, "itemGap": 9,
            "textStyle": {"color": INK, "fontSize": 11}, "data": list(panel.labels),
        },
        "tooltip": {
            "trigger": "axis", ":valueFormatter": NUMBER, "confine": True, "textStyle": {"fontSize": 11},
        },
        "xAxis": {
            **axis, "type": "value", "min": 0, "name": "days after infusion", "nameLocation": "middle",
            "nameGap": 24, "splitLine": {"show": False},
        },
        "yAxis": y_axis,
        "series": [
            {"id": "band", "type": "custom", ":renderItem": BAND.replace("COLOUR", colour), "clip": True,
             "datasetIndex": 1, "encode": {"x": 0, "y": [1, 2]}, "silent": True, "z": 1,
             "tooltip": {"show": False}},
            {"id": "reference", "name": "reference", "type": "line", "showSymbol": False, "silent": True,
             "encode": {"x": "day", "y": "value"}, "datasetIndex": 2, "color": GREY, "z": 2,
             "lineStyle": {"width": 1.5, "type": "dotted"}},
            *lines,
            {"id": "samples", "name": "measured", "type": "scatter", "symbolSize": 7, "data": [], "z": 20,
             "itemStyle": {"color": INK, "borderColor": "white", "borderWidth": 1}},
            {"id": "below", "name": "below limit", "type": "scatter", "symbol": "triangle",
             "symbolRotate": 180, "symbolSize": 7, "data": [], "z": 20,
             "itemStyle": {"color": "white", "borderColor": INK, "borderWidth": 1}},
        ],
    }  # fmt: skip


def frame(panel: Panel, picture: Picture, reference: Picture | None = None) -> Options:
    """What a picture changes of the chart: data, ends of the axes, CRS, drugs, limits."""
    if not picture.curves:  # nothing could be solved: an empty chart, not the curves of before
        return _empty(panel)
    end = _end(panel, picture)
    shown = _seen(picture.days, end)
    first = picture.curves[panel.outputs[0]]
    then = None if reference is None else reference.curves.get(first.name)
    low, high = _range(panel, picture, then, reference, end)
    columns = {"day": _short(picture.days[shown])}
    for name in panel.outputs:
        columns[name] = _column(picture.curves[name].line[shown], panel, low)
    pinned = {"day": [], "value": []}
    if then is not None:
        inside = _seen(reference.days, end)
        pinned = {"day": _short(reference.days[inside]), "value": _column(then.line[inside], panel, low)}
    quantified, below = _points(picture.samples.get(first.name, ()), end)
    return {
        "dataset": [{"source": columns}, {"source": _band(first, picture.days, shown, panel, low)},
                    {"source": pinned}],
        "xAxis": {"max": end},
        "yAxis": {"min": low, "max": high},
        "series": [
            {"id": first.name, "markArea": _crs(panel, picture), "markLine": _marks(panel, picture, end)},
            {"id": "samples", "data": quantified},
            {"id": "below", "data": below},
        ],
    }  # fmt: skip


def _empty(panel: Panel) -> Options:
    nothing = {"data": []}
    columns = {"day": [], **{name: [] for name in panel.outputs}}
    return {
        "dataset": [{"source": columns}, {"source": []}, {"source": {"day": [], "value": []}}],
        "series": [
            {"id": panel.outputs[0], "markArea": nothing, "markLine": nothing},
            {"id": "samples", "data": []},
            {"id": "below", "data": []},
        ],
    }


def _end(panel: Panel, picture: Picture) -> float:
    last = float(picture.days[-1])
    return min(last, ACUTE_DAYS) if panel.acute else last


def _seen(days: Array, end: float) -> NDArray[np.bool_]:
    """Days up to `end` that are a pixel apart."""
    pixel = np.floor(days / end * WIDTH)
    first = np.append(True, pixel[1:] > pixel[:-1])
    last = np.searchsorted(days, end + 1e-9) - 1
    first[last] = True
    return first & (days <= end + 1e-9)


def _range(
    panel: Panel, picture: Picture, then: Curve | None, reference: Picture | None, end: float
) -> tuple[float, float]:
    """Ends of the y axis: whole decades on a log axis, so that it seldom jumps while a slider moves."""
    inside = picture.days <= end + 1e-9
    parts = [picture.curves[name].line[inside] for name in panel.outputs]
    first = picture.curves[panel.outputs[0]]
    parts += [edge[inside] for edge in (first.lower, first.upper) if edge is not None]
    parts += [np.array([s.value for s in picture.samples.get(first.name, ()) if s.day <= end])]
    parts += [] if then is None else [then.line[reference.days <= end + 1e-9]]
    values = np.concatenate(parts)
    values = values[np.isfinite(values)]
    if panel.log:
        values = values[values > 0.0]
        if not len(values):
            return 0.1, 1.0
        top = math.ceil(math.log10(values.max()) + 0.02)
        bottom = max(math.floor(math.log10(values.min())), top - DEPTH)
        return 10.0**bottom, 10.0 ** max(top, bottom + 1)
    low, high = float(values.min()), float(values.max())
    if panel.outputs[0] == "temperature":
        return min(36.0, math.floor(low)), max(41.0, math.ceil(high))
    step = 10.0 ** math.floor(math.log10((high - low) or abs(high) or 1.0)) / 2.0
    return math.floor(low / step - ROOM) * step, math.ceil(high / step + ROOM) * step


def _short(values: Array) -> list[float | None]:
    """Numbers with four figures: fewer bytes on the way to the page."""
    with np.errstate(divide="ignore", invalid="ignore"):
        size = 10.0 ** (3 - np.floor(np.log10(np.abs(values))))
    size = np.where(np.isfinite(size) & (size > 0.0), size, 1.0)
    shortened = np.round(values * size) / size
    return [value if math.isfinite(value) else None for value in shortened.tolist()]


def _column(values: Array, panel: Panel, low: float) -> list[float | None]:
    """One line; on a log axis what falls below it runs just under its end and is clipped there."""
    return _short(np.maximum(values, low / 10.0) if panel.log else values)


def _band(curve: Curve, days: Array, shown: NDArray[np.bool_], panel: Panel, low: float) -> list[list[float]]:
    if curve.lower is None or curve.upper is None:
        return []
    lower, upper = (_column(edge[shown], panel, low) for edge in (curve.lower, curve.upper))
    return [list(row) for row in zip(_short(days[shown]), lower, upper, strict=True)]


def _points(samples: tuple[Sample, ...], end: float) -> tuple[list[list[float]], list[list[float]]]:
    """Quantified samples and those below the limit, which stand at it."""
    inside = [sample for sample in samples if sample.day <= end]
    return (
        [[s.day, s.value] for s in inside if not s.below],
        [[s.day, s.value] for s in inside if s.below],
    )


def _crs(panel: Panel, picture: Picture) -> Options:
    """The days of CRS, shaded on the acute charts."""
    crs = picture.crs
    if crs is None or not panel.acute or not math.isfinite(crs.onset):
        return {"data": []}
    return {
        "silent": True,
        "itemStyle": {"color": ORANGE, "opacity": 0.18},
        "label": {
            "show": panel.outputs[0] == "temperature", "position": "insideBottom",
            "color": INK, "fontSize": 11,
        },
        "data": [[{"name": "CRS", "xAxis": crs.onset}, {"xAxis": crs.end}]],
    }  # fmt: skip


def _marks(panel: Panel, picture: Picture, end: float) -> Options:
    """Limit of quantification, fever, drugs."""
    data = []
    dashed = {"type": "dashed", "color": GREY, "width": 1}
    limit = picture.limits.get(panel.outputs[0])
    label = {"color": INK, "fontSize": 10, "position": "insideEndBottom"}
    if limit and panel.log:
        text = {**label, "formatter": f"LLOQ {exact(limit)}"}
        data.append({"yAxis": limit, "lineStyle": dashed, "label": text})
    if panel.outputs[0] == "temperature":
        data.append({"yAxis": FEVER, "lineStyle": dashed, "label": {**label, "formatter": "fever 38 °C"}})
    if panel.acute:
        for k, (day, drug) in enumerate(picture.drugs):
            # Two drugs are often given within hours: their names stand to either side.
            side = "center" if len(picture.drugs) == 1 else "left" if k else "right"
            if day <= end:
                named = panel.outputs[0] == "temperature"
                text = {
                    **label,
                    "show": named,
                    "formatter": drug,
                    "position": "end",
                    "rotate": 0,
                    "align": side,
                }
                data.append(
                    {"xAxis": day, "lineStyle": {"type": "solid", "color": INK, "width": 1}, "label": text}
                )
    return {"silent": True, "symbol": "none", "data": data}
