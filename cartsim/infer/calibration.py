"""Simulation-based calibration: do the intervals of a fit hold the truth as often as they say?

Truth from the prior, data from the truth, posterior from the data: then the rank of the truth among L
independent posterior draws is uniform on 0 .. L (Talts et al. 2018, arXiv:1804.06788), for every parameter
and for quantities that depend on the data too, such as the log-likelihood (Modrak et al. 2023,
doi:10.1214/23-BA1404). Everything here is arithmetic on arrays of such ranks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cartsim.errors import FitError

Array = NDArray[np.float64]
Ranks = NDArray[np.int64]
LEVELS = (0.5, 0.9, 0.95)
MOST_BINS, LEAST_EXPECTED = 20, 5.0  # a chi-square test wants five expected in a bin (Cochran 1954)
ENVELOPE_RUNS = 20_000


def spread_draws(
    ensembles: int, steps: int, walkers: int, *, tau: float, draws: int, rng: np.random.Generator
) -> Ranks:
    """Which points of a chain to take as independent draws: flat indices int64 (draws,).

    Steps are taken every `tau` (rounded up). Each of these steps of each ensemble gives one walker before any
    gives a second one: walkers of one step are independent once the ensemble has converged, but those of
    neighbouring steps are not.

    Parameters
    ----------
    tau : autocorrelation time in steps, the longest of all quantities

    Raises
    ------
    FitError
        Where the chain has fewer such points than `draws`.
    """
    every = int(np.ceil(tau)) if np.isfinite(tau) else steps
    kept = np.arange(steps % every if steps > every else 0, steps, every)
    cells = [(e, s) for e in range(ensembles) for s in kept]
    if len(cells) * walkers < draws:
        raise FitError(
            "the chain is too short for independent draws",
            value=f"{len(cells) * walkers} points one autocorrelation time apart",
            limit=f">= {draws}",
            remedy="raise max_steps or ask for fewer draws",
        )
    rounds = -(-draws // len(cells))
    taken = []
    for e, s in cells:
        taken.append([(e * steps + s) * walkers + w for w in rng.permutation(walkers)[:rounds]])
    table = np.array(taken, dtype=np.int64).T  # (rounds, cells): all cells once, then some a second time
    table[-1] = rng.permuted(table[-1])
    return table.ravel()[:draws]


def rank_of(truth: float, draws: Array, rng: np.random.Generator) -> int:
    """How many draws, float64 (L,), lie below the truth; ties count as if broken by lot."""
    ties = int(np.count_nonzero(draws == truth))
    return int(np.count_nonzero(draws < truth)) + (int(rng.integers(ties + 1)) if ties else 0)


@dataclass(frozen=True)
class Uniformity:
    """Chi-square test of one quantity's ranks; `p_adjusted` after Bonferroni over the quantities."""

    name: str
    statistic: float
    bins: int
    p: float
    p_adjusted: float


def bin_count(replicates: int, draws: int) -> int:
    """Bins of equal width over the ranks 0 .. draws: at most 20, five expected in each where possible."""
    even = [k for k in range(2, MOST_BINS + 1) if (draws + 1) % k == 0]
    if not even:
        raise FitError("no even bins for these ranks", value=draws + 1, limit="a number with a divisor <= 20")
    return max([k for k in even if replicates / k >= LEAST_EXPECTED], default=even[0])


def uniformity(ranks: Ranks, names: Sequence[str], *, draws: int) -> tuple[Uniformity, ...]:
    """Chi-square test of each quantity, ranks int64 (replicates, quantities) in 0 .. draws."""
    from scipy.stats import chi2

    _check(ranks, names, draws)
    bins = bin_count(len(ranks), draws)
    found = []
    for k, name in enumerate(names):
        counts = np.bincount(ranks[:, k] * bins // (draws + 1), minlength=bins)
        expected = len(ranks) / bins
        statistic = float(np.sum((counts - expected) ** 2) / expected)
        p = float(chi2.sf(statistic, bins - 1))
        found.append(Uniformity(name, statistic, bins, p, min(1.0, p * len(names))))
    return tuple(found)


def ecdf_difference(ranks: Ranks, *, draws: int) -> Array:
    """Share of ranks <= k minus the share wanted, (k + 1) / (draws + 1); float64 (draws + 1, quantities)."""
    wanted = np.arange(1, draws + 2) / (draws + 1)
    return np.array([np.mean(ranks <= k, axis=0) for k in range(draws + 1)]) - wanted[:, None]


@dataclass(frozen=True)
class Envelope:
    """Where the ECDF difference of uniform ranks stays: lower and upper float64 (draws + 1,).

    `level` is the probability of staying inside at all ranks at once.
    """

    lower: Array
    upper: Array
    level: float

    def holds(self, difference: Array) -> NDArray[np.bool_]:
        """Whether each column of `difference`, float64 (draws + 1, quantities), stays inside."""
        slack = 1e-9  # shares of whole counts, rounded
        inside = (difference >= self.lower[:, None] - slack) & (difference <= self.upper[:, None] + slack)
        return inside.all(axis=0)


def simultaneous_envelope(
    replicates: int, *, draws: int, level: float, rng: np.random.Generator, runs: int = ENVELOPE_RUNS
) -> Envelope:
    """The envelope of Säilynoja, Bürkner & Vehtari (2022, doi:10.1007/s11222-022-10090-6), by simulation.

    Counts of ranks <= k are binomial; the tail probability common to all k is set so that `level` of `runs`
    simulated sets of uniform ranks stay inside at every k.
    """
    from scipy.stats import binom

    wanted = np.arange(1, draws + 1) / (draws + 1)  # at the last rank the difference is always 0
    counts = np.arange(replicates + 1)
    below = binom.cdf(counts, replicates, wanted[:, None])
    above = binom.sf(counts - 1, replicates, wanted[:, None])
    tail = 2.0 * np.minimum(below, above)
    smallest = np.empty(runs)
    for begin in range(0, runs, 1_000):
        block = min(1_000, runs - begin)
        drawn = rng.multinomial(replicates, np.full(draws + 1, 1.0 / (draws + 1)), size=block)
        reached = np.cumsum(drawn, axis=1)[:, :-1]
        smallest[begin : begin + block] = tail[np.arange(draws), reached].min(axis=1)
    gamma = float(np.quantile(smallest, 1.0 - level, method="lower"))
    inside = tail >= gamma
    lower = counts[np.argmax(inside, axis=1)] / replicates - wanted
    upper = counts[replicates - np.argmax(inside[:, ::-1], axis=1)] / replicates - wanted
    return Envelope(np.append(lower, 0.0), np.append(upper, 0.0), level)


@dataclass(frozen=True)
class Coverage:
    """How often one quantity's central interval held the truth.

    `lower`, `upper`: exact (Clopper-Pearson) 95% interval of the share. `band`: where the shares of all
    quantities lie together with 99% probability if the intervals are right (exact binomial, Sidak).
    """

    name: str
    level: float
    inside: int
    replicates: int
    lower: float
    upper: float
    band: tuple[float, float]

    @property
    def share(self) -> float:
        """Share of replicates whose interval held the truth."""
        return self.inside / self.replicates

    @property
    def fine(self) -> bool:
        """Whether the share is inside the band."""
        return self.band[0] <= self.share <= self.band[1]


def coverage(
    below: Array, names: Sequence[str], *, levels: Sequence[float] = LEVELS, confidence: float = 0.99
) -> tuple[Coverage, ...]:
    """Coverage of central intervals, by level and quantity.

    Parameters
    ----------
    below : float64 (replicates, quantities), share of the posterior below the truth
    confidence : of the band, over the quantities together
    """
    from scipy.stats import binom, binomtest

    count, found = len(below), []
    for level in levels:
        low, high = binom.interval(confidence ** (1 / len(names)), count, level)
        for k, name in enumerate(names):
            hits = int(np.count_nonzero(np.abs(below[:, k] - 0.5) <= level / 2 + 1e-12))
            exact = binomtest(hits, count).proportion_ci(0.95, method="exact")
            band = float(low) / count, float(high) / count
            found.append(Coverage(name, level, hits, count, float(exact.low), float(exact.high), band))
    return tuple(found)


def pooled(found: Sequence[Coverage], level: float) -> float:
    """Share of intervals of one level, of all quantities together, that held the truth."""
    chosen = [item for item in found if item.level == level]
    return sum(item.inside for item in chosen) / sum(item.replicates for item in chosen)


def _check(ranks: Ranks, names: Sequence[str], draws: int) -> None:
    if ranks.ndim != 2 or ranks.shape[1] != len(names) or not len(ranks):
        raise FitError("ranks and names differ", value=ranks.shape, limit=f"(replicates, {len(names)})")
    if ranks.min() < 0 or ranks.max() > draws:
        raise FitError("a rank is out of range", value=(ranks.min(), ranks.max()), limit=f"0 to {draws}")
