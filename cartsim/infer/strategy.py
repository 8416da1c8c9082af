"""How a posterior is walked: the proposals, the least number of walkers, and where walkers start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from cartsim.infer.settings import SamplerSettings

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Strategy:
    """What `infer.sampling` needs to know of a posterior.

    Parameters
    ----------
    moves : function of what is called with (solves, failed, impossible) -> emcee's list of moves
    least_walkers : int, with the reason in `walkers_are`
    search : function (generator) -> what the starts of all ensembles are made from
    start : function (found, generator) -> float64 (walkers, d), one ensemble's starting points
    """

    moves: Callable[[Callable[[int, int, int], None]], Any]
    least_walkers: int
    walkers_are: str
    search: Callable[[np.random.Generator], Any]
    start: Callable[[Any, np.random.Generator], Array]


def strategy_of(problem: Any, settings: SamplerSettings) -> Strategy:
    """The problem's own strategy, or that of one patient: emcee's moves over all dimensions from the optima."""
    own = getattr(problem, "strategy", None)
    return own(settings) if own is not None else _one_patient(problem, settings)


def _one_patient(problem: Any, settings: SamplerSettings) -> Strategy:
    from cartsim.infer.moves import weighted_moves
    from cartsim.infer.optima import find_optima, walkers

    return Strategy(
        moves=lambda told: weighted_moves(settings.moves),
        least_walkers=2 * problem.ndim,
        walkers_are="2 x dimensions",
        search=lambda rng: find_optima(problem, rng, starts=settings.starts),
        start=lambda optima, rng: walkers(
            problem, optima, rng, count=settings.walkers, widening=settings.widening
        ),
    )
