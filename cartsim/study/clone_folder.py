"""A folder about clones: diversity, overlap and largest clones as CSV files, and the figures."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cartsim.clones.resampling import RESAMPLES, diversity_of, overlap_of
from cartsim.clones.visits import clone_names, phases, true_indices
from cartsim.data.clone_table import SAMPLE, CloneTable, write_clone_table
from cartsim.data.write import replace_bytes, replace_text

if TYPE_CHECKING:
    import pandas as pd

    from cartsim.clones.succession import Succession

FIGURES = "figures"
SIMULATED = "SIMULATED"
TOP = 20
MOST = 12  # series whose clones are drawn one by one


def write_clone_folder(
    table: CloneTable,
    folder: str | Path,
    *,
    seed: int = 1,
    depth: int | None = None,
    resamples: int = RESAMPLES,
    simulated: Succession | None = None,
    about: str = "",
) -> dict[str, pd.DataFrame]:
    """Write `diversity.csv`, `overlap.csv`, `top_clones.csv` and `figures/`; return the three tables.

    Parameters
    ----------
    table : CloneTable
    folder : made if it is not there; files of the same names are replaced
    seed : of the resampling
    depth : samples are rarefied to it, see `diversity_of`
    simulated : Succession, optional
        Whose samples the table holds: `clones.tsv` is written too, figures show all cells beside the samples
    about : one line for the figures and the head of `clones.tsv`
    """
    folder = Path(folder)
    (folder / FIGURES).mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    found = {
        "diversity": diversity_of(table, rng, depth=depth, resamples=resamples),
        "overlap": overlap_of(table, rng, resamples=resamples),
        "top_clones": top_clones(table),
    }
    if simulated is not None:
        write_clone_table(table.rows, folder / "clones.tsv", comment=f"{SIMULATED} data: {about}")
    for name, rows in found.items():
        replace_text(
            folder / f"{name}.csv", rows.to_csv(index=False, lineterminator="\n", float_format="%.6g")
        )
    from cartsim.report.style import png, svg

    for name, figure in figures(table, found["diversity"], simulated=simulated, about=about).items():
        replace_bytes(folder / FIGURES / f"{name}.png", png(figure))
        replace_bytes(folder / FIGURES / f"{name}.svg", svg(figure))
    return found


def top_clones(table: CloneTable, clones: int = TOP) -> pd.DataFrame:
    """The largest clones of every sample: subject, time, compartment, rank, clone, count, share."""
    import pandas as pd

    found = []
    for sample, rows in table.rows.groupby(list(SAMPLE)):
        counts = rows.groupby("clone")["count"].sum().sort_values(ascending=False, kind="stable")
        first = counts.iloc[:clones]
        names = dict(zip(SAMPLE, sample, strict=True))
        found.append(
            pd.DataFrame(
                {
                    **names,
                    "rank": range(1, len(first) + 1),
                    "clone": first.index,
                    "count": first.to_numpy(),
                    "share": first.to_numpy() / counts.sum(),
                }
            )
        )
    return pd.concat(found, ignore_index=True)


def figures(
    table: CloneTable, diversity: pd.DataFrame, *, simulated: Succession | None = None, about: str = ""
) -> dict[str, object]:
    """Figures by name: areas, ranks, diversity, and tracks of the largest clones of each series."""
    from cartsim.report.clone_areas import clone_areas
    from cartsim.report.clone_diversity import clone_diversity
    from cartsim.report.clone_ranks import clone_ranks
    from cartsim.report.clone_tracks import clone_tracks

    stamps = [SIMULATED] if simulated is not None else []
    series = {", ".join(name): wide for name, wide in table.followed().items()}
    drawn = {"rank_abundance": clone_ranks(series, title="Clones by rank", note=about, labels=stamps)}
    truth = None
    if simulated is None:
        areas = {name: wide for name, wide in series.items() if wide.shape[1] > 1}
        title = "Shares of the ten largest clones of each patient"
        for name in list(areas)[:MOST]:
            followed = _phenotype_panels(table, *name.rsplit(", ", 1))
            word = re.sub(r"[^0-9A-Za-z.-]+", "_", name)
            drawn[f"tracks_{word}"] = clone_tracks(
                followed, unit="Count in the sample", title=f"The largest clones of {name}"
            )
    else:
        truth, names = true_indices(simulated), clone_names(simulated)
        areas, title = {"all cells": _every_cell(simulated, names)}, "Shares of the clones among all cells"
        drawn["tracks"] = clone_tracks(
            _cell_panels(simulated, names),
            phases=phases(simulated),
            title="The largest clones",
            note=about,
            labels=stamps,
        )
    if areas:
        drawn["areas"] = clone_areas(areas, title=title, note=about, labels=stamps)
    drawn["diversity"] = clone_diversity(
        diversity, truth=truth, title="Diversity of clones", note=about, labels=stamps
    )
    return drawn


def _every_cell(simulated: Succession, names: Sequence[str]) -> pd.DataFrame:
    """Cells by clone and day, the product as day 0."""
    import pandas as pd

    cells = simulated.cells.sum(axis=1).T
    days = list(simulated.days)
    if days[0] > 0.0:
        cells, days = np.column_stack([simulated.product, cells]), [0.0, *days]
    else:
        cells = np.column_stack([simulated.product, cells[:, 1:]])
    return pd.DataFrame(cells, index=list(names), columns=days)


def _cell_panels(simulated: Succession, names: Sequence[str]) -> Mapping[str, pd.DataFrame]:
    """Cells by phenotype; primed memory cells with the memory cells."""
    import pandas as pd

    cells = simulated.cells
    kinds = {
        "memory": cells[:, 0] + cells[:, 1],
        "effector_1": cells[:, 2],
        "effector_2": cells[:, 3],
        "exhausted": cells[:, 4],
    }
    return {
        kind: pd.DataFrame(found.T, index=list(names), columns=list(simulated.days))
        for kind, found in kinds.items()
    }


def _phenotype_panels(table: CloneTable, subject: str, compartment: str) -> Mapping[str, pd.DataFrame]:
    """Counts of one series by phenotype, the same clones and days in each; one panel where none is named."""
    rows = table.rows[(table.rows["subject"] == subject) & (table.rows["compartment"] == compartment)]
    kinds = list(dict.fromkeys(rows["phenotype"]))[:6]
    clones, days = sorted(set(rows["clone"])), sorted(set(rows["time"]))
    found = {}
    for kind in kinds:
        own = rows[rows["phenotype"] == kind]
        wide = own.pivot_table(index="clone", columns="time", values="count", aggfunc="sum", fill_value=0)
        found[kind or "all cells"] = wide.reindex(index=clones, columns=days, fill_value=0)
    return found
