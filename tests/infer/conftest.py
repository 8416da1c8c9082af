"""Targets with a known answer, for the sampler without a model behind it."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from cartsim.infer.problem import Evaluation
from cartsim.spec.priors import Normal


@dataclass(frozen=True)
class NoObservations:
    censoring: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    time: np.ndarray = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True)
class KnownTarget:
    """A mixture of standard normals around `centres`, with wide normal priors for the search of starts."""

    centres: tuple[tuple[float, ...], ...]
    subject: str = "known"
    can_go_in_step: bool = False
    arrays: NoObservations = field(default_factory=NoObservations)

    @property
    def ndim(self):
        return len(self.centres[0])

    @property
    def names(self):
        return tuple(f"x{k}" for k in range(self.ndim))

    @property
    def priors(self):
        return tuple(Normal(0.0, 6.0) for _ in range(self.ndim))

    def log_posterior(self, u):
        squares = [np.sum((u - np.array(centre)) ** 2, axis=1) for centre in self.centres]
        return np.logaddexp.reduce([-0.5 * square for square in squares], axis=0)

    def evaluate(self, u):
        return Evaluation(np.zeros(len(u)), self.log_posterior(u), np.zeros(len(u), dtype=bool))

    def constrain(self, u):
        return u

    def fingerprint(self):
        return {"model": str(self.centres)}


@pytest.fixture
def gaussian():
    """A standard normal in four dimensions."""
    return KnownTarget(((0.0,) * 4,))


@pytest.fixture
def two_modes():
    """Two equal standard normals six sds apart in each of two dimensions."""
    return KnownTarget(((-3.0, -3.0), (3.0, 3.0)))
