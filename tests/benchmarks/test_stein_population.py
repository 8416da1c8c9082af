"""The simulated population of the benchmarks is the package's own model."""

import numpy as np

from benchmarks.stein_population import DAYS, NAMES, log_transgene, toy
from cartsim.models import load_model
from cartsim.solve.batch import batch


def test_its_closed_form_is_that_of_the_stein_model():
    model, theta = load_model("stein2019_tisagenlecleucel"), toy(5).theta
    for row in theta:
        values = np.exp(row)
        values[4] /= 1.0 + values[4]
        given = model.vector(**dict(zip(NAMES, values, strict=True)))[None]
        expected = np.log(batch(model, given, DAYS).outputs[:, 0])
        found = log_transgene(np.tile(row, (len(DAYS), 1)), DAYS)
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10)


def test_the_recorded_seed_gives_the_recorded_patients():
    assert [(len(t.day), int(t.below.sum())) for t in (toy(6), toy(30))] == [(85, 16), (432, 56)]
