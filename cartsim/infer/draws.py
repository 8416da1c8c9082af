"""The posterior of one patient as draws, with everything needed to repeat and to judge it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.errors import FitError
from cartsim.infer.diagnose import GateReport
from cartsim.infer.settings import SolveCounts

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from cartsim.infer.problem import Problem

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Draws:
    """Posterior draws, burn-in removed.

    Attributes
    ----------
    subject : str
    names : tuple of str, length d
    values : float64 (ensembles, steps, walkers, d), physical units
    log_posterior : float64 (ensembles, steps, walkers), on the unconstrained scale
    seed : int
    burn_in : int, steps dropped from the front of each ensemble
    thinned : int, every how many-th step is kept (1: all)
    versions : mapping of package name to version
    fingerprint : mapping of input to hex digest
    diagnostics : DataFrame; name, r_hat, ess_bulk, ess_tail, tau (steps), n_over_tau of the whole chain
    gates : GateReport
    solve_counts : SolveCounts
    acceptance : float64 (ensembles,), share of accepted proposals
    """

    subject: str
    names: tuple[str, ...]
    values: Array
    log_posterior: Array
    seed: int
    burn_in: int
    versions: Mapping[str, str]
    fingerprint: Mapping[str, str]
    diagnostics: pd.DataFrame
    gates: GateReport
    solve_counts: SolveCounts
    acceptance: Array
    thinned: int = 1

    def __post_init__(self) -> None:
        if self.values.shape != (*self.log_posterior.shape, len(self.names)):
            raise FitError(
                "draws and log posterior differ in shape",
                value=(self.values.shape, self.log_posterior.shape),
                limit="(ensembles, steps, walkers, names) and (ensembles, steps, walkers)",
            )

    def of(self, name: str) -> Array:
        """All draws of one quantity, float64 (ensembles, steps, walkers)."""
        if name not in self.names:
            raise FitError("no such quantity in these draws", value=name, limit=", ".join(self.names))
        return self.values[..., self.names.index(name)]

    def flat(self, n: int | None = None) -> Array:
        """Draws as one table, float64 (N, d); `n` evenly spaced ones over ensembles, steps and walkers."""
        table = self.values.reshape(-1, len(self.names))
        if n is None or n >= len(table):
            return table
        return table[np.linspace(0, len(table) - 1, n).round().astype(np.int64)]

    def thin(self, every: int) -> Draws:
        """Every `every`-th step; diagnostics stay those of the whole chain."""
        from dataclasses import replace

        return replace(
            self,
            values=self.values[:, ::every].copy(),
            log_posterior=self.log_posterior[:, ::every].copy(),
            thinned=self.thinned * every,
        )

    def to_dataframe(self, n: int | None = None) -> pd.DataFrame:
        """Draws as a table with one column a quantity, physical units."""
        import pandas as pd

        return pd.DataFrame(self.flat(n), columns=list(self.names))

    def to_inferencedata(self, problem: Problem | None = None) -> xr.DataTree:
        """ArviZ InferenceData, ensembles as chains; with `problem` also log_likelihood and observed_data."""
        from cartsim.infer.inference_data import inference_data

        return inference_data(self, problem)
