"""The hierarchical block ensemble: patients move one by one, the population without a single solve.

One sweep, for each half of the ensemble with the other half fixed: (1) every patient of every walker proposes
from the same patient in the other half (differential evolution, stretch with the BLOCK's dimension, leaps)
and is accepted on its own, twice; (2) typical values and covariate effects are drawn exactly, spreads and
correlations by Metropolis steps; (3) residual sds and assay factors move on cached predictions; (4) shared
parameters; (5) one typical value with its spread, or one of the two alone, moves with all patients riding
along (non-centred).
Given the other half, every update leaves the posterior of this half unchanged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.infer.settings import MoveMix
from cartsim.kernels import block_proposals, hierarchy

if TYPE_CHECKING:
    from cartsim.infer.population import Population

Array = NDArray[np.float64]
SPREAD_STEPS = 5
MEASUREMENT_STEPS = 2
PATIENT_SWEEPS = 2
Told = Callable[[int, int, int], None]


@dataclass
class Standing:
    """Where walkers are and what follows from it: a pure function of the coordinates, so no hidden state."""

    coords: Array
    predictions: Array
    likelihood: Array

    def part(self, members: NDArray[np.int64]) -> Standing:
        """A copy of some walkers."""
        return Standing(self.coords[members], self.predictions[members], self.likelihood[members])

    def put(self, members: NDArray[np.int64], part: Standing) -> None:
        """Write some walkers back."""
        self.coords[members], self.predictions[members] = part.coords, part.predictions
        self.likelihood[members] = part.likelihood


def propose_blocks(mix: MoveMix, sample: Array, others: Array, random) -> tuple[Array, Array]:
    """Proposals for blocks (n, B, d) from the other half (m, B, d), and log q(old) / q(new) (n, B)."""
    sample, others = np.ascontiguousarray(sample), np.ascontiguousarray(others)
    count, blocks, _ = sample.shape
    shares = np.cumsum([mix.differential_evolution, mix.jumps, mix.stretch])
    kinds = np.searchsorted(shares, random.random_sample((count, blocks)), side="right")
    first = random.randint(len(others), size=(count, blocks))
    second = (first + 1 + random.randint(len(others) - 1, size=(count, blocks))) % len(others)
    partners = np.stack([first, second], axis=-1).astype(np.int64)
    normal, uniform = random.standard_normal(sample.shape), random.random_sample((count, blocks))
    df = block_proposals.LEAP_DF
    reach = np.sqrt(df / random.chisquare(df, (count, blocks)))
    proposed, log_ratio = np.empty_like(sample), np.empty((count, blocks))
    block_proposals.propose(
        sample, others, kinds.astype(np.int64), partners, normal, uniform, reach, proposed, log_ratio
    )
    return proposed, log_ratio


def redraw_population(population: Population, u: Array, random) -> None:
    """Typical values and effects exactly, spreads and correlations by Metropolis, in place; no solves.

    u : float64 (W, d), points; the individual parameters stay
    """
    at = population.columns
    theta = np.ascontiguousarray(at.individual(u))
    coefficients, log_spread, y = population.hyper_parts(u)
    normal, kinds, spread, eta = population.hyper_tables
    fresh = random.standard_normal(coefficients.shape)
    hierarchy.draw_coefficients(theta, log_spread, y, *population.design, normal, fresh, coefficients)
    shape = (len(u), SPREAD_STEPS, log_spread.shape[1] + y.shape[1])
    steps, log_uniform = random.standard_normal(shape), np.log(random.random_sample(shape))
    hierarchy.walk_spread(
        theta, coefficients, *population.design, kinds, spread, eta, steps, log_uniform, log_spread, y
    )
    u[:, at.coefficients], u[:, at.log_spread], u[:, at.correlation] = coefficients, log_spread, y


class HierarchicalBlock:
    """The move; give it to `emcee.EnsembleSampler(moves=...)` with `population.log_posterior`.

    Parameters
    ----------
    population : Population
    mix : shares of the proposals
    sweeps : sweeps an emcee step; more keep the chain small where it moves slowly
    told : called with (solves, failed, impossible) after each batch of solves
    """

    def __init__(
        self, population: Population, *, mix: MoveMix, sweeps: int = 1, told: Told = lambda *counts: None
    ) -> None:
        self.population, self.mix, self.sweeps, self.told = population, mix, sweeps, told
        self._standing: Standing | None = None

    def tune(self, state, accepted) -> None:
        """Nothing adapts: a chain that adapts has no exact target."""

    def propose(self, model, state):
        """emcee's hook: some sweeps; returns the state and each walker's share of accepted patient moves."""
        standing = self._standing_at(state.coords)
        accepted = np.zeros(len(state.coords))
        for _ in range(self.sweeps):
            halves = np.arange(len(state.coords)) % 2
            model.random.shuffle(halves)
            for half in (0, 1):
                members, others = np.flatnonzero(halves == half), np.flatnonzero(halves != half)
                part = standing.part(members)
                accepted[members] += self._sweep(part, standing.coords[others], model.random)
                standing.put(members, part)
        state.coords[:] = standing.coords
        state.log_prob[:] = self._log_posterior(standing)
        self._standing = standing
        return state, accepted / self.sweeps

    def _standing_at(self, coords: Array) -> Standing:
        known = self._standing
        if known is not None and np.array_equal(known.coords, coords):
            return known
        population, coords = self.population, np.ascontiguousarray(coords, dtype=np.float64).copy()
        predictions, possible = population.observed.predict(
            population.columns.individual(coords), coords[:, population.columns.shared]
        )
        likelihood = population.observed.log_likelihood(predictions, possible, coords)
        return Standing(coords, predictions, likelihood)

    def _log_posterior(self, standing: Standing) -> Array:
        """As `Population.evaluate` adds it up, from the stored parts."""
        from cartsim.infer.population import summed

        population, u = self.population, standing.coords
        prior = population.log_hyper_prior(u) + population.log_measurement_prior(u)
        zero = np.zeros(len(u))
        return summed(prior, population.log_patients(u)) + summed(zero, standing.likelihood)

    def _sweep(self, part: Standing, others: Array, random) -> Array:
        at = self.population.columns
        accepted = np.zeros(len(part.coords))
        for _ in range(PATIENT_SWEEPS):
            accepted += self._patients(part, others, random) / PATIENT_SWEEPS
            redraw_population(self.population, part.coords, random)
        if at.log_scale.stop > at.sigma.start:
            for _ in range(MEASUREMENT_STEPS):
                self._measurement(part, others, random)
        if at.shared.stop > at.shared.start:
            self._shared(part, others, random)
        riding = self._pair if random.random_sample() < 0.5 else self._single
        riding(part, others, random)
        redraw_population(self.population, part.coords, random)
        return accepted

    def _solved(self, theta: Array, shared: Array, u: Array) -> tuple[Array, Array]:
        """Predictions and likelihood of every patient; the solves are counted."""
        observed = self.population.observed
        predictions, possible = observed.predict(theta, shared)
        likelihood = observed.log_likelihood(predictions, possible, u)
        self.told(possible.size, int((~possible).sum()), int(np.isneginf(likelihood).sum()))
        return predictions, likelihood

    def _patients(self, part: Standing, others: Array, random) -> Array:
        """Every patient of every walker on its own; returns the share accepted."""
        population, at = self.population, self.population.columns
        theta = at.individual(part.coords)
        proposed, log_ratio = propose_blocks(self.mix, theta, at.individual(others), random)
        predictions, likelihood = self._solved(proposed, part.coords[:, at.shared], part.coords)
        there = part.coords.copy()
        there[:, at.theta] = proposed.reshape(len(proposed), -1)
        gain = log_ratio + population.log_patients(there) - population.log_patients(part.coords)
        gain += likelihood - part.likelihood
        moved = gain > np.log(random.random_sample(gain.shape))
        part.coords[:, at.theta] = np.where(moved[:, :, None], proposed, theta).reshape(len(proposed), -1)
        part.likelihood = np.where(moved, likelihood, part.likelihood)
        rows = np.repeat(moved, np.diff(population.observed.first), axis=1)
        part.predictions = np.where(rows, predictions, part.predictions)
        return moved.mean(axis=1)

    def _measurement(self, part: Standing, others: Array, random) -> None:
        """Residual sds and assay factors together, on cached predictions; no solves."""
        population, at = self.population, self.population.columns
        block = slice(at.sigma.start, at.log_scale.stop)
        proposed, log_ratio = propose_blocks(
            self.mix, part.coords[:, None, block], others[:, None, block], random
        )
        there = part.coords.copy()
        there[:, block] = proposed[:, 0]
        possible = np.isfinite(part.likelihood)
        likelihood = population.observed.log_likelihood(part.predictions, possible, there)
        gain = log_ratio[:, 0] + population.log_measurement_prior(there)
        gain += likelihood.sum(axis=1) - population.log_measurement_prior(part.coords)
        gain -= part.likelihood.sum(axis=1)
        moved = gain > np.log(random.random_sample(len(gain)))
        part.coords[moved] = there[moved]
        part.likelihood[moved] = likelihood[moved]

    def _shared(self, part: Standing, others: Array, random) -> None:
        """Shared parameters together; every patient is solved."""
        population, at = self.population, self.population.columns
        proposed, log_ratio = propose_blocks(
            self.mix, part.coords[:, None, at.shared], others[:, None, at.shared], random
        )
        there = part.coords.copy()
        there[:, at.shared] = proposed[:, 0]
        gain = log_ratio[:, 0] + population.log_measurement_prior(there)
        gain -= population.log_measurement_prior(part.coords)
        self._accept_whole(part, there, gain, random)

    def _pair(self, part: Standing, others: Array, random) -> None:
        """One parameter's typical value, effects and log spread, each patient keeping its standardised place.

        In standardised places the population density does not change; back in parameters the Jacobian takes
        up exactly the change of the spread's power. So the prior and the likelihood decide.
        """
        at, parameter_of = self.population.columns, self.population.design[1]
        count, effects = len(part.coords), at.effects
        chosen = random.randint(effects, size=count)
        there, log_ratio = part.coords.copy(), np.zeros(count)
        for k in range(effects):
            members = np.flatnonzero(chosen == k)
            block = [*np.flatnonzero(parameter_of == k), at.log_spread.start + k]
            if not len(members):
                continue
            now = part.coords[np.ix_(members, block)]
            proposed, ratio = propose_blocks(self.mix, now[:, None], others[:, None, block], random)
            there[np.ix_(members, block)], log_ratio[members] = proposed[:, 0], ratio[:, 0]
        self._ride_along(part, there, log_ratio, random)

    def _single(self, part: Standing, others: Array, random) -> None:
        """One typical value, effect or log spread alone, the patients riding along as in `_pair`.

        A difference of two others times a factor from 0.03 to 1.7: where the population is well known given
        the rest, a whole pair is hardly ever accepted.
        """
        at, count = self.population.columns, len(part.coords)
        column = random.randint(at.log_spread.stop, size=count)
        first = random.randint(len(others), size=count)
        second = (first + 1 + random.randint(len(others) - 1, size=count)) % len(others)
        reach = 1.7 * np.exp(np.log(0.02) * random.random_sample(count))
        there, rows = part.coords.copy(), np.arange(count)
        there[rows, column] += reach * (others[first, column] - others[second, column])
        self._ride_along(part, there, np.zeros(count), random)

    def _ride_along(self, part: Standing, there: Array, log_ratio: Array, random) -> None:
        """Move all patients so that their standardised places stay, then accept or reject."""
        population, at = self.population, self.population.columns
        design, parameter_of = population.design
        spread = np.exp(there[:, at.log_spread] - part.coords[:, at.log_spread])
        theta, moved = at.individual(part.coords), at.individual(part.coords).copy()
        for k in range(at.effects):
            own, block = design[:, parameter_of == k], np.flatnonzero(parameter_of == k)
            old, new = part.coords[:, block], there[:, block]
            touched = (new != old).any(axis=1) | (spread[:, k] != 1.0)
            place = theta[:, :, k] - (old[:, None] * own).sum(axis=2)
            riding = (new[:, None] * own).sum(axis=2) + place * spread[:, [k]]
            moved[touched, :, k] = riding[touched]
        there[:, at.theta] = moved.reshape(len(there), -1)
        gain = log_ratio + population.log_hyper_prior(there) - population.log_hyper_prior(part.coords)
        self._accept_whole(part, there, gain, random)

    def _accept_whole(self, part: Standing, there: Array, gain: Array, random) -> None:
        """Solve all patients of `there` and accept walker by walker."""
        at = self.population.columns
        predictions, likelihood = self._solved(at.individual(there), there[:, at.shared], there)
        gain = gain + likelihood.sum(axis=1) - part.likelihood.sum(axis=1)
        moved = gain > np.log(random.random_sample(len(gain)))
        part.coords[moved], part.predictions[moved] = there[moved], predictions[moved]
        part.likelihood[moved] = likelihood[moved]
