"""`cartsim models` and `cartsim check-models`: what a model is, drawn and checked, and a user's own."""

import pytest
from typer.testing import CliRunner

from cartsim.cli.app import app
from cartsim.errors import CartsimError

BROKEN = '''
"""A tumour that shrinks below nothing."""
from cartsim.spec.model import Model, Output, Parameter, Source, State
from cartsim.spec.priors import Fixed

SOURCE = Source("nobody")
MODEL = Model(
    SOURCE,
    (State("tumor", "cells", "tumour", initial=1.0),),
    (Parameter("loss", "cells/day", "loss", Fixed(1.0), SOURCE),),
    (Output("tumor", "cells", "tumour"),),
    lambda t, y, p: dict(tumor=-p.loss),
    lambda t, y, p: dict(tumor=y.tumor),
)
'''


def ran(*arguments: str):
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})


def test_one_model_is_shown_with_its_equations_limits_and_dosing():
    text = ran("models", "singh2021_bb2121").stdout
    for part in (
        "Known limits:",
        "dose: 4.5e+08 on day 0, into blood_effector (cells)",
        "d tumor/dt = (kg - killing) * tumor",
        "assumed, no publication gave them: none",
    ):
        assert part in text


def test_models_left_out_are_named_with_the_reason():
    assert "Owens & Bozic 2021" in ran("models").stdout


def test_a_models_published_course_is_drawn(tmp_path):
    figure = tmp_path / "stein.png"
    assert ran("models", "stein2019_tisagenlecleucel", "--plot", str(figure)).exit_code == 0
    assert figure.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("--plot", "x.png"), "name it"), (("cytokine_release_driven", "--plot", "x.png"), "measured series")],
)
def test_what_cannot_be_drawn_is_refused_in_words(arguments, words):
    with pytest.raises(CartsimError, match=words):
        CliRunner().invoke(app, ["models", *arguments], catch_exceptions=False)


def test_shipped_models_pass_the_check_and_a_wrong_file_does_not(tmp_path):
    good = ran("check-models", "stein2019_tisagenlecleucel", "theophylline")
    assert good.exit_code == 0
    assert good.stdout.count("ok  ") == 2
    path = tmp_path / "shrinking.py"
    path.write_text(BROKEN, encoding="utf-8")
    bad = ran("check-models", "theophylline", str(path))
    assert bad.exit_code == 1
    for part in (
        "WRONG  shrinking",
        "no citation or DOI",
        "loss: its source does not say where",
        "falls when",
    ):
        assert part in bad.stdout
