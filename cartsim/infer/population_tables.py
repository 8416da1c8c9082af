"""What a population fit found, as tables: typical values, spreads, patients, bands, goodness of fit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.infer.draws import Draws
from cartsim.infer.population import Population
from cartsim.infer.tables import BAND_DRAWS, GOF, INFORMED, LEVELS, bands_of, compared, parameter_table

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
TABLE_DRAWS = 4_000


def population_parameters(draws: Draws, population: Population) -> pd.DataFrame:
    """One row a typical value, effect, spread, shared parameter, residual sd or assay factor.

    Columns as `infer.tables.parameter_table`, with prior_lower and prior_upper (90% of the prior).
    Correlations have a prior together and no contraction of their own.
    """
    import pandas as pd

    table = parameter_table(draws, population)
    ends = np.array([item.prior.quantile(np.array([0.05, 0.95])) for item in population.free])
    table = table.assign(prior_lower=ends[:, 0], prior_upper=ends[:, 1])
    at = population.columns.correlation
    rows = [_correlation_row(draws, name) for name in population.names[at]]
    return pd.concat([table, pd.DataFrame(rows)], ignore_index=True) if rows else table


def _correlation_row(draws: Draws, name: str) -> dict[str, object]:
    values = draws.of(name).ravel()
    lower, median, upper = np.quantile(values, LEVELS)
    quality = draws.diagnostics.set_index("name").loc[name]
    return {
        "subject": draws.subject,
        "name": name,
        "meaning": "correlation between patients, unconstrained scale",
        "unit": "1",
        "prior": "LKJ",
        "median": median,
        "lower": lower,
        "upper": upper,
        "mean": values.mean(),
        "sd": values.std(ddof=1),
        "contraction": np.nan,
        "informed": True,
        "prior_lower": np.nan,
        "prior_upper": np.nan,
        **{column: quality[column] for column in ("r_hat", "ess_bulk", "ess_tail", "tau")},
    }


def individual_parameters(draws: Draws, population: Population) -> Iterator[pd.DataFrame]:
    """For each patient one row a varying parameter; the population at its posterior stands for the prior.

    contraction = 1 - posterior variance / spread^2 (posterior mean) on the unconstrained scale: what the
    patient's own samples add to knowing that it is one of these patients.
    """
    import pandas as pd

    quality = draws.diagnostics.set_index("name")
    u = population.unconstrain(draws.flat(TABLE_DRAWS))
    centre, spread = centres(population, u), np.exp(2.0 * u[:, population.columns.log_spread]).mean(axis=0)
    for i, subject in enumerate(population.subjects):
        rows = []
        for k, effect in enumerate(population.effects):
            column, prior = f"{effect.name}[{subject}]", effect.parameter.prior
            values = draws.of(column).ravel()
            lower, median, upper = np.quantile(values, LEVELS)
            contraction = 1.0 - np.var(prior.unconstrain(values)) / spread[k]
            middle, reach = centre[:, i, k].mean(), 1.6449 * np.sqrt(spread[k])
            ends = prior.constrain(np.array([middle - reach, middle + reach]))
            rows.append(
                {
                    "subject": subject,
                    "name": effect.name,
                    "meaning": effect.parameter.meaning,
                    "unit": effect.parameter.unit,
                    "prior": "the population",
                    "median": median,
                    "lower": lower,
                    "upper": upper,
                    "mean": values.mean(),
                    "sd": values.std(ddof=1),
                    "contraction": contraction,
                    "informed": bool(contraction >= INFORMED),
                    "prior_lower": ends[0],
                    "prior_upper": ends[1],
                    **{name: quality.loc[column, name] for name in ("r_hat", "ess_bulk", "ess_tail", "tau")},
                }
            )
        yield pd.DataFrame(rows)


def centres(population: Population, u: Array) -> Array:
    """Mean of every patient's parameters in the population, float64 (W, N, p), unconstrained."""
    design, parameter_of = population.design
    coefficients = u[:, population.columns.coefficients]
    result = np.zeros((len(u), len(population.subjects), len(population.effects)))
    for m, k in enumerate(parameter_of):
        result[:, :, k] += coefficients[:, m, None] * design[:, m]
    return result


def new_patients(population: Population, u: Array, rng: np.random.Generator) -> Array:
    """One new patient in the place of every patient (same covariates), float64 (W, N, p), unconstrained."""
    from cartsim.kernels.hierarchy import correlation_root

    size, at = len(population.effects), population.columns
    normal = rng.standard_normal((len(u), len(population.subjects), size))
    root = np.zeros((size, size))
    for w, y in enumerate(np.ascontiguousarray(u[:, at.correlation])):
        correlation_root(y, root)
        normal[w] = normal[w] @ root.T
    return centres(population, u) + normal * np.exp(u[:, None, at.log_spread])


def individual_bands(draws: Draws, population: Population, subject: str, times: Array) -> pd.DataFrame:
    """One patient's posterior bands at `times` (day), columns as `infer.tables.band_table`."""
    import pandas as pd

    u = population.unconstrain(draws.flat(BAND_DRAWS))
    i = population.subjects.index(subject)
    rng = np.random.default_rng(np.random.SeedSequence(draws.seed, spawn_key=(1, i)))
    theta = population.columns.individual(u)[:, i]
    outputs = population.observed.curves(theta, u[:, population.columns.shared], i, times)
    parts = []
    for measured in population.observed.measured_by(i):
        model = outputs[:, :, population.observed.column_of(measured)]
        model = model * population.observed.factor(measured, subject, u)[:, None]
        sigma = [column[:, None] for column in population.observed.sigmas_of(measured, u)]
        noisy = population.errors[measured].draw(rng, model, *sigma)
        parts.append(bands_of(subject, measured, times, model, noisy))
    return pd.concat(parts, ignore_index=True)


def population_gof(draws: Draws, population: Population) -> pd.DataFrame:
    """One row an observation: measured, individual and population prediction, standardised residual.

    Columns as `infer.tables.gof_table` and population_predicted: the typical patient with these covariates at
    the posterior mean of the coefficients on the unconstrained scale.
    """
    arrays, observed = population.arrays, population.observed
    u = population.unconstrain(draws.flat(BAND_DRAWS))
    shared = u[:, population.columns.shared]
    predictions, _ = observed.predict(population.columns.individual(u), shared)
    predicted = np.nanmedian(observed.scaled(predictions, u), axis=0)
    mean = u.mean(axis=0, keepdims=True)
    typical, _ = observed.predict(centres(population, mean), mean[:, population.columns.shared])
    sigma = {
        name: [np.median(column) for column in observed.sigmas_of(name, u)] for name in population.errors
    }
    return compared(arrays, predicted, population.errors, sigma).assign(
        subject=np.repeat(population.subjects, np.diff(arrays.subject_offsets)),
        population_predicted=observed.scaled(typical, mean)[0],
    )[[*GOF, "population_predicted"]]


def simulated_trials(population: Population, u: Array, rng: np.random.Generator) -> Array:
    """Measurements of new patients on the design of the data, float64 (W, R), before any limit.

    For every posterior point a whole trial: new individual parameters, the residual error on top; NaN where a
    new patient could not be solved.
    """
    observed, arrays = population.observed, population.arrays
    theta = new_patients(population, u, rng)
    predictions, _ = observed.predict(theta, u[:, population.columns.shared])
    predictions = observed.scaled(predictions, u)
    result = np.empty_like(predictions)
    for index, measured in enumerate(arrays.outputs):
        rows = arrays.output == index
        if rows.any():
            sigma = [column[:, None] for column in observed.sigmas_of(measured, u)]
            result[:, rows] = population.errors[measured].draw(rng, predictions[:, rows], *sigma)
    return result
