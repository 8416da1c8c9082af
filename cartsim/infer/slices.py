"""A fitting problem with one quantity held: what is searched at each step of a profile.

It has the surface of a problem, so the search for optima climbs it like any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.infer.problem import Evaluation

if TYPE_CHECKING:
    from cartsim.infer.problem import Problem
    from cartsim.spec.distribution import Prior

Array = NDArray[np.float64]


@dataclass(frozen=True)
class LikelihoodOnly:
    """A problem whose log posterior is its log likelihood: the priors only say where to look."""

    problem: Problem

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.problem.names)

    @property
    def ndim(self) -> int:
        return self.problem.ndim

    @property
    def priors(self) -> tuple[Prior, ...]:
        return tuple(self.problem.priors)

    @property
    def subject(self) -> str:
        return getattr(self.problem, "subject", "")

    @property
    def can_go_in_step(self) -> bool:
        return getattr(self.problem, "can_go_in_step", False)

    def evaluate(self, u: Array, *, in_step: bool = False) -> Evaluation:
        whole = self.problem.evaluate(u, in_step=True) if in_step else self.problem.evaluate(u)
        return Evaluation(np.zeros(len(u)), whole.log_likelihood, whole.failed)

    def log_posterior(self, u: Array) -> Array:
        return self.evaluate(u).log_posterior


@dataclass(frozen=True)
class Slice:
    """A problem with column `held` at `at` (unconstrained); points are (n, d - 1)."""

    whole: Problem | LikelihoodOnly
    held: int
    at: float

    @property
    def names(self) -> tuple[str, ...]:
        return _without(self.whole.names, self.held)

    @property
    def ndim(self) -> int:
        return self.whole.ndim - 1

    @property
    def priors(self) -> tuple[Prior, ...]:
        return _without(self.whole.priors, self.held)

    @property
    def subject(self) -> str:
        return getattr(self.whole, "subject", "")

    @property
    def can_go_in_step(self) -> bool:
        return getattr(self.whole, "can_go_in_step", False)

    def full(self, u: Array) -> Array:
        """The same points with the held column put back, (n, d)."""
        return np.insert(np.atleast_2d(u), self.held, self.at, axis=1)

    def evaluate(self, u: Array, *, in_step: bool = False) -> Evaluation:
        points = self.full(u)
        return self.whole.evaluate(points, in_step=True) if in_step else self.whole.evaluate(points)

    def log_posterior(self, u: Array) -> Array:
        return self.evaluate(u).log_posterior


def _without(items: tuple, index: int) -> tuple:
    return (*items[:index], *items[index + 1 :])
