"""A log density of one's own, without a model behind it, sampled and judged like any fit.

Parameters are declared by name with a prior each, alone, as vectors (`Vector`) or increasing (`Ordered`); the
function sees their physical values. Jacobians are cartsim's business.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cartsim.errors import FitError
from cartsim.infer.columns import Estimated, column_tables
from cartsim.infer.identity import function_digest
from cartsim.infer.ordered import Blocks, block_columns, gaps, increasing, log_slope
from cartsim.infer.problem import Evaluation, FreeParameter
from cartsim.infer.settings import Gates, SamplerSettings
from cartsim.spec.distribution import Prior
from cartsim.spec.priors import Fixed

if TYPE_CHECKING:
    from cartsim.infer.draws import Draws
    from cartsim.infer.problem import Problem

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Vector:
    """`size` parameters name[1] to name[size], each with the same prior."""

    prior: Prior
    size: int

    def __post_init__(self) -> None:
        if not (isinstance(self.size, int) and self.size >= 1):
            raise FitError(f"size of a {type(self).__name__}", value=self.size, limit="1, 2, 3, ...")


@dataclass(frozen=True)
class Ordered(Vector):
    """`size` parameters name[1] < ... < name[size], each with the same prior, given that order."""


@dataclass(frozen=True)
class OneByOne:
    """A function of one parameter set, called for each in turn: `scalar(x: float64 (d,)) -> float`.

    A function compiled by numba is looped inside numba; any other in Python (slow: a microsecond each).
    """

    scalar: Callable[[Array], float]

    @cached_property
    def _loop(self) -> Callable[[Array, Array], None]:
        def each(values: Array, result: Array) -> None:
            for w in range(len(values)):
                result[w] = scalar(values[w])

        scalar = self.scalar
        if not hasattr(scalar, "py_func"):
            return each
        import numba

        return numba.njit(each)

    def __call__(self, values: Array) -> Array:
        result = np.empty(len(values))
        self._loop(values, result)
        return result


@dataclass(frozen=True)
class DensityProblem(Estimated):
    """Parameters with priors and a log density on top of them.

    Parameters
    ----------
    parameters : mapping name -> Prior, Vector or Ordered; `priors.Flat` where `log_density` is all there is
    log_density : (values float64 [W, d]) -> float64 [W]
        A column a parameter, in the order of `names`, physical values. Added to the log priors. NaN and +inf
        count as failed evaluations. For a function of one parameter set see `OneByOne`.
    data : what the function compares with, where its source and what that names do not show it; only used to
        recognise a changed input when a run is resumed
    subject : name of the target; part of the seed

    Raises
    ------
    FitError
        For no parameters or ones that are fixed.
    """

    parameters: Mapping[str, Prior | Vector]
    log_density: Callable[[Array], Array]
    data: Any = field(default=None, kw_only=True)
    subject: str = field(default="density", kw_only=True)

    can_go_in_step = False

    def __post_init__(self) -> None:
        if not self.parameters:
            raise FitError("a density needs at least one parameter")
        for item in self.free:
            if not isinstance(item.prior, Prior) or isinstance(item.prior, Fixed):
                raise FitError(
                    f"parameter {item.name} needs a prior",
                    value=repr(item.prior),
                    remedy="for example Normal(0.0, 1.0), or Flat(near=0.0) to leave it to the function",
                )

    @cached_property
    def free(self) -> tuple[FreeParameter, ...]:
        """Every parameter, vectors spelt out, in the order of the columns."""
        spelt = []
        for name, what in self.parameters.items():
            if isinstance(what, Vector):
                spelt += [FreeParameter(f"{name}[{k + 1}]", what.prior) for k in range(what.size)]
            else:
                spelt.append(FreeParameter(name, what))
        return tuple(spelt)

    @property
    def arrays(self) -> SimpleNamespace:
        """No observations that cartsim knows of."""
        return SimpleNamespace(time=np.zeros(0), censoring=np.zeros(0, dtype=np.int64))

    def columns(self, name: str) -> slice:
        """The columns of a parameter or vector, for use inside `log_density`."""
        first = 0
        for known, what in self.parameters.items():
            size = what.size if isinstance(what, Vector) else 1
            if known == name:
                return slice(first, first + size)
            first += size
        raise FitError("no such parameter", value=name, limit=", ".join(self.parameters))

    @cached_property
    def ordered_columns(self) -> Blocks:
        """Columns of the ordered blocks."""
        blocks = [
            self.names[self.columns(name)]
            for name, what in self.parameters.items()
            if isinstance(what, Ordered) and what.size > 1
        ]
        return block_columns(blocks, self.names, self.priors)

    def evaluate(self, u: Array, *, in_step: bool = False) -> Evaluation:
        """Log prior (with log-Jacobian) and log density at unconstrained points `u`, float64 (W, d)."""
        from cartsim.kernels import unconstrained

        u = np.ascontiguousarray(u, dtype=np.float64)
        line = increasing(u, self.ordered_columns)
        values, log_prior = np.empty_like(u), np.empty(len(u))
        values[:] = self._medians  # where a value overflows
        unconstrained.place(line, *self._columns, values, np.empty((len(u), 0)), log_prior)
        for prior, columns in self._other_priors:
            log_prior += prior.log_density_unconstrained(line[:, columns]).sum(axis=1)
        log_prior += log_slope(u, self.ordered_columns)
        log_prior[np.isnan(log_prior)] = -np.inf
        log_density = self._own(values)
        failed = np.isnan(log_density) | (log_density == np.inf)
        log_density[failed] = -np.inf
        return Evaluation(log_prior, log_density, failed & (log_prior > -np.inf))

    def log_posterior(self, u: Array) -> Array:
        """Log density on the unconstrained scale, float64 (W,), up to a constant."""
        return self.evaluate(u).log_posterior

    def constrain(self, u: Array) -> Array:
        """Physical values, float64 (W, d), of points on the unconstrained scale."""
        from cartsim.kernels import unconstrained

        u = increasing(np.ascontiguousarray(u, dtype=np.float64), self.ordered_columns)
        result = np.empty_like(u)
        unconstrained.constrain(u, *self._columns, result)
        return result

    def unconstrain(self, values: Array) -> Array:
        """Points on the unconstrained scale, float64 (W, d), of physical values."""
        values = np.atleast_2d(np.asarray(values, dtype=np.float64))
        line = np.column_stack([p.unconstrain(values[:, k]) for k, p in enumerate(self.priors)])
        return gaps(line, self.ordered_columns)

    def fingerprint(self) -> dict[str, str]:
        """Hex digests of everything the density depends on, by what it is."""
        declared = [
            (name, type(what).__name__, getattr(what, "prior", what).to_mapping(), getattr(what, "size", 1))
            for name, what in self.parameters.items()
        ]
        return {
            "log density": function_digest(self.log_density),
            "data": function_digest(len, self.data),
            "priors": function_digest(len, repr(declared)),
        }

    def _own(self, values: Array) -> Array:
        """The user's function, its shape checked."""
        with np.errstate(all="ignore"):
            found = np.array(self.log_density(values), dtype=np.float64)
        if found.shape != (len(values),):
            raise FitError(
                "a log density returns one number a parameter set",
                value=f"shape {found.shape}",
                limit=f"({len(values)},)",
                remedy="sum over the last axis, or wrap a function of one parameter set in OneByOne",
            )
        return found

    @cached_property
    def _medians(self) -> Array:
        return np.array([prior.median for prior in self.priors])

    @cached_property
    def _columns(self) -> tuple[NDArray[np.int64], Array]:
        return column_tables(self.priors, range(self.ndim))

    @cached_property
    def _other_priors(self) -> tuple[tuple[Prior, list[int]], ...]:
        """Priors that the kernel does not evaluate, each with its columns."""
        columns: dict[Prior, list[int]] = {}
        for k in np.flatnonzero(self._columns[0][:, 2] == 0):
            columns.setdefault(self.priors[k], []).append(int(k))
        return tuple(columns.items())


def sample_density(
    problem: DensityProblem | Problem,
    settings: SamplerSettings | None = None,
    *,
    seed: int,
    gates: Gates | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Draws:
    """Draw from a density of one's own, or from a model under a likelihood of one's own.

    Parameters
    ----------
    problem : DensityProblem, or a Problem such as `likelihood_problem` makes
    settings : by default those of a fit with at least four walkers a dimension
    seed : same seed, same draws
    gates : what must be reached; look at `.gates.passed` of the result
    folder : where checkpoints go and stay, for `resume`; without it they are thrown away

    Returns
    -------
    Draws
        With `.gates`, `.diagnostics`, `.flat()`, `.of(name)`, `.to_dataframe()`, `.to_inferencedata()`.
    """
    from cartsim.infer.sampling import sample

    if settings is None:
        settings = SamplerSettings()
        settings = replace(settings, walkers=max(settings.walkers, 4 * problem.ndim))
    options = {"seed": seed, "gates": gates, "progress": progress}
    if folder is not None:
        return sample(problem, settings, folder=folder, resume=resume, **options)
    if resume:
        raise FitError("nothing to resume from", remedy="give the folder of the checkpoints")
    with tempfile.TemporaryDirectory() as scratch:
        return sample(problem, settings, folder=scratch, **options)
