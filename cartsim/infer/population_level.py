"""What prior and data say about a population's own quantities: contraction, directions, power, prediction.

The quantities are typical values, covariate effects, spreads, shared values, residual sds and assay scales;
the patients' own parameters are integrated by the draws. Correlations are left out of the tables of single
quantities (their prior is one for all of them) and drawn for the prior predictive.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.errors import FitError
from cartsim.infer.contraction import contraction_table
from cartsim.infer.information import Information, direction_table
from cartsim.infer.population_tables import simulated_trials
from cartsim.infer.power_scaling import scaling_table
from cartsim.infer.predictive_check import LEFT, QUANTIFIED, PriorPredictive, samples_table
from cartsim.infer.tables import LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from cartsim.infer.population import Population
    from cartsim.spec.distribution import Prior

Array = NDArray[np.float64]
ENOUGH = 20  # draws a quantity
TRIALS = 300  # of the prior predictive; each holds every patient


@dataclass(frozen=True)
class PopulationLevel:
    """The quantities of a population with a prior each, as the tables of single patients read them."""

    population: Population

    @property
    def subject(self) -> str:
        return self.population.subject

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(item.name for item in self.population.free)

    @cached_property
    def priors(self) -> tuple[Prior, ...]:
        return tuple(item.prior for item in self.population.free)

    @cached_property
    def at(self) -> NDArray[np.int64]:
        """The columns of `names` in a point of the population."""
        known = {name: k for k, name in enumerate(self.population.names)}
        return np.array([known[name] for name in self.names])

    def unconstrain(self, values: Array) -> Array:
        """Unconstrained scale of physical values (n, d) of these quantities."""
        return np.column_stack([prior.unconstrain(values[:, k]) for k, prior in enumerate(self.priors)])


def population_contraction(population: Population, values: Array) -> pd.DataFrame:
    """`infer.contraction.contraction_table` of the population's quantities, from full draws (n, d)."""
    level = PopulationLevel(population)
    return contraction_table(level, values[:, level.at])


def population_directions(population: Population, values: Array) -> pd.DataFrame:
    """Directions among the population's quantities, best known first; from full posterior draws (n, d).

    Columns as `infer.information.direction_table`. The information is what the posterior has more than the
    prior: the inverse of the draws' covariance minus that of the priors, as if both were normal.

    Raises
    ------
    FitError
        With fewer than 20 draws a quantity: the inverse would be noise.
    """
    level = PopulationLevel(population)
    if len(values) < ENOUGH * len(level.names):
        raise FitError(
            "too few draws to tell directions apart",
            value=len(values),
            limit=ENOUGH * len(level.names),
            remedy="diagnose the run's own folder, which keeps more draws than a fit folder",
        )
    u = level.unconstrain(values[:, level.at])
    sds = np.array([prior.unconstrained_sd for prior in level.priors])
    matrix = np.linalg.inv(np.cov(u, rowvar=False)) - np.diag(1.0 / sds**2)
    information = Information(level.names, u.mean(axis=0), matrix, np.ones(len(sds), dtype=bool))
    return direction_table(level, information)


def population_power_scaling(population: Population, values: Array) -> pd.DataFrame:
    """`infer.power_scaling.power_scaling_table` of the population's quantities, from full draws (n, d).

    What is scaled as the prior are the priors of these quantities alone; that patients come from a common
    distribution stays as it is. The likelihood is that of all samples of all patients.
    """
    level = PopulationLevel(population)
    u = population.unconstrain(values)
    parts = population.evaluate(u)
    prior = population.log_hyper_prior(u) + population.log_measurement_prior(u)
    own = level.unconstrain(values[:, level.at])
    return scaling_table(level.subject, level.names, own, prior, parts.log_likelihood)


def prior_points(population: Population, rng: np.random.Generator, count: int) -> Array:
    """Points (count, d) of the population drawn from its priors, unconstrained; patients left at zero."""
    level, at = PopulationLevel(population), population.columns
    u = np.zeros((count, population.ndim))
    for prior, column in zip(level.priors, level.at, strict=True):
        u[:, column] = prior.unconstrain(prior.sample(rng, count))
    if population.correlation:
        # Lewandowski, Kurowicka & Joe 2009: the partial correlation in column j is Beta(a, a) on (-1, 1).
        size = len(population.effects)
        columns = np.tril_indices(size, -1)[1]
        a = population.correlation.eta + (size - 2 - columns) / 2.0
        u[:, at.correlation] = np.arctanh(2.0 * rng.beta(a, a, size=(count, len(columns))) - 1.0)
    return u


def population_prior_predictive(
    population: Population, rng: np.random.Generator, *, limits: Mapping[str, float], count: int = TRIALS
) -> PriorPredictive:
    """Whole trials simulated from the priors alone, on the patients' own sampling days.

    Tables as `infer.predictive_check.prior_predictive`, for all patients together: a band of all simulated
    samples at each day. A trial counts as failed where one of its patients could not be solved; the other
    patients of it stay in the bands.
    """
    import pandas as pd

    arrays = population.arrays
    measured = simulated_trials(population, prior_points(population, rng, count), rng)
    failed = int(np.isnan(measured).any(axis=1).sum())
    bands, counts = [], []
    for index in np.unique(arrays.output):
        output, rows = arrays.outputs[index], np.flatnonzero(arrays.output == index)
        times, place = np.unique(arrays.time[rows], return_inverse=True)
        of_day = [measured[:, rows[place == k]].ravel() for k in range(len(times))]
        ends = np.array([np.nanquantile(values, LEVELS) for values in of_day]).T
        bands.append(
            pd.DataFrame({"time": times, "lower": ends[0], "median": ends[1], "upper": ends[2]}).assign(
                output=output
            )
        )
        seen, censoring = arrays.value[rows], arrays.censoring[rows]
        quantified = censoring == QUANTIFIED
        limit = limits.get(output, np.nan)
        solved = measured[:, rows][~np.isnan(measured[:, rows])]
        counts.append(
            {
                "subject": population.subject,
                "output": output,
                "samples": len(rows),
                "quantified": int(quantified.sum()),
                "outside_90": int((quantified & ((seen < ends[0][place]) | (seen > ends[2][place]))).sum()),
                "blq_observed": float(np.mean(censoring == LEFT)),
                "blq_expected": float(np.mean(solved < limit)) if np.isfinite(limit) else np.nan,
                "draws": count,
                "failed": failed,
            }
        )
    joined = pd.concat(bands, ignore_index=True).assign(subject=population.subject)
    columns = ["subject", "output", "time", "lower", "median", "upper"]
    return PriorPredictive(joined[columns], samples_table(population), pd.DataFrame(counts))
