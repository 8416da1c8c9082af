"""What varies between patients and what they share: the declarations of a population fit.

A varying parameter is normal over patients on its unconstrained scale (log, logit): mean = typical value plus
covariate effects, sd = its spread (IIV). The rest is one value for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cartsim.errors import FitError
from cartsim.infer.problem import FreeParameter
from cartsim.spec.distribution import Prior
from cartsim.spec.priors import HalfNormal, LogNormal, Normal

Array = NDArray[np.float64]
LKJ_PATIENTS = 20  # fewer patients do not carry a full covariance (reference: inference.md, section 2)


@dataclass(frozen=True)
class RandomEffect:
    """A parameter with a value of its own in every patient.

    Parameters
    ----------
    parameter : FreeParameter; its prior is that of the typical value (LogNormal, LogitNormal or Normal)
    spread : HalfNormal or LogNormal prior of the sd between patients on the unconstrained scale: for a
        positive parameter the sd of its log, CV = sqrt(exp(sd^2) - 1)
    """

    parameter: FreeParameter
    spread: Prior = field(default_factory=lambda: HalfNormal(sd=1.0))

    def __post_init__(self) -> None:
        if self.parameter.prior.normal_on_line is None:
            raise FitError(
                f"the typical value of {self.name} needs a prior that is normal on its unconstrained scale",
                value=type(self.parameter.prior).__name__,
                limit="LogNormal, LogitNormal or Normal",
            )
        if not isinstance(self.spread, HalfNormal | LogNormal):
            raise FitError(
                f"the spread of {self.name} between patients has a prior that is not offered",
                value=type(self.spread).__name__,
                limit="HalfNormal or LogNormal",
            )

    @property
    def name(self) -> str:
        return self.parameter.name


@dataclass(frozen=True)
class CovariateEffect:
    """How a covariate moves a parameter, on its unconstrained scale.

    A continuous covariate enters as log(value / reference): the effect is an exponent. A categorical one is
    1 for patients at `level`, else 0: the effect is a log ratio to all others.

    Parameters
    ----------
    parameter, covariate : str
    level : str, of a categorical covariate; None where it is continuous
    reference : float, of a continuous covariate (its median where not given)
    prior : Normal
    """

    parameter: str
    covariate: str
    level: str | None = None
    reference: float | None = None
    prior: Normal = field(default_factory=lambda: Normal(mean=0.0, sd=1.0))

    @property
    def name(self) -> str:
        """Name of the coefficient, e.g. "beta_cmax_product[cilta-cel]"."""
        return f"beta_{self.parameter}_{self.covariate}" + (f"[{self.level}]" if self.level else "")


@dataclass(frozen=True)
class AssayScale:
    """A laboratory that reports a model output on its own scale: value = factor x output.

    Parameters
    ----------
    measured : str, output as the data name it
    output : str, output of the model that it reads
    prior : LogNormal prior of the factor, in units of `measured` per unit of `output`
    by : str, a covariate whose every level has a factor of its own (product, laboratory); None for one factor
    """

    measured: str
    output: str
    prior: LogNormal
    by: str | None = None

    def name(self, level: str | None) -> str:
        """Name of a factor, e.g. "scale_car_cells[ide-cel]"."""
        return f"scale_{self.measured}" + (f"[{level}]" if level is not None else "")


@dataclass(frozen=True)
class Correlation:
    """A full covariance between the varying parameters: LKJ(`eta`) on their correlation.

    eta = 1 is uniform over correlations; larger values favour none (Lewandowski, Kurowicka & Joe 2009).
    """

    eta: float = 2.0

    def __post_init__(self) -> None:
        if not self.eta > 0.0:
            raise FitError("LKJ shape eta", value=self.eta, limit="> 0")


def design_matrix(
    effects: tuple[RandomEffect, ...],
    covariates: tuple[CovariateEffect, ...],
    values: Mapping[str, Mapping[str, object]],
    subjects: tuple[str, ...],
) -> tuple[Array, NDArray[np.int64]]:
    """Design float64 (N, m) and whose coefficient each column is, int64 (m,): typical values first.

    `values` maps covariate name -> subject -> value. A missing value is an error that names every subject.
    """
    names = [effect.name for effect in effects]
    design = np.ones((len(subjects), len(effects) + len(covariates)))
    parameter_of = np.arange(len(effects) + len(covariates), dtype=np.int64)
    for m, effect in enumerate(covariates, start=len(effects)):
        if effect.parameter not in names:
            raise FitError(
                "a covariate acts on a parameter that does not vary between patients",
                value=effect.parameter,
                limit=", ".join(names),
            )
        parameter_of[m] = names.index(effect.parameter)
        design[:, m] = _column(effect, values, subjects)
        if len(subjects) > 1 and np.ptp(design[:, m]) == 0.0:
            raise FitError(f"{effect.name}: the covariate is the same in all patients", value=design[0, m])
    return design, parameter_of


def _column(
    effect: CovariateEffect, values: Mapping[str, Mapping[str, object]], subjects: tuple[str, ...]
) -> Array:
    if effect.covariate not in values:
        raise FitError("the data have no such covariate", value=effect.covariate, limit=", ".join(values))
    column = values[effect.covariate]
    missing = [s for s in subjects if column.get(s) is None or column[s] != column[s]]
    if missing:
        raise FitError(
            f"covariate {effect.covariate} is missing",
            value=", ".join(missing),
            remedy="leave these subjects out, or complete the table",
        )
    if effect.level is not None:
        levels = sorted({str(column[s]) for s in subjects})
        if effect.level not in levels:
            raise FitError(
                f"covariate {effect.covariate} has no such level", value=effect.level, limit=", ".join(levels)
            )
        return np.array([float(str(column[s]) == effect.level) for s in subjects])
    try:
        numbers = np.array([float(column[s]) for s in subjects])
    except (TypeError, ValueError):
        raise FitError(
            f"covariate {effect.covariate} is not a number in every patient",
            value=", ".join(str(column[s]) for s in subjects[:5]),
            remedy="name a level for a categorical covariate",
        ) from None
    wrong = [s for s, number in zip(subjects, numbers, strict=True) if not 0.0 < number < np.inf]
    if wrong:
        raise FitError(
            f"covariate {effect.covariate} enters on the log scale and is not positive",
            value=", ".join(wrong),
            limit="> 0",
        )
    return np.log(numbers / (effect.reference or float(np.median(numbers))))
