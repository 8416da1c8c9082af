"""Priors that reference posteriors use beside the clinical ones: heavy tails, rates, and none at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cartsim.spec.distribution import Array, Prior, density_inside, normal_quantile


def _t_constant(df: float, scale: float) -> float:
    from scipy.special import gammaln

    return float(gammaln(0.5 * (df + 1.0)) - gammaln(0.5 * df) - 0.5 * np.log(df * np.pi) - np.log(scale))


def _central_spread(prior: Prior) -> float:
    """Half the width of the central 68.27%: the sd of a normal, and finite where there is no variance."""
    low, high = prior.unconstrain(prior.quantile([0.15865525393145707, 0.8413447460685429]))
    return float(0.5 * (high - low))


@dataclass(frozen=True)
class StudentT(Prior):
    """Student's t on the whole line with `df` degrees of freedom around `location`."""

    df: float
    location: float
    scale: float

    def check(self) -> None:
        self.require(0.0 < self.df < np.inf, "df", "> 0 and finite")
        self.require(np.isfinite(self.location), "location", "finite")
        self.require(0.0 < self.scale < np.inf, "scale", "> 0 and finite")

    @property
    def support(self) -> tuple[float, float]:
        return -np.inf, np.inf

    @property
    def unconstrained_sd(self) -> float:
        """The sd; half the central 68% where it is infinite (df <= 2)."""
        return self.scale * np.sqrt(self.df / (self.df - 2.0)) if self.df > 2.0 else _central_spread(self)

    def quantile(self, q: ArrayLike) -> Array:
        from scipy.special import stdtrit

        return self.location + self.scale * stdtrit(self.df, np.asarray(q, dtype=float))

    def log_density(self, x: ArrayLike) -> Array:
        z = (np.asarray(x, dtype=float) - self.location) / self.scale
        return _t_constant(self.df, self.scale) - 0.5 * (self.df + 1.0) * np.log1p(z * z / self.df)


@dataclass(frozen=True)
class HalfStudentT(Prior):
    """The positive half of a Student t centred at zero."""

    df: float
    scale: float

    def check(self) -> None:
        self.require(0.0 < self.df < np.inf, "df", "> 0 and finite")
        self.require(0.0 < self.scale < np.inf, "scale", "> 0 and finite")

    def quantile(self, q: ArrayLike) -> Array:
        from scipy.special import stdtrit

        return self.scale * stdtrit(self.df, 0.5 + 0.5 * np.asarray(q, dtype=float))

    def log_density(self, x: ArrayLike) -> Array:
        norm = np.log(2.0) + _t_constant(self.df, self.scale)
        return density_inside(
            x,
            self.support,
            lambda v: norm - 0.5 * (self.df + 1.0) * np.log1p((v / self.scale) ** 2 / self.df),
        )


@dataclass(frozen=True)
class Cauchy(Prior):
    """Cauchy on the whole line; `location` is its median, `scale` half its interquartile range."""

    location: float
    scale: float

    def check(self) -> None:
        self.require(np.isfinite(self.location), "location", "finite")
        self.require(0.0 < self.scale < np.inf, "scale", "> 0 and finite")

    @property
    def support(self) -> tuple[float, float]:
        return -np.inf, np.inf

    @property
    def unconstrained_sd(self) -> float:
        """Half the central 68%; a Cauchy has no sd."""
        return _central_spread(self)

    def quantile(self, q: ArrayLike) -> Array:
        return self.location + self.scale * np.tan(np.pi * (np.asarray(q, dtype=float) - 0.5))

    def log_density(self, x: ArrayLike) -> Array:
        z = (np.asarray(x, dtype=float) - self.location) / self.scale
        return -np.log(np.pi * self.scale) - np.log1p(z * z)


@dataclass(frozen=True)
class Exponential(Prior):
    """Exponential with `rate` (1 / physical unit); mean 1 / rate."""

    rate: float

    def check(self) -> None:
        self.require(0.0 < self.rate < np.inf, "rate", "> 0 and finite")

    def quantile(self, q: ArrayLike) -> Array:
        return -np.log1p(-np.asarray(q, dtype=float)) / self.rate

    def log_density(self, x: ArrayLike) -> Array:
        return density_inside(x, self.support, lambda v: np.log(self.rate) - self.rate * v)


@dataclass(frozen=True)
class InverseGamma(Prior):
    """The reciprocal of a gamma: density proportional to x^(-shape - 1) exp(-scale / x)."""

    shape: float
    scale: float

    def check(self) -> None:
        self.require(0.0 < self.shape < np.inf, "shape", "> 0 and finite")
        self.require(0.0 < self.scale < np.inf, "scale", "> 0 and finite")

    def quantile(self, q: ArrayLike) -> Array:
        from scipy.special import gammainccinv

        return self.scale / gammainccinv(self.shape, np.asarray(q, dtype=float))

    def log_density(self, x: ArrayLike) -> Array:
        from scipy.special import gammaln

        norm = self.shape * np.log(self.scale) - gammaln(self.shape)
        return density_inside(
            x, self.support, lambda v: norm - (self.shape + 1.0) * np.log(v) - self.scale / v
        )


@dataclass(frozen=True)
class Flat(Prior):
    """No prior: density 1 on (`lower`, `upper`), improper where that is unbounded.

    The search for starting points looks around `near`, with a normal of sd `reach` on the unconstrained scale
    (log or logit where bounded); the density takes no notice of either.
    """

    near: float
    reach: float = 2.0
    lower: float = -np.inf
    upper: float = np.inf

    def check(self) -> None:
        self.require(self.lower < self.upper, "upper", f"> lower ({self.lower})")
        self.require(self.lower < self.near < self.upper, "near", f"inside ({self.lower}, {self.upper})")
        self.require(0.0 < self.reach < np.inf, "reach", "> 0 and finite")

    @property
    def support(self) -> tuple[float, float]:
        return self.lower, self.upper

    @property
    def unconstrained_sd(self) -> float:
        """The reach: how far the search looks."""
        return self.reach

    def quantile(self, q: ArrayLike) -> Array:
        """Quantiles of where the search looks; a flat density has none of its own."""
        return self.constrain(self.unconstrain(self.near) + self.reach * normal_quantile(q))

    def log_density(self, x: ArrayLike) -> Array:
        return density_inside(x, self.support, np.zeros_like)

    def log_density_unconstrained(self, u: ArrayLike) -> Array:
        return self.log_jacobian(u)  # exact where the physical value rounds to a bound

    def describe(self, unit: str = "") -> str:
        return (
            "flat" if np.isinf([self.lower, self.upper]).all() else f"flat on {self.lower:g}, {self.upper:g}"
        )
