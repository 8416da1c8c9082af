"""Fits of large models: which parameters are estimated, and round which values."""

import pytest

from cartsim.errors import FitError
from cartsim.infer.assemble import free_parameters
from cartsim.infer.choice import choose
from cartsim.models import load_model
from cartsim.spec.priors import LogNormal

MODEL = load_model("bcma_myeloma")


def names(priors, fixed):
    return {item.name for item in free_parameters(MODEL, priors, fixed)[0]}


def test_only_the_named_and_those_with_a_prior_are_estimated():
    priors, fixed = choose(MODEL, {"kill_effector_1": LogNormal(0.3, 0.5)}, {}, free=["division", "killing"])
    assert names(priors, fixed) == {"division", "killing", "kill_effector_1"}
    assert fixed["il6_gain"] == MODEL.parameter("il6_gain").value


def test_a_scenario_is_held_and_centres_the_models_own_priors():
    priors, fixed = choose(MODEL, {}, {"memory_share": 0.5}, free=["division", "growth"], scenario="slow")
    slow = MODEL.scenarios["slow"]
    assert priors["division"].median == slow["division"]
    assert priors["division"].log_sd == MODEL.parameter("division").prior.log_sd
    assert priors["growth"].median == pytest.approx(MODEL.parameter("growth").value)
    assert fixed["engraftment"] == slow["engraftment"]
    assert fixed["memory_share"] == 0.5, "what the fit states wins"


def test_without_either_nothing_changes():
    given = {"division": LogNormal(2.0, 0.1)}
    assert choose(MODEL, given, {"killing": 1.0}) == (given, {"killing": 1.0})


def test_wrong_choices_are_named():
    with pytest.raises(FitError, match="speed, mass"):
        choose(MODEL, {}, {}, free=["division", "speed", "mass"])
    with pytest.raises(FitError, match="both free and fixed"):
        choose(MODEL, {}, {"division": 1.0}, free=["division"])
    with pytest.raises(FitError, match="state one under"):
        choose(MODEL, {}, {}, free=["kill_effector_1"])
