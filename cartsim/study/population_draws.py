"""The draws of a population fit, read from its table, as points of the population problem."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cartsim.errors import FitError
from cartsim.infer.population import Population
from cartsim.study.population_fit import POPULATION

if TYPE_CHECKING:
    import pandas as pd


def joined_draws(table: pd.DataFrame, population: Population) -> np.ndarray:
    """Posterior draws (S, d) of a table with the population's rows and, in the same order, each patient's."""
    by_subject = {subject: part.reset_index(drop=True) for subject, part in table.groupby("subject")}
    missing = [s for s in (POPULATION, *population.subjects) if s not in by_subject]
    if missing:
        raise FitError(
            "the draws are not those of this population fit; missing", value=", ".join(missing[:5])
        )
    width = population.columns.population
    parts = [by_subject[POPULATION][list(population.names[:width])].to_numpy(np.float64)]
    names = [effect.name for effect in population.effects]
    parts += [by_subject[subject][names].to_numpy(np.float64) for subject in population.subjects]
    return np.column_stack(parts)
