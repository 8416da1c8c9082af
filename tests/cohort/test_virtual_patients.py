"""Virtual patients: the same whatever is asked for, spread as the priors say, correlated as declared."""

import numpy as np
import pytest
from scipy.stats import kstest

from cartsim.cohort.virtual_patients import Subgroup, VirtualPatients
from cartsim.errors import ModelError
from cartsim.models import load_model

MODEL = load_model("bcma_myeloma")
FACTORS = {"tone": {"il6_gain": 0.8, "il8_gain": 0.8}, "potency": {"division": 0.6, "ifng_gain": -0.6}}


def column(rows, name):
    return rows[:, MODEL.index(name)]


def test_a_patient_is_the_same_whatever_is_asked_for():
    draw = VirtualPatients(MODEL, 3, scenario="slow", factors=FACTORS)
    whole = draw(0, 2100)
    assert np.array_equal(draw(1000, 1050), whole[1000:1050])
    assert np.array_equal(draw(2047, 2049), whole[2047:2049]), "across two blocks"
    assert draw(5, 5).shape == (0, len(MODEL.parameters))
    assert not np.array_equal(VirtualPatients(MODEL, 4, scenario="slow", factors=FACTORS)(0, 10), whole[:10])


def test_each_parameter_is_distributed_as_its_prior_round_the_products_median():
    rows = VirtualPatients(MODEL, 1, scenario="fast", factors=FACTORS)(0, 4096)
    medians = MODEL.vector(scenario="fast")
    for name in ("division", "il6_gain", "killing", "growth", "escape_fraction"):
        prior = MODEL.parameter(name).prior
        if prior.normal_on_line is None:
            score = prior.unconstrain(column(rows, name)) - prior.unconstrain(prior.median)
            assert 0.4 < np.mean(score > 0) < 0.6
            assert prior.support[0] <= column(rows, name).min()
            continue
        middle = prior.unconstrain(medians[MODEL.index(name)])
        score = (prior.unconstrain(column(rows, name)) - middle) / prior.normal_on_line[1]
        assert kstest(score, "norm").pvalue > 1e-3, name
    assert np.all(column(rows, "kill_effector_1") == 0.3), "what is fixed does not vary"
    assert column(rows, "growth").max() < 0.046


def test_shared_factors_correlate_the_parameters_as_declared():
    rows = VirtualPatients(MODEL, 1, scenario="fast", factors=FACTORS)(0, 8192)

    def correlation(one, other):
        return np.corrcoef(np.log(column(rows, one)), np.log(column(rows, other)))[0, 1]

    together, against = correlation("il6_gain", "il8_gain"), correlation("division", "ifng_gain")
    apart = correlation("il6_gain", "division")
    assert together == pytest.approx(0.64, abs=0.03)
    assert against == pytest.approx(-0.36, abs=0.04)
    assert apart == pytest.approx(0.0, abs=0.04)


def test_subgroups_and_held_values():
    iga = Subgroup("IgA", 0.25, {"iga": 1.0}, {"flc_start": 4.0})
    plain = VirtualPatients(MODEL, 2)(0, 4096)
    mixed = VirtualPatients(MODEL, 2, subgroups=(iga,), held={"escape": 0.0})(0, 4096)
    inside = column(mixed, "iga") == 1.0
    assert inside.mean() == pytest.approx(0.25, abs=0.03)
    assert np.allclose(column(mixed, "flc_start")[inside], 4.0 * column(plain, "flc_start")[inside])
    assert np.array_equal(column(mixed, "flc_start")[~inside], column(plain, "flc_start")[~inside])
    assert np.all(column(mixed, "escape") == 0.0)


def test_everything_that_is_wrong_is_said_at_once():
    wrong = {"a": {"division": 0.9, "speed": 0.1}, "b": {"division": 0.9}}
    with pytest.raises(ModelError) as caught:
        VirtualPatients(MODEL, 1, factors=wrong, held={"mass": 1.0})
    for part in ("'speed'", "'mass'", "square to more than 1"):
        assert part in str(caught.value)
    with pytest.raises(ModelError, match="share of patients"):
        Subgroup("x", 1.5)
