"""What share of the cells is of each phenotype: a likelihood for cell counts from single-cell data.

Counts of sequenced or gated cells follow a Dirichlet-multinomial round the model's fractions: multinomial
sampling, plus what differs between samples beyond it (a concentration; large means multinomial).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cartsim.errors import FitError
from cartsim.infer.likelihood import OwnLikelihood
from cartsim.spec.distribution import Prior
from cartsim.spec.model import Model
from cartsim.spec.priors import Fixed, LogNormal

Array = NDArray[np.float64]
CONCENTRATION = LogNormal(50.0, 1.0)
"""Prior of the concentration, our own choice: at 50, shares of 0.5 vary by 0.07 beyond counting."""
LEAST = 1e-9  # share below which a phenotype that was seen is as good as impossible


def dirichlet_multinomial(counts: Array, shares: Array, concentration: Array) -> Array:
    """Log probability of counts, the multinomial coefficient included.

    Parameters
    ----------
    counts : (..., K), cells of each kind
    shares : (..., K), expected, adding up to 1
    concentration : (...), > 0
    """
    from scipy.special import gammaln

    total = counts.sum(axis=-1)
    alpha = np.maximum(shares, LEAST) * concentration[..., None]
    whole = alpha.sum(axis=-1)
    return (
        gammaln(whole)
        + gammaln(total + 1.0)
        - gammaln(total + whole)
        + (gammaln(counts + alpha) - gammaln(alpha) - gammaln(counts + 1.0)).sum(axis=-1)
    )


@dataclass(frozen=True)
class PhenotypeCounts:
    """Cells counted by phenotype in samples of one patient.

    Parameters
    ----------
    kinds : names of the model's outputs, one a phenotype, such as ("tem", "effector_1", "effector_2",
        "exhausted"); their shares of their own sum are compared
    times : (T,), day, increasing
    counts : (T, K), cells; a missing kind is a gate that was not drawn and cannot be given

    Raises
    ------
    FitError
        With every fault: shapes, negative or broken counts, samples without a cell.
    """

    kinds: tuple[str, ...]
    times: ArrayLike
    counts: ArrayLike

    def __post_init__(self) -> None:
        times, counts = np.asarray(self.times, dtype=float), np.asarray(self.counts, dtype=float)
        faults = []
        if len(self.kinds) < 2 or len(set(self.kinds)) != len(self.kinds):
            faults.append("at least two different kinds are needed")
        if counts.shape != (len(times), len(self.kinds)):
            faults.append(f"counts are {counts.shape}, not (times, kinds) {(len(times), len(self.kinds))}")
        elif not np.isfinite(counts).all() or (counts < 0).any() or (counts != np.floor(counts)).any():
            faults.append("counts must be whole numbers >= 0 (cells, not percentages)")
        elif (counts.sum(axis=1) == 0).any():
            faults.append(f"no cell was counted on day {times[counts.sum(axis=1) == 0].tolist()}")
        if faults:
            raise FitError("phenotype counts cannot be used\n  " + "\n  ".join(faults))
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "counts", counts)

    def likelihood(self, model: Model, *, concentration: Prior = CONCENTRATION) -> OwnLikelihood:
        """For `likelihood_problem`; a `Fixed` concentration is held."""
        kinds, counts, extra = self.kinds, self.counts, {}
        _ = [_output(model, kind) for kind in kinds]
        if not isinstance(concentration, Fixed):
            extra = {"composition_concentration": concentration}
        held = None if extra else float(concentration.value)

        def log_likelihood(outputs: Array, parameters: Array) -> Array:
            shares = expected_shares(outputs, model, kinds)
            spread = np.full(len(outputs), held) if held is not None else parameters[:, -1]
            return dirichlet_multinomial(counts[None], shares, spread[:, None]).sum(axis=-1)

        data = (self.kinds, self.times, self.counts, held)
        return OwnLikelihood(log_likelihood, self.times, extra=extra, data=data)


def _output(model: Model, kind: str) -> int:
    if kind not in model.output_names:
        raise FitError(
            f"model {model.name} has no such output", value=kind, limit=", ".join(model.output_names)
        )
    return model.output_names.index(kind)


def expected_shares(outputs: Array, model: Model, kinds: Sequence[str]) -> Array:
    """Shares of the kinds, (..., K), from outputs (..., O); for plots and predictive checks."""
    cells = np.maximum(outputs[..., [_output(model, kind) for kind in kinds]], 0.0)
    return cells / cells.sum(axis=-1, keepdims=True)
