"""Compiled kernels are kept between processes, found again, and never stale."""

import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cartsim.kernels import jit
from cartsim.kernels.methods import Rodas5P
from cartsim.regimen.doses import Dose
from cartsim.solve.batch import batch
from cartsim.spec.generate import solver_module
from tests.problems import WARD, given

ROOT = Path(__file__).resolve().parents[2]
USERS_MODEL = '''
"""A user's own model, anywhere on disk."""
from cartsim.spec.model import Model, Output, Parameter, Source, State
from cartsim.spec.priors import LogNormal
from cartsim.spec.terms import exp

SOURCE = Source("Mine")
STATES = (State("cells", "cells/uL", "my cells", initial=FIRST),)
PARAMETERS = (Parameter("loss", "1/day", "loss", LogNormal(median=0.5, log_sd=1.0), SOURCE.at("a guess")),)
OUTPUTS = (Output("car_t", "cells/uL", "my cells"),)


def rhs(t, y, p):
    return dict(cells=-p.loss * y.cells)


def outputs(t, y, p):
    return dict(car_t=y.cells)


def solution(t, p):
    return dict(cells=FIRST * exp(-p.loss * t))


MODEL = Model(SOURCE, STATES, PARAMETERS, OUTPUTS, rhs, outputs, solution=solution)
'''
SOLVE = """
import sys
sys.path.insert(0, {root!r})
import cartsim
result = cartsim.simulate({model!r}, times=[0.0, 2.0])
print("value", result.output("car_t")[0, 1])
"""


def run(code: str, cache: Path) -> str:
    environment = os.environ | {"CARTSIM_CACHE_DIR": str(cache), "NUMBA_DEBUG_CACHE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def value(printed: str) -> float:
    return float(re.search(r"^value (.*)$", printed, re.MULTILINE)[1])


def test_a_users_model_compiles_once_and_an_edit_takes_effect(tmp_path):
    model, cache = tmp_path / "my_model.py", tmp_path / "cache"
    model.write_text(USERS_MODEL.replace("FIRST", "8.0"), encoding="utf-8")
    code = SOLVE.format(root=str(ROOT), model=str(model))
    first = run(code, cache)
    assert value(first) == pytest.approx(8.0 * math.exp(-1.0), rel=1e-12)
    assert "data saved to" in first
    files = sorted(path for path in cache.rglob("*") if path.is_file())

    second = run(code, cache)
    assert value(second) == value(first)
    assert "data loaded from" in second
    assert "data saved to" not in second, "a new process compiles nothing"
    assert sorted(path for path in cache.rglob("*") if path.is_file()) == files

    model.write_text(USERS_MODEL.replace("FIRST", "80.0"), encoding="utf-8")
    edited = run(code, cache)
    assert value(edited) == pytest.approx(10.0 * value(first), rel=1e-9)
    assert len(list(cache.rglob("cartsim_generated_*.py"))) == 2


def test_a_cache_folder_is_named_after_the_kernel_sources(tmp_path, monkeypatch):
    kernels = tmp_path / "kernels"
    kernels.mkdir()
    (kernels / "jit.py").write_text("", encoding="utf-8")
    (kernels / "residual.py").write_text("x = 20\n", encoding="utf-8")
    monkeypatch.setattr(jit, "__file__", str(kernels / "jit.py"))
    jit.sources_digest.cache_clear()
    before = jit.sources_digest()
    jit.sources_digest.cache_clear()
    assert jit.sources_digest() == before
    (kernels / "residual.py").write_text("x = 30\n", encoding="utf-8")
    jit.sources_digest.cache_clear()
    after = jit.sources_digest()
    monkeypatch.undo()
    jit.sources_digest.cache_clear()
    assert after != before
    assert jit.sources_digest() not in (before, after)


def test_the_cache_folder_can_be_chosen_and_is_made(tmp_path, monkeypatch):
    monkeypatch.setenv("CARTSIM_CACHE_DIR", str(tmp_path / "deep" / "cache"))
    jit.cache_folder.cache_clear()
    folder = jit.cache_folder()
    monkeypatch.undo()
    jit.cache_folder.cache_clear()
    assert folder == tmp_path / "deep" / "cache" / f"kernels-{jit.sources_digest()}"
    assert folder.is_dir()


def test_a_kernel_is_compiled_for_one_kind_of_array_whatever_is_passed():
    """Read-only arrays, as pandas and models give them, strided ones and lists of whole numbers."""
    table = np.repeat(WARD.values[None], 4, axis=0)
    frozen, times = table.copy(), np.array([0.0, 1.0, 2.0])
    frozen.setflags(write=False)
    times.setflags(write=False)
    method, dosed = Rodas5P(), given(Dose(1.0))
    batch(WARD, table, [0.0, 1.0], method=method)
    batch(WARD, frozen, times, method=method, events=dosed)
    batch(
        WARD,
        np.repeat(table, 2, axis=1)[:, ::2],
        times[::2],
        method=method,
        subject=np.zeros(4, dtype=np.int32),
    )
    batch(WARD, np.asfortranarray(table), (times, np.array([0, 3])), method=method, subject=[0, 0, 0, 0])
    module = solver_module(WARD, method.tableau)
    kernels = {name: item for name, item in vars(module).items() if hasattr(item, "signatures")}
    assert {"solve", "observe", "advance", "factor"} <= set(kernels)
    assert {name: len(item.signatures) for name, item in kernels.items() if len(item.signatures) > 1} == {}


def test_importing_cartsim_and_its_models_compiles_nothing(tmp_path):
    code = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import cartsim
heavy = {{"numba", "pandas", "matplotlib", "scipy", "emcee", "arviz", "pint"}}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
for name in cartsim.model_names():
    cartsim.load_model(name)
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    run(code, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
