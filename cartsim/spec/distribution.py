"""What every prior can do: draw, be evaluated, and move between physical units and the real line.

A positive quantity is sampled on its log, one in an interval on its logit, any other unchanged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cartsim.errors import ModelError

Array = NDArray[np.float64]
HALF_LOG_TWO_PI = 0.5 * np.log(2.0 * np.pi)


@dataclass(frozen=True)
class Prior:
    """What all priors share; use one of the named distributions of `spec.priors`.

    A distribution gives `support`, `quantile` and `log_density` in physical units; everything else follows.
    """

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            try:
                object.__setattr__(self, item.name, float(value))
            except (TypeError, ValueError):
                object.__setattr__(self, item.name, np.nan)
            if np.isnan(getattr(self, item.name)):
                raise ModelError(f"{type(self).__name__}: {item.name} is not a number", value=repr(value))
        self.check()

    def check(self) -> None:
        """Raise ModelError where the arguments make no distribution."""
        raise NotImplementedError

    def require(self, fine: bool, name: str, limit: str) -> None:
        """Raise ModelError naming the argument, its value and its limit unless `fine`."""
        if not fine:
            raise ModelError(
                f"{type(self).__name__}: {name} is out of range", value=getattr(self, name), limit=limit
            )

    @property
    def support(self) -> tuple[float, float]:
        """Open interval (lower, upper) of possible values, physical units; positive unless overridden."""
        return 0.0, np.inf

    @cached_property
    def median(self) -> float:
        """Median in physical units."""
        return float(self.quantile(0.5))

    @property
    def normal_on_line(self) -> tuple[float, float] | None:
        """Mean and sd where the prior is a normal on the unconstrained scale, else None."""
        return None

    @cached_property  # asked at every gradient
    def unconstrained_sd(self) -> float:
        """Standard deviation on the unconstrained scale (for the prior-to-posterior contraction)."""
        if self.normal_on_line is not None:
            return self.normal_on_line[1]
        from scipy.special import ndtr

        nodes, weights = np.polynomial.hermite_e.hermegauss(80)
        kept = np.abs(nodes) < 8.0  # beyond, ndtr rounds to 1 and the weight is below 1e-14
        nodes, weights = nodes[kept], weights[kept] / weights[kept].sum()
        u = self.unconstrain(self.quantile(ndtr(nodes)))
        return float(np.sqrt(np.sum(weights * (u - np.sum(weights * u)) ** 2)))

    def quantile(self, q: ArrayLike) -> Array:
        """Value below which the fraction `q` (0..1) of the prior lies, physical units."""
        raise NotImplementedError

    def log_density(self, x: ArrayLike) -> Array:
        """Log density at `x` (physical units); -inf outside the support."""
        raise NotImplementedError

    def sample(self, rng: np.random.Generator, size: int | tuple[int, ...] | None = None) -> Array:
        """Draw `size` values in physical units by inverting the distribution function."""
        open_unit = rng.random(size) * (1.0 - 2.0**-53) + 2.0**-54  # never exactly 0 or 1
        return self.quantile(open_unit)

    def unconstrain(self, x: ArrayLike) -> Array:
        """Map physical values inside the support to the real line."""
        x, (lower, upper) = np.asarray(x, dtype=float), self.support
        with np.errstate(divide="ignore", invalid="ignore"):
            if np.isfinite(lower) and np.isfinite(upper):
                return np.log(x - lower) - np.log(upper - x)
            if np.isfinite(lower):
                return np.log(x - lower)
            return -np.log(upper - x) if np.isfinite(upper) else x.copy()

    def constrain(self, u: ArrayLike) -> Array:
        """Map the real line to physical values; the inverse of `unconstrain`."""
        u, (lower, upper) = np.asarray(u, dtype=float), self.support
        with np.errstate(over="ignore"):
            if np.isfinite(lower) and np.isfinite(upper):
                return lower + (upper - lower) / (1.0 + np.exp(-u))
            if np.isfinite(lower):
                return lower + np.exp(u)
            return upper - np.exp(-u) if np.isfinite(upper) else u.copy()

    def log_jacobian(self, u: ArrayLike) -> Array:
        """log |d constrain / d u| at the unconstrained values `u`."""
        u, (lower, upper) = np.asarray(u, dtype=float), self.support
        if np.isfinite(lower) and np.isfinite(upper):
            return np.log(upper - lower) + log_logistic(u) + log_logistic(-u)
        if np.isfinite(lower):
            return u.copy()
        return -u if np.isfinite(upper) else np.zeros_like(u)

    def log_density_unconstrained(self, u: ArrayLike) -> Array:
        """Log density on the unconstrained scale, the log-Jacobian included."""
        if self.normal_on_line is not None:
            return log_normal_density(np.asarray(u, dtype=float), *self.normal_on_line)
        density = self.log_density(self.constrain(u)) + self.log_jacobian(u)
        return np.where(np.isnan(density), -np.inf, density)

    def describe(self, unit: str = "") -> str:
        """One line for a table, e.g. "log-normal, median 9.3 day, 90% 4.98-17.4"."""
        low, middle, high = (format_number(v) for v in self.quantile([0.05, 0.5, 0.95]))
        separator = " to " if low.startswith("-") else "-"
        unit = f" {unit}" if unit and unit != "1" else ""
        return f"{_in_words(type(self).__name__)}, median {middle}{unit}, 90% {low}{separator}{high}"

    def to_mapping(self) -> dict[str, dict[str, float]]:
        """The prior as plain data, e.g. {"LogNormal": {"median": 9.3, "log_sd": 0.38}}."""
        return {type(self).__name__: {item.name: getattr(self, item.name) for item in fields(self)}}


def require_interval(prior: Prior) -> None:
    """Raise ModelError unless the prior's bounds are finite and in order."""
    prior.require(np.isfinite(prior.lower), "lower", "finite")
    prior.require(
        np.isfinite(prior.upper) and prior.upper > prior.lower, "upper", f"> {prior.lower} and finite"
    )


def density_inside(x: ArrayLike, support: tuple[float, float], density: Callable[[Array], Array]) -> Array:
    """Evaluate `density` where `x` is inside the support and return -inf elsewhere."""
    x = np.asarray(x, dtype=float)
    within = (x > support[0]) & (x < support[1])
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(within, density(np.where(within, x, np.nan)), -np.inf)


def log_normal_density(x: Array, mean: float, sd: float) -> Array:
    """Log density of a normal."""
    return -0.5 * ((x - mean) / sd) ** 2 - np.log(sd) - HALF_LOG_TWO_PI


def log_logistic(u: Array) -> Array:
    """log of 1 / (1 + exp(-u)), exact in both tails."""
    return -np.logaddexp(0.0, -u)


def normal_quantile(q: ArrayLike) -> Array:
    """Standard normal quantile function."""
    from scipy.special import ndtri

    return ndtri(np.asarray(q, dtype=float))


def _in_words(name: str) -> str:
    return {"LogNormal": "log-normal", "LogitNormal": "logit-normal", "HalfNormal": "half-normal",
            "HalfCauchy": "half-Cauchy", "LogUniform": "log-uniform", "TruncatedNormal": "truncated normal",
            "StudentT": "Student t", "HalfStudentT": "half-Student t", "Cauchy": "Cauchy",
            "InverseGamma": "inverse gamma",
            }.get(name, name.lower())  # fmt: skip


def format_number(value: float) -> str:
    """Three significant digits, thousands separated, powers of ten only for very small or large numbers."""
    if value == 0.0 or not 1e-4 <= abs(value) < 1e7:
        return f"{value:.3g}"
    digits = 2 - int(np.floor(np.log10(abs(value))))
    text = f"{round(value, digits):,.{max(digits, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
