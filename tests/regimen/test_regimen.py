"""Doses by name become the solver's event table; what a model cannot take is refused."""

from dataclasses import replace

import numpy as np
import pytest

from cartsim.errors import ModelError
from cartsim.models import load_model
from cartsim.regimen.doses import Dose
from cartsim.regimen.events import BOLUS, RATE_CHANGE, EventTable, event_table, no_events
from cartsim.regimen.regimen import Regimen, events_of
from cartsim.simulate import simulate
from cartsim.spec.model import Course

SINGH = load_model("singh2021_bb2121")
BLOOD = SINGH.state_names.index("blood_effector")


def test_a_bolus_goes_into_the_models_infusion_state():
    assert Regimen.single(450e6, time=2.0).events(SINGH) == [(2.0, BOLUS, BLOOD, 450e6)]


def test_an_infusion_is_a_rate_switched_on_and_off():
    assert Regimen.single(300e6, time=1.0, duration=0.5).events(SINGH) == [
        (1.0, RATE_CHANGE, BLOOD, 600e6),
        (1.5, RATE_CHANGE, BLOOD, -600e6),
    ]


def test_a_named_target_may_be_any_state_for_a_bolus():
    rows = Regimen((Dose(5.0, target="tumor"),)).events(SINGH)
    assert rows == [(0.0, BOLUS, SINGH.state_names.index("tumor"), 5.0)]


def test_a_product_may_be_given_in_parts():
    split = Regimen.split(100.0, fractions=(0.1, 0.3, 0.6), times=(0.0, 1.0, 2.0))
    assert [(dose.time, dose.amount) for dose in split.doses] == [(0.0, 10.0), (1.0, 30.0), (2.0, 60.0)]
    with pytest.raises(ModelError, match="add up to 1"):
        Regimen.split(100.0, fractions=(0.1, 0.3), times=(0.0, 1.0))
    with pytest.raises(ModelError, match="one for each time"):
        Regimen.split(100.0, fractions=(0.4, 0.6), times=(0.0,))


def test_the_published_dosing_of_a_scenario_is_given_unless_an_amount_is_named():
    model = replace(
        SINGH, courses={"burden_x2": Course(10.0, days=(7.0, 8.0), shares=(0.25, 0.75))}, name="split_singh"
    )

    def given(**options) -> list[tuple[float, float]]:
        return [(dose.time, dose.amount) for dose in Regimen.published(model, **options).doses]

    assert given() == given(scenario="typical") == [(0.0, 450e6)]
    assert given(scenario="burden_x2") == [(7.0, 2.5), (8.0, 7.5)]
    assert given(scenario="burden_x2", amount=100.0) == [(7.0, 25.0), (8.0, 75.0)]
    assert given(amount=0.0) == []


@pytest.mark.slow  # compiles the default method of a model that few fast tests simulate here
def test_a_simulation_gives_the_dosing_of_its_scenario():
    model = replace(SINGH, courses={"burden_x2": Course(10.0, days=(7.0, 8.0), shares=(0.25, 0.75))})
    run = simulate(model, times=[6.9, 7.0, 8.0], scenario="burden_x2")
    before, after = run.state("blood_effector")[0, :2]
    assert before < 1e-3, "nothing before the first infusion"
    assert after == pytest.approx(2.5, abs=1e-3)


def test_an_infusion_is_shared_by_the_states_that_the_model_names():
    shared = replace(SINGH, infusion={"blood_effector": 0.25, "blood_memory": 0.75}, name="shared_singh")
    memory = SINGH.state_names.index("blood_memory")
    assert Regimen.single(8.0, time=1.0).events(shared) == [
        (1.0, BOLUS, BLOOD, 2.0),
        (1.0, BOLUS, memory, 6.0),
    ]
    rates = Regimen.single(8.0, duration=2.0).events(shared)
    assert sorted(rates) == [
        (0.0, RATE_CHANGE, BLOOD, 1.0),
        (0.0, RATE_CHANGE, memory, 3.0),
        (2.0, RATE_CHANGE, BLOOD, -1.0),
        (2.0, RATE_CHANGE, memory, -3.0),
    ]


@pytest.mark.parametrize(
    "fault",
    [
        {"amount": -1.0},
        {"amount": float("nan")},
        {"amount": float("inf")},
        {"amount": 1.0, "time": float("nan")},
        {"amount": 1.0, "duration": -0.1},
        {"amount": 1.0, "duration": float("inf")},
    ],
)
def test_an_impossible_dose_is_refused(fault):
    with pytest.raises(ModelError, match="dose"):
        Dose(**fault)


def test_a_model_without_dose_input_refuses_doses():
    with pytest.raises(ModelError, match=r"no dose input.*remedy"):
        Regimen.single(1e6).events(load_model("stein2019_tisagenlecleucel"))


def test_an_unknown_target_and_a_slow_infusion_into_a_bolus_state_are_refused():
    with pytest.raises(ModelError, match="got: liver; allowed: blood_effector"):
        Regimen((Dose(1.0, target="liver"),)).events(SINGH)
    with pytest.raises(ModelError, match=r"takes a bolus only.*dosed=True"):
        Regimen((Dose(1.0, duration=1.0, target="tumor"),)).events(SINGH)


def test_events_of_several_patients_are_kept_apart_and_sorted_by_time():
    table = events_of(
        SINGH, [Regimen((Dose(2.0, 5.0), Dose(1.0, 0.5))), Regimen(), Regimen.single(3.0, time=1.0)]
    )
    assert table.subjects == 3
    assert table.offsets.tolist() == [0, 2, 2, 3]
    assert table.time.tolist() == [0.5, 5.0, 1.0]
    assert table.matrix().tolist() == [[0.5, 1, 0, 1.0], [5.0, 1, 0, 2.0], [1.0, 1, 0, 3.0]]


def test_events_at_the_same_time_keep_their_order():
    table = event_table([[(1.0, 2, 0, 5.0), (1.0, 1, 0, 7.0), (0.0, 1, 0, 1.0)]])
    assert table.value.tolist() == [1.0, 5.0, 7.0]


def test_no_events_is_a_table_in_which_nothing_happens():
    assert no_events(4).subjects == 4
    assert no_events(4).matrix().shape == (0, 4)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("time", np.array([2.0, 1.0]), "sorted by time"),
        ("time", np.array([1.0, np.nan]), "finite"),
        ("value", np.array([1.0, np.inf]), "finite"),
        ("kind", np.array([1, 9]), "no known kind"),
        ("value", np.array([1.0]), "differ in length"),
        ("offsets", np.array([0, 1]), "differ in length"),
    ],
)
def test_an_inconsistent_table_is_refused(column, value, words):
    sound = {
        "offsets": np.array([0, 2]),
        "time": np.array([1.0, 2.0]),
        "kind": np.array([1, 1]),
        "target": np.array([0, 0]),
        "value": np.array([1.0, 1.0]),
    }
    with pytest.raises(ModelError, match=words):
        EventTable(**(sound | {column: value}))
