"""Quantiles of a cohort's curves are numpy's, over survivors, whatever the chunks."""

import numpy as np
import pytest

from cartsim.cohort import fan as module
from cartsim.cohort.fan import QUANTILES, fan
from cartsim.cohort.outcomes import RTOL, followed
from cartsim.cohort.products import TrialPopulation, read_products
from cartsim.errors import ModelError
from cartsim.kernels.methods import Rodas5P
from cartsim.models import load_model

POPULATION = TrialPopulation(load_model("bcma_myeloma"), "local", read_products(), 3)


def test_quantiles_are_numpys_over_the_patients_alive():
    seen = followed(POPULATION, 10, 90, Rodas5P(rtol=RTOL), 1)
    assert np.isfinite(seen.death_day).any()
    gone = seen.curves.days > seen.death_day[:, None]
    found = fan(POPULATION, ["il6", "burden"], 80, first=10)
    for name, rows in found.table.groupby("output"):
        values = np.where(gone, np.nan, seen.curves.outputs[name])
        np.testing.assert_array_equal(rows["patients"], 80 - gone.sum(axis=0))
        for column, share in QUANTILES.items():
            np.testing.assert_allclose(rows[column], np.nanquantile(values, share, axis=0), rtol=1e-12)


def test_quantiles_do_not_depend_on_the_chunks(monkeypatch):
    whole = fan(POPULATION, ["car_t"], 60).table
    monkeypatch.setattr(module, "CHUNK", 17)
    told = []
    parts = fan(POPULATION, ["car_t"], 60, progress=lambda done, count: told.append((done, count)))
    assert told == [(17, 60), (34, 60), (51, 60), (60, 60)]
    assert parts.table.equals(whole)


def test_failed_patients_are_counted_and_in_no_quantile():
    found = fan(POPULATION, ["car_t"], 12, method=Rodas5P(rtol=1e-4, max_steps=20))
    assert (found.patients, found.failed) == (12, 12)
    assert (found.table["patients"] == 0).all()
    assert found.table["q50"].isna().all()


def test_unknown_outputs_and_empty_cohorts_are_refused():
    with pytest.raises(ModelError, match="il7, cart"):
        fan(POPULATION, ["il7", "il6", "cart"], 5)
    with pytest.raises(ModelError, match="no such output"):
        fan(POPULATION, [], 5)
    with pytest.raises(ModelError, match="needs patients"):
        fan(POPULATION, ["il6"], 0)
