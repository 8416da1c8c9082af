"""What one new patient's samples say about that patient, given a population of which it is one.

The patient is a point of standard normal scores and one of the population's equally likely draws. Draws of
the population are weighted by the likelihood of the samples (importance sampling, Pareto-smoothed: Vehtari et
al. 2024, JMLR 25:72). Where few of them carry the weight, the same draws are taken to the posterior in steps
of a tempered likelihood, resampled and moved at each (Del Moral, Doucet & Jasra 2006, J R Stat Soc B 68:411).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cartsim.errors import FitError

Array = NDArray[np.float64]
Whole = NDArray[np.int64]
OPEN = 0.3  # variance, of the population's 1, above which a direction may be drawn from the population again


class Belief(Protocol):
    """A patient not yet seen: `size` independent standard normal scores, `populations` of equal weight."""

    size: int
    populations: int

    def log_likelihood(self, scores: Array, which: Whole) -> Array:
        """Log likelihood (n,) of the samples at scores (n, size) in the populations `which` (n,)."""
        ...


@dataclass(frozen=True)
class Effort:
    """How hard to try.

    Parameters
    ----------
    points : draws of the population that are weighted
    kept : draws of the patient that are returned, equally likely
    enough : effective points from which the weights alone are trusted, with a Pareto k below 0.7
    sweeps, last : moves of every draw at each temperature, and at the last one
    """

    points: int = 4_000
    kept: int = 1_000
    enough: float = 400.0
    sweeps: int = 5
    last: int = 20

    def __post_init__(self) -> None:
        if not (self.points >= self.kept >= 50 and self.sweeps >= 1 and self.last >= 1):
            raise FitError(
                "a prediction needs points >= kept >= 50 and at least one sweep",
                value=(self.points, self.kept, self.sweeps, self.last),
            )


@dataclass(frozen=True)
class NewPatient:
    """Draws of one patient's posterior, equally likely.

    Attributes
    ----------
    scores : float64 (kept, size)
    which : int64 (kept,), the population draw of each
    effective, pareto_k : of the importance weights, before any move
    temperatures : steps from prior to posterior; 0 where the weights alone sufficed
    acceptance : share of moves accepted at the last temperature; NaN without moves
    distinct : share of the draws that differ from each other
    """

    scores: Array
    which: Whole
    effective: float
    pareto_k: float
    temperatures: int
    acceptance: float
    distinct: float


def new_patient(belief: Belief, rng: np.random.Generator, *, effort: Effort | None = None) -> NewPatient:
    """Draws of the posterior of one patient.

    Raises
    ------
    FitError
        Where the samples are impossible in every draw of the population.
    """
    effort = effort or Effort()
    scores = rng.standard_normal((effort.points, belief.size))
    which = rng.integers(belief.populations, size=effort.points)
    log_likelihood = _finite(belief.log_likelihood(scores, which))
    if not np.isfinite(log_likelihood).any():
        raise FitError("this patient's samples are impossible in the population", value=effort.points)
    weight, k = smoothed(log_likelihood)
    effective = 1.0 / float((weight**2).sum())
    if effective >= effort.enough and k < 0.7:
        at = _resampled(weight, effort.kept, rng)
        return NewPatient(scores[at], which[at], effective, k, 0, np.nan, len(np.unique(at)) / effort.kept)
    return _tempered(belief, rng, effort, (scores, which, log_likelihood), (effective, k))


def smoothed(log_weight: Array) -> tuple[Array, float]:
    """Pareto-smoothed normalised weights (n,) and k, by arviz; k is 0 for weights that are all alike."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # arviz 0.23 announces version 1 at import
        import arviz
    possible = np.isfinite(log_weight)
    shifted = np.where(possible, log_weight, log_weight[possible].min() - 700.0) - log_weight[possible].max()
    if np.ptp(shifted) < 1e-9:
        return np.full(len(shifted), 1.0 / len(shifted)), 0.0
    logs, k = arviz.psislw(shifted)
    weight = np.exp(np.asarray(logs))
    return weight / weight.sum(), float(k)


def _finite(log_likelihood: Array) -> Array:
    return np.where(np.isnan(log_likelihood), -np.inf, log_likelihood)


def _resampled(weight: Array, count: int, rng: np.random.Generator) -> Whole:
    """Systematic resampling: `count` row numbers."""
    ends = np.cumsum(weight)
    return np.searchsorted(ends / ends[-1], (np.arange(count) + rng.random()) / count).astype(np.int64)


def _step(log_likelihood: Array, wanted: float) -> float:
    """The largest step in temperature that keeps `wanted` effective points; bisection."""

    def effective(step: float) -> float:
        logs = step * log_likelihood
        weight = np.exp(logs - logs.max())
        return weight.sum() ** 2 / (weight**2).sum()

    low, high = 0.0, 1.0
    for _ in range(40):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if effective(middle) >= wanted else (low, middle)
    return max(low, 1e-6)


def _tempered(
    belief: Belief,
    rng: np.random.Generator,
    effort: Effort,
    start: tuple[Array, Whole, Array],
    weights: tuple[float, float],
) -> NewPatient:
    scores, which, log_likelihood = start
    temperature, steps, accepted = 0.0, 0, np.nan
    wanted = 0.5 * effort.kept
    while temperature < 1.0:
        possible = np.isfinite(log_likelihood)
        own = np.where(possible, log_likelihood, -1e300)
        top = own.max()
        step = min(_step(np.maximum(own - top, -1e9), wanted), 1.0 - temperature)
        temperature += step
        temperature = 1.0 if temperature > 1.0 - 1e-9 else temperature
        weight = np.exp(np.maximum(step * (own - top), -700.0)) * possible
        at = _resampled(weight, effort.kept, rng)
        scores, which, log_likelihood = scores[at], which[at], log_likelihood[at]
        rounds = effort.last if temperature == 1.0 else effort.sweeps
        for _ in range(rounds):
            scores, which, log_likelihood, accepted = _moved(
                belief, (scores, which, log_likelihood), temperature, rng
            )
        steps += 1
    distinct = len(np.unique(scores, axis=0)) / effort.kept
    return NewPatient(scores, which, *weights, steps, accepted, distinct)


def _moved(
    belief: Belief, state: tuple[Array, Whole, Array], temperature: float, rng: np.random.Generator
) -> tuple[Array, Whole, Array, float]:
    """One move of every draw, half of them at a time, steered by the other half.

    Four in ten of the draws also change to another draw of the population, all of which are equally likely.
    """
    scores, which, log_likelihood = (part.copy() for part in state)
    order, accepted = rng.permutation(len(scores)), 0
    halves = order[: len(order) // 2], order[len(order) // 2 :]
    for own, other in (halves, halves[::-1]):
        proposed, log_prior = _proposed(scores[own], scores[other], rng)
        there = which[own].copy()
        swapped = rng.random(len(own)) < (0.4 if belief.populations > 1 else 0.0)
        there[swapped] = rng.integers(belief.populations, size=int(swapped.sum()))
        found = _finite(belief.log_likelihood(proposed, there))
        gain = log_prior + temperature * (found - log_likelihood[own])
        moved = np.log(rng.random(len(own))) < gain
        accepted += int(moved.sum())
        at = own[moved]
        scores[at], which[at], log_likelihood[at] = proposed[moved], there[moved], found[moved]
    return scores, which, log_likelihood, accepted / len(scores)


def _proposed(own: Array, other: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Proposals (n, d), and what the density of the population adds to their acceptance (n,).

    In the principal directions of the other half, a few or all of them at a time: a random walk as long as
    the half is wide, or a step that leans towards the population and keeps its density (Neal 1999). What the
    samples do not inform is so drawn afresh, what they do moves on its own scale (Cui, Law & Marzouk 2016).
    Two in ten step along the difference of two draws of the other half (ter Braak 2006).
    """
    count, size = own.shape
    values, vectors = np.linalg.eigh(np.cov(other, rowvar=False).reshape(size, size))
    width, open_ = np.sqrt(np.maximum(values, 1e-6)), values > OPEN
    open_[-1] = True
    at = own @ vectors
    kind = rng.choice(3, size=count, p=(0.5, 0.3, 0.2))
    share = rng.choice([2.0 / size, 6.0 / size, 1.0], size=(count, 1), p=(0.4, 0.3, 0.3))
    chosen = rng.random(own.shape) < share
    chosen[np.arange(count), rng.integers(size, size=count)] = True
    normal = rng.standard_normal(own.shape)
    length = 2.38 / np.sqrt(chosen.sum(axis=1, keepdims=True)) * rng.choice([0.3, 1.0], size=(count, 1))
    walked = at + length * width * normal * chosen
    lean = rng.choice([0.3, 1.0], size=(count, 1))
    leant = np.where(chosen & open_, np.sqrt(1.0 - lean**2) * at + lean * normal, at)
    first = rng.integers(len(other), size=count)
    second = (first + rng.integers(1, len(other), size=count)) % len(other)
    along = 2.38 / np.sqrt(2.0 * size) * rng.choice([0.3, 1.0], size=(count, 1))
    crossed = at + along * ((other[first] - other[second]) @ vectors) + 1e-4 * normal
    there = np.where((kind == 0)[:, None], walked, np.where((kind == 1)[:, None], leant, crossed))
    log_prior = 0.5 * ((at**2).sum(axis=1) - (there**2).sum(axis=1))
    return there @ vectors.T, np.where(kind == 1, 0.0, log_prior)
