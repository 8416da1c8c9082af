"""The observations of all patients of a population fit: predictions once, likelihoods as often as asked."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.errors import FitError
from cartsim.infer.columns import sigma_words, transform
from cartsim.infer.observations import row_numbers
from cartsim.infer.problem import FreeParameter
from cartsim.kernels import patients as kernels
from cartsim.kernels import residual
from cartsim.spec.priors import Fixed

if TYPE_CHECKING:
    from cartsim.infer.population import Population
    from cartsim.solve.batch import Plan

Array = NDArray[np.float64]


class ObservedPatients:
    """Tables made once from a `Population`, and what is computed from them.

    Attributes
    ----------
    sigmas : tuple of FreeParameter, the residual sds that are estimated
    factors : tuple of FreeParameter, the assay factors
    base : float64 (P,), model parameters where nothing is free
    """

    def __init__(self, population: Population) -> None:
        self.population = population
        self.base = population.model.vector(**population.fixed)
        units = {output.name: output.unit for output in population.model.outputs}
        self._all_sigmas = tuple(
            FreeParameter(name, prior, *sigma_words(error, name, output, units.get(output, "")))
            for output, error in population.errors.items()
            for name, prior in error.sigmas(output)
        )
        self.sigmas = tuple(s for s in self._all_sigmas if not isinstance(s.prior, Fixed))
        self.reads = {scale.measured: scale.output for scale in population.scales}
        self._factor_of: dict[tuple[str, str | None], int] = {}
        factors = []
        for scale in population.scales:
            for level in self._levels(scale.by):
                self._factor_of[scale.measured, level] = len(factors)
                words = f"{scale.measured} per {scale.output}" + (f", {level}" if level else "")
                factors.append(FreeParameter(scale.name(level), scale.prior, "1", words))
        self.factors = tuple(factors)
        self._check()

    def _levels(self, by: str | None) -> list[str | None]:
        if by is None:
            return [None]
        values = self.population.covariate_values
        if by not in values:
            raise FitError("an assay scale by a covariate the data lack", value=by, limit=", ".join(values))
        return sorted({str(values[by][s]) for s in self.population.subjects})

    def _check(self) -> None:
        """Every observation has an error model, a model output, a possible time and a logarithm if needed."""
        population, arrays = self.population, self.population.arrays
        faults = []
        for index in np.unique(arrays.output):
            name = arrays.outputs[index]
            if name not in population.errors:
                faults.append(f"output {name} has no error model")
            elif population.errors[name].counts:
                faults.append(f"output {name}: counts are fitted patient by patient only")
            if self.reads.get(name, name) not in population.model.output_names:
                faults.append(f"output {name}: model {population.model.name} has no such output")
        who = np.repeat(population.subjects, np.diff(arrays.subject_offsets))
        for r in np.flatnonzero(arrays.time < 0.0):
            faults.append(f"subject {who[r]}, row {arrays.row[r]}: day {arrays.time[r]:g} before the start")
        if not faults:
            on_log = np.array([population.errors[arrays.outputs[i]].log_scale for i in arrays.output])
            bound = np.where(arrays.censoring == residual.LEFT, arrays.upper, arrays.value)
            for r in np.flatnonzero(on_log & (arrays.censoring <= residual.LEFT) & ~(bound > 0.0)):
                faults.append(f"subject {who[r]}, row {arrays.row[r]}: {bound[r]:g} has no logarithm")
        empty = [
            s for s, n in zip(population.subjects, np.diff(arrays.subject_offsets), strict=True) if n == 0
        ]
        faults += [f"subject {s} has no observation to fit" for s in empty]
        if faults:
            raise FitError(
                "observations that this population fit cannot use: " + "; ".join(faults[:20]),
                value=f"{len(faults)} faults",
                remedy="give limits, error models or assay scales; leave out samples before the infusion",
            )

    @cached_property
    def plan(self) -> Plan:
        """Times and doses of all patients, checked once."""
        from cartsim.regimen.events import no_events
        from cartsim.regimen.regimen import Regimen, events_of
        from cartsim.solve.batch import Plan

        p = self.population
        flat = np.concatenate(list(self.times))
        offsets = np.concatenate([[0], np.cumsum([len(times) for times in self.times])]).astype(np.int64)
        count = len(p.subjects)
        given = [p.regimens.get(subject, Regimen(())) for subject in p.subjects]
        events = events_of(p.model, given) if p.regimens else no_events(count)
        return Plan(
            p.model, np.ascontiguousarray(flat), offsets, events.for_solver(p.model, count), 0.0, p.method
        )

    @cached_property
    def times(self) -> list[Array]:
        """Distinct sampling days of each patient."""
        arrays = self.population.arrays
        bounds = zip(arrays.subject_offsets[:-1], arrays.subject_offsets[1:], strict=True)
        return [np.unique(arrays.time[a:b]) for a, b in bounds]

    @cached_property
    def first(self) -> NDArray[np.int64]:
        """Observations of patient i are first[i] .. first[i + 1] - 1."""
        return np.ascontiguousarray(self.population.arrays.subject_offsets, dtype=np.int64)

    @cached_property
    def rows(self) -> tuple[NDArray[np.int64], Array]:
        """The observation tables of `kernels.patients`."""
        p, arrays = self.population, self.population.arrays
        count, names = len(arrays.time), [item.name for item in self._all_sigmas]
        codes, numbers = np.zeros((count, 7), dtype=np.int64), np.zeros((count, 5))
        for i, subject in enumerate(p.subjects):
            for r in range(self.first[i], self.first[i + 1]):
                measured = arrays.outputs[arrays.output[r]]
                error, factor = p.errors[measured], self._factor(measured, subject)
                own = [names.index(name) for name, _ in error.sigmas(measured)] or [0]
                column = p.model.output_names.index(self.reads.get(measured, measured))
                time = np.searchsorted(self.times[i], arrays.time[r])
                codes[r] = time, column, arrays.censoring[r], error.kind, own[0], own[-1], factor
                numbers[r] = row_numbers(arrays, r, error)
        return codes, numbers

    @cached_property
    def targets(self) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
        """Model index, transform and support of the individual, then the shared parameters."""
        items = [effect.parameter for effect in self.population.effects] + list(self.population.shared)
        targets = np.array([self.population.model.index(item.name) for item in items], dtype=np.int64)
        transforms = np.array([transform(item.prior) for item in items], dtype=np.int64)
        return targets, transforms, np.array([item.prior.support for item in items], dtype=np.float64)

    def parameters(self, theta: Array, shared: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Model parameters (W * N, P) and whether they are finite (W, N)."""
        walkers, patients, _ = theta.shape
        parameters = np.empty((walkers * patients, len(self.base)))
        parameters[:] = self.base
        possible = np.empty((walkers, patients), dtype=bool)
        kernels.place(
            np.ascontiguousarray(theta), np.ascontiguousarray(shared), *self.targets, parameters, possible
        )
        return parameters, possible

    def predict(self, theta: Array, shared: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Predictions of the observed quantities (W, R) and whether each patient was solved (W, N).

        theta : float64 (W, N, p); shared : (W, q); both unconstrained
        """
        parameters, possible = self.parameters(theta, shared)
        walkers, patients = possible.shape
        who = np.tile(np.arange(patients, dtype=np.int64), walkers)
        solved = self.plan.solve(parameters, who, self.population.threads)
        possible &= (solved.status == 0).reshape(walkers, patients)
        predictions = np.empty((walkers, len(self.rows[0])))
        kernels.gather(solved.outputs, solved.offsets, self.rows[0], self.first, predictions)
        return predictions, possible

    def pointwise(self, predictions: Array, u: Array) -> Array:
        """Log probability of every observation (W, R) at the residual sds and assay factors of points `u`."""
        at = self.population.columns
        result = np.empty_like(predictions)
        kernels.pointwise(
            predictions, self.sigma_of(u), np.ascontiguousarray(u[:, at.log_scale]), *self.rows, result
        )
        return result

    def log_likelihood(self, predictions: Array, possible: NDArray[np.bool_], u: Array) -> Array:
        """Log likelihood of every patient, float64 (W, N); -inf where the solve failed."""
        result = np.empty(possible.shape)
        kernels.by_patient(self.pointwise(predictions, u), self.first, possible, result)
        return result

    def sigma_of(self, u: Array) -> Array:
        """All residual sds (W, K), physical units, of points."""
        at, sigma = self.population.columns, np.empty((len(u), len(self._all_sigmas)))
        column = at.sigma.start
        for k, item in enumerate(self._all_sigmas):
            if isinstance(item.prior, Fixed):
                sigma[:, k] = item.prior.value
            else:
                sigma[:, k] = item.prior.constrain(u[:, column])
                column += 1
        return sigma

    def sigmas_of(self, measured: str, u: Array) -> list[Array]:
        """Residual sds of one measured output, each float64 (W,)."""
        sigma, names = self.sigma_of(u), [item.name for item in self._all_sigmas]
        return [sigma[:, names.index(name)] for name, _ in self.population.errors[measured].sigmas(measured)]

    def factor(self, measured: str, subject: str, u: Array) -> Array:
        """The assay's factor for one patient, float64 (W,); 1 where the output has no scale."""
        column = self._factor(measured, subject)
        if column == kernels.NO_SCALE:
            return np.ones(len(u))
        return np.exp(u[:, self.population.columns.log_scale][:, column])

    def _factor(self, measured: str, subject: str) -> int:
        """Which assay factor a patient's output has."""
        by = {scale.measured: scale.by for scale in self.population.scales}
        if measured not in by:
            return kernels.NO_SCALE
        values, covariate = self.population.covariate_values, by[measured]
        return self._factor_of[measured, None if covariate is None else str(values[covariate][subject])]

    def scaled(self, predictions: Array, u: Array) -> Array:
        """Predictions (W, R) as the laboratories would report them, without residual error."""
        factor_of = self.rows[0][:, kernels.SCALE]
        scaled, log_scale = predictions.copy(), u[:, self.population.columns.log_scale]
        for k in range(len(self.factors)):
            scaled[:, factor_of == k] *= np.exp(log_scale[:, [k]])
        return scaled

    def column_of(self, measured: str) -> int:
        """Index of the model output that a measured output reads."""
        return self.population.model.output_names.index(self.reads.get(measured, measured))

    def measured_by(self, i: int) -> list[str]:
        """Outputs measured in patient i."""
        arrays = self.population.arrays
        return [arrays.outputs[k] for k in np.unique(arrays.output[self.first[i] : self.first[i + 1]])]

    def curves(self, theta: Array, shared: Array, i: int, times: Array) -> Array:
        """Outputs (n, T, O) of patient i at `times` for n points of its parameters, unconstrained."""
        from cartsim.regimen.regimen import events_of
        from cartsim.solve.batch import plan_one

        p = self.population
        regimen = p.regimens.get(p.subjects[i])
        events = None if regimen is None else events_of(p.model, [regimen])
        plan = plan_one(p.model, np.asarray(times, dtype=np.float64), events=events, method=p.method)
        parameters, _ = self.parameters(theta[:, None], shared)
        return plan.solve(parameters).outputs.reshape(len(theta), len(times), -1)
