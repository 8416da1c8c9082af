"""Which states can multiply is read from the equations: growth and feedback count, clearance does not."""

# ruff: noqa: C408 -- equations by name read as in a model file

from dataclasses import replace

import pytest

from cartsim.models import load_model
from cartsim.spec.check import plain_function
from cartsim.spec.growth import multiplying
from cartsim.spec.model import Model
from tests.problems import WARD, constants, problem, state


def names(model: Model) -> set[str]:
    return {model.state_names[i] for i in multiplying(model)}


def test_growth_counts_also_where_its_rate_is_zero_by_default_and_clearance_does_not():
    assert "wild" in names(WARD)  # growth = 0 unless the user sets it
    assert not names(WARD) & {"depot", "drug", "lost", "clone"}


def test_exchange_between_compartments_and_saturable_clearance_are_not_growth():
    def rhs(t, y, p):
        out = p.vmax * y.blood / (p.km + y.blood)
        return dict(
            blood=-p.k12 * y.blood + p.k21 * y.tissue - out,
            tissue=p.k12 * y.blood - p.k21 * y.tissue,
        )

    parameters = constants(k12=1.0, k21=0.2, vmax=3.0, km=0.5)
    assert (
        names(problem("two_compartments", [state("blood", 1.0), state("tissue")], parameters, rhs)) == set()
    )


def test_growth_may_end_at_a_switch():
    """Stein's effectors expand until Tmax and only contract from then on."""
    stein = load_model("stein2019_tisagenlecleucel")
    (end,) = multiplying(stein).values()
    assert (
        plain_function([stein.traced.switches[end]])(parameter=stein.values) == stein.parameter("tmax").value
    )
    assert set(multiplying(load_model("kirouac2023")).values()) == {None}


def test_two_states_that_feed_each_other_multiply_though_neither_grows_alone():
    def rhs(t, y, p):
        return dict(
            infected=p.entry * y.virus - p.death * y.infected,
            virus=p.burst * y.infected - p.clearance * y.virus,
            debris=p.death * y.infected - p.clearance * y.debris,
        )

    parameters = constants(entry=1.0, death=0.5, burst=10.0, clearance=2.0)
    states = [state("infected"), state("virus", 1.0), state("debris")]
    assert names(problem("infection", states, parameters, rhs)) == {"infected", "virus"}


def test_a_state_may_declare_what_the_equations_do_not_show():
    states = tuple(
        replace(item, multiplies={"clone": True, "wild": False}.get(item.name)) for item in WARD.states
    )
    declared = replace(WARD, states=states)
    assert "clone" in names(declared)
    assert "wild" not in names(declared)


@pytest.mark.parametrize(
    ("model", "multiply"),
    [
        ("stein2019_tisagenlecleucel", {"effector"}),
        (
            "singh2021_bb2121",
            {"blood_effector", "blood_memory", "marrow_effector", "marrow_memory", "complexes", "tumor"},
        ),
        ("kirouac2023", {"memory", "effector_1", "effector_2", "tumor", "antigen"}),
    ],
)
def test_in_the_shipped_models_cells_multiply_and_markers_and_the_dose_do_not(model, multiply):
    assert names(load_model(model)) == multiply
