"""A virtual patient of a product believed to be one of the model's own population: the known-truth case.

What `infer.new_patient` needs where the population is not fitted but is that of `cohort.products`: spreads,
shared factors, subgroups and the ward's policies, all of them unknown in this patient.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cartsim.cohort.outcomes import RTOL
from cartsim.cohort.products import Treated, TrialPopulation, rules
from cartsim.kernels.methods import Rodas5P
from cartsim.regimen.doses import Dose
from cartsim.regimen.regimen import Regimen, events_of
from cartsim.solve.batch import Plan, plan_one

Array = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass(frozen=True)
class Samples:
    """Log-normal samples of one patient: output names, days, values, sds of the log, limits; all (R,).

    A value below its limit is known to be below it only.
    """

    output: tuple[str, ...]
    day: Array
    value: Array
    log_sd: Array
    lloq: Array


@dataclass(frozen=True)
class VirtualBelief:
    """One patient with a known dose and weight, and the samples so far."""

    population: TrialPopulation
    dose: float
    weight: float
    samples: Samples

    populations = 1

    @cached_property
    def varying(self) -> Whole:
        """Columns of the parameters that differ between patients."""
        held = self.population.held or {}
        own = self.population.model.parameters
        return np.array([k for k, p in enumerate(own) if not p.fixed and p.name not in held], dtype=np.int64)

    @cached_property
    def size(self) -> int:
        """Scores: parameters, shared factors, subgroups, and one for the policy."""
        products = self.population.products
        return len(self.varying) + len(products.factors) + len(products.subgroups) + 1

    def rows(self, scores: Array) -> Array:
        """Parameter rows (n, P) of scores (n, size)."""
        from scipy.special import ndtr

        products = self.population.products
        own = np.zeros((len(scores), len(self.population.model.parameters)))
        own[:, self.varying] = scores[:, : len(self.varying)]
        end = len(self.varying) + len(products.factors)
        return self.population.patients.placed(
            own, scores[:, len(self.varying) : end], ndtr(scores[:, end:-1])
        )

    def policy(self, scores: Array) -> Whole:
        """Number of the ward's policy (n,)."""
        from scipy.special import ndtr

        ends = np.cumsum([policy.share for policy in self.population.product.policies])
        return np.minimum(np.searchsorted(ends, ndtr(scores[:, -1]), side="right"), len(ends) - 1)

    @cached_property
    def regimens(self) -> tuple[Regimen, ...]:
        """What each policy gives to this patient."""
        policies = self.population.product.policies
        return tuple(Regimen((Dose(self.dose),), rules(policy, self.weight)) for policy in policies)

    def treated(self, scores: Array) -> Treated:
        """The draws as patients of a trial."""
        given = tuple(self.regimens[k] for k in self.policy(scores))
        return Treated(self.rows(scores), given, np.full(len(scores), self.weight))

    @cached_property
    def _plans(self) -> tuple[Plan, ...]:
        model, days = self.population.model, np.unique(self.samples.day)
        method = Rodas5P(rtol=RTOL)
        return tuple(
            plan_one(model, days, events=events_of(model, [regimen]), method=method)
            for regimen in self.regimens
        )

    def log_likelihood(self, scores: Array, which: Whole) -> Array:
        """Log likelihood (n,) of the samples, up to a constant; -inf where the model was not solved."""
        from scipy.special import log_ndtr

        samples, model = self.samples, self.population.model
        columns = [model.output_names.index(name) for name in samples.output]
        places = np.searchsorted(np.unique(samples.day), samples.day)
        rows, policy = self.rows(scores), self.policy(scores)
        predicted = np.full((len(scores), len(samples.day)), np.nan)
        for k, plan in enumerate(self._plans):
            own = np.flatnonzero(policy == k)
            if len(own):
                solved = plan.solve(np.ascontiguousarray(rows[own])).outputs
                predicted[own] = solved.reshape(len(own), len(plan.times), -1)[:, places, columns]
        with np.errstate(divide="ignore", invalid="ignore"):
            log = np.log(np.maximum(predicted, 1e-300))
            below = log_ndtr((np.log(samples.lloq) - log) / samples.log_sd)
            seen = -0.5 * ((np.log(samples.value) - log) / samples.log_sd) ** 2 - np.log(samples.log_sd)
        terms = np.where(samples.value < samples.lloq, below, seen)
        terms[np.isnan(predicted)] = -np.inf
        return terms.sum(axis=1)
