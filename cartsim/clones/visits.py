"""Samples of a simulated succession as a laboratory would send them: a table of clones by visit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cartsim.clones.course import PHENOTYPES
from cartsim.clones.diversity import sequenced
from cartsim.clones.succession import Succession
from cartsim.data.clone_table import COLUMNS, CloneTable

if TYPE_CHECKING:
    import pandas as pd

PROLIFERATION, STRESS, PERSISTENCE = "proliferation", "stress", "persistence"


def sampled_table(
    found: Succession,
    days: np.ndarray,
    depth: int,
    rng: np.random.Generator,
    *,
    subject: str = "simulated",
    overdispersion: float = 0.0,
) -> CloneTable:
    """Samples of `depth` cells from the product (day 0) and from blood on `days`, by phenotype.

    Where fewer cells circulate they are all in the sample's reach: at most as many are drawn. Clones are
    named by their rank in the product.

    Parameters
    ----------
    found : Succession
    days : day, of `found.days`
    depth : cells (templates) of a sample
    overdispersion : see `cartsim.clones.diversity.sequenced`
    """
    import pandas as pd

    names = np.array(clone_names(found))
    parts = [("product", 0.0, ("",), found.product[None], depth)]
    for day in days:
        cells = found.cells[found.place(day)]
        parts.append(("blood", float(day), PHENOTYPES, cells, min(depth, int(cells.sum()))))
    rows = []
    for compartment, day, kinds, cells, of_sample in parts:
        if of_sample < 1:
            continue
        drawn = sequenced(cells.ravel(), of_sample, rng, overdispersion=overdispersion).reshape(cells.shape)
        for kind, counts in zip(kinds, drawn.astype(int), strict=True):
            seen = np.flatnonzero(counts)
            rows += [
                (subject, day, compartment, kind, *pair)
                for pair in zip(names[seen], counts[seen], strict=True)
            ]
    return CloneTable(pd.DataFrame(rows, columns=list(COLUMNS)), "simulated")


def clone_names(found: Succession) -> list[str]:
    """Names of clones in the order of the succession's arrays: by rank in the product."""
    count = found.product.size
    rank = np.empty(count, dtype=int)
    rank[np.argsort(-found.product, kind="stable")] = np.arange(1, count + 1)
    return [f"clone_{number:0{len(str(count))}d}" for number in rank]


def phases(found: Succession) -> list[tuple[str, float, float]]:
    """Proliferation, stress and persistence: (name, first day, last day) of a succession's days.

    Our own reading of the trial's three phases: proliferation until the cells are most, persistence from the
    day on which memory cells are more than half of those that are not exhausted, for good; between them the
    effectors contract under stress.
    """
    totals = found.cells.sum(axis=2)
    days, cells = found.days, totals.sum(axis=1)
    peak = float(days[cells.argmax()])
    living = totals[:, :4].sum(axis=1)
    minority = np.flatnonzero((totals[:, 0] <= 0.5 * living) & (days >= peak))
    later = int(minority[-1]) + 1 if minority.size else int(cells.argmax())
    persisting = float(days[min(later, len(days) - 1)])
    parts = [
        (PROLIFERATION, float(days[0]), peak),
        (STRESS, peak, persisting),
        (PERSISTENCE, persisting, float(days[-1])),
    ]
    return [part for part in parts if part[2] > part[1]]


def true_indices(found: Succession) -> pd.DataFrame:
    """Indices of all cells on every day, nobody sampling: `time`, `index`, `value`."""
    import pandas as pd

    from cartsim.clones.diversity import INDICES, all_indices

    rows = []
    for day, cells in zip(found.days, found.cells.sum(axis=1), strict=True):
        if cells.sum() > 0:
            values = dict(zip(INDICES, all_indices(cells), strict=True))
            rows += [(float(day), name, value) for name, value in values.items() if name != "Chao1"]
    return pd.DataFrame(rows, columns=["time", "index", "value"])
