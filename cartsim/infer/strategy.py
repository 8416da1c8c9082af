"""How a posterior is walked: the proposals, the least number of walkers, and where walkers start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Strategy:
    """What `infer.sampling` needs to know of a posterior.

    Parameters
    ----------
    moves : function of what is called with (solves, failed, impossible) -> emcee's list of moves
    least_walkers : int, with the reason in `walkers_are`
    search : function (generator) -> what the starts of all ensembles are made from
    by_blocks : bool, whether walkers need to span each block only; then emcee's own check of the starts, over
        all dimensions, does not apply
    start : function (found, generator) -> float64 (walkers, d), one ensemble's starting points
    """

    moves: Callable[[Callable[[int, int, int], None]], Any]
    least_walkers: int
    walkers_are: str
    search: Callable[[np.random.Generator], Any]
    start: Callable[[Any, np.random.Generator], Array]
    by_blocks: bool = False
