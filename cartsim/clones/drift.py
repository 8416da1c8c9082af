"""Selection and chance told apart: spread of fitness and strength of drift, from one patient's samples.

Two unknowns: the spread of fitness (0 is neutral), and `lineages`, the share of the counted cells that found
lines of their own (`RateCourse.scaled`): drift grows as 1 / lineages. The inference is that of
`cartsim.clones.selection` in two dimensions: courses simulated from the prior, a quadratic regression of each
unknown on the summaries, and at every point of a grid the two statistics taken as normal, mean and covariance
by local regression. The prior is uniform in the spread and in the logarithm of lineages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cartsim.clones.diversity import morisita_horn, richness, sequenced, shannon, top_share
from cartsim.clones.selection import ENOUGH
from cartsim.clones.succession import Succession
from cartsim.errors import FitError

Array = NDArray[np.float64]
POINTS = (61, 31)  # of the grid: spread, log10 of lineages


@dataclass(frozen=True)
class DriftPosterior:
    """Posterior on the grid: `spread` (G,), `lineages` (H,), `mass` (G, H) adding up to 1.

    `log_bayes_factor`: marginal likelihood of spreads above 0 over that of spread 0, both averaged over the
    prior of lineages, ln.
    """

    spread: Array
    lineages: Array
    mass: Array
    log_bayes_factor: float

    def quantile(self, name: str, q: float) -> float:
        """Of `spread` or `lineages`, the other unknown averaged over."""
        if name not in ("spread", "lineages"):
            raise FitError("no such unknown", value=name, limit="spread, lineages")
        alone = self.mass.sum(axis=1 if name == "spread" else 0)
        at = self.spread if name == "spread" else np.log10(self.lineages)
        steps = np.diff(at) * 0.5 * (alone[1:] + alone[:-1])
        below = np.append(0.0, np.cumsum(steps))
        found = float(np.interp(q, below / below[-1], at))
        return found if name == "spread" else float(10.0**found)


def succession_summary(
    course: Succession, depth: int, rng: np.random.Generator, *, overdispersion: float = 0.0
) -> Array:
    """What samples of the product and of every day say; float64 (5 D,).

    Shannon, logit of the ten largest clones' share, and log richness of each day; overlap (logit of
    Morisita-Horn) of each day with the product and with the day before: selection moves shares early and
    for good, drift goes on moving them.
    """
    before = product = sequenced(course.product, depth, rng, overdispersion=overdispersion)
    found = []
    for cells in course.cells.sum(axis=1):
        sample = sequenced(cells, depth, rng, overdispersion=overdispersion) if cells.sum() > 0 else before
        found += [
            shannon(sample),
            _logit(top_share(sample), depth),
            float(np.log(richness(sample))),
            _logit(morisita_horn(product, sample), depth),
            _logit(morisita_horn(before, sample), depth),
        ]
        before = sample
    return np.array(found)


def _logit(share: float, depth: int) -> float:
    share = float(np.clip(share, 0.5 / depth, 1.0 - 0.5 / depth))
    return float(np.log(share / (1.0 - share)))


class DriftInference:
    """Reads spread and lineages off summaries, from simulated courses of which both are known.

    Parameters
    ----------
    spreads, lineages : float64 (K,), drawn from the prior
    summaries : float64 (K, S)
    most : end of the spread's uniform prior
    lineages_range : lowest and highest, ends of the log-uniform prior
    width : of the local regression, as a share of each prior's range
    """

    def __init__(
        self,
        spreads: Array,
        lineages: Array,
        summaries: Array,
        *,
        most: float,
        lineages_range: Sequence[float],
        width: float = 0.12,
    ) -> None:
        if not ENOUGH <= len(spreads) == len(lineages) == len(summaries):
            raise FitError(
                "too few simulated courses", value=len(spreads), limit=f">= {ENOUGH}, one summary each"
            )
        low, high = np.log10(lineages_range)
        truth = np.column_stack([spreads / most, (np.log10(lineages) - low) / (high - low)])
        self.spread, self.lineages = (
            np.linspace(0.0, most, POINTS[0]),
            10.0 ** np.linspace(low, high, POINTS[1]),
        )
        self.centre, self.scale = summaries.mean(axis=0), np.maximum(summaries.std(axis=0), 1e-12)
        self.slopes = np.linalg.lstsq(self._design(summaries), truth, rcond=None)[0]
        statistic = self._design(summaries) @ self.slopes
        self.means, self.roots = np.empty((*POINTS, 2)), np.empty((*POINTS, 2, 2))
        for g, at_spread in enumerate(np.linspace(0.0, 1.0, POINTS[0])):
            for h, at_lineages in enumerate(np.linspace(0.0, 1.0, POINTS[1])):
                off = (truth - (at_spread, at_lineages)) / width
                self.means[g, h], self.roots[g, h] = _local_normal(off, statistic)

    def _design(self, summaries: Array) -> Array:
        """Intercept, summaries and their squares, (n, 1 + 2 S)."""
        score = (np.atleast_2d(summaries) - self.centre) / self.scale
        return np.column_stack([np.ones(len(score)), score, score**2])

    def log_likelihood(self, summary: Array) -> Array:
        """Of one patient's summary on the grid, (G, H), up to a constant."""
        gap = (self._design(summary) @ self.slopes)[0] - self.means
        white = np.linalg.solve(self.roots, gap[..., None])[..., 0]
        return -0.5 * (white**2).sum(axis=-1) - np.log(self.roots[..., [0, 1], [0, 1]]).sum(axis=-1)

    def posterior(self, *summaries: Array) -> DriftPosterior:
        """Of one patient, or of several that have both unknowns in common."""
        log = np.sum([self.log_likelihood(summary) for summary in summaries], axis=0)
        mass = np.exp(log - log.max())
        by_spread = mass.mean(axis=1)
        selection = np.trapezoid(by_spread, self.spread) / self.spread[-1]
        evidence = np.log(selection) - np.log(max(by_spread[0], 1e-300))
        return DriftPosterior(self.spread, self.lineages, mass / mass.sum(), float(evidence))


def _local_normal(off: Array, statistic: Array) -> tuple[Array, Array]:
    """Mean and Cholesky root of the covariance of two statistics where `off` is 0, by local regression."""
    weight = np.exp(-0.5 * (off**2).sum(axis=1))
    near = weight > 1e-6
    off, weight, value = off[near], weight[near], statistic[near]
    design = np.column_stack([np.ones(len(off)), off, off**2, off[:, :1] * off[:, 1:]])
    root = np.sqrt(weight)[:, None]
    local = np.linalg.lstsq(root * design, root * value, rcond=None)[0]
    rest, total = value - design @ local, weight.sum()
    free = max(total - design.shape[1] * (weight**2).sum() / total, 1.0)
    return local[0], np.linalg.cholesky((weight[:, None] * rest).T @ rest / free + 1e-10 * np.eye(2))
