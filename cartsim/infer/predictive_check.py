"""What the priors alone predict on a patient's own sampling days: bands, and the share below the LLOQ."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cartsim.infer.tables import LEVELS, measurable

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from cartsim.infer.population import Population
    from cartsim.infer.problem import Problem

Array = NDArray[np.float64]
QUANTIFIED, LEFT = 0, 1
DRAWS = 1_000


class PriorPredictive(NamedTuple):
    """Bands of new measurements over time, the patient's samples, and what was counted; three tables."""

    bands: pd.DataFrame
    samples: pd.DataFrame
    counts: pd.DataFrame


def prior_predictive(
    problem: Problem,
    rng: np.random.Generator,
    *,
    limits: Mapping[str, float],
    count: int = DRAWS,
) -> PriorPredictive:
    """Measurements simulated from the priors at the patient's sampling times, residual error included.

    Parameters
    ----------
    problem : Problem
    rng : Generator, draws the priors and the residuals
    limits : output -> LLOQ; an output without one has no expected fraction below it
    count : int, sets of parameters drawn

    Returns
    -------
    PriorPredictive
        `bands`: subject, output, time (day), lower, median, upper (5/50/95% of measurements). `samples`:
        subject, output, time, value, censoring, lower, upper. `counts`: subject, output, samples,
        outside_90 (quantified samples outside the band), quantified, blq_observed and blq_expected (shares),
        draws, failed (parameter sets the solver could not solve; left out of the bands).
    """
    import pandas as pd

    values = np.column_stack([prior.sample(rng, count) for prior in problem.priors])
    failed = problem.evaluate(problem.unconstrain(values)).failed
    values = values[~failed]
    arrays = problem.arrays
    bands, counts = [], []
    for index in np.unique(arrays.output):
        output = arrays.outputs[index]
        rows = arrays.output == index
        times, at = np.unique(arrays.time[rows], return_inverse=True)
        _, curve = measurable(problem, values, output, times, problem.predict(values, times))
        sigma = [column[:, None] for column in problem.sigma_of(values, output)]
        measured = problem.errors[output].draw(rng, curve, *sigma)
        ends = np.nanquantile(measured, LEVELS, axis=0) if len(measured) else np.full((3, len(times)), np.nan)
        bands.append(
            pd.DataFrame({"time": times, "lower": ends[0], "median": ends[1], "upper": ends[2]}).assign(
                output=output
            )
        )
        seen, quantified = arrays.value[rows], arrays.censoring[rows] == QUANTIFIED
        outside = quantified & ((seen < ends[0][at]) | (seen > ends[2][at]))
        limit = limits.get(output, np.nan)
        below = np.mean(measured[:, at] < limit) if np.isfinite(limit) and len(measured) else np.nan
        counts.append(
            {
                "subject": problem.subject,
                "output": output,
                "samples": int(rows.sum()),
                "quantified": int(quantified.sum()),
                "outside_90": int(outside.sum()),
                "blq_observed": float(np.mean(arrays.censoring[rows] == LEFT)),
                "blq_expected": float(below),
                "draws": count,
                "failed": int(failed.sum()),
            }
        )
    joined = pd.concat(bands, ignore_index=True).assign(subject=problem.subject)
    columns = ["subject", "output", "time", "lower", "median", "upper"]
    return PriorPredictive(joined[columns], samples_table(problem), pd.DataFrame(counts))


def samples_table(problem: Problem | Population) -> pd.DataFrame:
    """The samples as they stand in the likelihood: subject, output, time, value, censoring, lower, upper."""
    import pandas as pd

    arrays = problem.arrays
    return pd.DataFrame(
        {
            "subject": problem.subject,
            "output": [arrays.outputs[k] for k in arrays.output],
            **{name: getattr(arrays, name) for name in ("time", "value", "censoring", "lower", "upper")},
        }
    )
