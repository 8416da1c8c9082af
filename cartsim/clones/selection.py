"""How strong is selection between clones? The spread of fitness from summaries of diversity over time.

The likelihood of clone counts has no closed form. Courses are simulated for spreads drawn from a uniform
prior; a quadratic regression of the spread on the summaries makes one statistic of them (semi-automatic
summaries, Fearnhead & Prangle 2012), and at every spread of a grid this statistic is taken as normal, mean
and sd by local regression (a synthetic likelihood, Wood 2010, Nature 466:1102, smoothed over the parameter).
One parameter is integrated on the grid instead of sampled. The neutral model is the grid's first point, 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cartsim.clones.diversity import sequenced, shannon, top_share
from cartsim.clones.succession import Succession
from cartsim.errors import FitError

Array = NDArray[np.float64]
GRID = 241
ENOUGH = 100  # simulated courses


@dataclass(frozen=True)
class SpreadPosterior:
    """Posterior of the spread on a grid: `spread` (G,), `density` (G,) with area 1; evidence for selection.

    `log_bayes_factor`: marginal likelihood of spreads above 0 (by the prior) over that of spread 0, ln.
    """

    spread: Array
    density: Array
    log_bayes_factor: float

    def quantile(self, q: float) -> float:
        """Of the posterior."""
        steps = np.diff(self.spread) * 0.5 * (self.density[1:] + self.density[:-1])
        below = np.append(0.0, np.cumsum(steps))
        return float(np.interp(q, below / below[-1], self.spread))


def diversity_summary(course: Succession, depth: int, rng: np.random.Generator) -> Array:
    """Shannon entropy and the logit of the ten largest clones' share at every day, as sequenced; (2 D,)."""
    found = []
    for k in range(len(course.days)):
        sample = sequenced(course.cells[k].sum(axis=0), depth, rng)
        top = np.clip(top_share(sample), 0.5 / depth, 1.0 - 0.5 / depth)
        found += [shannon(sample), np.log(top / (1.0 - top))]
    return np.array(found)


class SpreadInference:
    """Reads a spread off summaries, from simulated courses of known spread.

    Parameters
    ----------
    spreads : float64 (K,), drawn uniformly from 0 to `most`
    summaries : float64 (K, S), of the courses with these spreads
    most : end of the uniform prior
    width : of the local regression, as a share of `most`
    """

    def __init__(self, spreads: Array, summaries: Array, *, most: float, width: float = 0.06) -> None:
        if len(spreads) < ENOUGH or len(spreads) != len(summaries):
            raise FitError(
                "too few simulated courses", value=len(spreads), limit=f">= {ENOUGH}, one summary each"
            )
        self._learned, self._how = (spreads, summaries), {"most": most, "width": width}
        self.grid = np.linspace(0.0, most, GRID)
        self.centre, self.scale = summaries.mean(axis=0), summaries.std(axis=0)
        self.slopes = np.linalg.lstsq(self._design(summaries), spreads, rcond=None)[0]
        statistic = self._design(summaries) @ self.slopes
        self.means, self.sds = np.empty(GRID), np.empty(GRID)
        for g, at in enumerate(self.grid):
            off = (spreads - at) / (width * most)
            weight = np.exp(-0.5 * off**2)
            design = np.column_stack([np.ones_like(off), off, off**2])
            root = np.sqrt(weight)
            local = np.linalg.lstsq(root[:, None] * design, root * statistic, rcond=None)[0]
            total = weight.sum()
            lost = total - 3.0 * (weight**2).sum() / total  # three coefficients of the local regression
            self.means[g] = local[0]
            self.sds[g] = np.sqrt((weight * (statistic - design @ local) ** 2).sum() / lost)

    def _design(self, summaries: Array) -> Array:
        """Intercept, summaries, their squares and products, (n, K)."""
        score = (np.atleast_2d(summaries) - self.centre) / self.scale
        first, second = np.triu_indices(score.shape[1])
        return np.column_stack([np.ones(len(score)), score, score[:, first] * score[:, second]])

    def log_likelihood(self, summary: Array) -> Array:
        """Of one patient's summary at every spread of the grid, (G,), up to a constant."""
        statistic = float((self._design(summary) @ self.slopes)[0])
        return -0.5 * ((statistic - self.means) / self.sds) ** 2 - np.log(self.sds)

    def posterior(self, *summaries: Array) -> SpreadPosterior:
        """Of the spread that one patient, or several with a common one, have."""
        log = np.sum([self.log_likelihood(summary) for summary in summaries], axis=0)
        density = np.exp(log - log.max())
        area = np.trapezoid(density, self.grid)
        evidence = np.log(area / self.grid[-1]) + log.max()
        return SpreadPosterior(self.grid, density / area, float(evidence - log[0]))

    def log_bayes_factor_error(
        self, *summaries: Array, rng: np.random.Generator, resamples: int = 40
    ) -> float:
        """Monte Carlo error (sd) of `log_bayes_factor`: how it varies over bootstrapped simulated courses."""
        spreads, known = self._learned
        found = []
        for _ in range(resamples):
            again = rng.integers(len(spreads), size=len(spreads))
            inference = SpreadInference(spreads[again], known[again], **self._how)
            found.append(inference.posterior(*summaries).log_bayes_factor)
        return float(np.std(found, ddof=1))
