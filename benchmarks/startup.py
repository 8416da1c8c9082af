"""How long until the first result: import, empty cache, filled cache, after `cartsim warmup`.

python -m benchmarks.startup            about four minutes
python -m benchmarks.startup --quick    one model, once

Every measurement is a fresh process. A cold one finds an empty CARTSIM_CACHE_DIR; Python's own byte code is
there already, as after an installation.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.cases import MODELS
from benchmarks.record import RESULTS, head, setting, table, write

STARTED = ("stein_ode", "singh2021", "crs16")
ROOT = Path(__file__).resolve().parent.parent
FIRST = """
import time
begin = time.perf_counter()
import cartsim
imported = time.perf_counter()
found = cartsim.simulate({model!r}, times=range(29))
done = time.perf_counter()
import json
assert found.status.tolist() == [0]
print(json.dumps([imported - begin, done - imported]))
"""
WARMUP = "import sys; sys.argv = ['cartsim', 'warmup', {model!r}]; from cartsim.cli.app import main; main()"


def fresh(code: str, cache: Path) -> tuple[float, str]:
    """Seconds of a new process from start to end, and what it printed."""
    begin = time.perf_counter()
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"CARTSIM_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    taken = time.perf_counter() - begin
    if answer.returncode:
        raise RuntimeError(answer.stderr)
    return taken, answer.stdout


def compiled(cache: Path) -> set[Path]:
    """Compiled kernels in a cache folder."""
    return set(cache.rglob("*.nbc"))


def first_result(model: str, cache: Path) -> dict[str, float]:
    """Seconds of a process that simulates a patient for a month, of its import and call; kernels compiled."""
    before = compiled(cache)
    total, printed = fresh(FIRST.format(model=model), cache)
    imported, called = json.loads(printed)
    new = len(compiled(cache) - before)
    return {"process": total, "import": imported, "call": called, "compiled": new}


def measure(name: str, repeats: int) -> dict[str, object]:
    """One model: cold, cached and after a warm-up, in turn, in new folders every time."""
    model, rows = MODELS[name], {"cold": [], "cached": [], "warmed": []}
    warmups = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            cache = Path(folder)
            rows["cold"].append(first_result(model, cache / "first"))
            rows["cached"].append(first_result(model, cache / "first"))
            warmups.append(fresh(WARMUP.format(model=model), cache / "warm")[0])
            rows["warmed"].append(first_result(model, cache / "warm"))
    return {"model": name, "warmup": middle(warmups)} | {kind: medians(found) for kind, found in rows.items()}


def middle(values: list[float]) -> list[float]:
    """Median, lowest, highest."""
    return [float(f"{value:.4g}") for value in (np.median(values), min(values), max(values))]


def medians(rows: list[dict[str, float]]) -> dict[str, list[float]]:
    """Median, lowest and highest of every number of some runs."""
    return {key: middle([row[key] for row in rows]) for key in rows[0]}


def imports(repeats: int) -> dict[str, list[float]]:
    """Seconds of a Python process that does nothing, and of one that imports cartsim."""
    with tempfile.TemporaryDirectory() as folder:
        codes = {"python": "pass", "cartsim": "import cartsim", "numpy": "import numpy"}
        taken = {name: [] for name in codes}
        for _ in range(repeats):
            for name, code in codes.items():
                taken[name].append(fresh(code, Path(folder))[0])
    return {name: middle(values) for name, values in taken.items()}


def markdown(result: dict[str, object]) -> list[str]:
    """The result as text."""
    lines = head("Start-up", result)
    lines += [f"Seconds, median of {result['repeats']} fresh processes (lowest-highest).", ""]
    lines += table(["process", "seconds"], [(k, _seconds(v)) for k, v in result["imports"].items()])
    lines += [
        "First result: `cartsim.simulate(model, times=range(29))`, whole process, imports included.",
        "",
    ]
    lines += table(
        ["model", "empty cache", "filled cache", "`cartsim warmup`", "after it", "kernels compiled after it"],
        [
            (
                m["model"],
                _seconds(m["cold"]["process"]),
                _seconds(m["cached"]["process"]),
                _seconds(m["warmup"]),
                _seconds(m["warmed"]["process"]),
                f"{m['warmed']['compiled'][0]:.0f}",
            )
            for m in result["models"]
        ],
    )
    lines += ["Of this, the call alone:", ""]
    kinds = ("cold", "cached", "warmed")
    return lines + table(
        ["model", *kinds], [(m["model"], *(_seconds(m[k]["call"]) for k in kinds)) for m in result["models"]]
    )


def _seconds(values: list[float]) -> str:
    return f"{values[0]:.2f} ({values[1]:.2f}-{values[2]:.2f})"


def main(arguments: list[str] | None = None) -> None:
    """Measure, write JSON and Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=STARTED, choices=MODELS)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one model, once, to see that it runs")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    if options.quick:
        options.models, options.repeats = STARTED[:1], 1
    at_start = setting()
    models = []
    for name in options.models:
        models.append(measure(name, options.repeats))
        print(models[-1], flush=True)
    # Last, so that byte code and the disk's cache are warm for these too.
    result = {"setting": at_start, "repeats": options.repeats, "models": models}
    result["imports"] = imports(options.repeats)
    write(options.out, "startup", result, markdown(result))
    print("\n".join(markdown(result)))


if __name__ == "__main__":
    main()
