"""What the endpoints are given, checked: every fault is collected before one error names them all."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cartsim.errors import EndpointError

Array = NDArray[np.float64]


@dataclass
class Faults:
    """The faults found so far, as (name, what)."""

    found: list[tuple[str, str]] = field(default_factory=list)

    def need(self, holds: bool, name: str, what: str) -> bool:
        """Note a fault unless `holds`; returns `holds`."""
        if not holds:
            self.found.append((name, what))
        return bool(holds)

    def array(self, name: str, values: ArrayLike, *, ndim: int) -> Array:
        """`values` as float64 of `ndim` dimensions; an empty array of that many where they are not."""
        empty = np.empty((0,) * ndim)
        try:
            array = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError):
            self.need(False, name, "is not numeric")
            return empty
        shape_fits = self.need(array.ndim == ndim, name, f"has {array.ndim} dimension(s), {ndim} needed")
        return array if shape_fits else empty

    def marks(self, name: str, values: ArrayLike) -> NDArray[np.bool_]:
        """`values`, shape (n,), as true or false; only true, false, 1 and 0 are taken."""
        array = self.array(name, values, ndim=1)
        strange = ~np.isin(array, (0.0, 1.0))
        self.need(not strange.any(), name, f"holds {strange.sum()} value(s) other than 0 and 1{at(strange)}")
        return array == 1.0

    def no_missing(self, name: str, array: Array) -> None:
        """Note values that are NaN or infinite."""
        strange = ~np.isfinite(array)
        self.need(not strange.any(), name, f"holds {strange.sum()} missing or infinite value(s){at(strange)}")

    def not_negative(self, name: str, array: Array) -> None:
        """Note values below zero (NaN is not below zero)."""
        below = array < 0.0
        self.need(not below.any(), name, f"holds {below.sum()} negative value(s){at(below)}")

    def shape(self, name: str, array: NDArray, wanted: tuple[int, ...]) -> None:
        """Note a shape other than `wanted`; an array that is empty for another fault is left alone."""
        if array.size or not any(fault[0] == name for fault in self.found):
            self.need(array.shape == wanted, name, f"has shape {array.shape}, {wanted} needed")

    def rising(self, name: str, time: Array) -> None:
        """Note days that are missing, infinite or do not increase strictly."""
        self.no_missing(name, time)
        self.need(bool((np.diff(time) > 0.0).all()), name, "does not increase strictly")

    def raise_any(self) -> None:
        """Raise one error naming all faults, if there are any."""
        if self.found:
            raise EndpointError(self.found)


def at(marked: NDArray[np.bool_]) -> str:
    """Where the first of them is, for a message."""
    return f", the first at {tuple(int(i[0]) for i in np.nonzero(marked))}" if marked.any() else ""
