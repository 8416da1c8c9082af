"""Diversity of sampled clones with what sampling leaves open: indices by sample, overlap between times.

Intervals (90%) come from a bootstrap that knows of clones nobody saw (Chao & Jost 2013, doi:10.1111/2041-
210X.12247; Chao et al. 2014, doi:10.1890/13-0133.1, as in iNEXT): the shares of the clones seen are reduced
to the estimated coverage, the rest goes to as many unseen clones as Chao1 expects, and samples of the same
depth are drawn from this. An index of such a sample differs from that of its source by a bias that the value
itself has too; therefore the spread of the resamples is laid round the value. It is the uncertainty of an
index AT ITS DEPTH. Richness, Shannon, clonality and UC50 grow or fall with depth: compare samples of unlike
depth at a common one (`depth`), or by Simpson, the top clones' share and Morisita-Horn, which hardly change.
Counts are taken for independent draws: amplified reads are fewer templates than they look (use UMI counts).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cartsim.clones.diversity import INDICES, all_indices, clone_counts, morisita_horn, persistence
from cartsim.data.clone_table import SAMPLE
from cartsim.errors import EndpointError

if TYPE_CHECKING:
    import pandas as pd

    from cartsim.data.clone_table import CloneTable

Array = NDArray[np.float64]
RESAMPLES = 500
LEVEL = 0.9
HIGHEST = {"Simpson": 1.0, "Gini": 1.0, "clonality": 1.0, "top 10": 1.0}
LOWEST = {"richness": 1.0, "UC50": 1.0, "Chao1": 1.0}


class Repertoire:
    """What a sample says of the clones it came from: shares of those seen, share and number of the rest."""

    def __init__(self, counts: ArrayLike) -> None:
        found = clone_counts(counts)
        whole = np.round(found)
        if not np.allclose(found, whole, rtol=0.0, atol=1e-6):
            raise EndpointError(
                [("clone counts", "are not whole; how sure a diversity is depends on counts")]
            )
        self.depth = int(whole.sum())
        n, once, twice = float(self.depth), float((whole == 1).sum()), float((whole == 2).sum())
        if twice > 0:
            unseen = (n - 1.0) / n * once**2 / (2.0 * twice)
            rest = once / n * (n - 1.0) * once / ((n - 1.0) * once + 2.0 * twice) if once else 0.0
        else:
            unseen = (n - 1.0) / n * once * (once - 1.0) / 2.0
            rest = once / n * (n - 1.0) * (once - 1.0) / ((n - 1.0) * (once - 1.0) + 2.0) if once > 1 else 0.0
        self.unseen, self.rest = int(np.ceil(unseen)), rest  # clones, and their share: 1 - coverage
        share = whole / n
        missed = share * (1.0 - share) ** n
        self.seen = share * (1.0 - rest * (1.0 - share) ** n / missed.sum()) if rest > 0.0 else share
        self.seen *= (1.0 - rest) / self.seen.sum()

    def drawn(self, rng: np.random.Generator, depth: int | None = None) -> tuple[Array, Array]:
        """A sample of `depth`, the same as the first by default: counts of the clones seen, and of others."""
        depth = depth or self.depth
        elsewhere = rng.binomial(depth, self.rest) if self.unseen else 0
        counts = rng.multinomial(depth - elsewhere, self.seen / self.seen.sum()).astype(float)
        others = np.unique(rng.integers(self.unseen, size=elsewhere), return_counts=True)[1]
        return counts, others.astype(float)


def diversity_table(
    counts: ArrayLike,
    rng: np.random.Generator,
    *,
    resamples: int = RESAMPLES,
    depth: int | None = None,
) -> pd.DataFrame:
    """Every index of one sample: `index`, `value`, `lower`, `upper` (90%).

    Parameters
    ----------
    counts : (C,), whole
    rng : Generator
    resamples : of the bootstrap
    depth : rarefy to so many cells first: `value` is the mean over draws without replacement

    Raises
    ------
    EndpointError
        For counts that are not whole, negative or all zero, and for a depth beyond the sample's.
    """
    import pandas as pd

    source = Repertoire(counts)
    value, depth = all_indices(counts), source.depth if depth is None else int(depth)
    if not 1 <= depth <= source.depth:
        raise EndpointError([("depth", f"is {depth}; the sample has 1 to {source.depth:,}")])
    if depth < source.depth:
        value = np.mean(
            [all_indices(row) for row in _rarefied(counts, depth, rng, min(resamples, 50))], axis=0
        )
    again = [all_indices(np.concatenate(source.drawn(rng, depth))) for _ in range(resamples)]
    rows = []
    for k, name in enumerate(INDICES):
        low, high = _interval(value[k], np.array(again)[:, k])
        rows.append(
            (name, float(value[k]), max(low, LOWEST.get(name, 0.0)), min(high, HIGHEST.get(name, np.inf)))
        )
    return pd.DataFrame(rows, columns=["index", "value", "lower", "upper"])


def overlap_table(
    first: ArrayLike,
    later: ArrayLike,
    rng: np.random.Generator,
    *,
    clones: int = 10,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """Morisita-Horn overlap, persistence of the `clones` largest, and the cells the first ones hold later.

    Two samples of the same clones in the same order; columns as of `diversity_table`, both samples drawn
    again. An unseen clone of one sample is not matched with one of the other.
    """
    import pandas as pd

    sources = Repertoire(first), Repertoire(later)
    a, b = clone_counts(first), clone_counts(later)
    value = _overlap(a, b, clones)
    again = []
    for _ in range(resamples):
        (a, other_a), (b, other_b) = (source.drawn(rng) for source in sources)
        a = np.concatenate([a, other_a, np.zeros(len(other_b))])
        b = np.concatenate([b, np.zeros(len(other_a)), other_b])
        again.append(_overlap(a, b, clones))
    names = ("Morisita-Horn", f"top {clones} persisting", f"later share of the first top {clones}")
    rows = []
    for k, name in enumerate(names):
        low, high = _interval(value[k], np.array(again)[:, k])
        rows.append((name, float(value[k]), max(low, 0.0), min(high, 1.0)))
    return pd.DataFrame(rows, columns=["index", "value", "lower", "upper"])


def diversity_of(
    table: CloneTable,
    rng: np.random.Generator,
    *,
    depth: int | None = None,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """Diversity of every sample: `subject`, `compartment`, `time`, `depth`, then those of `diversity_table`.

    Phenotypes of a sample are added. With `depth` samples that hold less keep their own, as `depth` says.
    """
    import pandas as pd

    found = []
    for sample, rows in table.rows.groupby(list(SAMPLE)):
        counts = rows.groupby("clone")["count"].sum().to_numpy(float)
        used = int(min(counts.sum(), depth or np.inf))
        of_sample = diversity_table(counts, rng, resamples=resamples, depth=used)
        found.append(_labelled(of_sample, sample, depth=used))
    return pd.concat(found, ignore_index=True)


def overlap_of(
    table: CloneTable, rng: np.random.Generator, *, clones: int = 10, resamples: int = RESAMPLES
) -> pd.DataFrame:
    """Overlap of the samples of a subject and compartment: each with the one before it and with the first.

    A sample of the product, where there is one, is the first of every compartment (`CloneTable.followed`).

    Columns `subject`, `compartment`, `from`, `time` (day), then those of `overlap_table`; empty where no
    subject has two samples of a compartment.
    """
    import pandas as pd

    columns = ["subject", "compartment", "from", "time", "index", "value", "lower", "upper"]
    found = [pd.DataFrame(columns=columns)]
    for (subject, compartment), wide in table.followed().items():
        days = list(wide.columns)
        for k, day in enumerate(days[1:], start=1):
            for before in dict.fromkeys((days[k - 1], days[0])):
                both = wide[before].to_numpy(float), wide[day].to_numpy(float)
                rows = overlap_table(*both, rng, clones=clones, resamples=resamples)
                found.append(_labelled(rows, (subject, day, compartment), **{"from": before})[columns])
    return pd.concat(found[1:], ignore_index=True) if len(found) > 1 else found[0]


def _labelled(rows: pd.DataFrame, sample: tuple, **more: object) -> pd.DataFrame:
    """The rows behind the names of their sample."""
    subject, time, compartment = sample
    names = {"subject": subject, "compartment": compartment, "time": time, **more}
    wide = rows.assign(**names)
    return wide[[*names, *rows.columns]]


def _overlap(a: Array, b: Array, clones: int) -> tuple[float, float, float]:
    largest = np.argsort(-a, kind="stable")[: min(clones, int((a > 0).sum()))]
    return morisita_horn(a, b), persistence(a, b, clones), float(b[largest].sum() / b.sum())


def _interval(value: float, again: Array) -> tuple[float, float]:
    """Quantiles of the resamples, laid round the value by their mean."""
    low, high = np.quantile(again, [0.5 - LEVEL / 2.0, 0.5 + LEVEL / 2.0]) - again.mean()
    return float(value + low), float(value + high)


def _rarefied(counts: ArrayLike, depth: int, rng: np.random.Generator, draws: int) -> Array:
    whole = np.round(clone_counts(counts)).astype(np.int64)
    return rng.multivariate_hypergeometric(whole, depth, size=draws, method="marginals").astype(float)
