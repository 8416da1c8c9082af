"""Figures of the benchmarks from their JSON results: work and precision, scaling."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

# cartsim in colour and in front, all others in shades with a marker of their own.
MARKERS = "osv^<>DphX*Pd1234"
OWN = {"cartsim Rodas4": "#b5179e", "cartsim Rodas5P": "#3a0ca3", "cartsim DormandPrince": "#f72585"}
plt.rcParams["svg.hashsalt"] = "cartsim"  # the same figure gives the same file


def work_precision(result: Mapping) -> Figure:
    """CPU time a patient against the median error (line) and its 95th percentile (dotted)."""
    models = result["models"]
    figure, axes = plt.subplots(1, len(models), figsize=(5.2 * len(models), 6.2), squeeze=False, sharey=True)
    solvers = list(dict.fromkeys(t["solver"] for m in models for t in m["timings"]))
    shades = iter(plt.get_cmap("tab20")(np.linspace(0, 1, 20)))
    colours = {name: OWN.get(name) or next(shades) for name in solvers}
    for axis, model in zip(axes[0], models, strict=True):
        for k, name in enumerate(solvers):
            points = [t for t in model["timings"] if t["solver"] == name]
            if not points:
                continue
            taken = [np.median(t["microseconds"]) for t in points]
            width = 2.4 if name in OWN else 1.0
            marker = {"marker": MARKERS[k % len(MARKERS)], "ms": 4, "color": colours[name]}
            axis.plot([_shown(t["error"]) for t in points], taken, lw=width, label=name, **marker)
            axis.plot([_shown(t["error_95"]) for t in points], taken, lw=0.4, ls=":", color=colours[name])
        axis.set(xscale="log", yscale="log", xlim=(1e-9, 1.0), xlabel="largest relative error of a patient")
        axis.invert_xaxis()
        axis.set_title(f"{model['model']}, {model['states']} states")
        axis.grid(True, which="major", lw=0.3)
    axes[0, 0].set_ylabel("CPU time a patient, one core (µs)")
    handles = {}
    for axis in axes[0]:
        handles |= dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles.keys(), loc="lower center", **_columns(len(models)))
    figure.tight_layout(rect=(0, 0.14 if len(models) > 1 else 0.26, 1, 1))
    return figure


def _columns(panels: int) -> dict[str, object]:
    return {"ncols": 2 * min(panels, 3), "frameon": False, "fontsize": 8}


def _shown(error: float) -> float:
    return error if error < np.inf else np.nan


def scaling(result: Mapping) -> Figure:
    """Time a patient against cohort size, cores and states."""
    figure, axes = plt.subplots(1, 3, figsize=(14, 4.4))
    for name in dict.fromkeys(row["model"] for row in result["sizes"]):
        rows = [row for row in result["sizes"] if row["model"] == name]
        axes[0].plot([r["patients"] for r in rows], [r["microseconds"] for r in rows], "o-", ms=4, label=name)
    axes[0].set(xscale="log", yscale="log", xlabel="patients", ylabel="CPU time a patient (µs)")
    axes[0].set_title("cohort size")
    for name in dict.fromkeys(row["model"] for row in result["threads"]):
        rows = [row for row in result["threads"] if row["model"] == name]
        axes[1].plot([r["threads"] for r in rows], [r["speedup"] for r in rows], "o-", label=name)
    most = max(row["threads"] for row in result["threads"])
    axes[1].plot([1, most], [1, most], "k:", lw=0.8, label="ideal")
    axes[1].set(xlabel="threads", ylabel="speed-up (wall)", xticks=range(1, most + 1))
    axes[1].set_title("cores")
    rows = result["states"]
    axes[2].plot([r["states"] for r in rows], [r["microseconds_a_step"] for r in rows], "o-")
    axes[2].set(xscale="log", yscale="log", xlabel="states", ylabel="CPU time a step and patient (µs)")
    axes[2].set_title("states (chain of compartments)")
    axes[2].set_xticks([r["states"] for r in rows], [str(r["states"]) for r in rows], minor=False)
    for axis in (axes[0].yaxis, axes[2].yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("{x:g}")
    axes[2].xaxis.set_minor_locator(plt.NullLocator())
    for axis in axes:
        axis.grid(True, which="major", lw=0.3)
    axes[0].legend(frameon=False, fontsize=8)
    axes[1].legend(frameon=False, fontsize=8)
    figure.tight_layout()
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write the figure as PNG and SVG."""
    figure.savefig(path.with_suffix(".png"), dpi=150, metadata={"Software": None})
    figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    for given in map(Path, sys.argv[1:]):
        draw = {"work_precision": work_precision, "scaling": scaling}[given.stem]
        save(draw(json.loads(given.read_text(encoding="utf-8"))), given.with_suffix(""))
