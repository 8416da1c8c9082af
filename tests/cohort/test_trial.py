"""A virtual trial's arms have the same patients, its replicates the real size, its numbers one value."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cartsim.cohort.products import Policy, TrialPopulation, read_products
from cartsim.cohort.trial import KEPT, TrialDesign, simulate_trial
from cartsim.errors import ModelError
from cartsim.kernels.methods import Rodas5P
from cartsim.models import load_model

MODEL, PRODUCTS = load_model("bcma_myeloma"), read_products()
LOCAL = TrialPopulation(MODEL, "local", PRODUCTS, 7)


def with_product(name: str, **changes: object) -> TrialPopulation:
    product = PRODUCTS.products[name].model_copy(update=changes)
    products = PRODUCTS.model_copy(update={"products": {**PRODUCTS.products, name: product}})
    return TrialPopulation(MODEL, name, products, 7)


LATE = with_product(
    "local",
    policies=[Policy.model_validate({"share": 1.0, "tocilizumab": {"above": 39.0, "after_hours": 36}})],
)
DESIGN = TrialDesign({"now": LOCAL, "late": LATE}, 6, 10, 40)


@pytest.fixture(scope="module")
def outcomes() -> dict[str, pd.DataFrame]:
    return simulate_trial(DESIGN)


def test_every_arm_has_the_patients_of_all_replicates_or_of_the_cohort_whichever_are_more(outcomes):
    assert {arm: len(table) for arm, table in outcomes.items()} == {"now": 60, "late": 60}
    assert replace(DESIGN, cohort=70).simulated == 70
    assert all(tuple(table.columns) == KEPT for table in outcomes.values())


def test_replicates_are_patients_in_a_row_of_the_real_size():
    found = DESIGN.in_replicates(np.arange(DESIGN.simulated))
    assert found.shape == (10, 6)
    assert found[3].tolist() == [18, 19, 20, 21, 22, 23]


def test_a_patient_is_the_same_in_every_arm_but_for_what_is_done(outcomes):
    now, late = outcomes["now"], outcomes["late"]
    for same in ("patient", "dose", "weight", "burden"):
        assert now[same].equals(late[same])
    assert now["therapy_day"].notna().sum() > late["therapy_day"].notna().sum() > 0
    untreated = now["therapy_day"].isna() & late["therapy_day"].isna()
    assert untreated.sum() > 10
    exact = ["surrogate_grade", "best_response", "pfs_day", "os_day", "tmax_pcr"]
    pd.testing.assert_frame_equal(now.loc[untreated, exact], late.loc[untreated, exact], rtol=1e-4)


def test_two_arms_in_which_the_same_is_done_do_not_differ():
    found = simulate_trial(TrialDesign({"one": LOCAL, "other": with_product("local")}, 6, 2, 12))
    pd.testing.assert_frame_equal(found["one"], found["other"])


def test_arms_of_two_products_sampled_alike_share_their_luck():
    fast = with_product("fast", sample_days=LOCAL.product.sample_days)
    assert np.array_equal(LOCAL.uniform(102, 0, 9, 67), fast.uniform(102, 0, 9, 67))
    weights = [population.treated(0, 9).weights for population in (LOCAL, fast)]
    assert np.array_equal(*weights)
    TrialDesign({"local": LOCAL, "fast": fast}, 6, 2, 12)


@pytest.mark.parametrize(("chunk", "threads"), [(7, 1), (25, 2)])
def test_the_numbers_depend_neither_on_the_chunk_nor_on_the_threads(outcomes, chunk, threads):
    again = simulate_trial(DESIGN, chunk=chunk, threads=threads)
    for arm, table in outcomes.items():
        pd.testing.assert_frame_equal(again[arm], table, check_exact=True)


def test_progress_counts_the_patients_of_all_arms():
    said = []
    simulate_trial(replace(DESIGN, replicates=1, cohort=8), chunk=5, progress=lambda *now: said.append(now))
    assert said == [(5, 16), (8, 16), (13, 16), (16, 16)]


def test_a_failed_solve_keeps_its_row():
    found = simulate_trial(TrialDesign({"arm": LOCAL}, 2, 2, 4), method=Rodas5P(rtol=1e-4, max_steps=20))
    assert (found["arm"]["status"] != 0).all()
    assert found["arm"]["patient"].tolist() == [0, 1, 2, 3]
    assert found["arm"]["pfs_day"].isna().all()


def test_a_trial_that_makes_no_sense_is_refused_with_every_fault():
    other = TrialPopulation(MODEL, "local", PRODUCTS, 8)
    with pytest.raises(ModelError) as caught:
        TrialDesign({"one": LOCAL, "other": other}, 0, 2, -1)
    for part in ("patients is 0", "cohort is -1", "share model, seed"):
        assert part in str(caught.value)
    with pytest.raises(ModelError, match="no arm"):
        TrialDesign({}, 6, 2, 12)
    with pytest.raises(ModelError, match="sampling days"):
        TrialDesign({"one": LOCAL, "fast": TrialPopulation(MODEL, "fast", PRODUCTS, 7)}, 6, 2, 12)
