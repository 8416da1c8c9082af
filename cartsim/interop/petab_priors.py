"""A prior as a row of PEtab's parameter table (version 1): scale, bounds, objective prior.

PEtab's priors are of the value itself or of its logarithm. A prior on the log becomes `parameterScaleNormal`
or `parameterScaleUniform` on the scale `log`, so that a sampler on that scale meets the same posterior; all
others stay on the scale `lin`. One on a logit has no word of its own: the estimated quantity becomes the
logit, which is normal (`Belief.ends`). Half of a normal or Laplace is the whole one cut by its bound, which
changes the density by a constant factor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cartsim.infer.hierarchy import RandomEffect
from cartsim.spec.distribution import Prior
from cartsim.spec.priors import (
    HalfNormal,
    LogitNormal,
    LogNormal,
    LogUniform,
    Normal,
    TruncatedNormal,
    Uniform,
)
from cartsim.spec.wide_priors import Exponential, Flat

EDGE = 1e-6  # of the prior's mass beyond a bound that PEtab demands and the prior does not have
SPREAD_QUANTILE = 0.975  # of the spread between patients, for the bounds of one of them


@dataclass(frozen=True)
class Belief:
    """What PEtab's parameter table says of one estimated quantity.

    Parameters
    ----------
    scale : "lin" or "log"
    lower, upper : bounds, not on the log
    kind, numbers : the objective prior and its parameters, on the scale where the kind says so; "" for none
    ends : where given, the quantity is the logit of a parameter's place between these two
    unsaid : a sentence on the prior that PEtab has no word for, or ""
    """

    scale: str
    lower: float
    upper: float
    kind: str = ""
    numbers: tuple[float, ...] = ()
    ends: tuple[float, float] | None = None
    unsaid: str = ""

    def value_of(self, value: float) -> float:
        """The quantity that stands for a physical value, inside the bounds."""
        if self.ends is not None:
            low, high = self.ends
            value = float(np.log(value - low) - np.log(high - value))
        return float(np.clip(value, self.lower, self.upper))


def belief_of(prior: Prior, *, replaceable: bool) -> Belief:
    """The row of a prior; where `replaceable` is false, a logit cannot stand in for the quantity."""
    low, high = bounds_of(prior)
    match prior:
        case LogNormal():
            return Belief("log", low, high, "parameterScaleNormal", prior.normal_on_line)
        case LogitNormal() if replaceable:
            return _logit(prior, *prior.normal_on_line)
        case Normal():
            return Belief("lin", low, high, "normal", (prior.mean, prior.sd))
        case HalfNormal():
            return Belief("lin", low, high, "normal", (0.0, prior.sd))
        case TruncatedNormal():
            return Belief("lin", low, high, "normal", (prior.mean, prior.sd))
        case Exponential():
            return Belief("lin", low, high, "laplace", (0.0, 1.0 / prior.rate))
        case Uniform() | Flat():
            return Belief("lin", low, high, "uniform", (low, high))
        case LogUniform():
            return Belief(
                "log", low, high, "parameterScaleUniform", (float(np.log(low)), float(np.log(high)))
            )
    scale = "log" if prior.support[0] >= 0.0 and np.isinf(prior.support[1]) else "lin"
    where = "its log" if scale == "log" else "it"
    words = f"{prior.describe()}; in the tables {where} is uniform between the bounds"
    return Belief(scale, low, high, unsaid=words)


def belief_in_population(effect: RandomEffect) -> Belief:
    """One patient's value of a varying parameter: bounds wide enough for the population, and no prior."""
    prior = effect.parameter.prior
    mean, sd = prior.normal_on_line
    sd = float(np.hypot(sd, effect.spread.quantile(SPREAD_QUANTILE)))
    if isinstance(prior, LogitNormal):
        found = _logit(prior, mean, sd)
        return Belief(found.scale, found.lower, found.upper, ends=found.ends)
    wide = LogNormal(float(np.exp(mean)), sd) if isinstance(prior, LogNormal) else Normal(mean, sd)
    return Belief("log" if isinstance(prior, LogNormal) else "lin", *bounds_of(wide))


def bounds_of(prior: Prior) -> tuple[float, float]:
    """The ends of the support where they are finite and not zero, else quantiles near them."""
    ends = []
    for end, quantile in zip(prior.support, prior.quantile([EDGE, 1.0 - EDGE]), strict=True):
        ends.append(float(end if np.isfinite(end) and end != 0.0 else quantile))
    return ends[0], ends[1]


def _logit(prior: LogitNormal, mean: float, sd: float) -> Belief:
    low, high = bounds_of(Normal(mean, sd))
    return Belief("lin", low, high, "normal", (mean, sd), ends=(prior.lower, prior.upper))


def spread_words(effect: RandomEffect) -> str:
    """The population of a varying parameter in words."""
    prior = effect.parameter.prior
    scale = {LogNormal: "log", LogitNormal: "logit"}.get(type(prior), "own")
    return (
        f"{effect.name}: normal over patients on its {scale} scale; typical value: {prior.describe()}; "
        f"sd between patients: {effect.spread.describe()}"
    )
