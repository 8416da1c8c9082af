"""Draws in ArviZ's container: ensembles are chains, the walker is kept as data, steps thinned by tau."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import arviz

    from cartsim.infer.draws import Draws
    from cartsim.infer.problem import Problem

MOST_DRAWS = 4_000  # a chain; more are thinned further, as nothing is gained and files grow


def inference_data(draws: Draws, problem: Problem | None = None) -> arviz.InferenceData:
    """InferenceData with posterior, sample_stats and, given the problem, log_likelihood and observed_data.

    A chain is an ensemble; its draws are step-major over the walkers, every tau-th step kept. `sample_stats`
    holds the log posterior, the walker and the step. Writes with `.to_netcdf(path, engine="h5netcdf")`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # arviz 0.23 announces version 1 at import
        import arviz
    ensembles, steps, walkers, size = draws.values.shape
    tau = np.nan_to_num(draws.diagnostics["tau"].max(), posinf=1.0, nan=1.0) / draws.thinned
    every = max(1, round(tau), -(-steps * walkers // MOST_DRAWS))
    kept = np.arange(0, steps, every)
    values = draws.values[:, kept].reshape(ensembles, -1, size)
    stats = {
        "lp": draws.log_posterior[:, kept].reshape(ensembles, -1),
        "walker": np.tile(np.arange(walkers), (ensembles, len(kept))),
        "step": np.tile(np.repeat(draws.burn_in + kept * draws.thinned, walkers), (ensembles, 1)),
    }
    groups = {
        "posterior": {name: values[..., k] for k, name in enumerate(draws.names)},
        "sample_stats": stats,
        "posterior_attrs": {
            "subject": draws.subject,
            "seed": draws.seed,
            "gates": draws.gates.line,
            "passed": int(draws.gates.passed),
            **{f"version_{name}": version for name, version in draws.versions.items()},
            **{f"digest_{name.replace(' ', '_')}": digest for name, digest in draws.fingerprint.items()},
        },
    }
    if problem is not None and len(problem.arrays.time):  # a density of one's own has none
        pointwise = problem.pointwise(values.reshape(-1, size)).reshape(
            ensembles, -1, len(problem.arrays.time)
        )
        arrays = problem.arrays
        groups["log_likelihood"] = {"observation": pointwise}
        groups["observed_data"] = {
            name: getattr(arrays, name) for name in ("time", "value", "censoring", "lower", "upper")
        } | {"output": np.array(arrays.outputs)[arrays.output].astype(str)}
        groups["coords"] = {"row": np.arange(len(arrays.time))}
        groups["dims"] = {"observation": ["row"]} | {name: ["row"] for name in groups["observed_data"]}
    return arviz.from_dict(**groups)
