"""A model declares what drives it: an input is read like a state, and is none."""

# ruff: noqa: C408 -- equations by name read as in a model file
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from cartsim.cli.app import app
from cartsim.errors import ModelError
from cartsim.spec.check import check_model
from cartsim.spec.growth import multiplying
from cartsim.spec.model import Input
from tests.driven import CYTOKINE


def test_the_author_reads_the_input_and_writes_no_equation_for_it():
    assert CYTOKINE.input_names == ("car_t_measured",)
    assert [state.name for state in CYTOKINE.own_states] == ["tissue", "il6"]
    assert CYTOKINE.state_names == ("tissue", "il6", "log_car_t_measured")
    assert not CYTOKINE.states[-1].positive
    rates = CYTOKINE.derivatives(0.0, [2.0, 1.0, np.log(60.0)], CYTOKINE.values)
    assert rates == pytest.approx([100.0 - 2.6, 2.6 - 0.8, 0.0])


def test_a_copy_of_the_model_has_its_inputs_once():
    copied = replace(CYTOKINE, notes="copied")
    assert copied.state_names == CYTOKINE.state_names
    assert copied.digest() == CYTOKINE.digest()


def test_the_floor_is_part_of_the_models_identity():
    lower = replace(CYTOKINE, inputs=(replace(CYTOKINE.inputs[0], floor=0.01),))
    assert lower.digest() != CYTOKINE.digest()


def test_the_conventions_hold_for_a_driven_model():
    assert check_model(CYTOKINE) == []
    assert multiplying(CYTOKINE) == {}
    per_day = replace(CYTOKINE, inputs=(replace(CYTOKINE.inputs[0], unit="cells/uL/day"),))
    assert any("does not scale with time" in found for found in check_model(per_day))
    unknown = replace(CYTOKINE, inputs=(replace(CYTOKINE.inputs[0], unit="smurfs"),))
    assert any("input car_t_measured" in found for found in check_model(unknown))


def test_faults_of_inputs_are_named_together():
    with pytest.raises(ModelError) as caught:
        replace(
            CYTOKINE, inputs=(*CYTOKINE.inputs, Input("tissue", "1", "", floor=0.0)), solution=lambda t, p: {}
        )
    for words in (
        "'tissue' is declared as a state and as an input",
        "floor 0.0",
        "no meaning",
        "closed form",
    ):
        assert words in str(caught.value)


def test_an_input_that_no_equation_uses_is_refused():
    with pytest.raises(ModelError, match=r"inputs that no equation uses.*fever"):
        replace(CYTOKINE, inputs=(*CYTOKINE.inputs, Input("fever", "1", "fever", floor=1.0)))


def test_the_author_cannot_move_the_input():
    def moves(t, y, p):
        return {**CYTOKINE.rhs(t, y, p), "log_car_t_measured": 1.0}

    with pytest.raises(ModelError, match="not declared: log_car_t_measured"):
        replace(CYTOKINE, rhs=moves)
    with pytest.raises(ModelError, match="states that do not exist"):
        replace(CYTOKINE, initial=lambda p: dict(log_car_t_measured=p.made))


MODEL_FILE = """
from tests.driven import CYTOKINE
MODEL = CYTOKINE
"""


def test_the_command_shows_inputs_apart_from_states(tmp_path):
    path = tmp_path / "driven_cytokine.py"
    path.write_text(MODEL_FILE)
    shown = CliRunner().invoke(app, ["models", str(path)], env={"COLUMNS": "200"}).output
    assert "inputs (measured in each patient)" in shown
    assert "log_car_t_measured" not in shown
    assert "0.05" in shown
