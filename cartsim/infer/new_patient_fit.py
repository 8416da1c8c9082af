"""A new patient of a population that was fitted: scores, parameters and the likelihood of the samples."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.errors import FitError
from cartsim.infer.population import Population
from cartsim.infer.population_tables import centres
from cartsim.kernels import hierarchy
from cartsim.kernels import patients as kernels

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass(frozen=True)
class FittedBelief:
    """One of the new patients of `population`, believed to be like those of the fit.

    Parameters
    ----------
    population : Population of the new patients' samples, with the roles and priors of the fit
    subject : whose
    values : float64 (S, c), draws of the fit's population quantities, physical values, in the order of
        `population.names[: population.columns.population]`
    """

    population: Population
    subject: str
    values: Array

    @property
    def size(self) -> int:
        """Number of parameters that vary between patients."""
        return len(self.population.effects)

    @property
    def populations(self) -> int:
        """Number of draws of the population."""
        return len(self.values)

    @cached_property
    def points(self) -> Array:
        """The population draws on the unconstrained scale, (S, d); every patient at the typical values."""
        typical = self.values[:, : self.size]
        return self.population.unconstrain(
            np.hstack([self.values, np.tile(typical, (1, len(self.population.subjects)))])
        )

    @cached_property
    def number(self) -> int:
        """Which of the new patients."""
        return self.population.subjects.index(self.subject)

    @cached_property
    def _population_of_patients(self) -> tuple[Array, Array]:
        """Mean (S, p) and root (S, p, p) of patients with these covariates, unconstrained."""
        at = self.population.columns
        mean = centres(self.population, self.points)[:, self.number]
        spread, roots = np.exp(self.points[:, at.log_spread]), np.zeros((len(mean), self.size, self.size))
        for w, y in enumerate(np.ascontiguousarray(self.points[:, at.correlation])):
            hierarchy.correlation_root(y, roots[w])
            roots[w] *= spread[w][:, None]
        return mean, roots

    def theta(self, scores: Array, which: Whole) -> Array:
        """Parameters (n, p) on the unconstrained scale."""
        mean, root = self._population_of_patients
        return mean[which] + np.einsum("nij,nj->ni", root[which], scores)

    def parameters(self, scores: Array, which: Whole) -> Array:
        """Parameters of the model, float64 (n, P), physical."""
        theta, shared = self.theta(scores, which), self.points[which][:, self.population.columns.shared]
        return self.population.observed.parameters(theta[:, None], shared)[0]

    def curves(self, scores: Array, which: Whole, times: Array) -> Array:
        """Outputs of the model (n, T, O) at `times` (day)."""
        shared = self.points[which][:, self.population.columns.shared]
        theta = self.theta(scores, which)
        return self.population.observed.curves(theta, shared, self.number, times)

    def log_likelihood(self, scores: Array, which: Whole) -> Array:
        """Of this patient's samples, those below a limit included (M3), float64 (n,)."""
        observed, i = self.population.observed, self.number
        rows = slice(observed.first[i], observed.first[i + 1])
        codes, numbers = (np.ascontiguousarray(part[rows]) for part in observed.rows)
        outputs = self.curves(scores, which, observed.times[i])
        predictions = np.ascontiguousarray(outputs[:, codes[:, kernels.ROW], codes[:, kernels.OUTPUT]])
        u = self.points[which]
        log_scale = np.ascontiguousarray(u[:, self.population.columns.log_scale])
        terms = np.empty_like(predictions)
        kernels.pointwise(predictions, observed.sigma_of(u), log_scale, codes, numbers, terms)
        return np.where(np.isnan(terms), -np.inf, terms).sum(axis=1)

    def measured(
        self, scores: Array, which: Whole, times: Array, rng: np.random.Generator
    ) -> dict[str, tuple[Array, Array]]:
        """What each assay would report, by output: without and with residual error, both (n, T)."""
        observed, u = self.population.observed, self.points[which]
        outputs, found = self.curves(scores, which, times), {}
        for name in self.population.errors:
            curve = outputs[:, :, observed.column_of(name)]
            curve = curve * observed.factor(name, self.subject, u)[:, None]
            sigma = [column[:, None] for column in observed.sigmas_of(name, u)]
            found[name] = curve, self.population.errors[name].draw(rng, curve, *sigma)
        return found


def population_values(draws: pd.DataFrame, population: Population) -> Array:
    """Population quantities (S, c) from the `population` rows of a fit's draws, in the order of the columns.

    Raises
    ------
    FitError
        Where the new data need what the fit has not: a level of a covariate or an assay it never saw.
    """
    rows = draws[draws["subject"] == "population"]
    names = population.names[: population.columns.population]
    missing = [name for name in names if name not in rows.columns or rows[name].isna().all()]
    if missing or rows.empty:
        raise FitError(
            "the fit has no draws of what these patients need",
            value=", ".join(missing) or "population",
            remedy="give patients like those of the fit: the same covariate levels and measured outputs",
        )
    return rows[list(names)].to_numpy(np.float64)
