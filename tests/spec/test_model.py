"""A model checks itself when it is built, and says in words what is wrong with it."""

# ruff: noqa: C408 -- equations by name read as in a model file
import math
from collections.abc import Callable

import numpy as np
import pytest

from cartsim.errors import ModelError
from cartsim.spec.model import Course, Model, Output, Parameter, Source, State, assumed
from cartsim.spec.priors import Fixed, LogNormal
from cartsim.spec.terms import after, where

SOURCE = Source("Nobody 2024, Journal", doi="10.0/0", population="none")
CELLS = (State("cells", "cells", "cells", initial=1.0),)
SEEN = (Output("seen", "cells", "cells seen"),)


def parameter(name: str, value: float = 1.0) -> Parameter:
    return Parameter(name, "1/day", f"rate {name}", LogNormal(value, 0.5), SOURCE.at("Table 1"))


def built(
    rhs: Callable | None = None,
    *,
    outputs: Callable | None = None,
    states=CELLS,
    parameters=None,
    declared=SEEN,
    **options,
) -> Model:
    return Model(
        SOURCE,
        states,
        parameters or (parameter("grow"),),
        declared,
        rhs or (lambda t, y, p: dict(cells=p.grow * y.cells)),
        outputs or (lambda t, y, p: dict(seen=y.cells)),
        name="draft",
        **options,
    )


def test_a_sound_model_is_built_and_knows_its_names_and_values():
    model = built()
    assert (model.state_names, model.parameter_names, model.output_names) == (
        ("cells",),
        ("grow",),
        ("seen",),
    )
    assert model.values.tolist() == [1.0]
    assert model.vector(grow=2.0).tolist() == [2.0]
    assert model.derivatives(0.0, [3.0], [2.0]) == [6.0]
    with pytest.raises(ValueError, match="read-only"):
        model.values[0] = 5.0


def test_the_default_value_is_the_priors_median_unless_said():
    assert parameter("grow", 0.25).value == pytest.approx(0.25)
    stated = Parameter("grow", "1/day", "growth", LogNormal(0.25, 1.0), SOURCE.at("text"), default=0.4)
    assert stated.value == 0.4


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (dict(states=(State("Cells", "cells", "cells"),)), "not snake_case"),
        (dict(states=(State("cells", "cells", "cells"),) * 2), "declared twice"),
        (dict(parameters=(parameter("grow"), parameter("grow"))), "declared twice"),
        (dict(states=(State("cells", "cells", " "),)), "no meaning in words"),
        (dict(states=(State("cells", "cells", "cells", scale=0.0),)), "must be positive and finite"),
        (dict(states=(State("cells", "cells", "cells", initial=-1.0),)), "below zero"),
        (
            dict(states=(State("cells", "cells", "cells", positive=False, extinct_below=1.0),)),
            "only die out where it is declared positive",
        ),
        (dict(declared=()), "at least one state and one output"),
        (dict(infusion="blood"), "not a state"),
        (dict(dose=1e8), "no state to infuse into"),
        (dict(infusion={"cells": 0.5, "blood": 0.6}), "'blood', which is not a state.*add up to 1.1"),
        (dict(infusion="cells", courses={"high": Course(1.0)}), "'high', which is not a scenario"),
        (dict(infusion="cells", courses={"": Course(1.0, (0.0, 1.0), (0.5, 0.4))}), "adding up to 1"),
        (dict(scenarios={"high": {"grows": 2.0}}), "scenario 'high' sets unknown parameters grows"),
        (dict(spans={"high": 9.0}), "span of 'high': 9.0 days of no scenario"),
        (
            dict(parameters=(Parameter("grow", "1/day", "growth", Fixed(1.0), "Table 1"),)),
            "no source",
        ),
    ],
)
def test_a_bad_declaration_is_refused_in_words(options, words):
    with pytest.raises(ModelError, match=words):
        built(**options)


def test_all_faults_of_the_declarations_come_at_once():
    with pytest.raises(ModelError, match=r"snake_case.*not a state"):
        built(states=(State("Cells", "cells", "cells"),), infusion="blood")


@pytest.mark.parametrize(
    ("rhs", "words"),
    [
        (lambda t, y, p: dict(cells=p.grow if y.cells > 1.0 else 0.0), "Python `if`"),
        (lambda t, y, p: dict(cells=p.grow * math.exp(y.cells)), "math.exp"),
        (lambda t, y, p: dict(cells=p.grow * np.exp(y.cells)), "cannot be traced.*remedy: use exp"),
        (lambda t, y, p: dict(cells=p.grow * np.where(y.cells > 1.0, 1.0, 0.0)), "draft"),
        (lambda t, y, p: dict(cells=p.grow * where(y.cells == 0.0, 1.0, 0.0)), "equality test"),
        (lambda t, y, p: dict(cells=p.grow * y.tumor), "not declared.*tumor"),
        (lambda t, y, p: dict(cells=p.growth * y.cells), "not declared.*growth"),
        (lambda t, y, p: dict(), "missing: cells"),
        (lambda t, y, p: dict(cells=p.grow, tumor=0.0), "not declared: tumor"),
        (lambda t, y, p: [p.grow * y.cells], "by name"),
        (lambda t, y, p: dict(cells=y.cells), "no equation uses.*grow"),
        (lambda t, y, p: dict(cells=y.cells + 0.0 * p.grow), "no equation uses.*grow"),
        (lambda t, y, p: dict(cells=p.grow * after(t, y.cells)), "depends on parameters only"),
        (lambda t, y, p: dict(cells=p.grow * round(y.cells)), "cannot be traced"),
        (lambda t, y, p: dict(cells=p.grow * (y.cells % 2)), "cannot be traced"),
    ],
)
def test_an_equation_that_cannot_be_used_is_refused_in_words(rhs, words):
    with pytest.raises(ModelError, match=words):
        built(rhs)


def test_outputs_starts_and_closed_forms_are_checked_like_the_equations():
    with pytest.raises(ModelError, match=r"outputs of model draft.*missing: seen"):
        built(outputs=lambda t, y, p: dict(visible=y.cells))
    with pytest.raises(ModelError, match="states that do not exist"):
        built(initial=lambda p: dict(tumor=p.grow))
    with pytest.raises(ModelError, match=r"solution of model draft.*missing: cells"):
        built(solution=lambda t, p: dict(seen=p.grow))


def test_a_start_may_depend_on_parameters_only():
    model = built(initial=lambda p: dict(cells=2.0 * p.grow))
    assert model.traced.initial[0].op == "mul"
    with pytest.raises(ModelError, match="name that is not declared"):
        built(initial=lambda p: dict(cells=p.cells))


def test_unknown_parameters_and_scenarios_are_answered_with_the_known_ones():
    model = built(scenarios={"slow": {"grow": 0.1}})
    assert model.vector(scenario="slow").tolist() == [0.1]
    assert model.vector(scenario="slow", grow=3.0).tolist() == [3.0]
    with pytest.raises(ModelError, match="got: grew; allowed: grow"):
        model.vector(grew=1.0)
    with pytest.raises(ModelError, match="got: fast; allowed: slow"):
        model.vector(scenario="fast")


def test_scenarios_cannot_be_changed_after_the_model_is_built():
    model = built(scenarios={"slow": {"grow": 0.1}})
    with pytest.raises(TypeError):
        model.scenarios["slow"]["grow"] = 9.0


def test_a_source_names_its_place():
    assert str(SOURCE.at("Table 1")) == "Nobody 2024, Journal, Table 1, doi:10.0/0"
    assert str(assumed("no data")) == "assumed, no data"


def identity(model: Model) -> str:
    return model.digest() if callable(model.digest) else model.digest


def test_the_digest_changes_with_the_equations_and_the_solver_declarations_only():
    same = identity(built())
    assert identity(built(lambda t, y, p: dict(cells=y.cells * p.grow * 1.0))) != ""
    assert identity(built(parameters=(parameter("grow", 7.0),))) == same, "values are not equations"
    assert identity(built(lambda t, y, p: dict(cells=2.0 * p.grow * y.cells))) != same
    assert identity(built(states=(State("cells", "cells", "cells", initial=1.0, scale=2.0),))) != same
    assert identity(built(outputs=lambda t, y, p: dict(seen=2.0 * y.cells))) != same
