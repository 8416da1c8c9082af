"""Patients for a speed or robustness run: parameter rows that do not depend on how many are drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cartsim.spec.model import Model, Parameter
from cartsim.spec.priors import Fixed, LogUniform

BLOCK = 1024  # patients of one random stream


def draw_cohort(
    model: Model, count: int, *, seed: int, log_sd: float | None = None, shared: Sequence[Sequence[str]] = ()
) -> np.ndarray:
    """Parameter rows of virtual patients; patient k is the same whatever `count` is.

    Parameters
    ----------
    model : Model
    count : patients
    seed : int; every block of patients has a stream of its own
    log_sd : spread of every parameter on its log scale (logit scale for one bounded on both sides); by
        default the spread of each parameter's own prior, none where that is no normal on such a scale
    shared : groups of parameter names that vary by one common factor

    Returns
    -------
    float64 (count, P), physical units
    """
    width = len(model.parameters)
    blocks = -(-count // BLOCK)
    z = np.vstack(
        [np.random.default_rng([seed, block]).standard_normal((BLOCK, width)) for block in range(blocks)]
    )[:count]
    for first, *others in shared:
        for name in others:
            z[:, model.index(name)] = z[:, model.index(first)]
    return np.column_stack([_varied(p, z[:, k], log_sd) for k, p in enumerate(model.parameters)])


def _varied(parameter: Parameter, z: np.ndarray, log_sd: float | None) -> np.ndarray:
    prior, value = parameter.prior, parameter.value
    if log_sd is None:
        if prior.normal_on_line is None:
            return np.full(len(z), value)
        mean, sd = prior.normal_on_line
        return prior.constrain(mean + sd * z)
    if isinstance(prior, Fixed | LogUniform) or not np.isfinite(prior.support).all():
        return value * np.exp(log_sd * z)
    return prior.constrain(prior.unconstrain(value) + log_sd * z)
