"""The generated solver: named by its own text, the same for the same model, straight-line, vectorisable."""

# ruff: noqa: C408 -- equations by name read as in a model file
import ast
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

from cartsim.kernels import elementary
from cartsim.kernels.tableaus import DORMAND_PRINCE, RODAS4, RODAS5P
from cartsim.models import load_model, model_names
from cartsim.spec import generate, printing
from cartsim.spec.expression import Graph, derivative, ordered
from cartsim.spec.generate import closed_form_text, parameter_only, solver_text
from cartsim.spec.printing import LONGEST_LOOP, Layout, lane_kernel, number
from cartsim.spec.terms import exp, log, maximum, where
from tests.problems import WARD, constants, decay, decay_rhs, problem, state

METHODS = [RODAS4, RODAS5P, DORMAND_PRINCE]


@pytest.mark.parametrize("tableau", METHODS, ids=lambda t: t.name)
@pytest.mark.parametrize("name", model_names())
def test_the_text_of_every_shipped_model_is_python(name, tableau):
    tree = ast.parse(solver_text(load_model(name), tableau))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert {"prepare", "rhs", "advance", "interpolate", "judge", "observe", "solve"} <= functions
    assert ("factor" in functions) == (tableau is not DORMAND_PRINCE)


def test_the_same_model_gives_the_same_text():
    assert solver_text(decay(), RODAS4) == solver_text(decay(), RODAS4)


def test_the_text_and_so_the_modules_name_follow_model_method_and_driver(monkeypatch, tmp_path):
    text = solver_text(decay(), RODAS4)
    slower = problem(
        "decay", [state("amount", 1.0)], constants(rate=0.7), lambda t, y, p: dict(amount=-p.rate)
    )
    assert solver_text(slower, RODAS4) != text
    assert solver_text(decay(), RODAS5P) != text
    finer = problem("decay", [state("amount", 1.0, scale=1e-3)], constants(rate=0.7), decay_rhs)
    assert solver_text(finer, RODAS4) != text
    assert solver_text(decay(), RODAS4, lanes=1) != text
    assert solver_text(decay(), RODAS4, watched=("amount",)) != text
    shutil.copytree(generate.KERNELS, tmp_path / "kernels")
    driver = tmp_path / "kernels" / "lane_driver.py"
    driver.write_text(driver.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
    monkeypatch.setattr(generate, "KERNELS", tmp_path / "kernels")
    assert solver_text(decay(), RODAS4) != text


def test_parameter_values_do_not_enter_the_text():
    other = problem("decay", [state("amount", 1.0)], constants(rate=123.0), decay_rhs)
    assert solver_text(other, RODAS4) == solver_text(decay(), RODAS4)


@pytest.mark.parametrize("value", [0.1, -1e-300, 6.023e23, 1 / 3, 5e-324, float("inf"), float("-inf")])
def test_a_constant_reads_back_to_the_same_bits(value):
    assert eval(number(value), {"np": np}) == value


def test_a_nan_constant_reads_back_as_nan():
    assert np.isnan(eval(number(float("nan")), {"np": np}))


@pytest.mark.parametrize("name", model_names())
def test_offsets_are_constants_and_loops_stay_short(name):
    text = solver_text(load_model(name), RODAS5P)
    kernels = text[: text.index("def judge")]
    assert not re.search(r"w\[[a-z_]+ \+ lane\]", kernels), "an offset that is a variable is not vectorised"
    for body in re.split(r"for lane in range\(8\):", kernels):
        assert body.count("\n") < 3 * LONGEST_LOOP


def test_what_depends_on_parameters_only_is_computed_once_a_patient():
    traced = load_model("stein2019_tisagenlecleucel").traced
    hoisted = parameter_only([*traced.rhs, *traced.jacobian.values()])
    assert any(node.op == "div" for node in hoisted), "log(foldx) / tmax"
    text = solver_text(load_model("stein2019_tisagenlecleucel"), RODAS4)
    rhs = text[text.index("def rhs") : text.index("def factor")]
    assert "log(" not in rhs


def executed(text):
    """The function `rhs` of a kernel's text, as plain Python around the compiled exp, log and power."""
    room = vars(elementary) | {"kernel": lambda function: function}
    exec(text, room)
    return room["rhs"]


def test_exp_log_and_powers_do_not_cut_the_loop():
    graph, layout = Graph(), Layout()
    x, y = graph.leaf("state", 0), graph.leaf("state", 1)
    place = {x.key: layout.take("X"), y.key: layout.take("Y")}.get
    guarded = maximum(y, 1e-9)
    root = exp(x * 2.0) + log(x) + x**1.5 + guarded**0.7 + guarded**x
    text = lane_kernel("rhs", [(layout.take("F"), root)], lambda n: place(n.key), layout, {})
    assert text.count("for lane in range(8):") == 1
    assert not re.search(r"np\.|\*\*", text)
    assert text.count("log_in_two_parts(") == 2, "one for x, one for both powers of y"
    assert (text.count(" power("), text.count(" power_of_positive(")) == (1, 2), "max(y, 1e-9) > 0"
    w = np.zeros(layout.used)
    w[:8], w[8:16] = np.linspace(0.1, 3.0, 8), np.linspace(0.3, 40.0, 8)
    executed(text)(w)
    expected = np.exp(2.0 * w[:8]) + np.log(w[:8]) + w[:8] ** 1.5 + w[8:16] ** 0.7 + w[8:16] ** w[:8]
    assert w[16:24] == pytest.approx(expected, rel=1e-14)


def test_the_slope_of_a_guarded_power_needs_no_second_power():
    graph = Graph()
    x = graph.leaf("state", 0)
    for base, powers in ((maximum(x, 1e-9), 1), (x, 2)):
        value = base**1.5
        assert sum(node.op == "pow" for node in ordered([value, derivative(value, x)])) == powers


def test_a_condition_may_be_combined_across_loops(monkeypatch):
    monkeypatch.setattr(printing, "LONGEST_LOOP", 1)
    graph, layout = Graph(), Layout()
    x, y = graph.leaf("state", 0), graph.leaf("state", 1)
    offsets = {x.key: layout.take("X"), y.key: layout.take("Y")}
    both, either = (x > 1.0) & (y < exp(x)), (x > 1.0) | (exp(x) < y)
    stores = [
        (layout.take("BOTH"), where(both, 1.0, 2.0)),
        (layout.take("EITHER"), where(either, 3.0, 4.0)),
        (layout.take("NOT"), where(~either, 5.0, 6.0)),
    ]
    text = lane_kernel("rhs", stores, lambda node: offsets.get(node.key), layout, {})
    assert text.count("for lane") >= 8
    w = np.zeros(layout.used)
    w[:8], w[8:16] = [0.0, 2.0, 2.0, 0.0, 0.5, 1.5, 1.0, 3.0], [0.0, 2.0, 9.0, 9.0, 1.0, 4.4, 2.0, 30.0]
    executed(text)(w)
    x_at, y_at = w[:8], w[8:16]
    first, second = (x_at > 1) & (y_at < np.exp(x_at)), (x_at > 1) | (np.exp(x_at) < y_at)
    assert w[16:24].tolist() == np.where(first, 1.0, 2.0).tolist()
    assert w[24:32].tolist() == np.where(second, 3.0, 4.0).tolist()
    assert w[32:40].tolist() == np.where(~second, 5.0, 6.0).tolist()


def test_a_long_equation_is_cut_into_loops_that_agree_with_one():
    graph, layout = Graph(), Layout()
    x = graph.leaf("state", 0)
    total = x
    for k in range(2 * LONGEST_LOOP):
        total = (total + float(k)) * 0.5
    offset = layout.take("X")
    text = lane_kernel("rhs", [(layout.take("F"), total)], lambda n: offset if n is x else None, layout, {})
    assert text.count("for lane") >= 4
    w = np.zeros(layout.used)
    w[:8] = np.arange(8.0)
    executed(text)(w)
    expected = np.arange(8.0)
    for k in range(2 * LONGEST_LOOP):
        expected = (expected + float(k)) * 0.5
    assert w[8:16].tolist() == expected.tolist()


def test_a_closed_form_has_its_own_small_module():
    text = closed_form_text(load_model("stein2019_tisagenlecleucel"))
    assert {node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)} == {
        "closed_form",
        "observe",
    }


def test_a_model_that_is_renamed_keeps_its_solver_apart_from_its_namesake():
    other = replace(WARD, name="ward_two")
    assert solver_text(other, RODAS4).partition("\n")[2] == solver_text(WARD, RODAS4).partition("\n")[2]
    assert solver_text(other, RODAS4) != solver_text(WARD, RODAS4)
