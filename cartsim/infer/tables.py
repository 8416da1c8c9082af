"""What a fit found, as tables: parameters with intervals, bands over time, goodness of fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.infer.draws import Draws
from cartsim.infer.problem import Problem
from cartsim.spec.priors import Flat

if TYPE_CHECKING:
    import pandas as pd

    from cartsim.data.dataset import ObservationArrays
    from cartsim.observe.error_models import ErrorModel

Array = NDArray[np.float64]
LEVELS = (0.05, 0.5, 0.95)  # 90% credible intervals
INFORMED = 0.1  # contraction below which a point estimate says nothing (inference reference, section 3)
BAND_DRAWS = 1_000  # Monte Carlo error of a 5% quantile: 0.7% in probability
QUANTIFIED = 0
GOF = (
    *("subject", "output", "time", "censoring", "observed", "lower_limit", "upper_limit"),
    *("predicted", "residual"),
)


def parameter_table(draws: Draws, problem: Problem) -> pd.DataFrame:
    """One row an estimated quantity, physical units.

    Columns subject, name, meaning, unit, prior, median, lower, upper (90% credible interval), mean, sd,
    contraction (1 - posterior / prior variance on the unconstrained scale; NaN under a flat prior), informed
    (contraction >= 0.1), r_hat, ess_bulk, ess_tail, tau.
    """
    import pandas as pd

    quality = draws.diagnostics.set_index("name")
    rows = []
    for item in problem.free:
        values = draws.of(item.name).ravel()
        lower, median, upper = np.quantile(values, LEVELS)
        spread = np.var(item.prior.unconstrain(values)) / item.prior.unconstrained_sd**2
        spread = np.nan if isinstance(item.prior, Flat) else spread  # nothing was believed before
        rows.append(
            {
                "subject": draws.subject,
                "name": item.name,
                "meaning": item.meaning,
                "unit": item.unit,
                "prior": item.prior.describe(item.unit),
                "median": median,
                "lower": lower,
                "upper": upper,
                "mean": values.mean(),
                "sd": values.std(ddof=1),
                "contraction": 1.0 - spread,
                "informed": bool(1.0 - spread >= INFORMED),
                **{name: quality.loc[item.name, name] for name in ("r_hat", "ess_bulk", "ess_tail", "tau")},
            }
        )
    return pd.DataFrame(rows)


def band_table(draws: Draws, problem: Problem, times: Array) -> pd.DataFrame:
    """Posterior bands of every observed output at `times` (day).

    Columns subject, output, time, median, lower, upper (90% credible band of the model), predictive_lower,
    predictive_upper (90% band of new measurements, residual error included), output units. Counts of
    intervals are shown at the ends of the intervals observed, as no others were counted.
    """
    import pandas as pd

    times = np.asarray(times, dtype=np.float64)
    values = draws.flat(BAND_DRAWS)
    predicted = problem.predict(values, times)
    rng = np.random.default_rng(np.random.SeedSequence(draws.seed, spawn_key=(1,)))
    parts = []
    for name, error in problem.errors.items():
        shown, model = measurable(problem, values, name, times, predicted)
        sigma = [column[:, None] for column in problem.sigma_of(values, name)]
        measured = error.draw(rng, model, *sigma)
        parts.append(bands_of(draws.subject, name, shown, model, measured))
    return pd.concat(parts, ignore_index=True)


def bands_of(subject: str, output: str, times: Array, model: Array, measured: Array) -> pd.DataFrame:
    """Bands of one output from curves and new measurements, each float64 (n, T)."""
    import pandas as pd

    lower, median, upper = np.nanquantile(model, LEVELS, axis=0)
    predictive = np.nanquantile(measured, (LEVELS[0], LEVELS[2]), axis=0)
    return pd.DataFrame(
        {
            "subject": subject,
            "output": output,
            "time": times,
            "median": median,
            "lower": lower,
            "upper": upper,
            "predictive_lower": predictive[0],
            "predictive_upper": predictive[1],
        }
    )


def measurable(
    problem: Problem, values: Array, output: str, times: Array, predicted: Array
) -> tuple[Array, Array]:
    """Times (T,) and what was to be measured then, float64 (n, T): the output, or its rise in an interval."""
    column = problem.model.output_names.index(output)
    if not problem.errors[output].of_intervals:
        return times, predicted[:, :, column]
    arrays = problem.arrays
    ends = np.unique(arrays.time[arrays.output == arrays.outputs.index(output)])
    cumulative = problem.predict(values, np.append(0.0, ends))[:, :, column]
    return ends, np.diff(cumulative, axis=1)


def gof_table(draws: Draws, problem: Problem) -> pd.DataFrame:
    """One row an observation: what was measured, what the fit says, how far apart in residual sds.

    Columns subject, output, time, censoring, observed, lower_limit, upper_limit, predicted (its median),
    residual (standardised on the error model's scale at the posterior median sd; NaN when censored).
    """
    return observation_table(problem, draws.flat(BAND_DRAWS))


def observation_table(problem: Problem, values: Array) -> pd.DataFrame:
    """`gof_table` from posterior draws as a table, physical values (n, d)."""

    arrays = problem.arrays
    times = np.unique(arrays.time)
    curves = problem.predict(values, times)
    names, predicted = [arrays.outputs[k] for k in arrays.output], np.empty(len(arrays.time))
    for name in problem.errors:
        rows = np.flatnonzero(np.array(names) == name)
        shown, model = measurable(problem, values, name, times, curves)
        predicted[rows] = np.nanmedian(model, axis=0)[np.searchsorted(shown, arrays.time[rows])]
    sigma = {
        name: [np.median(column) for column in problem.sigma_of(values, name)] for name in problem.errors
    }
    return compared(arrays, predicted, problem.errors, sigma).assign(subject=problem.subject)[list(GOF)]


def compared(
    arrays: ObservationArrays,
    predicted: Array,
    errors: Mapping[str, ErrorModel],
    sigma: Mapping[str, Sequence[float]],
) -> pd.DataFrame:
    """Observations beside their predictions (R,) with residuals standardised at one sd an output."""
    import pandas as pd

    names = [arrays.outputs[k] for k in arrays.output]
    residual = np.full(len(predicted), np.nan)
    for row in np.flatnonzero(arrays.censoring == QUANTIFIED):
        name = names[row]
        residual[row] = errors[name].standardised(arrays.value[row], predicted[row], *sigma[name])
    return pd.DataFrame(
        {
            "output": names,
            "time": arrays.time,
            "censoring": arrays.censoring,
            "observed": arrays.value,
            "lower_limit": arrays.lower,
            "upper_limit": arrays.upper,
            "predicted": predicted,
            "residual": residual,
        }
    )
