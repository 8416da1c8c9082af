"""Clones of virtual patients: everyone's own, only of the living, their associations as they are."""

import numpy as np
import pandas as pd
import pytest

from cartsim.clones.succession import Fitness
from cartsim.cohort.clonal_outcomes import clonal_associations, clonal_outcomes, clonal_table
from cartsim.cohort.products import TrialPopulation, read_products
from cartsim.errors import ModelError
from cartsim.models import load_model

SELECTION = Fitness(division=0.2)


def population() -> TrialPopulation:
    return TrialPopulation(load_model("bcma_myeloma"), "slow", read_products(), 7)


@pytest.mark.slow  # the flagship's states, and clones of each patient
def test_a_patients_clones_are_the_same_whoever_else_is_asked_for():
    whole = clonal_table(population(), 6, fitness=SELECTION, clones=300, depth=1000)
    part = clonal_table(population(), 2, first=3, fitness=SELECTION, clones=300, depth=1000)
    pd.testing.assert_frame_equal(whole.iloc[3:5].reset_index(drop=True), part)
    assert (whole["shannon_day_28"] < whole["shannon_day_0"] - 1.0).all(), "selection"
    neutral = clonal_table(population(), 6, fitness=Fitness(), clones=300, depth=1000)
    assert (np.abs(neutral["shannon_day_28"] - neutral["shannon_day_0"]) < 0.5).all()


@pytest.mark.slow  # the flagship's states, and clones of each patient
def test_nobody_is_sampled_after_death():
    found = clonal_outcomes(population(), 60, fitness=SELECTION, clones=50, depth=200)
    dead = found["os_event"].astype(bool) & (found["os_day"].astype(float) < 180.0)
    assert dead.any()
    assert found.loc[dead, "shannon_day_180"].isna().all()
    assert found["shannon_day_0"].notna().all()


def test_an_association_that_is_there_is_found_and_one_that_is_not_spans_1():
    rng = np.random.default_rng(1)
    clonality, exhausted = rng.standard_normal((2, 400))
    day = 28.0 + rng.exponential(200.0 * np.exp(-0.7 * clonality))
    table = pd.DataFrame(
        {
            "status": 0,
            "pfs_day": np.minimum(day, 360.0),
            "pfs_event": day <= 360.0,
            "clonality_day_28": clonality,
            "exhausted_day_28": exhausted,
        }
    )
    found = clonal_associations(table, measures=["clonality_day_28", "exhausted_day_28"])
    first, second = (
        found[found["measure"] == name].iloc[0] for name in ("clonality_day_28", "exhausted_day_28")
    )
    assert first["lower"] < np.exp(0.7) < first["upper"]
    assert first["lower"] > 1.5
    assert second["lower"] < 1.0 < second["upper"]


def test_what_has_no_clones_is_refused():
    with pytest.raises(ModelError, match="must rise"):
        clonal_table(population(), 1, fitness=SELECTION, days=[28.0, 14.0])
