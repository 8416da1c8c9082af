"""How laboratory values scatter around the prediction: the residual error models, one a measured output.

Every error model names its standard deviations as parameters of the fit ("sigma_<output>") with their priors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from cartsim.errors import ModelError
from cartsim.spec.distribution import Prior
from cartsim.spec.priors import HalfNormal, prior_from_mapping

Array = NDArray[np.float64]
# Scale of the residual, as `kernels.residual` numbers it (a test compares the two).
ADDITIVE, PROPORTIONAL, COMBINED, LOG_SCALE = 0, 1, 2, 3
POISSON, POISSON_RISE, NEGATIVE_BINOMIAL, NEGATIVE_BINOMIAL_RISE = 4, 5, 6, 7
# 95% of the mass below 1.2 log units; Stein 2019 estimated 0.56 (Table 1).
SIGMA_LOG = HalfNormal(sd=0.6)
SIGMA_RATIO = HalfNormal(sd=0.5)


@dataclass(frozen=True)
class ErrorModel:
    """What the error models share; use one of those below."""

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name != "df" and not (isinstance(value, Prior) and value.support[0] >= 0.0):
                raise ModelError(
                    f"{type(self).__name__}: {item.name} needs a prior on positive values",
                    value=repr(value),
                    remedy="for example HalfNormal(sd=0.6), or Fixed(0.5) for a known value",
                )

    kind = ADDITIVE
    df = 0.0  # degrees of freedom of a Student-t; 0 stands for the normal

    @property
    def log_scale(self) -> bool:
        """Whether the residual is on the natural-log scale."""
        return self.kind == LOG_SCALE

    @property
    def counts(self) -> bool:
        """Whether it is about whole numbers of events."""
        return self.kind >= POISSON

    @property
    def of_intervals(self) -> bool:
        """Whether an observation counts the events since the one before it (or since time 0)."""
        return self.kind in (POISSON_RISE, NEGATIVE_BINOMIAL_RISE)

    def sigmas(self, output: str) -> tuple[tuple[str, Prior], ...]:
        """Names and priors of the standard deviations for one output."""
        return ((f"sigma_{output}", self.sigma),)

    def location_and_scale(self, prediction: Array, *sigma: Array) -> tuple[Array, Array]:
        """Centre and sd of the residual on its own scale, broadcast over `prediction` (output unit)."""
        prediction = np.asarray(prediction, dtype=float)
        if self.log_scale:
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.log(prediction), np.broadcast_to(sigma[0], prediction.shape)
        if self.kind == PROPORTIONAL:
            return prediction, sigma[0] * np.abs(prediction)
        if self.kind == COMBINED:
            return prediction, np.hypot(sigma[0], sigma[1] * prediction)
        return prediction, np.broadcast_to(sigma[0], prediction.shape)

    def standardised(self, value: Array, prediction: Array, *sigma: Array) -> Array:
        """Residuals in units of their sd: (value - centre) / sd on the residual's scale."""
        location, scale = self.location_and_scale(prediction, *sigma)
        return ((np.log(value) if self.log_scale else np.asarray(value)) - location) / scale

    def draw(self, rng: np.random.Generator, prediction: Array, *sigma: Array) -> Array:
        """Simulated measurements around `prediction`, before any limit of quantification, output unit."""
        location, scale = self.location_and_scale(prediction, *sigma)
        noise = rng.standard_t(self.df, location.shape) if self.df else rng.standard_normal(location.shape)
        measured = location + scale * noise
        return np.exp(measured) if self.log_scale else measured

    def to_mapping(self) -> dict[str, dict]:
        """The error model as plain data, e.g. {"LogNormalError": {"sigma": {"HalfNormal": {"sd": 0.6}}}}."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        plain = {name: v.to_mapping() if isinstance(v, Prior) else v for name, v in values.items()}
        return {type(self).__name__: plain}


@dataclass(frozen=True)
class LogNormalError(ErrorModel):
    """Constant sd on the natural-log scale: the usual choice for transgene and cytokines."""

    sigma: Prior = SIGMA_LOG
    kind = LOG_SCALE


@dataclass(frozen=True)
class AdditiveError(ErrorModel):
    """Constant sd in the unit of the output."""

    sigma: Prior
    kind = ADDITIVE


@dataclass(frozen=True)
class ProportionalError(ErrorModel):
    """Sd in proportion to the prediction; `sigma` is a coefficient of variation."""

    sigma: Prior = SIGMA_RATIO
    kind = PROPORTIONAL


@dataclass(frozen=True)
class CombinedError(ErrorModel):
    """Additive and proportional sd, variances added; `additive` in the unit of the output."""

    additive: Prior
    proportional: Prior = SIGMA_RATIO
    kind = COMBINED

    def sigmas(self, output: str) -> tuple[tuple[str, Prior], ...]:
        return (
            (f"sigma_additive_{output}", self.additive),
            (f"sigma_proportional_{output}", self.proportional),
        )


@dataclass(frozen=True)
class PoissonError(ErrorModel):
    """The observation is a count, Poisson with the output as its mean."""

    kind = POISSON

    def sigmas(self, output: str) -> tuple[tuple[str, Prior], ...]:
        return ()

    def location_and_scale(self, prediction: Array, *sigma: Array) -> tuple[Array, Array]:
        """Mean and sd of the count."""
        mean = np.maximum(np.asarray(prediction, dtype=float), 0.0)
        return mean, np.sqrt(mean)

    def draw(self, rng: np.random.Generator, prediction: Array, *sigma: Array) -> Array:
        """Simulated counts around the mean `prediction`; NaN where that is."""
        return _counts(rng, self.location_and_scale(prediction)[0])


@dataclass(frozen=True)
class PoissonIncrements(PoissonError):
    """The observation counts the events since the one before it (the first: since time 0).

    Poisson with the rise of the output, a cumulative number of events, as its mean. `draw` and
    `location_and_scale` take that rise as the prediction.
    """

    kind = POISSON_RISE


@dataclass(frozen=True)
class NegativeBinomialError(ErrorModel):
    """The observation is a count with variance mean + mean^2 / dispersion, the output being the mean."""

    dispersion: Prior
    kind = NEGATIVE_BINOMIAL

    def sigmas(self, output: str) -> tuple[tuple[str, Prior], ...]:
        """Name and prior of the dispersion (Stan's phi; large is Poisson)."""
        return ((f"dispersion_{output}", self.dispersion),)

    def location_and_scale(self, prediction: Array, *sigma: Array) -> tuple[Array, Array]:
        """Mean and sd of the count."""
        mean = np.maximum(np.asarray(prediction, dtype=float), 0.0)
        return mean, np.sqrt(mean + mean**2 / sigma[0])

    def draw(self, rng: np.random.Generator, prediction: Array, *sigma: Array) -> Array:
        """Simulated counts around the mean `prediction`: Poisson with a gamma-distributed mean."""
        mean = self.location_and_scale(prediction, *sigma)[0]
        known = np.where(np.isnan(mean), 0.0, mean)
        drawn = _counts(rng, rng.gamma(np.broadcast_to(sigma[0], mean.shape), known / sigma[0]))
        return np.where(np.isnan(mean), np.nan, drawn)


@dataclass(frozen=True)
class NegativeBinomialIncrements(NegativeBinomialError):
    """The observation counts the events since the one before it (the first: since time 0), overdispersed."""

    kind = NEGATIVE_BINOMIAL_RISE


def _counts(rng: np.random.Generator, mean: Array) -> Array:
    """Poisson counts; NaN for an unknown mean, and beyond 1e15 the mean itself, all digits being used up."""
    usable = mean < 1e15
    return np.where(usable, rng.poisson(np.where(usable, mean, 0.0)), mean)


@dataclass(frozen=True)
class StudentTError(ErrorModel):
    """Heavy-tailed residuals on the natural-log scale with `df` degrees of freedom, against outliers."""

    sigma: Prior = SIGMA_LOG
    df: float = 4.0
    kind = LOG_SCALE

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1.0 <= self.df <= 200.0:
            raise ModelError(
                "StudentTError: df is out of range",
                value=self.df,
                limit="1 to 200",
                remedy="beyond 200 use LogNormalError",
            )


ERROR_MODELS: Mapping[str, type[ErrorModel]] = {
    kind.__name__: kind
    for kind in (
        LogNormalError, AdditiveError, ProportionalError, CombinedError, StudentTError,
        PoissonError, PoissonIncrements, NegativeBinomialError, NegativeBinomialIncrements,
    )
}  # fmt: skip


def error_from_mapping(mapping: Mapping[str, Mapping]) -> ErrorModel:
    """Build an error model from plain data: {"LogNormalError": {"sigma": {"HalfNormal": {"sd": 0.6}}}}.

    Raises ModelError naming the unknown model or argument and what is allowed.
    """
    if not isinstance(mapping, Mapping) or len(mapping) != 1:
        raise ModelError(
            "an error model is one name with its arguments",
            value=mapping,
            remedy="write for example {LogNormalError = {sigma = {HalfNormal = {sd = 0.6}}}}",
        )
    ((name, arguments),) = mapping.items()
    if name not in ERROR_MODELS:
        raise ModelError("unknown error model", value=name, limit=", ".join(ERROR_MODELS))
    known = [item.name for item in fields(ERROR_MODELS[name])]
    wrong = sorted(set(arguments) - set(known)) if isinstance(arguments, Mapping) else [arguments]
    if wrong:
        raise ModelError(f"error model {name}: unknown argument", value=wrong, limit=", ".join(known))
    built = {key: value if key == "df" else prior_from_mapping(value) for key, value in arguments.items()}
    try:
        return ERROR_MODELS[name](**built)
    except TypeError:
        missing = [key for key in known if key not in arguments]
        raise ModelError(f"error model {name}: missing argument", value=missing) from None
