"""`cartsim explore` refuses what it cannot show in a sentence, before anything is compiled."""

import socket
import sys

import pytest
from typer.testing import CliRunner

from cartsim.cli.app import app
from cartsim.errors import CartsimError
from cartsim.explore.serve import LOOPBACK, free_port, nicegui, scenario_of


def test_a_missing_library_is_said_with_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "nicegui", None)
    with pytest.raises(CartsimError, match=r"pip install 'cartsim\[explore\]'"):
        nicegui()


def test_what_is_neither_model_nor_folder_is_refused_with_the_known_models():
    with pytest.raises(CartsimError, match=r"neither a model nor a folder.*stein2019_tisagenlecleucel"):
        scenario_of("no_such_model")


def test_a_models_name_is_enough():
    assert scenario_of("theophylline").model.name == "theophylline"


def test_a_port_in_use_is_refused_and_the_next_free_one_is_found_without():
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        other.listen()
        with pytest.raises(CartsimError, match=r"in use.*--port"):
            free_port(other.getsockname()[1])
    assert 8765 <= free_port(None) < 8865
    assert free_port(0) > 0


def test_no_address_but_loopback_can_be_asked_for():
    answer = CliRunner().invoke(app, ["explore", "theophylline", "--host", "0.0.0.0"])
    assert answer.exit_code == 2
    assert LOOPBACK == "127.0.0.1"
