"""Reductions are declared by name: column names, units, plain words, and all faults at once."""

import numpy as np
import pytest

from cartsim.errors import ReductionError
from cartsim.models import load_model
from cartsim.solve.reductions import (
    Area,
    FirstBelow,
    LastAbove,
    LowestShare,
    Peak,
    Reduction,
    TimeAbove,
    TimeOfPeak,
    ValueAt,
    check,
    tables,
)

SINGH = load_model("singh2021_bb2121")
STEIN = load_model("stein2019_tisagenlecleucel")
GRID = np.arange(0.0, 29.0)


@pytest.mark.parametrize(
    ("reduction", "name"),
    [
        (Peak("il6"), "peak_il6"),
        (TimeOfPeak("il6", start=2.0), "time_of_peak_il6_from_2d"),
        (Peak("il6", end=7.0), "peak_il6_to_7d"),
        (Area("car_t", start=0, end=28), "area_car_t_0_28d"),
        (LastAbove("car_t", 50.0), "last_above_car_t_50"),
        (ValueAt("m_protein", 28), "value_m_protein_28d"),
        (ValueAt("m_protein", 28, label="paraprotein"), "paraprotein"),
        (Area("car_t", start=0, end=28, label="auc"), "auc"),
    ],
)
def test_a_column_is_named_by_what_it_holds(reduction, name):
    assert reduction.name == name


def test_units_and_words_follow_from_the_models_declarations():
    told = {
        item: (item.unit_in(STEIN), item.description(STEIN))
        for item in (
            Peak("car_transgene"),
            Area("car_transgene", start=0.0, end=28.0),
            LastAbove("car_transgene", 50.0),
            LowestShare("state_memory", start=10.0),
            ValueAt("car_transgene", 28.0),
        )
    }
    meaning, still = STEIN.outputs[0].meaning, "(the last day looked at if still so); empty if never"
    assert list(told.values()) == [
        ("copies/ug", f"highest value of {meaning}"),
        ("day copies/ug", f"area under {meaning} (linear trapezoids) from day 0 to day 28"),
        (
            "day",
            f"last day with {meaning} at or above 50 copies/ug {still}",
        ),
        ("1", f"lowest value of {STEIN.states[1].meaning} as a share of its first from day 10"),
        ("copies/ug", f"{meaning} on day 28"),
    ]


def test_every_kind_has_a_number_of_its_own():
    kinds = [kind.kind for kind in Reduction.__subclasses__()]
    assert sorted(kinds) == list(range(len(kinds)))


def test_all_faults_are_named_at_once():
    wrong = [
        Peak("il6"),
        Area("car_transgene", start=0.0, end=56.0),
        Peak("state_memory", start=20.0, end=10.0),
        TimeAbove("car_transgene", float("nan")),
        FirstBelow("state_effector", 1.0),
        FirstBelow("state_effector", 1.0),
        ValueAt("car_transgene", 40.0),
        ValueAt("car_transgene", 4.0, end=20.0),
        Peak("car_transgene", start=float("nan")),
        "peak",
    ]
    with pytest.raises(ReductionError) as caught:
        check(wrong, STEIN, GRID)
    told = str(caught.value)
    assert told.startswith("9 problems in the reductions")
    assert (
        "peak_il6: stein2019_tisagenlecleucel has no output or state 'il6'; allowed: car_transgene, " in told
    )
    assert "state_effector, state_memory" in told
    assert "area_car_transgene_0_56d: day 0 to 56 is not inside the grid, day 0 to 28" in told
    assert "the window ends (day 10) before it starts (day 20)" in told
    assert "the limit nan is no finite number" in told
    assert "two reductions have this name; give one a label" in told
    assert "value_car_transgene_40d: day 40 to 40 is not inside the grid" in told
    assert "a value on one day takes no window" in told
    assert "'peak': this is no reduction such as Peak('il6')" in told
    assert [name for name, _ in caught.value.faults].count("first_below_state_effector_1") == 1


def test_no_reduction_and_the_bare_kind_are_refused():
    with pytest.raises(ReductionError, match="at least one"):
        check([], STEIN, GRID)
    with pytest.raises(ReductionError, match="this is no reduction"):
        check([Reduction("car_transgene")], STEIN, GRID)


def test_numbers_of_one_curve_and_window_read_it_once():
    found = tables(
        [
            Peak("car_transgene"),
            Peak("state_memory"),
            TimeOfPeak("car_transgene"),
            Area("car_transgene", end=9.5),
        ],
        STEIN,
        GRID,
    )
    assert len(found.curves) == 3
    assert found.reads_outputs
    assert not tables([Peak("state_memory")], STEIN, GRID).reads_outputs
