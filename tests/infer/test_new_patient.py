"""One new patient against posteriors known in closed form, by weights alone and by tempered moves."""

from dataclasses import dataclass

import numpy as np
import pytest

from cartsim.errors import FitError
from cartsim.infer.new_patient import Effort, new_patient, smoothed


@dataclass(frozen=True)
class Measured:
    """Score k of a patient is measured as `value[k]` with an error; populations shift the first one."""

    value: np.ndarray
    error: float
    shifts: np.ndarray

    @property
    def size(self):
        return len(self.value)

    @property
    def populations(self):
        return len(self.shifts)

    def log_likelihood(self, scores, which):
        predicted = scores.copy()
        predicted[:, 0] += self.shifts[which]
        return -0.5 * (((predicted - self.value) / self.error) ** 2).sum(axis=1)


def test_a_vague_measurement_is_answered_by_weights_alone():
    belief = Measured(np.array([0.5]), 1.0, np.zeros(3))
    found = new_patient(belief, np.random.default_rng(1), effort=Effort(points=20_000, kept=5_000))
    assert found.temperatures == 0
    assert found.pareto_k < 0.7
    assert found.scores.mean() == pytest.approx(0.25, abs=0.04), "a conjugate normal: mean y / 2"
    assert found.scores.var() == pytest.approx(0.5, abs=0.05)


def test_a_sharp_measurement_far_out_is_reached_by_moves():
    value, error = np.array([3.0, -2.5, 2.0, 0.0, 1.0]), 0.15
    belief = Measured(value, error, np.zeros(2))
    found = new_patient(belief, np.random.default_rng(2), effort=Effort(points=2_000, kept=1_000))
    assert found.effective < 20
    assert found.temperatures > 2
    shrunk = 1.0 / (1.0 + error**2)
    assert found.scores.mean(axis=0) == pytest.approx(value * shrunk, abs=0.03)
    assert found.scores.std(axis=0) == pytest.approx(np.full(5, error * shrunk**0.5), rel=0.15)
    assert found.distinct > 0.9


def test_populations_are_weighted_by_how_well_they_explain_the_patient():
    """p(y | s) is normal with variance 1 + error^2 round the shift: the shares of the populations follow."""
    belief = Measured(np.array([3.0, 0.2, -1.5]), 0.3, np.array([0.0, 1.0, 3.0]))
    found = new_patient(belief, np.random.default_rng(3), effort=Effort(points=2_000, kept=2_000))
    assert found.temperatures > 0
    weight = np.exp(-0.5 * (3.0 - belief.shifts) ** 2 / (1.0 + 0.3**2))
    shares = np.bincount(found.which, minlength=3) / len(found.which)
    assert shares == pytest.approx(weight / weight.sum(), abs=0.04)


def test_the_same_seed_gives_the_same_draws():
    belief = Measured(np.array([2.0, 2.0]), 0.2, np.zeros(1))
    first, second = (new_patient(belief, np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(first.scores, second.scores)


def test_weights_that_are_alike_have_no_tail():
    weight, k = smoothed(np.full(100, -3.0))
    assert weight == pytest.approx(np.full(100, 0.01))
    assert k == 0.0


def test_impossible_samples_are_said_to_be_so():
    class Never(Measured):
        def log_likelihood(self, scores, which):
            return np.full(len(scores), -np.inf)

    with pytest.raises(FitError, match="impossible in the population"):
        new_patient(Never(np.zeros(1), 1.0, np.zeros(1)), np.random.default_rng(5))


def test_an_effort_that_is_none_is_refused():
    with pytest.raises(FitError, match="points >= kept"):
        Effort(points=100, kept=200)
