"""hill, power and ratio stay finite, with finite slopes, where a population dies out."""

import numpy as np
import pytest

from cartsim.errors import ModelError
from cartsim.spec.check import plain_function
from cartsim.spec.expression import Graph, derivative
from cartsim.spec.terms import NEVER, after, hill, power, ratio

EXPONENTS = [0.2, 0.55, 1.0, 1.7, 2.0, 3.0]


def value_and_slope(function, x: float) -> tuple[float, float]:
    graph = Graph()
    leaf = graph.leaf("state", 0)
    root = function(leaf)
    return tuple(plain_function([root, derivative(root, leaf)])(state=[x]))


@pytest.mark.parametrize("exponent", EXPONENTS)
@pytest.mark.parametrize("x", [0.0, 1e-300, 1e-12, -1e-9])
def test_a_hill_term_and_its_slope_are_finite_at_and_below_zero(exponent, x):
    value, slope = value_and_slope(lambda y: hill(y, 2.0, exponent, floor=1e-9), x)
    assert np.isfinite([value, slope]).all()
    assert abs(value) < 1e-1
    assert value == 0.0 or np.sign(value) == np.sign(x) or exponent == 2.0


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_a_hill_term_is_one_half_at_its_half_level_and_ends_at_one(exponent):
    assert hill(2.0, 2.0, exponent) == pytest.approx(0.5, rel=1e-15)
    assert hill(2e12, 2.0, exponent) == pytest.approx(1.0, abs=1e-2)
    assert hill(0.0, 2.0, exponent) == 0.0


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_a_hill_term_is_the_textbook_formula_above_its_floor(exponent):
    for x in (1e-5, 0.3, 7.0):
        assert hill(x, 2.0, exponent) == pytest.approx(x**exponent / (2.0**exponent + x**exponent), rel=1e-13)


@pytest.mark.parametrize("exponent", [0.2, 0.7, 1.7])
def test_a_power_joins_its_straight_line_without_a_jump(exponent):
    floor = 1e-6
    above, below = (power(floor * (1 + e), exponent, floor=floor) for e in (1e-9, -1e-9))
    assert above == pytest.approx(below, rel=1e-8)
    assert power(0.5 * floor, exponent, floor=floor) == pytest.approx(0.5 * floor**exponent, rel=1e-14)
    assert power(0.0, exponent, floor=floor) == 0.0


@pytest.mark.parametrize("exponent", [0.2, 0.7, 1.7])
def test_the_slope_of_a_power_below_its_floor_is_that_of_the_line(exponent):
    floor = 1e-6
    for x in (0.0, 0.3 * floor, -floor):
        _, slope = value_and_slope(lambda y: power(y, exponent, floor=floor), x)
        assert slope == pytest.approx(floor ** (exponent - 1.0), rel=1e-14)


def test_a_ratio_of_two_dying_populations_is_zero_not_undefined():
    graph = Graph()
    x, y = graph.leaf("state", 0), graph.leaf("state", 1)
    root = ratio(x, y, floor=1e-6)
    function = plain_function([root, derivative(root, x), derivative(root, y)])
    assert function(state=(0.0, 0.0)).tolist() == [0.0, 1e6, 0.0]
    assert function(state=(3.0, 2.0)).tolist() == [1.5, 0.5, -0.75]


@pytest.mark.parametrize(
    "term", [lambda x: hill(x, 2.0, 0.5), lambda x: power(x, 0.5), lambda x: ratio(x, x)]
)
def test_a_term_never_hides_a_nan(term):
    value, _ = value_and_slope(term, np.nan)
    assert np.isnan(value)
    assert np.isnan(term(np.nan))


def test_terms_take_arrays_as_well_as_numbers():
    x = np.array([0.0, 1e-12, 0.4, 3.0])
    for function in (lambda y: hill(y, 2.0, 0.5), lambda y: power(y, 1.7), lambda y: ratio(y, y * y)):
        assert function(x).tolist() == [float(function(v)) for v in x]


def test_after_is_one_from_the_switch_time_on():
    assert after(1.0, 2.0) == 0.0
    assert after(2.0, 2.0) == 1.0
    assert after(1e6, NEVER) == 0.0


def test_after_on_a_state_or_on_shifted_time_is_refused():
    graph = Graph()
    t, state, parameter = graph.leaf("time"), graph.leaf("state", 0), graph.leaf("parameter", 0)
    with pytest.raises(ModelError, match="depends on parameters only"):
        after(t, state)
    with pytest.raises(ModelError, match="depends on parameters only"):
        after(t, parameter + t)
    with pytest.raises(ModelError, match="the model's own clock"):
        after(t - 1.0, parameter)
    with pytest.raises(ModelError, match="the model's own clock"):
        after(state, parameter)
    assert after(t, parameter) is after(t, parameter)
    assert len(graph.switches) == 1
