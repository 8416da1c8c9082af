"""What the model says of patients over time, by name, as tables and as labelled arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cartsim.errors import ModelError
from cartsim.spec.model import Model

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


@dataclass(frozen=True)
class Trajectories:
    """What the model says of n patients at T times.

    Attributes
    ----------
    subjects : tuple of str, length n
    times : float64 (T,), day
    values : float64 (n, T, O), the outputs, in `output_names` order; NaN where a solve failed
    states : float64 (n, T, N), in `state_names` order
    status : int64 (n,), 0 is fine, otherwise see `cartsim.solve.batch.STATUS`
    parameters : float64 (n, P), what was simulated
    firings : for each patient (rule name, day) whenever a rule of its regimen fired, in the order of time
    """

    model: Model
    subjects: tuple[str, ...]
    times: np.ndarray
    values: np.ndarray
    states: np.ndarray
    status: np.ndarray
    parameters: np.ndarray
    firings: tuple[tuple[tuple[str, float], ...], ...] = ()

    @property
    def output_names(self) -> tuple[str, ...]:
        return self.model.output_names

    @property
    def state_names(self) -> tuple[str, ...]:
        return self.model.state_names

    def output(self, name: str) -> np.ndarray:
        """One output by name, float64 (n, T)."""
        if name not in self.output_names:
            raise ModelError(
                f"model {self.model.name} has no such output", value=name, limit=", ".join(self.output_names)
            )
        return self.values[:, :, self.output_names.index(name)]

    def state(self, name: str) -> np.ndarray:
        """One state by name, float64 (n, T)."""
        if name not in self.state_names:
            raise ModelError(
                f"model {self.model.name} has no such state", value=name, limit=", ".join(self.state_names)
            )
        return self.states[:, :, self.state_names.index(name)]

    def to_dataframe(self) -> pd.DataFrame:
        """One row a patient and time: subject, time, the outputs, then the states (`state_` in front)."""
        import pandas as pd

        count, length = len(self.subjects), len(self.times)
        columns = {"subject": np.repeat(self.subjects, length), "time": np.tile(self.times, count)}
        columns |= {name: self.output(name).ravel() for name in self.output_names}
        columns |= {f"state_{name}": self.state(name).ravel() for name in self.state_names}
        return pd.DataFrame(columns)

    def rule_firings(self) -> pd.DataFrame:
        """One row a firing: subject, rule, day."""
        import pandas as pd

        rows = [
            (subject, rule, day)
            for subject, fired in zip(self.subjects, self.firings or ((),) * len(self.subjects), strict=True)
            for rule, day in fired
        ]
        return pd.DataFrame(rows, columns=["subject", "rule", "day"])

    def to_xarray(self) -> xr.Dataset:
        """Outputs and states as variables over (subject, time) with units; status and parameters too."""
        import xarray as xr

        variables = {
            item.name if kind == "output" else f"state_{item.name}": (
                ("subject", "time"),
                getattr(self, kind)(item.name),
                {"units": item.unit, "long_name": item.meaning},
            )
            for kind, items in (("output", self.model.outputs), ("state", self.model.states))
            for item in items
        }
        variables["status"] = (("subject",), self.status)
        variables["parameters"] = (("subject", "parameter"), self.parameters)
        return xr.Dataset(
            variables,
            coords={
                "subject": list(self.subjects),
                "time": ("time", self.times, {"units": "day"}),
                "parameter": list(self.model.parameter_names),
            },
            attrs={"model": self.model.name, "source": str(self.model.source)},
        )
