"""Curves of a whole cohort: median, the middle half and the middle 90 % of the patients, over time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cartsim.report.style import BLUE, VERMILION, decades, drawn, headline, plain, sheet, stamp, wide
from cartsim.report.time_axis import compressed_key, split_days
from cartsim.report.wording import exact, labelled, whole

if TYPE_CHECKING:
    from pandas import DataFrame

OUTER, INNER = 0.16, 0.38  # opacity of the two bands
DECADES = 8.0  # most shown below the highest value
BELOW_LIMIT = 10.0  # how far under an LLOQ the axis goes on
LIMIT = {"color": VERMILION, "lw": 1.0, "ls": (0, (5, 3))}


@drawn
def cohort_fan(
    table: DataFrame,
    *,
    units: Mapping[str, str] | None = None,
    limits: Mapping[str, float] | None = None,
    failed: int = 0,
    title: str = "",
) -> Figure:
    """Draw the spread of a cohort, one panel an output.

    Parameters
    ----------
    table : DataFrame
        Columns `output`, `time` (day), `patients`, `q05`, `q25`, `q50`, `q75`, `q95`, as of
        `cartsim.cohort.fan`; optionally `group`, then one row of panels an output and a column a group.
    units : mapping output -> unit
    limits : mapping output -> LLOQ, drawn as a line
    failed : patients who could not be solved, for the note
    """
    if "group" not in table.columns:
        table = table.assign(group="")
    groups, outputs = (list(dict.fromkeys(table[name])) for name in ("group", "output"))
    side = max(1, len(groups))
    across = side if side > 1 else min(2, len(outputs))
    down = len(outputs) if side > 1 else -(-len(outputs) // across)
    figure = sheet(max(6.5, 4.3 * across), 1.2 + 2.5 * down)
    panels = figure.subplots(down, across, squeeze=False, sharey="row" if side > 1 else False)
    end = float(table["time"].max())
    places = [(output, group) for output in outputs for group in groups]
    for k, axes in enumerate(panels.flat):
        if k >= len(places):
            axes.set_visible(False)
            continue
        output, group = places[k]
        of_output = table[table["output"] == output]
        limit = (limits or {}).get(output)
        _panel(axes, of_output[of_output["group"] == group], limit)
        _value_axis(axes, of_output, limit)
        split_days(axes, end, label=k + across >= len(places))
        if k % across == 0 or side == 1:
            axes.set_ylabel(labelled(output, (units or {}).get(output)))
        if group and k < across:
            axes.set_title(str(group))
    figure.legend(handles=[*_keys(limits, outputs), *compressed_key(end)], loc="outside lower left", ncols=3)
    start = table.drop_duplicates(["group", "output"]).drop_duplicates("group")["patients"].sum()
    lost = f"; {whole(failed)} more could not be solved" if failed else ""
    headline(figure, title or f"{whole(start)} virtual patients{lost}")
    stamp(figure, ["SIMULATED"])
    return figure


def _panel(axes: Axes, rows: DataFrame, limit: float | None) -> None:
    rows = rows.sort_values("time")
    time = rows["time"].to_numpy(float)
    axes.fill_between(time, rows["q05"], rows["q95"], color=BLUE, alpha=OUTER, lw=0)
    axes.fill_between(time, rows["q25"], rows["q75"], color=BLUE, alpha=INNER, lw=0)
    axes.plot(time, rows["q50"], color=BLUE, lw=1.9)
    if limit is not None:
        axes.axhline(limit, **LIMIT)


def _value_axis(axes: Axes, rows: DataFrame, limit: float | None) -> None:
    """Logarithmic where values span much; zeros, as of myeloma that is gone, run into its lower edge."""
    values = rows[["q05", "q25", "q50", "q75", "q95"]].to_numpy(float)
    values = values[np.isfinite(values)]
    positive = values[values > 0.0]
    if len(positive) and (values >= 0.0).all() and wide(positive.min(), positive.max()):
        top = positive.max()
        middle = rows.loc[rows["q25"] > 0.0, "q25"].min()  # the middle half is always seen
        floor = max(middle / 3.0, top * 10.0**-DECADES) if limit is None else limit / BELOW_LIMIT
        axes.set_yscale("log", nonpositive="clip")
        axes.set_ylim(min(floor, top / 10.0) if floor > 0.0 else top / 10.0, 2.0 * top)
        decades(axes.yaxis, 6)
    else:
        plain(axes.yaxis, 5)


def _keys(limits: Mapping[str, float] | None, outputs: list[str]) -> list[Line2D | Patch]:
    keys: list[Line2D | Patch] = [
        Line2D([], [], color=BLUE, lw=1.9, label="median patient"),
        Patch(facecolor=BLUE, alpha=INNER + OUTER, lw=0, label="middle 50% of patients"),
        Patch(facecolor=BLUE, alpha=OUTER, lw=0, label="middle 90% (survivors at each day)"),
    ]
    drawn_limits = [exact(limit) for name, limit in (limits or {}).items() if name in outputs]
    if drawn_limits:
        keys.append(Line2D([], [], **LIMIT, label=f"LLOQ ({', '.join(drawn_limits)})"))
    return keys
