"""Patients for a speed or robustness run: parameter rows that do not depend on how many are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cartsim.spec.model import Model, Parameter
from cartsim.spec.priors import Fixed, LogUniform

BLOCK = 1024  # patients of one random stream


@dataclass(frozen=True)
class CohortDraw:
    """Virtual patients by number: called with (first, last) it draws patients first .. last - 1 alone.

    A patient is the same whatever is asked for, so a cohort of any size need not exist at once.

    Parameters
    ----------
    model : Model
    seed : int; every block of patients has a stream of its own
    log_sd : spread of every parameter on its log scale (logit scale for one bounded on both sides); by
        default the spread of each parameter's own prior, none where that is no normal on such a scale
    shared : groups of parameter names that vary by one common factor
    """

    model: Model
    seed: int
    log_sd: float | None = None
    shared: Sequence[Sequence[str]] = ()

    def __call__(self, first: int, last: int) -> np.ndarray:
        """Parameter rows float64 (last - first, P), physical units."""
        if last <= first:
            return np.empty((0, len(self.model.parameters)))
        begin = first // BLOCK
        blocks = [self.block(k) for k in range(begin, -(-last // BLOCK))]
        rows = blocks[0] if len(blocks) == 1 else np.vstack(blocks)
        return rows[first - begin * BLOCK : last - begin * BLOCK]

    def block(self, number: int) -> np.ndarray:
        """All rows of one block, float64 (BLOCK, P)."""
        model = self.model
        z = np.random.default_rng([self.seed, number]).standard_normal((BLOCK, len(model.parameters)))
        for group, *others in self.shared:
            for name in others:
                z[:, model.index(name)] = z[:, model.index(group)]
        return np.column_stack([_varied(p, z[:, k], self.log_sd) for k, p in enumerate(model.parameters)])


def draw_cohort(
    model: Model, count: int, *, seed: int, log_sd: float | None = None, shared: Sequence[Sequence[str]] = ()
) -> np.ndarray:
    """The first `count` patients of a `CohortDraw`, float64 (count, P), physical units."""
    return CohortDraw(model, seed, log_sd, shared)(0, count)


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
