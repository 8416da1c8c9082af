"""All patients of a study in one posterior: individual, population and shared quantities, vectorised.

A point is one row on the unconstrained scale, in the order of `Columns`: typical values, covariate effects,
log spreads, partial correlations, shared parameters, residual sds, assay factors, then patient by patient the
individual parameters. `evaluate` is the direct evaluation that the block move must reproduce exactly.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.errors import FitError
from cartsim.infer.hierarchy import AssayScale, Correlation, CovariateEffect, RandomEffect, design_matrix
from cartsim.infer.problem import Evaluation, FreeParameter
from cartsim.observe.error_models import ErrorModel
from cartsim.regimen.regimen import Regimen
from cartsim.spec.distribution import Prior
from cartsim.spec.model import Model
from cartsim.spec.priors import HalfNormal

if TYPE_CHECKING:
    from cartsim.data.dataset import ObservationArrays
    from cartsim.infer.observed import ObservedPatients
    from cartsim.kernels.methods import Method

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Columns:
    """Where the parts of a point are, as slices of its last axis."""

    effects: int
    coefficients: slice
    log_spread: slice
    correlation: slice
    shared: slice
    sigma: slice
    log_scale: slice
    theta: slice

    @property
    def population(self) -> int:
        """Number of columns before the individual parameters."""
        return self.theta.start

    def individual(self, u: Array) -> Array:
        """Individual parameters (W, N, p) of points (W, d)."""
        return u[:, self.theta].reshape(len(u), -1, self.effects)


@dataclass(frozen=True)
class Population:
    """What is to be found out about all patients of a study together.

    Parameters
    ----------
    model : Model
    arrays : ObservationArrays of all subjects, with the outputs as the data name them
    effects : tuple of RandomEffect
    errors : mapping measured output -> ErrorModel; its sds are shared by all patients
    shared : tuple of FreeParameter, one value for all patients
    fixed : mapping name -> value
    covariates, covariate_values : effects of covariates, and covariate -> subject -> value
    scales : tuple of AssayScale
    correlation : Correlation for a full covariance between the varying parameters, or None
    regimens : mapping subject -> Regimen of the doses
    method : ODE method, or None for the model's default
    threads : int; the result has the same bits for any number
    """

    model: Model
    arrays: ObservationArrays
    effects: tuple[RandomEffect, ...]
    errors: Mapping[str, ErrorModel]
    shared: tuple[FreeParameter, ...] = ()
    fixed: Mapping[str, float] = field(default_factory=dict)
    covariates: tuple[CovariateEffect, ...] = ()
    covariate_values: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    scales: tuple[AssayScale, ...] = ()
    correlation: Correlation | None = None
    regimens: Mapping[str, Regimen] = field(default_factory=dict)
    method: Method | None = None
    threads: int = 1
    subject: str = "population"

    def __post_init__(self) -> None:
        known, own = self.model.parameter_names, [e.name for e in self.effects + self.shared]
        for name in [*own, *self.fixed]:
            if name not in known:
                raise FitError(
                    f"model {self.model.name} has no such parameter", value=name, limit=", ".join(known)
                )
        twice = sorted({n for n in own if own.count(n) > 1} | (set(self.fixed) & set(own)))
        if twice:
            raise FitError("parameters with two roles in one fit", value=", ".join(twice))
        if not self.effects:
            raise FitError("no parameter varies between patients", remedy="fit the patients one by one")
        if self.subject in self.subjects:
            raise FitError("a patient has the name that stands for all", value=self.subject, remedy="rename")
        _ = self.observed, self.design  # checks that raise

    @property
    def subjects(self) -> tuple[str, ...]:
        """Patients in the order of the data."""
        return self.arrays.subjects

    @cached_property
    def observed(self) -> ObservedPatients:
        """The observations of all patients as the kernels read them."""
        from cartsim.infer.observed import ObservedPatients

        return ObservedPatients(self)

    @cached_property
    def design(self) -> tuple[Array, NDArray[np.int64]]:
        """Design matrix (N, m) and whose coefficient each column is (m,)."""
        return design_matrix(self.effects, self.covariates, self.covariate_values, self.subjects)

    @cached_property
    def columns(self) -> Columns:
        """Where the parts of a point are."""
        size = len(self.effects)
        lengths = [
            size + len(self.covariates),
            size,
            size * (size - 1) // 2 if self.correlation else 0,
            len(self.shared),
            len(self.observed.sigmas),
            len(self.observed.factors),
            size * len(self.subjects),
        ]
        ends = np.cumsum([0, *lengths])
        return Columns(size, *(slice(int(a), int(b)) for a, b in itertools.pairwise(ends)))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, e.g. tmax, beta_tmax_product[a], omega_tmax, sigma_x, tmax[patient]."""
        effects = [effect.name for effect in self.effects]
        pairs = (
            [f"cor_{a}_{b}" for i, a in enumerate(effects) for b in effects[:i]] if self.correlation else []
        )
        individual = [f"{name}[{subject}]" for subject in self.subjects for name in effects]
        return (
            *effects,
            *(effect.name for effect in self.covariates),
            *(f"omega_{name}" for name in effects),
            *pairs,
            *(item.name for item in self.shared),
            *(item.name for item in self.observed.sigmas),
            *(item.name for item in self.observed.factors),
            *individual,
        )

    @property
    def ndim(self) -> int:
        """Number of columns."""
        return len(self.names)

    @cached_property
    def free(self) -> tuple[FreeParameter, ...]:
        """The population quantities that have a prior of their own (correlations have theirs together)."""
        spreads = (
            FreeParameter(f"omega_{e.name}", e.spread, "1", f"sd between patients of {e.name}, {_scale(e)}")
            for e in self.effects
        )
        betas = (
            FreeParameter(c.name, c.prior, "1", f"effect of {c.covariate} on {c.parameter}")
            for c in self.covariates
        )
        typical = tuple(e.parameter for e in self.effects)
        return (*typical, *betas, *spreads, *self.shared, *self.observed.sigmas, *self.observed.factors)

    @cached_property
    def measurement_priors(self) -> tuple[Prior, ...]:
        """Priors of the shared parameters, residual sds and assay factors, in the order of the columns."""
        return tuple(i.prior for i in (*self.shared, *self.observed.sigmas, *self.observed.factors))

    @cached_property
    def hyper_tables(self) -> tuple[Array, NDArray[np.int64], Array, float]:
        """Priors of coefficients and spreads as `kernels.hierarchy` reads them, and eta."""
        coefficients = [e.parameter.prior for e in self.effects] + [c.prior for c in self.covariates]
        normal = np.array([prior.normal_on_line for prior in coefficients], dtype=np.float64)
        half = [isinstance(e.spread, HalfNormal) for e in self.effects]
        spread = [
            (0.0, e.spread.sd) if h else e.spread.normal_on_line
            for e, h in zip(self.effects, half, strict=True)
        ]
        kinds = np.array([0 if h else 1 for h in half], dtype=np.int64)
        return (
            normal,
            kinds,
            np.array(spread, dtype=np.float64),
            self.correlation.eta if self.correlation else 1.0,
        )

    def hyper_parts(self, u: Array) -> tuple[Array, Array, Array]:
        """Coefficients (W, m), log spreads (W, p) and partial correlations (W, c) of points, contiguous."""
        at = self.columns
        parts = u[:, at.coefficients], u[:, at.log_spread], u[:, at.correlation]
        return tuple(np.ascontiguousarray(part) for part in parts)

    def log_hyper_prior(self, u: Array) -> Array:
        """Log prior of coefficients, spreads and correlations, float64 (W,)."""
        from cartsim.kernels import hierarchy

        normal, kinds, spread, eta = self.hyper_tables
        result = np.empty(len(u))
        hierarchy.hyper_log_prior(*self.hyper_parts(u), normal, kinds, spread, eta, result)
        return result

    def log_measurement_prior(self, u: Array) -> Array:
        """Log prior of shared parameters, residual sds and assay factors, float64 (W,)."""
        result = np.zeros(len(u))
        for k, prior in enumerate(self.measurement_priors, start=self.columns.shared.start):
            result += prior.log_density_unconstrained(u[:, k])
        return result

    def log_patients(self, u: Array) -> Array:
        """Log density of every patient's parameters in the population, float64 (W, N)."""
        from cartsim.kernels import hierarchy

        theta = np.ascontiguousarray(self.columns.individual(u))
        result = np.empty(theta.shape[:2])
        hierarchy.patient_densities(theta, *self.hyper_parts(u), *self.design, result)
        return result

    def evaluate(self, u: Array) -> Evaluation:
        """Log prior (population and patients in it) and log likelihood of points, float64 (W, d)."""
        u = np.ascontiguousarray(u, dtype=np.float64)
        predictions, possible = self.observed.predict(self.columns.individual(u), u[:, self.columns.shared])
        likelihood = self.observed.log_likelihood(predictions, possible, u)
        prior = self.log_hyper_prior(u) + self.log_measurement_prior(u)
        return Evaluation(
            summed(prior, self.log_patients(u)), summed(np.zeros(len(u)), likelihood), ~possible.all(axis=1)
        )

    def pointwise(self, values: Array) -> Array:
        """Log likelihood of every observation, float64 (n, R), for physical values (n, d)."""
        u = self.unconstrain(values)
        predictions, _ = self.observed.predict(self.columns.individual(u), u[:, self.columns.shared])
        return self.observed.pointwise(predictions, u)

    def log_posterior(self, u: Array) -> Array:
        """Log posterior density on the unconstrained scale, float64 (W,), up to a constant."""
        return self.evaluate(u).log_posterior

    def log_prior(self, u: Array) -> Array:
        """Log prior density on the unconstrained scale, float64 (W,)."""
        return summed(self.log_hyper_prior(u) + self.log_measurement_prior(u), self.log_patients(u))

    def constrain(self, u: Array) -> Array:
        """Physical values (W, d): typical values, effects, sds, correlations, individual parameters."""
        from cartsim.kernels import hierarchy

        u = np.atleast_2d(np.asarray(u, dtype=np.float64))
        result, at, size = u.copy(), self.columns, len(self.effects)
        theta = at.individual(result)
        for k, effect in enumerate(self.effects):
            result[:, k] = effect.parameter.prior.constrain(u[:, k])
            theta[:, :, k] = effect.parameter.prior.constrain(at.individual(u)[:, :, k])
        result[:, at.theta] = theta.reshape(len(u), -1)
        result[:, at.log_spread] = np.exp(u[:, at.log_spread])
        for k, prior in enumerate(self.measurement_priors, start=at.shared.start):
            result[:, k] = prior.constrain(u[:, k])
        if self.correlation:
            root = np.zeros((size, size))
            for w, y in enumerate(np.ascontiguousarray(u[:, at.correlation])):
                hierarchy.correlation_root(y, root)
                result[w, at.correlation] = (root @ root.T)[np.tril_indices(size, -1)]
        return result

    def unconstrain(self, values: Array) -> Array:
        """Points (W, d) on the unconstrained scale of physical values; the inverse of `constrain`."""
        values = np.atleast_2d(np.asarray(values, dtype=np.float64))
        result, at, size = values.copy(), self.columns, len(self.effects)
        theta = at.individual(values).copy()
        for k, effect in enumerate(self.effects):
            result[:, k] = effect.parameter.prior.unconstrain(values[:, k])
            theta[:, :, k] = effect.parameter.prior.unconstrain(theta[:, :, k])
        result[:, at.theta] = theta.reshape(len(values), -1)
        result[:, at.log_spread] = np.log(values[:, at.log_spread])
        for k, prior in enumerate(self.measurement_priors, start=at.shared.start):
            result[:, k] = prior.unconstrain(values[:, k])
        if self.correlation:
            for w, row in enumerate(values[:, at.correlation]):
                correlation = np.eye(size)
                correlation[np.tril_indices(size, -1)] = row
                root = np.linalg.cholesky(correlation + np.tril(correlation, -1).T)
                left = 1.0 - np.cumsum(root**2, axis=1) + root**2  # before column j is taken off
                below = np.tril_indices(size, -1)
                result[w, at.correlation] = np.arctanh(root[below] / np.sqrt(left[below]))
        return result

    def fingerprint(self) -> dict[str, str]:
        """Hex digests of everything the posterior depends on, by what it is."""
        digest = self.model.digest
        doses = {
            s: repr(r.events(self.model)) + (repr(r.rules) if r.rules else "")
            for s, r in self.regimens.items()
        }
        held = dict(zip(self.model.parameter_names, self.observed.base, strict=True))
        free = {e.name for e in self.effects + self.shared}
        data = hashlib.sha256(self.arrays.digest.encode() + repr(sorted(doses.items())).encode())
        data.update(self.design[0].tobytes())
        priors = {item.name: item.prior.to_mapping() for item in self.free}
        return {
            "model": digest() if callable(digest) else digest,
            "data": data.hexdigest(),
            "priors": _digest({"priors": priors, "eta": self.correlation.eta if self.correlation else None}),
            "error model": _digest({name: error.to_mapping() for name, error in self.errors.items()}),
            "assay scales": _digest(
                [[s.measured, s.output, s.by, s.prior.to_mapping()] for s in self.scales]
            ),
            "roles of parameters": _digest(list(self.names)),
            "fixed values": _digest({n: float(v) for n, v in held.items() if n not in free}),
            "solver": _digest(repr(self.method)),
        }


def summed(parts: Array, patients: Array) -> Array:
    """Parts (W,) plus all patients (W, N), in a fixed order."""
    from cartsim.kernels import patients as kernels

    result = np.empty(len(parts))
    kernels.total(parts, patients, result)
    return result


def _scale(effect: RandomEffect) -> str:
    lower, upper = effect.parameter.prior.support
    if np.isfinite(lower) and np.isfinite(upper):
        return "logit scale"
    return "natural-log scale" if np.isfinite(lower) or np.isfinite(upper) else "scale of the parameter"


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
