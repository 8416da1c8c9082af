"""What a sceptic asks of a population fit, from its draws: VPC, NPDE, shrinkage, patients left out."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.errors import CartsimWarning
from cartsim.infer.leave_out import LeaveOut, leave_out, marginal_log_likelihood
from cartsim.infer.npde import NPDE, npde
from cartsim.infer.population import Population
from cartsim.infer.population_table import population_table
from cartsim.infer.population_tables import centres, simulated_trials
from cartsim.infer.shrinkage import eta_covariates, eta_table, shrinkage_table
from cartsim.infer.vpc import VPC, vpc
from cartsim.kernels import hierarchy
from cartsim.kernels import patients as kernels
from cartsim.spec.priors import LogNormal

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
LEFT_OUT_DRAWS = 400  # population draws over which patients are left out
POINTS_AT_ONCE = 10_000  # whose courses are in memory together
LEAST_FOR_PREDICTION_ERRORS = 100


@dataclass(frozen=True)
class PopulationChecks:
    """Tables of one population fit; `corrected` is the prediction-corrected VPC, `left_out` by patient.

    `errors` is None where too few trials were simulated, `left_out` where parameters are shared (a patient
    cannot then be integrated out on its own predictions); `lost` counts trials with a failed solve.
    """

    vpc: VPC
    corrected: VPC
    errors: NPDE | None
    etas: pd.DataFrame
    shrinkage: pd.DataFrame
    covariates: pd.DataFrame
    covariate_values: pd.DataFrame
    parameters: pd.DataFrame
    left_out: LeaveOut | None
    trials: int
    lost: int


def population_checks(
    population: Population,
    values: Array,
    rng: np.random.Generator,
    *,
    limits: Array,
    stratum: str | None = None,
) -> PopulationChecks:
    """All checks from posterior draws.

    Parameters
    ----------
    values : float64 (S, d), physical values in the order of `population.names`; one trial is simulated a draw
    rng : for the trials, the uniform draws below limits, and the integration over patients
    limits : float64 (R,), LLOQ of every observation, NaN where there is none
    stratum : a covariate whose levels are shown apart, or None
    """
    u = population.unconstrain(values)
    observed = observed_table(population, limits, stratum)
    trials = simulated_trials(population, u, rng)
    whole = np.isfinite(trials).all(axis=1)
    middle = u.mean(axis=0, keepdims=True)
    shared = middle[:, population.columns.shared]
    typical, _ = population.observed.predict(centres(population, middle), shared)
    prediction = population.observed.scaled(typical, middle)[0]
    names = [effect.name for effect in population.effects]
    eta = population.columns.individual(u) - centres(population, u)
    omega = np.exp(u[:, population.columns.log_spread])
    shrunk, etas = shrinkage_table(eta, omega, names), eta_table(eta, names, population.subjects)
    enough = whole.sum() >= max(
        LEAST_FOR_PREDICTION_ERRORS, 5 * int(np.diff(population.observed.first).max())
    )
    return PopulationChecks(
        vpc=vpc(observed, trials[whole]),
        corrected=vpc(observed, trials[whole], prediction=prediction),
        errors=npde(observed, trials[whole], rng) if enough else None,
        etas=etas,
        shrinkage=shrunk,
        covariates=eta_covariates(etas, covariate_table(population)),
        covariate_values=covariate_table(population),
        parameters=population_table(
            values[:, : len(names)],
            omega,
            names,
            log_normal=[isinstance(e.parameter.prior, LogNormal) for e in population.effects],
            units=[e.parameter.unit for e in population.effects],
            shrinkage=shrunk["shrinkage"].to_numpy(),
        ),
        left_out=None if population.shared else patients_left_out(population, u, rng),
        trials=len(trials),
        lost=int((~whole).sum()),
    )


def observed_table(population: Population, limits: Array, stratum: str | None = None) -> pd.DataFrame:
    """The observations as `infer.vpc` reads them, in the order of the arrays."""
    import pandas as pd

    arrays = population.arrays
    subject = np.repeat(population.subjects, np.diff(arrays.subject_offsets))
    values = population.covariate_values
    return pd.DataFrame(
        {
            "subject": subject,
            "time": arrays.time,
            "output": [arrays.outputs[k] for k in arrays.output],
            "value": arrays.value,
            "censoring": arrays.censoring,
            "lower": arrays.lower,
            "upper": arrays.upper,
            "lloq": limits,
            "stratum": "" if stratum is None else [str(values[stratum][s]) for s in subject],
        }
    )


def covariate_table(population: Population) -> pd.DataFrame:
    """One row a patient: `subject` and every covariate of the data that differs between patients."""
    import pandas as pd

    columns = {
        name: [values.get(s) for s in population.subjects]
        for name, values in population.covariate_values.items()
    }
    table = pd.DataFrame({"subject": list(population.subjects), **columns})
    return table[["subject", *(name for name in columns if table[name].nunique() > 1)]]


def patients_left_out(population: Population, u: Array, rng: np.random.Generator) -> LeaveOut:
    """PSIS-LOO by patient, each patient's parameters integrated out."""
    few = u[np.linspace(0, len(u) - 1, min(LEFT_OUT_DRAWS, len(u))).astype(int)]
    size, roots = len(population.effects), []
    for y, log_spread in zip(
        np.ascontiguousarray(few[:, population.columns.correlation]),
        few[:, population.columns.log_spread],
        strict=True,
    ):
        root = np.zeros((size, size))
        hierarchy.correlation_root(y, root)
        roots.append(np.exp(log_spread)[:, None] * root)
    marginal = marginal_log_likelihood(
        _likelihood(population, few),
        population.columns.individual(u),
        (centres(population, few), np.array(roots)),
        generator=rng,
    )
    with warnings.catch_warnings():  # high Pareto k are in the table, and said by whoever shows it
        warnings.simplefilter("ignore", CartsimWarning)
        return leave_out(marginal.log_likelihood, population.subjects)


def _likelihood(population: Population, u: Array) -> Callable[[Array, int], Array]:
    """Log likelihood (S, M) of one patient at points (S, M, p), residual sds and factors of each draw."""
    observed, at = population.observed, population.columns
    sigma, log_scale = observed.sigma_of(u), np.ascontiguousarray(u[:, at.log_scale])

    def of(theta: Array, i: int) -> Array:
        rows = slice(observed.first[i], observed.first[i + 1])
        codes, numbers = (np.ascontiguousarray(part[rows]) for part in observed.rows)
        result = np.empty(theta.shape[:2])
        step = max(1, POINTS_AT_ONCE // theta.shape[1])
        for first in range(0, len(u), step):
            part = theta[first : first + step].reshape(-1, theta.shape[2])
            outputs = observed.curves(part, np.zeros((len(part), 0)), i, observed.times[i])
            predictions = np.ascontiguousarray(outputs[:, codes[:, kernels.ROW], codes[:, kernels.OUTPUT]])
            own = [
                np.repeat(values[first : first + step], theta.shape[1], axis=0)
                for values in (sigma, log_scale)
            ]
            terms = np.empty_like(predictions)
            kernels.pointwise(predictions, *own, codes, numbers, terms)
            total = np.where(np.isnan(terms), -np.inf, terms).sum(axis=1)
            result[first : first + step] = total.reshape(-1, theta.shape[1])
        return result

    return of
