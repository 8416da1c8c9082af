"""What a laboratory can report of a quantity: its limits of quantification and its scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cartsim.errors import ModelError

QUANTIFIED, LEFT, RIGHT = 0, 1, 2


@dataclass(frozen=True)
class Reported:
    """What the laboratory writes down; arrays of one shape.

    Attributes
    ----------
    value : float64, output unit; the limit where censored
    censoring : int64, 0 quantified, 1 below the LLOQ, 2 above the ULOQ
    lower, upper : float64, output unit; the interval known to hold the value
    """

    value: NDArray[np.float64]
    censoring: NDArray[np.int64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]


@dataclass(frozen=True)
class Assay:
    """One laboratory method for one output of a model.

    Parameters
    ----------
    output : str
        The model's output it measures.
    lloq, uloq : float, optional
        Limits of quantification, output unit.
    scale : float
        Reported value per model value (for example the share of transgene the assay recovers).
    """

    output: str
    lloq: float | None = None
    uloq: float | None = None
    scale: float = 1.0

    def __post_init__(self) -> None:
        for name in ("lloq", "uloq", "scale"):
            value = getattr(self, name)
            if value is not None and not (0.0 < value < np.inf):
                raise ModelError(f"assay of {self.output}: {name} is out of range", value=value, limit="> 0")
        if self.lloq is not None and self.uloq is not None and self.lloq >= self.uloq:
            raise ModelError(
                f"assay of {self.output}: LLOQ is not below ULOQ", value=self.lloq, limit=f"< {self.uloq}"
            )

    def report(self, measured: ArrayLike) -> Reported:
        """Scale measurements (model's output unit) to the assay and censor them at its limits."""
        value = self.scale * np.array(measured, dtype=np.float64)
        lower, upper = value.copy(), value.copy()
        censoring = np.full(value.shape, QUANTIFIED, dtype=np.int64)
        if self.lloq is not None:
            low = value < self.lloq
            censoring[low], lower[low], upper[low], value[low] = LEFT, 0.0, self.lloq, self.lloq
        if self.uloq is not None:
            high = value > self.uloq
            censoring[high], lower[high], upper[high], value[high] = RIGHT, self.uloq, np.inf, self.uloq
        return Reported(value, censoring, lower, upper)
