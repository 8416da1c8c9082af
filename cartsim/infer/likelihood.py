"""A likelihood of one's own on the predicted outputs of a model, beside or in place of the error models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cartsim.errors import FitError
from cartsim.infer.identity import function_digest
from cartsim.spec.distribution import Prior

Array = NDArray[np.float64]


@dataclass(frozen=True)
class OwnLikelihood:
    """A function of the predictions.

    Parameters
    ----------
    log_likelihood : (outputs float64 [W, T, O], parameters float64 [W, P + E]) -> float64 [W]
        All outputs of the model at `times`, and all its parameters, both in order of declaration, then the
        `extra` ones. NaN counts as impossible.
    times : float64 (T,), increasing, day, >= 0
    extra : mapping name -> prior of parameters that the model itself does not have (the sd of an error)
    data : whatever the function compares with, if it is not seen from its source and what that names
        (anything made of numbers, text and arrays); only used to recognise a changed input
    """

    log_likelihood: Callable[[Array, Array], Array]
    times: ArrayLike
    extra: Mapping[str, Prior] = field(default_factory=dict, kw_only=True)
    data: Any = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        times = np.array(self.times, dtype=np.float64)
        if times.ndim != 1 or not times.size or times.min() < 0.0 or (np.diff(times) <= 0.0).any():
            raise FitError("times of an own likelihood must increase from >= 0", value=times)
        times.setflags(write=False)
        object.__setattr__(self, "times", times)

    def of(self, outputs: Array, parameters: Array) -> Array:
        """Log likelihood, float64 (W,); -inf where the function gives NaN."""
        with np.errstate(all="ignore"):
            found = np.asarray(self.log_likelihood(outputs, parameters), dtype=np.float64)
        if found.shape != (len(outputs),):
            raise FitError(
                "an own likelihood returns one number a parameter set",
                value=f"shape {found.shape}",
                limit=f"({len(outputs)},)",
                remedy="sum over times and outputs, not over parameter sets",
            )
        return np.where(np.isnan(found) | (found == np.inf), -np.inf, found)

    def digest(self) -> str:
        """Hex digest of the function, its times and data."""
        return function_digest(self.log_likelihood, self.times, dict(self.extra), self.data)
