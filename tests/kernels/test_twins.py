"""Every kernel is plain Python too: run without the compiler it gives the compiled numbers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cartsim.kernels.methods import Rodas5P
from cartsim.models import load_model
from cartsim.regimen.doses import Dose
from tests.kernels.test_reduce import sample
from tests.problems import FEVER, WARD, given, reacting, solved

ROOT = Path(__file__).resolve().parents[2]
WARD_VALUES = {"pace": 0.3, "speed_up": 2.0, "switch_day": 1.7}
SCRIPT = """
import json, sys
sys.path.insert(0, {root!r})
import numpy as np
from cartsim.kernels.methods import Rodas5P
from cartsim.models import load_model
from cartsim.regimen.doses import Dose
from tests.problems import FEVER, WARD, given, reacting, solved
np.seterr(all="ignore")
stein = load_model("stein2019_tisagenlecleucel")
events = given(Dose(3.0), Dose(1.0, 1.2, 0.5))
results = {{
    "ward": solved(WARD, {times}, Rodas5P(rtol=1e-4), events=events, **{values}),
    "stein": solved(stein, {days}, Rodas5P(rtol=1e-3)),
    "stein closed": solved(stein, {days}, None, tocilizumab_day=3.0),
    "fever": solved(FEVER, {days}, Rodas5P(rtol=1e-5), events=reacting()),
}}
for name, result in results.items():
    counts, firings = result.counts.tolist(), result.firings.tolist()
    print(json.dumps([name, result.outputs.tolist(), result.states.tolist(), counts, firings]))
"""
PLACEHOLDER = """
import sys
sys.path.insert(0, {root!r})
import numpy as np
from cartsim.kernels.lane_driver import solve
from cartsim.kernels.methods import Rodas5P
from cartsim.kernels.work import Found, Work
np.seterr(all="ignore")
count, times = 11, np.array([0.0, 0.5, 2.0])
rates = np.linspace(0.1, 2.0, count)[:, None]
offsets = np.arange(0, 3 * count + 1, 3)
states, status = np.empty((3 * count, 1)), np.zeros(count, dtype=np.int64)
counts, who = np.zeros((count, 3), dtype=np.int64), np.zeros(count, dtype=np.int64)
none, rules, actions = np.zeros(2, dtype=np.int64), np.empty((0, 10)), np.empty((0, 4))
layout = (times, np.array([0, 3]), offsets, none, np.empty((0, 4)), none, rules, actions)
work = Work(rates, who, *layout, Rodas5P(rtol=1e-5).control(0.0))
solve(0, count, work, Found(states, status, counts, np.empty((count, 0))))
assert status.tolist() == [0] * count, status
assert counts[:, 0].min() > 20, counts
# First order, error control on y + 1: the global error is the sum of some hundred errors of rtol each.
assert np.abs(states.reshape(count, 3) - np.exp(-rates * times)).max() < 2e-3
"""
TIMES, DAYS = [0.0, 0.4, 1.2, 2.0, 3.0], [0.0, 5.0, 9.3, 12.0, 28.0]


def run_plain(code: str, cache: Path) -> str:
    """Printed by a process in which numba compiles nothing."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1", "CARTSIM_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_plain_python_twin_of_every_kernel_gives_the_compiled_numbers(tmp_path):
    code = SCRIPT.format(root=str(ROOT), times=TIMES, days=DAYS, values=WARD_VALUES)
    plain = {name: rest for name, *rest in map(json.loads, run_plain(code, tmp_path).splitlines())}
    stein = load_model("stein2019_tisagenlecleucel")
    events = given(Dose(3.0), Dose(1.0, 1.2, 0.5))
    compiled = {
        "ward": solved(WARD, TIMES, Rodas5P(rtol=1e-4), events=events, **WARD_VALUES),
        "stein": solved(stein, DAYS, Rodas5P(rtol=1e-3)),
        "stein closed": solved(stein, DAYS, None, tocilizumab_day=3.0),
        "fever": solved(FEVER, DAYS, Rodas5P(rtol=1e-5), events=reacting()),
    }
    assert np.isfinite(compiled["fever"].firings).sum() == 4
    for name, result in compiled.items():
        outputs, states, counts, firings = plain[name]
        # Start values and outputs call the C library's exp, log and pow, NumPy its own: the last bit differs.
        assert result.outputs == pytest.approx(np.array(outputs), rel=1e-11, abs=1e-13), name
        assert result.states == pytest.approx(np.array(states), rel=1e-11, abs=1e-13), name
        assert result.counts.tolist() == counts, name
        assert result.firings == pytest.approx(np.array(firings), rel=1e-11, nan_ok=True), name


def test_the_driver_runs_on_its_own_placeholder_model(tmp_path):
    """y' = -k y by implicit Euler with error control, eleven patients through eight lanes."""
    run_plain(PLACEHOLDER.format(root=str(ROOT)), tmp_path)


def test_the_plain_python_twin_of_the_reductions_gives_the_compiled_bits(tmp_path):
    code = (
        f"import json, sys; sys.path.insert(0, {str(ROOT)!r}); from tests.kernels.test_reduce import sample; "
        "print(json.dumps(sample()[1].tolist()))"
    )
    plain = np.array(json.loads(run_plain(code, tmp_path)))
    assert np.array_equal(plain, sample()[1], equal_nan=True)
