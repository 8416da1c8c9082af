"""fit.toml is read strictly: every fault at once, each with file and key."""

from pathlib import Path

import pytest

from cartsim.errors import CartsimError, ConfigError
from cartsim.study.settings import read_settings

GOOD = """
title = "A fit"
model = "stein2019_tisagenlecleucel"
seed = 1
[data]
file = "data.csv"
[errors]
car_transgene = { LogNormalError = { sigma = { HalfNormal = { sd = 0.6 } } } }
"""


def write(folder: Path, text: str) -> Path:
    (folder / "fit.toml").write_text(text)
    return folder


def faults_of(folder: Path, text: str) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        read_settings(write(folder, text))
    assert str(folder / "fit.toml") in str(caught.value)
    return dict(caught.value.faults)


def test_a_sound_file_is_read(tmp_path: Path) -> None:
    settings = read_settings(write(tmp_path, GOOD))
    assert (settings.seed, settings.data.file, settings.simulated) == (1, "data.csv", False)


def test_all_faults_are_named_by_key_at_once(tmp_path: Path) -> None:
    text = GOOD.replace('title = "A fit"', "").replace("seed = 1", "seed = -1\nmodle = 3")
    faults = faults_of(tmp_path, text.replace('"data.csv"', '"data.csv"\nsha256 = "abc"'))
    assert set(faults) == {"title", "seed", "modle", "data.sha256"}
    assert faults["title"] == "missing"
    assert faults["modle"] == "unknown key"
    assert "-1" in faults["seed"]


def test_a_number_written_as_text_is_refused(tmp_path: Path) -> None:
    assert "seed" in faults_of(tmp_path, GOOD.replace("seed = 1", 'seed = "1"'))


def test_the_data_come_from_one_place_only(tmp_path: Path) -> None:
    faults = faults_of(
        tmp_path, GOOD.replace('file = "data.csv"', 'file = "data.csv"\nloader = "penn_ctl019"')
    )
    assert "either file" in faults["data"]


def test_broken_toml_is_reported_with_its_line(tmp_path: Path) -> None:
    assert "line 2" in faults_of(tmp_path, "\ntitle = = 1\n")["(whole file)"]


def test_a_folder_without_settings_is_a_plain_sentence(tmp_path: Path) -> None:
    with pytest.raises(CartsimError, match=r"holds no fit\.toml"):
        read_settings(tmp_path)
    with pytest.raises(CartsimError, match="no such fit folder"):
        read_settings(tmp_path / "nowhere")
