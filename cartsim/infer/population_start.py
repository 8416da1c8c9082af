"""Where a population fit starts: plausible values for each patient, over-dispersed.

Each patient's start is drawn from thousands of prior points (Sobol) with weights likelihood^power, the
power as large as leaves enough different points: neither one best guess for all walkers nor places without
likelihood.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from cartsim.errors import FitError
from cartsim.infer.strategy import Strategy

if TYPE_CHECKING:
    from cartsim.infer.population import Population
    from cartsim.infer.settings import SamplerSettings

Array = NDArray[np.float64]
POINTS = 4096  # prior points a patient
EFFECTIVE = 16.0  # points that share the weight at least
SMALL_SPREAD = 0.1  # of the prior median of a spread: the least a walker starts with


def population_strategy(population: Population, settings: SamplerSettings) -> Strategy:
    """Block moves; walkers enough for the largest block."""
    from cartsim.infer.block_move import HierarchicalBlock

    at = population.columns
    effects = np.bincount(population.design[1]).max() + 1
    largest = max(
        at.effects, at.log_scale.stop - at.sigma.start, at.shared.stop - at.shared.start, int(effects)
    )
    return Strategy(
        moves=lambda told: [
            (HierarchicalBlock(population, mix=settings.moves, sweeps=settings.sweeps, told=told), 1.0)
        ],
        least_walkers=4 * largest,
        walkers_are=f"4 x the largest block of {largest}, so that each half spans it",
        search=lambda rng: weigh_prior_points(population, rng),
        start=lambda found, rng: starting_points(population, found, rng, settings),
        by_blocks=True,
    )


def weigh_prior_points(population: Population, rng: np.random.Generator) -> tuple[Array, Array]:
    """Prior points float64 (POINTS, p) and their tempered weights for every patient (N, POINTS)."""
    from scipy.stats import qmc

    mean, sd = _marginal(population)
    unit = qmc.Sobol(len(mean), rng=rng).random_base2(int(np.log2(POINTS)))
    points = mean + sd * ndtri(0.005 + 0.99 * unit)
    at, patients = population.columns, len(population.subjects)
    u = np.zeros((1, population.ndim))
    for k, prior in enumerate(population.measurement_priors, start=at.shared.start):
        u[:, k] = prior.unconstrain(prior.median)
    u = np.repeat(u, POINTS, axis=0)
    theta = np.repeat(points[:, None], patients, axis=1)
    predictions, possible = population.observed.predict(theta, u[:, at.shared])
    likelihood = population.observed.log_likelihood(predictions, possible, u)
    lost = [
        s for s, ok in zip(population.subjects, np.isfinite(likelihood).any(axis=0), strict=True) if not ok
    ]
    if lost:
        raise FitError(
            "no point drawn from the priors has a finite likelihood",
            value=", ".join(lost),
            remedy="check the priors against the data (units, LLOQ) and the assay scales",
        )
    return points, np.array([_tempered(likelihood[:, i]) for i in range(patients)])


def _marginal(population: Population) -> tuple[Array, Array]:
    """Mean and sd of a patient's parameters over both the typical value's prior and the spread's."""
    typical = np.array([e.parameter.prior.normal_on_line for e in population.effects])
    spread = np.array([e.spread.median for e in population.effects])
    return typical[:, 0], np.hypot(typical[:, 1], spread)


def _tempered(log_likelihood: Array) -> Array:
    """Weights likelihood^power with the largest power <= 1 that keeps `EFFECTIVE` points."""
    possible = np.isfinite(log_likelihood)
    heights = np.where(possible, log_likelihood - log_likelihood[possible].max(), 0.0)
    low, high = 0.0, 1.0
    for _ in range(40):
        power = 0.5 * (low + high)
        weights = possible * np.exp(power * heights)
        effective = weights.sum() ** 2 / (weights**2).sum()
        low, high = (power, high) if effective > EFFECTIVE else (low, power)
    weights = possible * np.exp(low * heights)
    return weights / weights.sum()


def starting_points(
    population: Population, found: tuple[Array, Array], rng: np.random.Generator, settings: SamplerSettings
) -> Array:
    """Starting points of one ensemble, float64 (walkers, d), all with a finite posterior.

    Individual parameters by the weights, jittered by `widening` x 0.1 prior sds; typical values and spreads
    follow from each walker's own patients, the rest from the middle half of the priors.
    """
    result = np.empty((settings.walkers, population.ndim))
    for w in range(settings.walkers):
        for _attempt in range(100):
            result[w] = _start(population, found, rng, settings.widening)
            if np.isfinite(population.log_posterior(result[w : w + 1])[0]):
                break
        else:
            raise FitError("no possible starting point for a walker", value=f"walker {w}, 100 attempts")
    return result


def _start(
    population: Population, found: tuple[Array, Array], rng: np.random.Generator, widening: float
) -> Array:
    """One walker's point, float64 (d,), possible or not."""
    points, weights = found
    at, (_, sd) = population.columns, _marginal(population)
    result = np.zeros(population.ndim)
    chosen = [rng.choice(len(points), p=own) for own in weights]
    theta = points[chosen] + 0.1 * widening * sd * rng.standard_normal((len(weights), at.effects))
    result[: at.effects] = theta.mean(axis=0)
    floor = SMALL_SPREAD * np.array([e.spread.median for e in population.effects])
    result[at.log_spread] = np.log(np.maximum(theta.std(axis=0, ddof=1), floor))
    for k, prior in enumerate(population.measurement_priors, start=at.shared.start):
        result[k] = prior.unconstrain(prior.quantile(rng.uniform(0.25, 0.75)))
    for part in (slice(at.effects, at.coefficients.stop), at.correlation):  # near no effect, no correlation
        result[part] = 0.1 * rng.standard_normal(part.stop - part.start)
    result[at.theta] = theta.ravel()
    return result
