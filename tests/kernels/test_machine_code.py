"""What the compiler makes of a step: packed arithmetic in wide registers, no allocation, no library calls."""

import re
from functools import cache

import llvmlite.binding
import numba
import pytest

from cartsim.kernels.tableaus import RODAS4
from cartsim.models import load_model
from cartsim.spec.generate import solver_module

W, CONTROL = numba.float64[::1], numba.float64[::1]
ARITHMETIC = ("rhs", "factor", "backsolve", "judge", "take", "dense", "interpolate")
STEP = dict.fromkeys((*ARITHMETIC, "advance", "plan_alike", "judge_alike", "ask_alike"), (W,))
STEP |= dict.fromkeys(("plan", "verdict"), (W, CONTROL))


@cache
def compiled(name: str):
    """A kernel of Singh's model compiled afresh: cached code cannot be inspected."""
    module = solver_module(load_model("singh2021_bb2121"), RODAS4)
    fresh = numba.njit(error_model="numpy", nogil=True)(getattr(module, name).py_func)
    fresh.compile(STEP[name])
    return fresh


@pytest.mark.parametrize("name", [*ARITHMETIC, "verdict"])
def test_eight_lanes_are_worked_on_in_wide_registers(name):
    if not llvmlite.binding.get_host_cpu_features().get("avx"):
        pytest.skip("this processor has no wide vector registers")
    assembly = "".join(compiled(name).inspect_asm().values())
    assert re.search(r"\bv(mul|div|add|sub|max|min|cmp\w*)pd\s.*[yz]mm\d+", assembly), f"{name} is not packed"
    # a few are limits computed before the loop
    one_by_one = re.findall(r"\bv?(?:mul|div|sqrt)sd\s", assembly)
    assert len(one_by_one) < 4, f"{name} does arithmetic lane by lane"


@pytest.mark.parametrize("name", ["rhs", "factor"])
def test_powers_are_not_calls_of_the_c_library(name):
    """Singh's model has two powers with exponents that are not whole."""
    assembly = "".join(compiled(name).inspect_asm().values())
    assert not re.search(r"\b(exp|log|pow)\b", assembly)


@pytest.mark.parametrize("name", STEP)
def test_a_step_allocates_nothing(name):
    code = "".join(compiled(name).inspect_llvm().values())
    assert "define" in code
    assert not re.search(r"NRT_(MemInfo_alloc|Allocate)", code)


def test_the_search_for_allocations_finds_one():
    @numba.njit
    def allocates(w):
        return (w + 1.0).sum()

    allocates.compile((W,))
    assert re.search(r"NRT_(MemInfo_alloc|Allocate)", "".join(allocates.inspect_llvm().values()))
