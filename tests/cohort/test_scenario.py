"""Scenarios to explore: dials inside their limits, curves that follow them, failures that are said."""

import numpy as np
import pytest

from cartsim.cohort.model_scenario import ModelScenario
from cartsim.cohort.scenario import Dial, started
from cartsim.errors import CartsimError
from cartsim.models import load_model


@pytest.fixture(scope="module")
def scenario():
    return ModelScenario(load_model("stein2019_tisagenlecleucel"))


def test_every_dial_starts_inside_its_limits_and_goes_through_all_of_them(scenario):
    dials = [item for item in scenario.controls({}) if isinstance(item, Dial)]
    assert len(dials) > 2
    for dial in dials:
        assert dial.lowest <= started(scenario)[dial.name] <= dial.highest
        assert dial.at(0.0) == (0.0 if dial.zero else pytest.approx(dial.lowest, rel=0.01))
        assert dial.at(1.0) == pytest.approx(dial.highest, rel=0.01)
        middle = dial.at(0.5)
        assert dial.at(dial.share(middle)) == pytest.approx(middle, rel=0.01)


def test_the_curves_follow_a_dial_and_only_the_settings_decide(scenario):
    chosen = started(scenario)
    known = scenario.model.parameter_names
    dial = next(item for item in scenario.controls({}) if item.name in known)
    before = scenario.picture(chosen)
    again = scenario.picture(dict(chosen))
    after = scenario.picture(chosen | {dial.name: dial.at(0.9)})
    name = next(iter(before.curves))
    assert np.array_equal(before.curves[name].line, again.curves[name].line)
    assert not np.allclose(before.curves[name].line, after.curves[name].line)


def test_a_setting_that_does_not_exist_is_refused(scenario):
    with pytest.raises(CartsimError, match="nothing"):
        started(scenario, {"nothing": 1.0})
