"""Visual predictive check: observed percentiles over their simulated bands, and the share below the LLOQ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cartsim.report.marks import lloq_key
from cartsim.report.style import BLUE, GREY, INK, ORANGE, VERMILION, decades, drawn, headline, plain, sheet
from cartsim.report.time_axis import compressed_key, split_days
from cartsim.report.wording import labelled, number, quantity

if TYPE_CHECKING:
    from pandas import DataFrame

    from cartsim.infer.vpc import VPC

TINTS = {5.0: BLUE, 50.0: ORANGE, 95.0: BLUE}
STYLES = {5.0: (0, (4, 2)), 50.0: "-", 95.0: (0, (4, 2))}
LIMIT = {"color": VERMILION, "lw": 1.0, "ls": (0, (5, 3))}


@drawn
def vpc_plot(
    checked: VPC, *, output: str, unit: str = "", show_observations: bool = True, title: str = ""
) -> Figure:
    """Draw percentiles over time above, the share of censored samples below; one column a stratum.

    Parameters
    ----------
    checked : VPC
    output : str
    show_observations : bool
        False for real patients: no sample is drawn, only percentiles of bins.
    """
    tables = {
        name: getattr(checked, name)[getattr(checked, name)["output"] == output]
        for name in ("percentiles", "censored", "bins", "points")
    }
    strata = list(dict.fromkeys(tables["bins"]["stratum"]))
    figure = sheet(max(9.0, 4.6 * len(strata)), 6.4)
    grid = figure.subplots(
        2, max(1, len(strata)), sharex=True, sharey="row", squeeze=False, height_ratios=(2.6, 1.0)
    )
    end = max([1.0, *tables["bins"]["right"]])
    for column, stratum in enumerate(strata):
        of = {name: table[table["stratum"] == stratum] for name, table in tables.items()}
        _percentiles(grid[0, column], of, show_observations)
        _censored(grid[1, column], of["censored"])
        for axes in grid[:, column]:
            split_days(axes, end, label=axes is grid[1, column])
        if stratum:
            grid[0, column].set_title(str(stratum))
    _value_axis(grid[0, 0], tables, show_observations)
    grid[0, 0].set_ylabel(("Prediction-corrected\n" if checked.corrected else "") + labelled(output, unit))
    shares = tables["censored"][["observed", "simulated_upper"]].to_numpy()
    grid[1, 0].set_ylim(-3.0, max(40.0, 1.08 * shares.max()))  # one axis for all columns
    plain(grid[1, 0].yaxis, 4)
    grid[1, 0].set_ylabel("Censored, %")
    keys = _keys(tables, show_observations, checked.corrected)
    figure.legend(handles=[*keys, *compressed_key(end)], loc="outside lower left", ncols=3)
    kind = "prediction-corrected visual predictive check" if checked.corrected else "visual predictive check"
    headline(figure, title or f"{quantity(output)}: {kind}")
    return figure


def _percentiles(axes: Axes, of: dict[str, DataFrame], show_observations: bool) -> None:
    axes.set_yscale("log" if _positive(of["percentiles"]) else "linear")
    floor = of["bins"].sort_values("time")["limit"].to_numpy(float)
    for percentile, rows in of["percentiles"].sort_values("time").groupby("percentile"):
        time, tint = rows["time"], TINTS.get(percentile, GREY)
        lower, upper = rows["simulated_lower"].to_numpy(float), rows["simulated_upper"].to_numpy(float)
        lower = np.where(np.isneginf(lower), floor, lower)  # the band ends where ranks do
        drawable = np.isfinite(lower) & np.isfinite(upper)
        axes.fill_between(time, lower, upper, where=drawable, color=tint, alpha=0.28, lw=0)
        axes.vlines(time[drawable], lower[drawable], upper[drawable], color=tint, lw=1.2, alpha=0.35)
        middle = rows["simulated_median"].replace([-np.inf, np.inf], np.nan)
        axes.plot(time, middle, color=tint, lw=0.9)
        seen = rows["observed"].replace([-np.inf, np.inf], np.nan)
        axes.plot(time, seen, color=INK, lw=1.5, ls=STYLES.get(percentile, "-"), marker="o", ms=3.2, zorder=4)
        outside = seen.notna() & ~rows["observed"].between(rows["simulated_lower"], rows["simulated_upper"])
        axes.plot(
            time[outside], seen[outside], "o", ms=8.0, mfc="none", mec=VERMILION, mew=1.6, ls="none", zorder=5
        )
        hidden = np.isneginf(rows["observed"]) & np.isfinite(rows["simulated_lower"])  # below, where none is
        axes.plot(time[hidden], floor[hidden.to_numpy()], "v", ms=6.0, color=VERMILION, ls="none", zorder=5)
    if show_observations:
        points = of["points"]
        axes.plot(points["time"], points["value"], ".", ms=2.6, color=GREY, alpha=0.6, zorder=1)
    bins = of["bins"].sort_values("time")
    if bins["limit"].notna().any():
        axes.step(bins["time"], bins["limit"], where="mid", **LIMIT)
    edges = np.unique(np.concatenate([bins["left"], bins["right"]]))
    axes.plot(edges, np.full(len(edges), 0.012), "|", ms=8, color=INK, transform=axes.get_xaxis_transform())


def _censored(axes: Axes, table: DataFrame) -> None:
    for side, rows in table.sort_values("time").groupby("side"):
        tint = BLUE if side == "below" else VERMILION
        axes.fill_between(
            rows["time"], rows["simulated_lower"], rows["simulated_upper"], color=tint, alpha=0.25, lw=0
        )
        axes.plot(rows["time"], rows["simulated_median"], color=tint, lw=0.9)
        style = "-" if side == "below" else STYLES[5.0]
        axes.plot(rows["time"], rows["observed"], color=INK, lw=1.4, ls=style, marker="o", ms=3.2)


def _value_axis(axes: Axes, tables: dict[str, DataFrame], show_observations: bool) -> None:
    columns = ["observed", "simulated_lower", "simulated_median", "simulated_upper"]
    values = [tables["percentiles"][columns].to_numpy(float).ravel(), tables["bins"]["limit"].to_numpy(float)]
    if show_observations:
        values.append(tables["points"]["value"].to_numpy(float))
    seen = np.concatenate(values)
    seen = seen[np.isfinite(seen)]
    if axes.get_yscale() == "log" and len(seen):
        axes.set_ylim(seen.min() / 2.0, seen.max() * 1.8)
        decades(axes.yaxis)
    else:
        plain(axes.yaxis, 5)


def _positive(table: DataFrame) -> bool:
    values = table[["observed", "simulated_lower", "simulated_upper"]].to_numpy(float)
    values = values[np.isfinite(values)]
    return len(values) > 0 and bool((values > 0).all())


def _keys(tables: dict[str, DataFrame], show_observations: bool, corrected: bool) -> list[Line2D | Patch]:
    keys: list[Line2D | Patch] = [
        Line2D([], [], color=INK, lw=1.5, marker="o", ms=3, label="observed median"),
        Line2D([], [], color=INK, lw=1.5, ls=STYLES[5.0], label="observed 5% and 95%"),
        Patch(facecolor=ORANGE, alpha=0.35, label="simulated median, 90% interval"),
        Patch(facecolor=BLUE, alpha=0.35, label="simulated 5%, 95% and share, 90% interval"),
        Line2D(
            [],
            [],
            marker="o",
            ms=7,
            ls="none",
            mfc="none",
            mec=VERMILION,
            label="outside its interval (▾ below the limit)",
        ),
        Line2D([], [], marker="|", ms=8, ls="none", color=INK, label="first and last sample of a bin"),
    ]
    limit = tables["bins"]["limit"].dropna().unique()
    if len(limit):
        one = lloq_key(number(limit[0]))
        if corrected or len(limit) > 1:
            one.set_label("largest LLOQ of the bin")
        keys.append(one)
    if show_observations:
        keys.append(Line2D([], [], marker=".", ls="none", color=GREY, label="quantified sample"))
    if (tables["censored"]["side"] == "above").any():
        keys.append(Line2D([], [], color=INK, ls=STYLES[5.0], label="below: dashed, share above ULOQ"))
    return keys
