"""Which strategy samples which posterior."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cartsim.infer.population import Population
from cartsim.infer.population_start import population_strategy
from cartsim.infer.strategy import Strategy

if TYPE_CHECKING:
    from cartsim.infer.settings import SamplerSettings


def strategy_of(problem: Any, settings: SamplerSettings) -> Strategy:
    """Block moves for a population; for anything else moves over all dimensions from the optima."""
    if isinstance(problem, Population):
        return population_strategy(problem, settings)
    return _one_patient(problem, settings)


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
