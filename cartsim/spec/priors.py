"""What is believed about a parameter before the data: the named distributions, stated in physical units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import ArrayLike

from cartsim.errors import ModelError
from cartsim.spec.distribution import (
    Array,
    Prior,
    density_inside,
    format_number,
    log_logistic,
    log_normal_density,
    normal_quantile,
    require_interval,
)
from cartsim.spec.wide_priors import Cauchy, Exponential, Flat, HalfStudentT, InverseGamma, StudentT


@dataclass(frozen=True)
class LogNormal(Prior):
    """Normal on the natural-log scale: `median` in physical units, `log_sd` in log units."""

    median: float = field()  # field(): a stated median is an argument, not the derived one of Prior
    log_sd: float

    def check(self) -> None:
        self.require(0.0 < self.median < np.inf, "median", "> 0 and finite")
        self.require(0.0 < self.log_sd < np.inf, "log_sd", "> 0 and finite")

    @property
    def normal_on_line(self) -> tuple[float, float]:
        return float(np.log(self.median)), self.log_sd

    def quantile(self, q: ArrayLike) -> Array:
        return self.median * np.exp(self.log_sd * normal_quantile(q))

    def log_density(self, x: ArrayLike) -> Array:
        return density_inside(
            x, self.support, lambda v: log_normal_density(np.log(v), *self.normal_on_line) - np.log(v)
        )


@dataclass(frozen=True)
class LogitNormal(Prior):
    """Normal on the logit of the position between `lower` and `upper`; `median` in physical units."""

    median: float = field()  # field(): a stated median is an argument, not the derived one of Prior
    logit_sd: float
    lower: float = 0.0
    upper: float = 1.0

    def check(self) -> None:
        require_interval(self)
        self.require(self.lower < self.median < self.upper, "median", f"inside ({self.lower}, {self.upper})")
        self.require(0.0 < self.logit_sd < np.inf, "logit_sd", "> 0 and finite")

    @property
    def support(self) -> tuple[float, float]:
        return self.lower, self.upper

    @property
    def normal_on_line(self) -> tuple[float, float]:
        return float(self.unconstrain(self.median)), self.logit_sd

    def quantile(self, q: ArrayLike) -> Array:
        return self.constrain(self.normal_on_line[0] + self.logit_sd * normal_quantile(q))

    def log_density(self, x: ArrayLike) -> Array:
        def density(v: Array) -> Array:
            u = self.unconstrain(v)
            return log_normal_density(u, *self.normal_on_line) - self.log_jacobian(u)

        return density_inside(x, self.support, density)


@dataclass(frozen=True)
class Normal(Prior):
    """Normal with `mean` and `sd` in physical units."""

    mean: float
    sd: float

    def check(self) -> None:
        self.require(np.isfinite(self.mean), "mean", "finite")
        self.require(0.0 < self.sd < np.inf, "sd", "> 0 and finite")

    @property
    def support(self) -> tuple[float, float]:
        return -np.inf, np.inf

    @property
    def normal_on_line(self) -> tuple[float, float]:
        return self.mean, self.sd

    def quantile(self, q: ArrayLike) -> Array:
        return self.mean + self.sd * normal_quantile(q)

    def log_density(self, x: ArrayLike) -> Array:
        return log_normal_density(np.asarray(x, dtype=float), self.mean, self.sd)


@dataclass(frozen=True)
class HalfNormal(Prior):
    """The positive half of a normal centred at zero; `sd` of the whole normal."""

    sd: float

    def check(self) -> None:
        self.require(0.0 < self.sd < np.inf, "sd", "> 0 and finite")

    def quantile(self, q: ArrayLike) -> Array:
        from scipy.special import erfinv

        return self.sd * np.sqrt(2.0) * erfinv(np.asarray(q, dtype=float))

    def log_density(self, x: ArrayLike) -> Array:
        return density_inside(x, self.support, lambda v: np.log(2.0) + log_normal_density(v, 0.0, self.sd))


@dataclass(frozen=True)
class HalfCauchy(Prior):
    """The positive half of a Cauchy centred at zero; `scale` is its median."""

    scale: float

    def check(self) -> None:
        self.require(0.0 < self.scale < np.inf, "scale", "> 0 and finite")

    def quantile(self, q: ArrayLike) -> Array:
        return self.scale * np.tan(0.5 * np.pi * np.asarray(q, dtype=float))

    def log_density(self, x: ArrayLike) -> Array:
        norm = np.log(2.0 / (np.pi * self.scale))
        return density_inside(x, self.support, lambda v: norm - np.log1p((v / self.scale) ** 2))


@dataclass(frozen=True)
class Uniform(Prior):
    """Every value between `lower` and `upper` alike."""

    lower: float
    upper: float

    def check(self) -> None:
        require_interval(self)

    @property
    def support(self) -> tuple[float, float]:
        return self.lower, self.upper

    def quantile(self, q: ArrayLike) -> Array:
        return self.lower + (self.upper - self.lower) * np.asarray(q, dtype=float)

    def log_density(self, x: ArrayLike) -> Array:
        return density_inside(x, self.support, lambda v: np.full_like(v, -np.log(self.upper - self.lower)))

    def log_density_unconstrained(self, u: ArrayLike) -> Array:
        u = np.asarray(
            u, dtype=float
        )  # the logistic density, exact where the physical value rounds to a bound
        return log_logistic(u) + log_logistic(-u)


@dataclass(frozen=True)
class LogUniform(Prior):
    """Every order of magnitude between `lower` and `upper` alike; sampled on the logit of its log."""

    lower: float
    upper: float

    def check(self) -> None:
        self.require(self.lower > 0.0, "lower", "> 0")
        require_interval(self)

    @property
    def support(self) -> tuple[float, float]:
        return self.lower, self.upper

    @property
    def _width(self) -> float:
        return float(np.log(self.upper / self.lower))

    def quantile(self, q: ArrayLike) -> Array:
        return self.lower * np.exp(self._width * np.asarray(q, dtype=float))

    def log_density(self, x: ArrayLike) -> Array:
        return density_inside(x, self.support, lambda v: -np.log(v) - np.log(self._width))

    def unconstrain(self, x: ArrayLike) -> Array:
        x = np.asarray(x, dtype=float)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(np.log(x / self.lower)) - np.log(np.log(self.upper / x))

    def constrain(self, u: ArrayLike) -> Array:
        with np.errstate(over="ignore"):
            return self.quantile(1.0 / (1.0 + np.exp(-np.asarray(u, dtype=float))))

    def log_jacobian(self, u: ArrayLike) -> Array:
        u = np.asarray(u, dtype=float)
        return np.log(self.constrain(u)) + np.log(self._width) + log_logistic(u) + log_logistic(-u)

    def log_density_unconstrained(self, u: ArrayLike) -> Array:
        u = np.asarray(u, dtype=float)
        return log_logistic(u) + log_logistic(-u)


@dataclass(frozen=True)
class Beta(Prior):
    """Beta distribution of a fraction, density proportional to x^(a-1) (1-x)^(b-1)."""

    a: float
    b: float

    def check(self) -> None:
        self.require(0.0 < self.a < np.inf, "a", "> 0 and finite")
        self.require(0.0 < self.b < np.inf, "b", "> 0 and finite")

    @property
    def support(self) -> tuple[float, float]:
        return 0.0, 1.0

    def quantile(self, q: ArrayLike) -> Array:
        from scipy.special import betaincinv

        return betaincinv(self.a, self.b, np.asarray(q, dtype=float))

    def log_density(self, x: ArrayLike) -> Array:
        from scipy.special import betaln

        norm = betaln(self.a, self.b)
        return density_inside(
            x, self.support, lambda v: (self.a - 1.0) * np.log(v) + (self.b - 1.0) * np.log1p(-v) - norm
        )

    def log_density_unconstrained(self, u: ArrayLike) -> Array:
        from scipy.special import betaln

        u = np.asarray(u, dtype=float)  # exact where the fraction rounds to 0 or 1
        return self.a * log_logistic(u) + self.b * log_logistic(-u) - betaln(self.a, self.b)


@dataclass(frozen=True)
class Gamma(Prior):
    """Gamma distribution with `shape` and `rate` (1 / physical unit); mean shape / rate."""

    shape: float
    rate: float

    def check(self) -> None:
        self.require(0.0 < self.shape < np.inf, "shape", "> 0 and finite")
        self.require(0.0 < self.rate < np.inf, "rate", "> 0 and finite")

    def quantile(self, q: ArrayLike) -> Array:
        from scipy.special import gammaincinv

        return gammaincinv(self.shape, np.asarray(q, dtype=float)) / self.rate

    def log_density(self, x: ArrayLike) -> Array:
        from scipy.special import gammaln

        norm = self.shape * np.log(self.rate) - gammaln(self.shape)
        return density_inside(
            x, self.support, lambda v: norm + (self.shape - 1.0) * np.log(v) - self.rate * v
        )


@dataclass(frozen=True)
class TruncatedNormal(Prior):
    """Normal with `mean` and `sd` cut to (`lower`, `upper`); either bound may be infinite."""

    mean: float
    sd: float
    lower: float
    upper: float

    def check(self) -> None:
        self.require(np.isfinite(self.mean), "mean", "finite")
        self.require(0.0 < self.sd < np.inf, "sd", "> 0 and finite")
        self.require(self.lower < self.upper, "upper", f"> lower ({self.lower})")
        self.require(self._log_mass > -np.inf, "mean", "some mass between lower and upper")

    @property
    def support(self) -> tuple[float, float]:
        return self.lower, self.upper

    @property
    def _mirrored_bounds(self) -> tuple[float, float, float]:
        """Standardised bounds, mirrored into the lower tail where probabilities keep their digits."""
        low, high = (self.lower - self.mean) / self.sd, (self.upper - self.mean) / self.sd
        return (-high, -low, -1.0) if low > 0.0 else (low, high, 1.0)

    @property
    def _log_mass(self) -> float:
        from scipy.special import log_ndtr

        low, high, _ = self._mirrored_bounds
        return float(log_ndtr(high) + np.log1p(-np.exp(log_ndtr(low) - log_ndtr(high))))

    def quantile(self, q: ArrayLike) -> Array:
        from scipy.special import ndtr, ndtri

        q = np.asarray(q, dtype=float)
        low, high, side = self._mirrored_bounds
        q = q if side > 0 else 1.0 - q
        return self.mean + side * self.sd * ndtri((1.0 - q) * ndtr(low) + q * ndtr(high))

    def log_density(self, x: ArrayLike) -> Array:
        return density_inside(
            x, self.support, lambda v: log_normal_density(v, self.mean, self.sd) - self._log_mass
        )


@dataclass(frozen=True)
class Fixed(Prior):
    """A value that is not estimated."""

    value: float

    def check(self) -> None:
        self.require(np.isfinite(self.value), "value", "finite")

    @property
    def support(self) -> tuple[float, float]:
        return self.value, self.value

    @property
    def unconstrained_sd(self) -> float:
        return 0.0

    def quantile(self, q: ArrayLike) -> Array:
        return np.full_like(np.asarray(q, dtype=float), self.value)

    def log_density(self, x: ArrayLike) -> Array:
        return np.where(np.asarray(x, dtype=float) == self.value, 0.0, -np.inf)

    def unconstrain(self, x: ArrayLike) -> Array:
        return np.array(x, dtype=float)

    def constrain(self, u: ArrayLike) -> Array:
        return np.array(u, dtype=float)

    def log_jacobian(self, u: ArrayLike) -> Array:
        return np.zeros_like(np.asarray(u, dtype=float))

    def describe(self, unit: str = "") -> str:
        return f"fixed at {format_number(self.value)}" + (f" {unit}" if unit and unit != "1" else "")


PRIORS: Mapping[str, type[Prior]] = {
    kind.__name__: kind
    for kind in (
        LogNormal, LogitNormal, Normal, HalfNormal, HalfCauchy, Uniform, LogUniform, Beta, Gamma,
        TruncatedNormal, StudentT, HalfStudentT, Cauchy, Exponential, InverseGamma, Flat, Fixed,
    )
}  # fmt: skip


def prior_from_mapping(mapping: Mapping[str, Mapping[str, float]]) -> Prior:
    """Build a prior from plain data such as {"LogNormal": {"median": 9.3, "log_sd": 0.38}} (TOML, JSON).

    Raises ModelError naming the unknown distribution or argument and what is allowed.
    """
    if not isinstance(mapping, Mapping) or len(mapping) != 1:
        raise ModelError(
            "a prior is one distribution name with its arguments",
            value=mapping,
            remedy="write for example {LogNormal = {median = 9.3, log_sd = 0.4}}",
        )
    ((name, arguments),) = mapping.items()
    if name not in PRIORS:
        raise ModelError("unknown prior", value=name, limit=", ".join(PRIORS))
    known = [item.name for item in fields(PRIORS[name])]
    wrong = [key for key in arguments if key not in known] if isinstance(arguments, Mapping) else [arguments]
    if wrong:
        raise ModelError(f"prior {name}: unknown argument", value=wrong, limit=", ".join(known))
    try:
        return PRIORS[name](**arguments)
    except TypeError:
        missing = [key for key in known if key not in arguments]
        raise ModelError(f"prior {name}: missing argument", value=missing, limit=", ".join(known)) from None
