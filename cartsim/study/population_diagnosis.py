"""All that `cartsim diagnose` says of a population fit: what prior and data know of its own quantities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cartsim.data.dataset import Dataset
from cartsim.errors import FitError
from cartsim.infer.population_level import (
    population_contraction,
    population_directions,
    population_power_scaling,
    population_prior_predictive,
)
from cartsim.study.diagnosis import Diagnosis
from cartsim.study.plan import Plan
from cartsim.study.population_draws import joined_draws

if TYPE_CHECKING:
    import pandas as pd

POPULATION_PARTS = ("contraction", "information", "power", "priors")


def diagnose_population(
    plan: Plan,
    dataset: Dataset,
    draws: pd.DataFrame,
    *,
    without: Sequence[str] = (),
    threads: int = 1,
    say: Callable[[str], None] = print,
) -> Diagnosis:
    """The tables of the population's own quantities, from the draws of a finished population fit.

    Patients are not diagnosed one by one: `cartsim vpc` has their shrinkage, etas, NPDE and influence.
    """
    population = plan.population_problem(dataset, threads=threads)
    values = joined_draws(draws, population)
    rng = np.random.default_rng(np.random.SeedSequence(plan.seed, spawn_key=(2, 0)))
    tables: dict[str, pd.DataFrame] = {}
    notes: list[str] = []
    for part in POPULATION_PARTS:
        if part in without:
            continue
        say(f"{part} ({len(values)} draws of {len(population.subjects)} patients)")
        if part == "contraction":
            tables["contraction"] = population_contraction(population, values)
        elif part == "information":
            try:
                tables["directions"] = population_directions(population, values)
            except FitError as error:
                notes.append(f"{part}: {error}")
        elif part == "power":
            tables["power_scaling"] = population_power_scaling(population, values)
        else:
            check = population_prior_predictive(population, rng, limits=dataset.limits)
            tables |= {
                "prior_predictive": check.bands,
                "samples": check.samples,
                "prior_counts": check.counts,
            }
    return Diagnosis(tables, tuple(notes))
