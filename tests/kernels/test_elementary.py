"""exp, log and power of the lanes against 50 digits, at every special value, and without the compiler."""

import hashlib
import importlib.util
import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import llvmlite.binding
import mpmath
import numba
import numpy as np
import pytest

from cartsim.kernels import elementary, jit

ROOT = Path(__file__).resolve().parents[2]
mpmath.mp.dps = 50
CURIOUS = [
    *(0.0, 5e-324, 1e-310, 2.0**-1022, 1e-30, 0.3, 0.5, 1.0 - 2.0**-53, 1.0, 1.0 + 2.0**-52, 1.5, 2.0, 2.5),
    *(3.0, 4.0, 709.7, 709.9, 745.1, 745.2, 2.0**52 - 0.5, 2.0**52 + 1.0, 2.0**53 - 1.0, 2.0**53 + 2.0),
    *(2.0**70, 1e200, np.finfo(float).max, np.inf),
]
SPECIAL = np.array([sign * x for x in CURIOUS for sign in (1.0, -1.0)] + [np.nan])


@numba.njit(error_model="numpy")
def exp_of(x, result):
    for k in range(x.size):
        result[k] = elementary.exp(x[k])


@numba.njit(error_model="numpy")
def log_of(x, result):
    for k in range(x.size):
        result[k] = elementary.log(x[k])


@numba.njit(error_model="numpy")
def power_of(x, y, result):
    for k in range(x.size):
        high, low = elementary.log_in_two_parts(x[k])
        result[k] = elementary.power(x[k], high, low, y[k])


@numba.njit(error_model="numpy")
def power_of_positive_of(x, y, result):
    for k in range(x.size):
        high, low = elementary.log_in_two_parts(x[k])
        result[k] = elementary.power_of_positive(high, low, y[k])


def evaluated(function, *arguments):
    result = np.empty_like(arguments[0])
    function(*arguments, result)
    return result


def any_positive(count):
    """Numbers of every exponent, subnormal ones included."""
    return np.random.default_rng(7).integers(1, 0x7FF0_0000_0000_0000, count).view(np.float64)


def fingerprint():
    """Bits of many results, NaN made alike."""
    x = np.concatenate([SPECIAL, any_positive(2000), np.linspace(-800.0, 800.0, 999)])
    y = np.resize(np.linspace(-5.0, 5.0, 101), x.size)
    results = [evaluated(exp_of, x), evaluated(log_of, x), evaluated(power_of, x, y)]
    every = np.concatenate(results)
    return hashlib.sha256(np.where(np.isnan(every), np.nan, every).tobytes()).hexdigest()


def off_by(got, expected):
    """Errors in units of the last place."""
    pairs = zip(got, expected, strict=True)
    return np.array([float(abs(mpmath.mpf(a) - b) / np.spacing(abs(float(b)))) for a, b in pairs])


EXPONENTS = {
    "everywhere": np.linspace(-708.0, 709.7, 3001),
    "below the normal numbers": np.linspace(-745.0, -708.0, 500),
    "around zero": np.linspace(-1.0, 1.0, 1000),
    "tiny": np.concatenate([np.geomspace(1e-320, 1e-3, 250), -np.geomspace(1e-320, 1e-3, 250)]),
    # halves of ln 2, where the reduction turns over
    "turning points": np.nextafter((np.arange(-1000, 1000, 7) + 0.5) * np.log(2.0), np.inf),
}
POSITIVE = {
    "everywhere": any_positive(3000),
    "below the normal numbers": np.random.default_rng(8).integers(1, 2**52, 500).view(np.float64),
    "around one": np.concatenate([np.linspace(0.5, 2.0, 2001), 1.0 + np.linspace(-1e-7, 1e-7, 501)]),
    "turning points": np.sqrt(0.5) * 2.0 ** np.arange(-300, 300, 7) * (1.0 + 2.0**-52),
}


@pytest.mark.parametrize("where", EXPONENTS)
def test_exp_is_off_by_less_than_one_unit_in_the_last_place(where):
    x = EXPONENTS[where]
    assert off_by(evaluated(exp_of, x), [mpmath.exp(v) for v in x]).max() < 1.0


@pytest.mark.parametrize("where", POSITIVE)
def test_log_is_off_by_less_than_one_unit_in_the_last_place(where):
    x = POSITIVE[where]
    assert off_by(evaluated(log_of, x), [mpmath.log(v) for v in x]).max() < 1.0


@pytest.mark.parametrize("reach", [1.0, 10.0, 50.0, 700.0])
def test_a_power_is_good_to_the_error_that_is_promised(reach):
    rng = np.random.default_rng(int(reach))
    x = np.concatenate([np.exp(rng.uniform(-60.0, 60.0, 1500)), rng.uniform(0.5, 2.0, 1500)])
    y = rng.uniform(-reach, reach, x.size) / np.where(abs(x - 1.0) < 1e-3, 1.0, np.log(x))
    got = evaluated(power_of, x, y)
    assert evaluated(power_of_positive_of, x, y).tolist() == got.tolist()
    true = [mpmath.power(base, exponent) for base, exponent in zip(x, y, strict=True)]
    relative = np.array([float(abs(mpmath.mpf(a) / b - 1)) for a, b in zip(got, true, strict=True)])
    assert np.all(relative < 2.5e-16 + 3e-17 * abs(y * np.log(x)))


def same(got, expected):
    """The same number to the last place or two; of zeros, infinities and NaN exactly the same."""
    exact = (expected == 0.0) | ~np.isfinite(expected)
    with np.errstate(all="ignore"):
        near = abs(got - expected) <= np.maximum(2.0 * np.spacing(abs(expected)), 1.3e-14 * abs(expected))
    identical = np.isnan(got) & np.isnan(expected)
    identical |= (got == expected) & (np.signbit(got) == np.signbit(expected))
    return np.where(exact, identical, near)


@pytest.mark.parametrize(("function", "like"), [(exp_of, np.exp), (log_of, np.log)])
def test_special_values_are_those_of_numpy(function, like):
    with np.errstate(all="ignore"):
        expected = like(SPECIAL)
    assert SPECIAL[~same(evaluated(function, SPECIAL), expected)].tolist() == []


def test_powers_of_special_values_are_those_of_numpy():
    x, y = (np.array(column) for column in zip(*itertools.product(SPECIAL, SPECIAL), strict=True))
    with np.errstate(all="ignore"):
        expected = np.power(x, y)
    wrong = ~same(evaluated(power_of, x, y), expected)
    assert list(zip(x[wrong], y[wrong], expected[wrong], strict=True)) == []
    plus = ~np.signbit(x) & ~np.isnan(x) & ~((x == 1.0) & np.isnan(y))
    assert same(evaluated(power_of_positive_of, x[plus], y[plus]), expected[plus]).all()


def test_the_plain_python_twins_give_the_same_bits(monkeypatch):
    monkeypatch.setattr(jit, "inlined", lambda function: function)
    found = importlib.util.spec_from_file_location("plain_elementary", elementary.__file__)
    plain = importlib.util.module_from_spec(found)
    found.loader.exec_module(plain)
    x = np.concatenate([SPECIAL, any_positive(500), np.linspace(-800.0, 800.0, 300)])
    y = np.random.default_rng(3).permutation(x)
    with np.errstate(all="ignore"):
        pairs = {
            "exp": (evaluated(exp_of, x), [plain.exp(v) for v in x]),
            "log": (evaluated(log_of, x), [plain.log(v) for v in x]),
            "power": (
                evaluated(power_of, x, y),
                [plain.power(v, *plain.log_in_two_parts(v), n) for v, n in zip(x, y, strict=True)],
            ),
        }
    for name, (compiled, twin) in pairs.items():
        # A NaN may carry any sign.
        assert np.array_equal(compiled, np.array(twin), equal_nan=True), name
        zero = compiled == 0.0
        assert np.array_equal(np.signbit(compiled[zero]), np.signbit(np.array(twin)[zero])), name


@pytest.mark.parametrize("function", [exp_of, log_of, power_of])
def test_a_number_has_the_same_bits_alone_and_among_neighbours(function):
    x = np.random.default_rng(5).permutation(np.concatenate([SPECIAL, any_positive(50)]))
    arguments = (x, x[::-1].copy()) if function is power_of else (x,)
    together = evaluated(function, *arguments)
    alone = [evaluated(function, *(a[k : k + 1] for a in arguments))[0] for k in range(x.size)]
    assert np.array_equal(together, np.array(alone), equal_nan=True)


@pytest.mark.slow
def test_the_bits_do_not_depend_on_the_width_of_the_vectors(tmp_path):
    """Compiled for the plainest processor of this family, which has vectors of two numbers at most."""
    code = "from tests.kernels.test_elementary import fingerprint; print(fingerprint())"
    plainest = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "CARTSIM_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | plainest | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == fingerprint()


@pytest.mark.parametrize("function", [exp_of, log_of, power_of])
def test_a_loop_over_numbers_is_compiled_to_vector_instructions(function):
    if not llvmlite.binding.get_host_cpu_features().get("avx2"):
        pytest.skip("this processor has no wide vector registers")
    evaluated(function, *([np.ones(8)] * (2 if function is power_of else 1)))
    (assembly,) = function.inspect_asm().values()
    assert re.search(r"\bvmulpd\s.*[yz]mm\d+", assembly)
    assert not re.search(r"\b(exp|log|pow)\b", assembly), "a call of the C library"
