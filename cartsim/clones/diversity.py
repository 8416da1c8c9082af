"""How many clones, how even, and which stay: indices of clone counts, and sequencing.

Counts are cells, reads or templates of each clone in one sample; zeros are clones that were not seen.
Shannon in nats. Sources: Chao 1984 (unseen clones), Morisita 1959 in Horn's form of 1966 (overlap); clonality
is 1 - Pielou's evenness, UC50 the fewest clones that hold half of the cells.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cartsim.errors import EndpointError

Array = NDArray[np.float64]


def clone_counts(counts: ArrayLike) -> Array:
    """Float64 (C,) of counts >= 0 of which at least one is positive; EndpointError otherwise."""
    found = np.asarray(counts, dtype=float)
    if found.ndim != 1 or not np.isfinite(found).all() or (found < 0).any() or not found.sum() > 0:
        total = found.sum() if found.size else 0.0
        what = f"shape {found.shape}, sum {total:g}; one row of numbers >= 0, not all zero, is needed"
        raise EndpointError([("clone counts", what)])
    return found


def richness(counts: ArrayLike) -> int:
    """Clones seen."""
    return int((clone_counts(counts) > 0).sum())


def shannon(counts: ArrayLike) -> float:
    """Shannon entropy, nats."""
    share = _shares(counts)
    return float(-(share * np.log(share)).sum())


def simpson(counts: ArrayLike) -> float:
    """Probability that two cells drawn with replacement belong to different clones."""
    return float(1.0 - (_shares(counts) ** 2).sum())


def clonality(counts: ArrayLike) -> float:
    """1 - Shannon over the logarithm of the clones seen; 1 for a single clone."""
    seen = richness(counts)
    return 1.0 if seen == 1 else float(1.0 - shannon(counts) / np.log(seen))


def gini(counts: ArrayLike) -> float:
    """Inequality among the clones seen: 0 all alike, towards 1 one holds all."""
    ordered = np.sort(_shares(counts))
    rank = np.arange(1, ordered.size + 1)
    return float((2.0 * (rank * ordered).sum() / ordered.sum() - (ordered.size + 1)) / ordered.size)


def chao1(counts: ArrayLike) -> float:
    """Clones in all, from those seen once and twice; bias-corrected form, whole counts."""
    found = clone_counts(counts)
    once, twice = float((found == 1).sum()), float((found == 2).sum())
    return float((found > 0).sum() + once * (once - 1.0) / (2.0 * (twice + 1.0)))


def uc50(counts: ArrayLike) -> int:
    """The fewest clones that together hold half of the cells."""
    ordered = np.sort(clone_counts(counts))[::-1]
    return int(np.searchsorted(np.cumsum(ordered), 0.5 * ordered.sum() * (1.0 - 1e-12)) + 1)


def top_share(counts: ArrayLike, clones: int = 10) -> float:
    """Share of the cells in the largest clones."""
    ordered = np.sort(clone_counts(counts))[::-1]
    return float(ordered[:clones].sum() / ordered.sum())


def morisita_horn(first: ArrayLike, second: ArrayLike) -> float:
    """Overlap of two samples of the same clones, in the same order: 0 none shared, 1 the same shares."""
    a, b = clone_counts(first), clone_counts(second)
    if a.size != b.size:
        raise EndpointError([("samples", f"list {a.size} and {b.size} clones; the same ones are needed")])
    a, b = a / a.sum(), b / b.sum()
    return float(2.0 * (a * b).sum() / ((a**2).sum() + (b**2).sum()))


def persistence(first: ArrayLike, later: ArrayLike, clones: int = 10) -> float:
    """Share of the largest clones of a first sample that are among the largest of a later one."""
    a, b = clone_counts(first), clone_counts(later)
    if a.size != b.size:
        raise EndpointError([("samples", f"list {a.size} and {b.size} clones; the same ones are needed")])
    largest = [set(np.argsort(-x, kind="stable")[:clones][np.sort(x)[::-1][:clones] > 0]) for x in (a, b)]
    return len(largest[0] & largest[1]) / max(len(largest[0]), 1)


INDICES = {
    "richness": richness,
    "Shannon (nats)": shannon,
    "Simpson": simpson,
    "Gini": gini,
    "clonality": clonality,
    "Chao1": chao1,
    "UC50": uc50,
    "top 10": top_share,
}


def all_indices(counts: ArrayLike) -> Array:
    """Every index of `INDICES`, in its order, from one sort; float64 (8,)."""
    ordered = np.sort(clone_counts(counts))[::-1]
    ordered = ordered[: np.count_nonzero(ordered)]
    seen, total = ordered.size, ordered.sum()
    share, below = ordered / total, np.cumsum(ordered)
    entropy = float(-(share * np.log(share)).sum())
    once, twice = float((ordered == 1).sum()), float((ordered == 2).sum())
    rank = np.arange(seen, 0, -1)
    return np.array(
        [
            seen,
            entropy,
            1.0 - (share**2).sum(),
            (2.0 * (rank * share).sum() - (seen + 1)) / seen,
            1.0 if seen == 1 else 1.0 - entropy / np.log(seen),
            seen + once * (once - 1.0) / (2.0 * (twice + 1.0)),
            np.searchsorted(below, 0.5 * total * (1.0 - 1e-12)) + 1,
            below[min(10, seen) - 1] / total,
        ]
    )


def sequenced(
    cells: ArrayLike, depth: int, rng: np.random.Generator, *, overdispersion: float = 0.0
) -> Array:
    """Templates of each clone in a sample of `depth` drawn from its cells, float64 (C,).

    Multinomial; with `overdispersion` > 0 Dirichlet-multinomial, whose variance is
    (1 + overdispersion x depth) / (1 + overdispersion) times larger: amplification and integration-site
    capture are no clean draw.
    """
    share = clone_counts(cells) / clone_counts(cells).sum()
    if depth < 1 or overdispersion < 0:
        what = f"is {depth} with overdispersion {overdispersion:g}; >= 1 and >= 0 are needed"
        raise EndpointError([("depth", what)])
    if overdispersion > 0:
        weight = rng.standard_gamma(np.maximum(share / overdispersion, 1e-300))
        share = weight / weight.sum()
    return rng.multinomial(depth, share).astype(float)


def _shares(counts: ArrayLike) -> Array:
    found = clone_counts(counts)
    found = found[found > 0]
    return found / found.sum()
