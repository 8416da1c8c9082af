"""Models are found by name or by file; what cannot be loaded is said in words."""

import os

import pytest

from cartsim.errors import ModelError
from cartsim.models import load_model, model_names
from tests.kernels.test_cache import USERS_MODEL

MINE = USERS_MODEL.replace("FIRST", "8.0")


def test_the_shipped_models_are_the_files_of_the_folder():
    assert {"kirouac2023", "singh2021_bb2121", "stein2019_tisagenlecleucel"} <= set(model_names())
    for name in model_names():
        assert load_model(name).name == name
    assert load_model("kirouac2023") is load_model("kirouac2023")


def test_a_users_file_is_a_model_named_after_the_file(tmp_path):
    path = tmp_path / "my_model.py"
    path.write_text(MINE, encoding="utf-8")
    model = load_model(path)
    assert model.name == "my_model"
    assert load_model(str(path)) is model
    assert model.state_names == ("cells",)


def test_an_edited_file_is_loaded_anew(tmp_path):
    path = tmp_path / "my_model.py"
    path.write_text(MINE, encoding="utf-8")
    before = load_model(path)
    path.write_text(MINE.replace("8.0", "9.0"), encoding="utf-8")
    os.utime(path, ns=(1, 1))
    assert before.states[0].initial == 8.0
    assert load_model(path).states[0].initial == 9.0


def test_two_files_of_the_same_name_are_two_models(tmp_path):
    for folder, first in (("one", "1.0"), ("two", "2.0")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "model.py").write_text(USERS_MODEL.replace("FIRST", first), encoding="utf-8")
    one, two = (load_model(tmp_path / folder / "model.py") for folder in ("one", "two"))
    assert (one.states[0].initial, two.states[0].initial) == (1.0, 2.0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\n", "defines no MODEL"),
        ("MODEL = 3\n", "defines no MODEL"),
        ("import nowhere_to_be_found\n", "cannot be run.*ModuleNotFoundError"),
        ("def broken(:\n", "cannot be run.*SyntaxError"),
        (MINE.replace("p.loss * y.cells)", "p.lost * y.cells)"), "name that is not declared.*lost"),
    ],
)
def test_a_file_that_is_no_model_is_refused_in_words(tmp_path, text, words):
    path = tmp_path / "draft.py"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match=words):
        load_model(path)


def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path):
    with pytest.raises(ModelError, match=r"got: stein; allowed: .*stein2019_tisagenlecleucel"):
        load_model("stein")
    with pytest.raises(ModelError, match="no such model"):
        load_model(tmp_path / "absent.py")
