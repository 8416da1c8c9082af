"""Problems whose posterior, information and profiles are known in closed form."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from cartsim.infer.problem import Evaluation
from cartsim.spec.priors import Normal


@dataclass(frozen=True)
class Samples:
    outputs: tuple[str, ...] = ("y",)
    output: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    time: np.ndarray = field(default_factory=lambda: np.zeros(0))
    censoring: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))


@dataclass(frozen=True)
class Known:
    """Normal priors and any log likelihood of points (n, d); unconstrained and physical scale are one."""

    height: Callable[[np.ndarray], np.ndarray]
    priors: tuple[Normal, ...]
    each: Callable[[np.ndarray], np.ndarray] = lambda values: np.zeros((len(values), 0))
    arrays: Samples = field(default_factory=Samples)
    subject: str = "known"
    can_go_in_step: bool = False

    @property
    def ndim(self):
        return len(self.priors)

    @property
    def names(self):
        return tuple("abcdefgh"[: self.ndim])

    def log_prior(self, u):
        return sum(p.log_density_unconstrained(u[:, k]) for k, p in enumerate(self.priors))

    def log_likelihood(self, u):
        return self.height(u)

    def evaluate(self, u):
        return Evaluation(self.log_prior(u), self.height(u), np.zeros(len(u), dtype=bool))

    def log_posterior(self, u):
        return self.evaluate(u).log_posterior

    def constrain(self, u):
        return np.asarray(u)

    def unconstrain(self, values):
        return np.atleast_2d(values)

    def pointwise(self, values):
        return self.each(values)


def quadratic(matrix, centre, sd=6.0):
    """Log likelihood -(u - centre)' M (u - centre) / 2 under priors N(0, sd)."""
    matrix, centre = np.asarray(matrix), np.asarray(centre)
    return Known(
        lambda u: -0.5 * np.einsum("ni,ij,nj->n", u - centre, matrix, u - centre),
        tuple(Normal(0.0, sd) for _ in centre),
    )
