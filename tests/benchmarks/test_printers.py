"""Equations printed for other solvers give the model's own derivatives, for every model."""

import ctypes
import shutil

import numpy as np
import pytest

from benchmarks.cases import CRS16
from benchmarks.peers.cvode_c import loaded
from benchmarks.peers.printers import C, antimony, c_jacobian, c_rhs, jax_rhs
from cartsim.models import load_model, model_names
from cartsim.spec.model import Model
from cartsim.study.speed_case import jacobian_text, rhs_text

MODELS = {**{name: name for name in model_names()}, "crs16": str(CRS16)}
POINTS = 5
# The printers reorder nothing, so only libm against NumPy (exp, log, pow: a few ulp) may differ; a sum of
# terms that cancel can lose some digits of that.
EXACT = 1e-12


@pytest.fixture(params=MODELS, scope="module")
def model(request: pytest.FixtureRequest) -> Model:
    return load_model(MODELS[request.param])


def points(model: Model) -> list[tuple[np.ndarray, np.ndarray]]:
    """Random states around each scale and parameters with switch flags, one of them at zero states."""
    rng = np.random.default_rng(4)
    size, switches = len(model.states), len(model.traced.switches)
    scales = np.array([state.scale for state in model.states])
    found = []
    for k in range(POINTS):
        y = scales * np.exp(3.0 * rng.standard_normal(size)) * (k > 0)
        p = model.values * np.exp(0.2 * rng.standard_normal(len(model.values)))
        found.append((y, np.concatenate([p, rng.integers(0, 2, switches).astype(float)])))
    return found


def python_rhs(model: Model, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    scope: dict = {"np": np}
    exec(rhs_text(model), scope)
    dy = np.empty(len(y))
    scope["rhs"](0.0, y, dy, p)
    return dy


def close(found: np.ndarray, wanted: np.ndarray) -> bool:
    return np.allclose(found, wanted, rtol=EXACT, atol=EXACT * np.abs(wanted).max())


def test_python_text_gives_the_derivatives_of_the_models_own_function(model: Model) -> None:
    for y, p in points(model):
        count = len(model.parameters)
        day = 0.0
        if model.traced.switches:  # after(t, …) reads the clock: day 0, before every switch
            p = np.concatenate([p[:count], np.zeros(len(p) - count)])
        assert close(python_rhs(model, y, p), np.array(model.derivatives(day, y, p[:count]), dtype=float))


def test_jacobian_text_gives_the_slopes_of_the_printed_rhs(model: Model) -> None:
    scope: dict = {"np": np}
    exec(jacobian_text(model), scope)
    for y, p in points(model)[1:]:
        size = len(y)
        slopes, matrix = np.empty((size, size)), np.zeros((size, size))
        for j in range(size):
            step = 1e-6 * y[j]
            up, down = y + step * (np.arange(size) == j), y - step * (np.arange(size) == j)
            slopes[:, j] = (python_rhs(model, up, p) - python_rhs(model, down, p)) / (2.0 * step)
        scope["jacobian"](0.0, y, matrix, p)
        # Central differences: cancellation of 1e-16 |f| / step, far above their truncation error.
        noise = 1e-9 * np.abs(python_rhs(model, y, p)).max() / y
        assert (np.abs(matrix - slopes) <= 1e-5 * np.abs(slopes) + noise).all()


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
def test_c_text_gives_the_same_derivatives_and_jacobian(model: Model) -> None:
    size = len(model.states)
    call = f"""
    void rhs(const double *y, double *dy, const double *p) {{ model_rhs(0.0, y, dy, p); }}
    void jacobian(const double *y, double *flat, const double *p) {{
        double *columns[{size}];
        for (int j = 0; j < {size}; j++) columns[j] = flat + j * {size};
        model_jacobian(0.0, y, columns, p);
    }}
    """
    library = loaded(
        "#include <math.h>\n" + c_rhs(model) + c_jacobian(model) + call, ("-ffp-contract=off", "-lm")
    )
    scope: dict = {"np": np}
    exec(jacobian_text(model), scope)
    for y, p in points(model):
        dy, by_column, matrix = np.empty(size), np.zeros((size, size)), np.zeros((size, size))
        pointers = [a.ctypes.data_as(ctypes.c_void_p) for a in (y, dy, by_column, p)]
        library.rhs(pointers[0], pointers[1], pointers[3])
        library.jacobian(pointers[0], pointers[2], pointers[3])
        scope["jacobian"](0.0, y, matrix, p)
        assert close(dy, python_rhs(model, y, p))
        assert close(by_column.T, matrix)


def test_jax_text_gives_the_same_derivatives(model: Model) -> None:
    scope: dict = {"jnp": np}  # NumPy has every function of jax.numpy that is printed
    exec(jax_rhs(model), scope)
    for y, p in points(model):
        assert close(scope["rhs"](0.0, y, p), python_rhs(model, y, p))


def test_antimony_text_gives_the_same_derivatives(model: Model) -> None:
    lines = [line.strip().rstrip(";") for line in antimony(model).splitlines()[1:-1]]
    for y, p in points(model):
        # Antimony's formulas read as Python once ^, ln, ! and piecewise are given their meaning.
        scope: dict = {"ln": np.log, "exp": np.exp, "sqrt": np.sqrt, "time": 0.0}
        scope["piecewise"] = lambda value, condition, otherwise: value if condition else otherwise
        scope |= {f"s{i}": value for i, value in enumerate(y)} | {f"q{i}": value for i, value in enumerate(p)}
        found = np.full(len(y), np.nan)
        for line in lines:
            name, _, formula = line.partition(" := " if ":=" in line else " = ")
            formula = formula.replace("^", "**").replace("&&", " and ").replace("||", " or ")
            if ":=" in line:
                scope[name] = eval(formula, scope)
            elif name.endswith("'"):
                found[int(name[1:-1])] = eval(formula, scope)
        assert close(found, python_rhs(model, y, p))


def test_c_has_a_form_for_every_operation_that_python_has() -> None:
    from cartsim.spec.printing import _TEMPLATES

    assert set(C) == set(_TEMPLATES)
