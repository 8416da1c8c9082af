"""What is known of a population, as draws: typical values and spreads of parameters, each uncertain."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.errors import ModelError
from cartsim.spec.model import Model

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
SPREAD = "omega_"


@dataclass(frozen=True)
class HyperDraws:
    """Draws of the hyper-parameters of some parameters of a model.

    A patient's value is constrain(unconstrain(typical) + spread * score): for a positive parameter log-normal
    with that median and that sd of the log.

    Parameters
    ----------
    names : parameters, length d
    typical : float64 (S, d), physical units
    spread : float64 (S, d), sds on the unconstrained scale
    correlation : float64 (S, d, d) of the scores, or None where the scores come correlated (shared factors)
    """

    names: tuple[str, ...]
    typical: Array
    spread: Array
    correlation: Array | None = None

    def __post_init__(self) -> None:
        shape = (len(self.typical), len(self.names))
        if self.typical.shape != shape or self.spread.shape != shape or not len(self.typical):
            raise ModelError(
                "typical values and spreads of a population",
                value=(self.typical.shape, self.spread.shape),
                limit=f"both (draws, {len(self.names)}), at least one draw",
            )
        if self.correlation is not None and self.correlation.shape != (*shape, shape[1]):
            raise ModelError(
                "correlations of a population", value=self.correlation.shape, limit=str((*shape, shape[1]))
            )

    def __len__(self) -> int:
        return len(self.typical)

    def faults(self, model: Model) -> list[str]:
        """What is wrong with these draws for a model, one sentence each."""
        known = set(model.parameter_names)
        found = [f"{model.name} has no parameter {name!r}" for name in self.names if name not in known]
        for k, name in enumerate(self.names):
            if name not in known:
                continue
            prior = model.parameter(name).prior
            if prior.normal_on_line is None:
                found.append(f"{name} is not normal on a line (log, logit), as a population needs")
            elif not np.isfinite(prior.unconstrain(self.typical[:, k])).all():
                found.append(f"typical values of {name} outside what it can be")
            if not (np.isfinite(self.spread[:, k]) & (self.spread[:, k] >= 0.0)).all():
                found.append(f"spreads of {name} that are negative or not finite")
        return found

    def placed(self, model: Model, scores: Array, which: NDArray[np.int64]) -> Array:
        """Values (n, d), physical units, of standard normal scores (n, d) under draws `which` (n,)."""
        if self.correlation is not None:
            roots = np.linalg.cholesky(self.correlation)
            scores = np.einsum("nij,nj->ni", roots[which], scores)
        moved = self.spread[which] * scores
        columns = []
        for k, name in enumerate(self.names):
            prior = model.parameter(name).prior
            columns.append(prior.constrain(prior.unconstrain(self.typical[which, k]) + moved[:, k]))
        return np.column_stack(columns)

    def digest(self) -> str:
        """Of all draws, for the record of a run."""
        digest = hashlib.sha256(" ".join(self.names).encode())
        for part in (self.typical, self.spread, self.correlation):
            if part is not None:
                digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()

    def subset(self, which: NDArray[np.int64]) -> HyperDraws:
        """These draws only, repeated where a number is repeated."""
        correlation = None if self.correlation is None else self.correlation[which]
        return HyperDraws(self.names, self.typical[which], self.spread[which], correlation)


def from_population_fit(draws: pd.DataFrame, model: Model) -> HyperDraws:
    """The population of a fit from its draws.csv, rows of subject "population".

    A parameter x with a column omega_x differs between patients, columns cor_x_y are their correlations; a
    parameter of the model without omega is one value for all (spread 0). Residual errors and assay scales are
    the laboratory's, not the patients': they are not part of the population.

    Raises
    ------
    ModelError
        Where the table has no population, or the population depends on covariates.
    """
    own = draws[draws["subject"].astype(str) == "population"] if "subject" in draws else draws.iloc[:0]
    own = own.dropna(axis=1, how="all")
    varying = [c for c in own.columns if f"{SPREAD}{c}" in own.columns]
    if not len(own) or not varying:
        raise ModelError(
            "these draws have no population",
            value=f"{len(own)} rows, {len(varying)} varying parameters",
            remedy="give a fit with a [population] table",
        )
    moved = [c for c in own.columns if c.startswith("beta_")]
    if moved:
        raise ModelError(
            "the population of this fit depends on covariates, which virtual patients do not have",
            value=", ".join(moved),
            remedy="fit the groups on their own",
        )
    names = [*varying, *(c for c in own.columns if c in model.parameter_names and c not in varying)]
    spread = [
        own[f"{SPREAD}{name}"].to_numpy(float) if name in varying else np.zeros(len(own)) for name in names
    ]
    return HyperDraws(
        tuple(names), own[names].to_numpy(np.float64), np.column_stack(spread), _correlations(own, names)
    )


def _correlations(own: pd.DataFrame, names: list[str]) -> Array | None:
    """Matrices (S, d, d) from columns cor_x_y in either order; None where there is none."""
    found = np.tile(np.eye(len(names)), (len(own), 1, 1))
    some = False
    for i, one in enumerate(names):
        for j, other in enumerate(names[:i]):
            for column in (f"cor_{one}_{other}", f"cor_{other}_{one}"):
                if column in own.columns:
                    some = True
                    found[:, i, j] = found[:, j, i] = own[column].to_numpy(float)
    return found if some else None
