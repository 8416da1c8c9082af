"""The command line answers fast, names its exit codes and says errors as sentences."""

import subprocess
import sys
import time

import pytest

from cartsim.cli.app import EXIT_CODES, VERBS
from cartsim.version import __version__

HEAVY = ("numba", "pandas", "matplotlib", "scipy", "arviz", "pydantic", "h5py", "emcee", "pint", "xarray")


def cartsim(*words: str) -> subprocess.CompletedProcess:
    code = "from cartsim.cli.app import main; main()"
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=120)


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    return set(answer.stdout.split())


def test_importing_cartsim_loads_no_heavy_library() -> None:
    assert not loaded_by("import cartsim") & {*HEAVY, "numpy"}


def test_the_command_line_loads_no_heavy_library_before_a_verb_runs() -> None:
    assert not loaded_by("import cartsim.cli.app") & set(HEAVY)


def test_help_lists_every_verb_and_exit_code_within_two_seconds() -> None:
    begin = time.perf_counter()
    answer = cartsim("--help")
    # The target is 1 s on a quiet machine; tests share it with others.
    assert time.perf_counter() - begin < 2.0
    assert answer.returncode == 0
    for word in (*(verb.__name__.replace("_", "-") for verb in VERBS), *(str(code) for code in EXIT_CODES)):
        assert word in answer.stdout


def test_version_is_printed() -> None:
    assert cartsim("--version").stdout.strip() == f"cartsim {__version__}"


def test_an_unknown_model_is_a_sentence_with_the_known_ones_and_exit_code_2() -> None:
    answer = cartsim("simulate", "no_such_model")
    assert answer.returncode == 2
    assert "no such model" in answer.stderr
    assert "stein2019_tisagenlecleucel" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize("word", ["tmax", "tmax=", "=3", "tmax=long"])
def test_a_malformed_assignment_is_named(word: str) -> None:
    answer = cartsim("simulate", "stein2019_tisagenlecleucel", "--set", word)
    assert answer.returncode == 2
    assert f"got: {word}" in answer.stderr
