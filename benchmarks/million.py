"""A million virtual patients, a year each, reduced to a dozen outcomes: time, memory, statuses.

python -m benchmarks.million            about two minutes
python -m benchmarks.million --quick    small sizes, to see that it runs

Patients are drawn, solved and reduced in chunks; only the outcomes are kept. Each run is a process of its
own, compiled before its clock starts. numbalsoda solves the first patients at the tolerance at which its
median error is cartsim's, and reduces nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np

from benchmarks.cases import MODELS, SEED, SHARED, TIMES, make_case
from benchmarks.peers.table import BY_NAME
from benchmarks.peers.worker import cores
from benchmarks.record import RESULTS, head, peak_megabytes, setting, table, write
from cartsim.errors import CartsimWarning
from cartsim.kernels import methods
from cartsim.models import load_model
from cartsim.solve.cohort import reduce_cohort
from cartsim.solve.reductions import (
    Area,
    FirstBelow,
    LastAbove,
    LowestShare,
    Peak,
    Reduction,
    TimeAbove,
    TimeOfPeak,
    TimeOfTrough,
    ValueAt,
)
from cartsim.spec.model import Model
from cartsim.study.cohort_draw import CohortDraw
from cartsim.study.speed import engine, race, reference, time_at_error, timed
from cartsim.study.speed_case import Case

RTOL = 1e-4
PEER = "numbalsoda"
GRIDS = {"61 times": TIMES, "every day": np.arange(0.5, 366.0)}
# What a trial would report, by the model's own outputs.
OUTCOMES: dict[str, tuple[Reduction, ...]] = {
    "crs16": (
        Peak("i6_out"),
        TimeOfPeak("i6_out"),
        TimeAbove("i6_out", 100.0),
        Peak("ig_out"),
        Peak("te1_out"),
        TimeOfPeak("te1_out"),
        Area("te1_out", start=0.5, end=28.0),
        LastAbove("te1_out", 0.01),
        FirstBelow("bp_out", 1e-3),
        LowestShare("mp_out"),
        TimeOfTrough("mp_out"),
        ValueAt("mp_out", 365.0),
    ),
}


def outcomes(name: str, model: Model) -> tuple[Reduction, ...]:
    """The outcomes of a model of the comparison; peaks and an area for one without a list of its own."""
    first = model.outputs[0].name
    return OUTCOMES.get(name, (Peak(first), TimeOfPeak(first), Area(first, end=28.0)))


def run(name: str, grid: str, patients: int, threads: int, method: str = "Rodas4") -> dict[str, object]:
    """Draw, solve and reduce a cohort in this process; seconds without compiling, peak memory of all."""
    model, events = load_model(MODELS[name]), make_case(name, 1).events
    rows = CohortDraw(model, SEED, None, SHARED.get(name, ()))
    kept, step = outcomes(name, model), getattr(methods, method)(rtol=RTOL)

    def solve(count: int, threads: int):
        options = {"count": count, "events": events, "method": step, "threads": threads}
        return reduce_cohort(model, rows, GRIDS[grid], kept, **options)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CartsimWarning)  # failures are counted below
        solve(16, 1)  # compiles
        cpu, wall = time.process_time(), time.perf_counter()
        found = solve(patients, threads)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {
        "grid": grid,
        "times": len(GRIDS[grid]),
        "threads": threads,
        "patients": patients,
        "seconds": wall,
        "wall": 1e6 * wall / patients,
        "cpu": 1e6 * cpu / patients,
        "megabytes": peak_megabytes(),
        "statuses": found.statuses,
        "digest": hashlib.sha256(found.values.tobytes() + found.status.tobytes()).hexdigest()[:16],
        "medians": dict(zip(found.names, np.nanmedian(found.values, axis=0).tolist(), strict=True)),
    }


def alone(*arguments: object) -> dict[str, object]:
    """`run` in a fresh process, for its peak memory."""
    code = f"import json; from benchmarks.million import run; print(json.dumps(run(*{arguments!r})))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if answer.returncode:
        raise RuntimeError(answer.stderr)
    return json.loads(answer.stdout)


def beside(name: str, grid: str, patients: int, repeats: int, method: str = "Rodas4") -> dict[str, object]:
    """Time a patient of the peer at cartsim's median error, all in one process and in turn, on one core."""
    whole = make_case(name, patients)
    case = Case(name, whole.model, whole.parameters, GRIDS[grid], whole.regimen)
    ours = f"cartsim {method}"
    entrants = {ours: timed(engine(case, getattr(methods, method))), PEER: timed(BY_NAME[PEER].solver(case))}
    tolerances = {ours: (RTOL,), PEER: BY_NAME[PEER].tolerances[:6]}
    counts = dict.fromkeys(entrants, patients)
    found = race(case, entrants, tolerances, counts, reference(case), repeats=repeats)
    own = next(timing for timing in found.timings if timing.solver == ours)
    points = [timing for timing in found.timings if timing.solver == PEER]
    errors = [point.error for point in points]
    times = zip(*(point.microseconds for point in points), strict=True)
    return {
        "grid": grid,
        "patients": patients,
        "error": own.error,
        "cartsim": list(own.microseconds),
        "peer": [time_at_error(errors, taken, own.error) for taken in times],
        "peer_points": [[p.rtol, p.error, float(np.median(p.microseconds)), p.lost] for p in points],
    }


def markdown(result: dict[str, object]) -> list[str]:
    """The result as text."""
    lines = head("A million patients", result)
    lines += [
        (
            f"{result['model']}, {result['method']} at rtol {RTOL:g}, 365 days, "
            f"{len(result['runs'][0]['medians'])} outcomes a patient. Drawing the parameters is counted, "
            "compiling is not."
        ),
        "",
    ]
    columns = ["grid", "threads", "patients", "seconds", "us a patient (wall)", "us a patient (CPU)"]
    lines += table(
        [*columns, "peak memory (MB)", "statuses", "bits as with one thread"],
        [
            (
                r["grid"],
                r["threads"],
                f"{r['patients']:,}",
                f"{r['seconds']:.1f}",
                f"{r['wall']:.1f}",
                f"{r['cpu']:.1f}",
                f"{r['megabytes']:.0f}",
                ", ".join(f"{status}: {count:,}" for status, count in r["statuses"].items()),
                r["same_bits"],
            )
            for r in result["runs"]
        ],
    )
    if result["beside"]:
        lines += [
            (
                f"{PEER} at the median error that cartsim has at rtol {RTOL:g} (CPU, one core, "
                "both returning all states and reducing nothing):"
            ),
            "",
        ]
        lines += table(
            [
                "grid",
                "patients",
                "median error",
                f"{PEER}, us a patient",
                "cartsim, us a patient",
                f"minutes of {PEER} for a million on one core",
            ],
            [
                (
                    b["grid"],
                    b["patients"],
                    f"{b['error']:.1e}",
                    f"{np.median(b['peer']):.0f}",
                    f"{np.median(b['cartsim']):.1f}",
                    f"{np.median(b['peer']) / 60.0:.1f}",
                )
                for b in result["beside"]
            ],
        )
    lines += [f"- not measured: {reason}" for reason in result["out"]]
    lines += ["Medians of the outcomes (timing model, not science):", ""]
    medians = result["runs"][0]["medians"]
    return [*lines, *table(["outcome", "median"], [(k, f"{v:.4g}") for k, v in medians.items()])]


def measure(options: argparse.Namespace) -> dict[str, object]:
    """All runs, with one thread and with all cores, then the peer."""
    result: dict[str, object] = {"setting": setting([PEER]), "model": options.model, "method": options.method}
    result |= {"runs": [], "beside": [], "out": []}
    for grid in options.grids:
        runs = []
        for threads in sorted({1, len(cores())}):
            runs.append(alone(options.model, grid, options.patients, threads, options.method))
            print(grid, threads, {k: v for k, v in runs[-1].items() if k != "medians"}, flush=True)
        result["runs"] += [item | {"same_bits": item["digest"] == runs[0]["digest"]} for item in runs]
        if options.peer_patients:
            try:
                sizes = (options.peer_patients, options.repeats)
                result["beside"].append(beside(options.model, grid, *sizes, options.method))
                print(grid, result["beside"][-1], flush=True)
            except ImportError as error:
                result["out"].append(f"{PEER}: {error}")
    return result


def main(arguments: list[str] | None = None) -> None:
    """Measure, write JSON and Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="crs16", choices=MODELS)
    parser.add_argument("--method", default="Rodas4", choices=("Rodas4", "Rodas5P"))
    parser.add_argument("--grids", nargs="+", default=list(GRIDS), choices=GRIDS)
    parser.add_argument("--patients", type=int)
    parser.add_argument("--peer-patients", type=int, help="0 leaves the peer out")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it runs")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    sizes = (2_000, 32) if options.quick else (1_000_000, 256)
    options.patients = sizes[0] if options.patients is None else options.patients
    options.peer_patients = sizes[1] if options.peer_patients is None else options.peer_patients
    result = measure(options)
    write(options.out, "million", result, markdown(result))
    print("\n".join(markdown(result)))


if __name__ == "__main__":
    main()
