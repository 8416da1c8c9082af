"""One patient's fitting problem: model, observations, priors and error models as a log posterior.

`Problem` is vectorised over walkers: one call places the parameters, one solves the model, one compares with
the observations. It is frozen and knows a fingerprint of everything it depends on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.errors import FitError
from cartsim.infer.columns import Estimated, column_tables, kernel_prior, sigma_words
from cartsim.infer.likelihood import OwnLikelihood
from cartsim.infer.observations import check_observations, observation_tables, solve_times
from cartsim.infer.ordered import Blocks, block_columns, gaps, increasing, log_slope
from cartsim.observe.error_models import ErrorModel
from cartsim.regimen.events import EventTable
from cartsim.spec.distribution import Prior
from cartsim.spec.model import Model
from cartsim.spec.priors import Fixed

if TYPE_CHECKING:
    from cartsim.data.dataset import ObservationArrays
    from cartsim.kernels.methods import Method
    from cartsim.solve.batch import Plan

Array = NDArray[np.float64]


@dataclass(frozen=True)
class FreeParameter:
    """One estimated quantity: a model parameter or the sd of a residual."""

    name: str
    prior: Prior
    unit: str = "1"
    meaning: str = ""


@dataclass(frozen=True)
class Evaluation:
    """Log prior, log likelihood and whether the solve failed, each of shape (W,)."""

    log_prior: Array
    log_likelihood: Array
    failed: NDArray[np.bool_]

    @property
    def log_posterior(self) -> Array:
        """Their sum, -inf where either is impossible or the solve failed."""
        return self.log_prior + self.log_likelihood


@dataclass(frozen=True)
class Problem(Estimated):
    """What is to be found out about one patient, and from what.

    Parameters
    ----------
    model : Model
    subject : str
    arrays : ObservationArrays of this subject, its `outputs` being the model's
    parameters : tuple of FreeParameter, the estimated model parameters
    errors : mapping output name -> ErrorModel; observations of other outputs are refused
    fixed : mapping name -> value of parameters that differ from the model's own value
    events : doses of this subject and rules for more, or None
    method : ODE method, or None for the model's default
    solve : a function (parameters [n, P], times [T]) -> (outputs [n, T, O], failed [n]) in place of
        the model's own equations
    ordered : names of free parameters that must increase, one tuple a block (see `infer.ordered`)
    likelihood : a likelihood of one's own on the outputs, added to that of the observations, or None

    Raises
    ------
    FitError
        For unknown names, or observations that the error model cannot take (naming subject and row).
    """

    model: Model
    subject: str
    arrays: ObservationArrays
    parameters: tuple[FreeParameter, ...]
    errors: Mapping[str, ErrorModel]
    fixed: Mapping[str, float] = field(default_factory=dict)
    events: EventTable | None = None
    method: Method | None = None
    solve: Callable[[Array, Array], tuple[Array, NDArray[np.bool_]]] | None = None
    ordered: tuple[tuple[str, ...], ...] = ()
    likelihood: OwnLikelihood | None = None

    def __post_init__(self) -> None:
        known = self.model.parameter_names
        for name in [p.name for p in self.parameters] + list(self.fixed):
            if name not in known:
                raise FitError(
                    f"model {self.model.name} has no such parameter", value=name, limit=", ".join(known)
                )
        twice = sorted(
            {n for n in self.names if self.names.count(n) > 1} | (set(self.fixed) & set(self.names))
        )
        if twice:
            raise FitError("parameters named twice, or both free and fixed", value=", ".join(twice))
        if not self.names:
            raise FitError("nothing is free in this fit", remedy="leave at least one prior that is not Fixed")
        self._check_observations()
        _ = self.ordered_columns

    def _check_observations(self) -> None:
        check_observations(self.arrays, self.model, self.errors, f"subject {self.subject}")

    @cached_property
    def free(self) -> tuple[FreeParameter, ...]:
        """Everything that is estimated, in the order of the columns: model parameters, then residual sds."""
        return self.parameters + tuple(s for s in self._sigmas if not isinstance(s.prior, Fixed))

    @cached_property
    def ordered_columns(self) -> Blocks:
        """Columns of the ordered blocks."""
        return block_columns(self.ordered, self.names, self.priors)

    @cached_property
    def _sigmas(self) -> tuple[FreeParameter, ...]:
        units = {output.name: output.unit for output in self.model.outputs}
        residual = tuple(
            FreeParameter(name, prior, *sigma_words(error, name, output, units.get(output, "")))
            for output, error in self.errors.items()
            for name, prior in error.sigmas(output)
        )
        extra = {} if self.likelihood is None else self.likelihood.extra
        return residual + tuple(FreeParameter(name, prior) for name, prior in extra.items())

    @property
    def can_go_in_step(self) -> bool:
        """Whether neighbouring points can share one sequence of solver steps (see `infer.gradient`)."""
        return self.solve is None and (self.events is None or self.events.rules is None)

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

    def evaluate(self, u: Array, *, in_step: bool = False) -> Evaluation:
        """Log prior (with log-Jacobian) and log likelihood at points `u`, float64 (W, d).

        `in_step`: points in groups of eight, each solved with the steps of its first (`infer.gradient`).
        """
        from cartsim.kernels import residual, unconstrained

        u = np.ascontiguousarray(u, dtype=np.float64)
        line = increasing(u, self.ordered_columns)
        parameters, sigma = self._blank(len(u))
        log_prior = np.empty(len(u))
        unconstrained.place(line, *self._columns, parameters, sigma, log_prior)
        for column, prior in self._other_priors:
            log_prior += prior.log_density_unconstrained(line[:, column])
        log_prior += log_slope(u, self.ordered_columns) if self.ordered else 0.0
        outputs, failed = self._outputs(parameters, self._times, in_step=in_step)
        log_likelihood = residual.log_likelihood(outputs, sigma, *self._observations)
        if self.likelihood is not None:
            wanted = np.searchsorted(self._times, self.likelihood.times)
            first = sigma.shape[1] - len(self.likelihood.extra)
            everything = np.hstack([parameters, sigma[:, first:]])
            log_likelihood += self.likelihood.of(outputs[:, wanted], everything)
        if failed.any():
            log_likelihood[failed] = -np.inf
        return Evaluation(log_prior, log_likelihood, failed)

    def log_prior(self, u: Array) -> Array:
        """Log prior density on the unconstrained scale, float64 (W,)."""
        line, slope = increasing(u, self.ordered_columns), log_slope(u, self.ordered_columns)
        return slope + sum(p.log_density_unconstrained(line[:, k]) for k, p in enumerate(self.priors))

    def log_likelihood(self, u: Array) -> Array:
        """Log likelihood, float64 (W,); -inf where the solve failed."""
        return self.evaluate(u).log_likelihood

    def log_posterior(self, u: Array) -> Array:
        """Log posterior density on the unconstrained scale, float64 (W,), up to a constant."""
        return self.evaluate(u).log_posterior

    def predict(self, values: Array, times: Array) -> Array:
        """Outputs of the model, float64 (n, T, O), for physical values (n, d) at `times` (day)."""
        parameters, _ = self._split(values)
        return self._outputs(parameters, np.asarray(times, dtype=np.float64))[0]

    def sigma_of(self, values: Array, output: str) -> tuple[Array, ...]:
        """Residual sds of one output, each float64 (n,), for physical values (n, d)."""
        _, sigma = self._split(values)
        wanted = [name for name, _ in self.errors[output].sigmas(output)]
        return tuple(sigma[:, k] for k, item in enumerate(self._sigmas) if item.name in wanted)

    def pointwise(self, values: Array) -> Array:
        """Log likelihood of every observation, float64 (n, R), for physical values (n, d)."""
        from cartsim.kernels import residual

        parameters, sigma = self._split(values)
        outputs, _ = self._outputs(parameters, self._times)
        result = np.empty((len(parameters), len(self.arrays.time)))
        residual.pointwise(outputs, sigma, *self._observations, result)
        return result

    def fingerprint(self) -> dict[str, str]:
        """Hex digests of everything the posterior depends on, by what it is."""
        digest = self.model.digest
        events = b"" if self.events is None else self.events.identity
        base = {n: float(v) for n, v in zip(self.model.parameter_names, self._base, strict=True)}
        held = {n: v for n, v in base.items() if n not in self.names}
        return {
            "model": digest() if callable(digest) else digest,
            "data": hashlib.sha256(self.arrays.digest.encode() + events).hexdigest(),
            "priors": _digest({item.name: item.prior.to_mapping() for item in self.parameters}),
            "error model": _digest({name: error.to_mapping() for name, error in self.errors.items()}),
            "fixed values": _digest(held),
            "solver": _digest(repr(self.method)),
            **({"order": _digest(self.ordered)} if self.ordered else {}),
            **({"likelihood": self.likelihood.digest()} if self.likelihood is not None else {}),
        }

    def _outputs(
        self, parameters: Array, times: Array, *, in_step: bool = False
    ) -> tuple[Array, NDArray[np.bool_]]:
        """Outputs (n, T, O) and whether the solve failed (n,)."""
        if self.solve is not None:
            return self.solve(parameters, times)
        plan = self._plan if times is self._times else self._planned(times)
        plan = self._plan_in_step if in_step else plan
        solved = plan.solve(parameters)
        shape = (len(parameters), len(times), len(self.model.output_names))
        return solved.outputs.reshape(shape), solved.status != 0

    def _planned(self, times: Array) -> Plan:
        from cartsim.solve.batch import plan_one

        return plan_one(self.model, times, events=self.events, method=self.method)

    @cached_property
    def _plan(self) -> Plan:
        return self._planned(self._times)

    @cached_property
    def _plan_in_step(self) -> Plan:
        from cartsim.kernels.methods import default_method

        if self._plan.closed_form:  # smooth as it is
            return self._plan
        return replace(self._plan, method=replace(self.method or default_method(), in_step=True))

    def _split(self, values: Array) -> tuple[Array, Array]:
        """Model parameters (n, P) and residual sds (n, K) of physical values (n, d)."""
        values = np.atleast_2d(np.asarray(values, dtype=np.float64))
        parameters, sigma = self._blank(len(values))
        targets = self._columns[0][:, 1]
        inside = targets < parameters.shape[1]
        parameters[:, targets[inside]] = values[:, inside]
        sigma[:, targets[~inside] - parameters.shape[1]] = values[:, ~inside]
        return parameters, sigma

    def _blank(self, count: int) -> tuple[Array, Array]:
        parameters, sigma = np.empty((count, len(self._base))), np.empty((count, len(self._base_sigma)))
        parameters[:], sigma[:] = self._base, self._base_sigma
        return parameters, sigma

    @cached_property
    def _base(self) -> Array:
        return self.model.vector(**self.fixed)

    @cached_property
    def _base_sigma(self) -> Array:
        return np.array([item.prior.median for item in self._sigmas])

    @cached_property
    def _other_priors(self) -> tuple[tuple[int, Prior], ...]:
        """Columns whose prior the kernel does not evaluate."""
        return tuple((k, prior) for k, prior in enumerate(self.priors) if not kernel_prior(prior)[0])

    @cached_property
    def _columns(self) -> tuple[NDArray[np.int64], Array]:
        """The column tables of `kernels.unconstrained`."""
        count, sigma_names = len(self.model.parameter_names), [item.name for item in self._sigmas]
        targets = [
            self.model.index(item.name) if k < len(self.parameters) else count + sigma_names.index(item.name)
            for k, item in enumerate(self.free)
        ]
        return column_tables(self.priors, targets)

    @cached_property
    def _times(self) -> Array:
        times = solve_times(self.arrays, self.errors)
        return times if self.likelihood is None else np.union1d(times, self.likelihood.times)

    @cached_property
    def _observations(self) -> tuple[NDArray[np.int64], Array]:
        """The observation tables of `kernels.residual`."""
        return observation_tables(
            self.arrays,
            self.errors,
            sigma_names=[item.name for item in self._sigmas],
            output_names=self.model.output_names,
            times=self._times,
        )


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
