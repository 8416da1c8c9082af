"""How each estimated quantity leaves the real line and which prior it has, as the kernels read it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cartsim.observe.error_models import ErrorModel
from cartsim.spec.distribution import Prior
from cartsim.spec.priors import HalfNormal, LogUniform

Array = NDArray[np.float64]


class Estimated:
    """What follows from `free`, the tuple of estimated quantities in the order of the columns."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(item.name for item in self.free)

    @property
    def ndim(self) -> int:
        """Number of estimated quantities."""
        return len(self.free)

    @cached_property
    def priors(self) -> tuple[Prior, ...]:
        """Priors of the columns."""
        return tuple(item.prior for item in self.free)


def column_tables(priors: Sequence[Prior], targets: Sequence[int]) -> tuple[NDArray[np.int64], Array]:
    """The column tables of `kernels.unconstrained`; column k of a walker is written to `targets[k]`."""
    codes, numbers = np.zeros((len(priors), 3), dtype=np.int64), np.zeros((len(priors), 4))
    for k, (prior, target) in enumerate(zip(priors, targets, strict=True)):
        density, mean, sd = kernel_prior(prior)
        codes[k] = transform(prior), target, density
        numbers[k] = *prior.support, mean, sd
    return codes, numbers


def transform(prior: Prior) -> int:
    """How a column leaves the real line, as `kernels.unconstrained` numbers it."""
    from cartsim.kernels import unconstrained

    lower, upper = (np.isfinite(end) for end in prior.support)
    if isinstance(prior, LogUniform):
        return unconstrained.LOG_BETWEEN
    if lower and upper:
        return unconstrained.BETWEEN
    if lower:
        return unconstrained.ABOVE
    return unconstrained.BELOW if upper else unconstrained.IDENTITY


def kernel_prior(prior: Prior) -> tuple[int, float, float]:
    """Code, mean and sd of a prior that `kernels.unconstrained` evaluates itself; code 0 for any other."""
    from cartsim.kernels import unconstrained

    if isinstance(prior, HalfNormal):
        return unconstrained.HALF_NORMAL, 0.0, prior.sd
    if prior.normal_on_line is not None:
        return unconstrained.NORMAL, *prior.normal_on_line
    return unconstrained.OTHER, 0.0, 0.0


def sigma_words(error: ErrorModel, name: str, output: str, unit: str) -> tuple[str, str]:
    """Unit and meaning of a residual sd, or of the dispersion of counts."""
    if error.counts:
        return "1", f"dispersion of the counts of {output} (variance: mean + mean^2 / dispersion)"
    if error.log_scale:
        return "1", f"residual sd of {output}, natural-log scale"
    proportional = type(error).__name__ == "ProportionalError" or name.startswith("sigma_proportional_")
    if proportional:
        return "1", f"residual coefficient of variation of {output}"
    return unit, f"additive residual sd of {output}"
