"""The convention checker passes every shipped model and finds each fault planted in a small one."""

# ruff: noqa: C408 -- equations by name read as in a model file
import numpy as np
import pytest

from cartsim.models import load_model, model_names
from cartsim.spec.check import check_model, jacobian_function
from cartsim.spec.model import Model, Output, Parameter, Source, State, assumed
from cartsim.spec.priors import Fixed, Uniform
from cartsim.spec.terms import exp, hill

SOURCE = Source("Nobody 2024, Journal", doi="10.0/0")


def draft(rhs=None, *, unit="1/day", state_unit="cells", source=None, solution=None, **parameter) -> Model:
    given = dict(prior=Fixed(0.2)) | parameter
    return Model(
        SOURCE,
        (State("cells", state_unit, "cells", initial=5.0),),
        (Parameter("loss", unit, "loss rate", source=source or SOURCE.at("Table 1"), **given),),
        (Output("seen", state_unit, "cells seen"),),
        rhs or (lambda t, y, p: dict(cells=-p.loss * y.cells)),
        lambda t, y, p: dict(seen=y.cells),
        solution=solution,
        name="draft",
    )


@pytest.mark.parametrize("name", model_names())
def test_every_shipped_model_keeps_the_conventions(name):
    assert check_model(load_model(name)) == []


def test_a_sound_draft_passes():
    assert check_model(draft(solution=lambda t, p: dict(cells=5.0 * exp(-p.loss * t)))) == []


@pytest.mark.parametrize(
    ("faulty", "words"),
    [
        (lambda: draft(unit="per fortnightly"), "parameter loss"),
        (lambda: draft(state_unit="cellz/uL"), "state cells"),
        (lambda: draft(unit="day"), "does not scale with time"),
        (lambda: draft(lambda t, y, p: dict(cells=-p.loss * y.cells + 1.0)), "does not scale with time"),
        (lambda: draft(source=Source("Nobody 2024")), "where the number stands"),
        (lambda: draft(source=assumed("")), "where the number stands"),
        (lambda: draft(prior=Uniform(0.5, 1.0), default=0.2), "outside its prior's support"),
        (lambda: draft(lambda t, y, p: dict(cells=-p.loss * (y.cells + 1.0))), "falls when it is at zero"),
        (lambda: draft(lambda t, y, p: dict(cells=p.loss * y.cells**0.5)), "not finite at all states zero"),
        (lambda: draft(lambda t, y, p: dict(cells=p.loss * y.cells / y.cells)), "not finite at all states"),
        (lambda: draft(solution=lambda t, p: dict(cells=5.0 * exp(-2.0 * p.loss * t))), "closed form"),
        (lambda: draft(solution=lambda t, p: dict(cells=4.0 * exp(-p.loss * t))), "closed form"),
    ],
)
def test_a_planted_fault_is_found(faulty, words):
    findings = check_model(faulty())
    assert any(words in finding for finding in findings), findings


def test_a_safe_term_cures_the_infinite_slope():
    cured = draft(lambda t, y, p: dict(cells=p.loss * y.cells * (1.0 - hill(y.cells, 3.0, 0.5, floor=1e-9))))
    assert not any("not finite" in finding for finding in check_model(cured))


def test_a_wrong_slope_is_found(monkeypatch):
    model = draft(lambda t, y, p: dict(cells=-p.loss * y.cells * y.cells))
    position = (0, 0)
    wrong = model.traced.jacobian[position] * 1.0001
    monkeypatch.setitem(model.traced.jacobian, position, wrong)
    assert any("slope of cells' by cells" in finding for finding in check_model(model))


@pytest.mark.parametrize("name", ["kirouac2023", "singh2021_bb2121"])
def test_the_jacobian_agrees_with_50_digit_central_differences(name):
    """Independent of complex steps: mpmath numbers go through the model's own function."""
    import mpmath

    model = load_model(name)
    y, t = np.random.default_rng(5).uniform(1.0, 2.0, len(model.states)) * 1e6, 3.0
    traced = jacobian_function(model)(t, y, model.values)
    with mpmath.workdps(50):
        p = [mpmath.mpf(float(value)) for value in model.values]
        for j in range(len(y)):
            step = mpmath.mpf(float(y[j])) * mpmath.mpf("1e-15")
            moved = [[mpmath.mpf(float(v)) for v in y] for _ in range(2)]
            moved[0][j] += step
            moved[1][j] -= step
            up, down = (model.derivatives(t, state, p) for state in moved)
            slopes = [float((a - b) / (2 * step)) for a, b in zip(up, down, strict=True)]
            size = np.abs(slopes).max()
            assert traced[:, j] == pytest.approx(slopes, rel=1e-10, abs=1e-13 * size)
