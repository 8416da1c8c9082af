"""How time and memory grow with cohort size, cores and states; lanes kept busy; results that do not change.

python -m benchmarks.scaling
"""

from __future__ import annotations

import argparse
import heapq
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.cases import make_case
from benchmarks.peers.worker import cores
from benchmarks.record import RESULTS, head, setting, table, write
from cartsim.kernels.methods import Rodas4
from cartsim.solve.batch import CHUNK, batch
from cartsim.spec.model import Model, Output, Parameter, Source, State, assumed
from cartsim.spec.printing import LANES
from cartsim.spec.priors import LogNormal
from cartsim.study.speed_case import Case

RTOL, TIGHT = 1e-4, 1e-8
MODELS = ("crs16", "singh2021")
CHAIN_STATES = (4, 8, 16, 32)
MEMORY_PATIENTS = (1_000, 10_000, 100_000)


def solve(case: Case, count: int, *, threads: int = 1, rtol: float = RTOL):
    """Solve the first patients of a case with Rodas4."""
    method = Rodas4(rtol=rtol)
    rows = case.parameters[:count]
    return batch(case.model, rows, case.times, events=case.events, method=method, threads=threads)


def clocked(
    case: Case, count: int, *, threads: int = 1, repeats: int, rtol: float = RTOL
) -> tuple[float, float]:
    """Median CPU and wall seconds of a solve."""
    cpu, wall = [], []
    for _ in range(repeats):
        begin = time.process_time(), time.perf_counter()
        solve(case, count, threads=threads, rtol=rtol)
        cpu.append(time.process_time() - begin[0])
        wall.append(time.perf_counter() - begin[1])
    return float(np.median(cpu)), float(np.median(wall))


def over_sizes(case: Case, largest: int, repeats: int) -> list[dict[str, object]]:
    """Time a patient for cohorts of 1, 10, 100 … and whether the first patients keep their bits."""
    few = solve(case, 1).states
    rows, size = [], 1
    while size <= largest:
        cpu, _ = clocked(case, size, repeats=max(1, repeats if size < 100_000 else 1))
        same = bool(np.array_equal(solve(case, min(size, 1000)).states[: len(few)], few))
        rows.append(
            {
                "model": case.name,
                "patients": size,
                "microseconds": 1e6 * cpu / size,
                "first_patient_same": same,
            }
        )
        size *= 10
    return rows


def over_threads(case: Case, count: int, repeats: int) -> list[dict[str, object]]:
    """Wall time with one thread and more, in turn, and whether all results have the same bits."""
    most = len(cores())
    walls: dict[int, list[float]] = {threads: [] for threads in range(1, most + 1)}
    bits = {threads: solve(case, count, threads=threads).states for threads in walls}
    for _ in range(repeats):
        for threads, found in walls.items():
            found.append(clocked(case, count, threads=threads, repeats=1)[1])
    one = np.array(walls[1])
    return [
        {
            "model": case.name,
            "patients": count,
            "threads": threads,
            "microseconds": 1e6 * float(np.median(found)) / count,
            "speedup": float(np.median(one / np.array(found))),
            "same_bits": bool(np.array_equal(bits[1], bits[threads])),
        }
        for threads, found in walls.items()
    ]


def occupancy(case: Case, count: int) -> float:
    """Share of lane steps that served a patient, from the steps each patient took.

    A lane that finishes takes the next patient of its chunk, so the schedule follows from the steps.
    """
    steps = solve(case, count).counts[:, :2].sum(axis=1)
    served = driven = 0
    for first in range(0, count, CHUNK):
        lanes = [0] * LANES
        for taken in steps[first : first + CHUNK]:
            heapq.heappush(lanes, heapq.heappop(lanes) + int(taken))
        served += int(steps[first : first + CHUNK].sum())
        driven += LANES * max(lanes)
    return served / driven


def chain(states: int) -> Model:
    """A chain of compartments with saturable transfer: a model of any size with one kind of equation."""
    source, made_up = Source("cartsim scaling model"), assumed("for timing")
    names = [f"x{k}" for k in range(states)]

    def rhs(t, y, p):
        flow = [p.rate * (1.0 + 0.1 * k) * y[k] / (p.half + y[k]) for k in range(states)]
        return {name: (flow[k - 1] if k else p.inflow) - flow[k] for k, name in enumerate(names)}

    def outputs(t, y, p):
        return {"last": y[-1]}

    return Model(
        source,
        tuple(State(name, "1", "compartment", initial=1.0) for name in names),
        tuple(
            Parameter(name, "1", "timing parameter", LogNormal(value, 0.25), made_up)
            for name, value in (("rate", 2.0), ("half", 1.0), ("inflow", 0.5))
        ),
        (Output("last", "1", "last compartment"),),
        rhs,
        outputs,
        name=f"chain{states}",
    )


def over_states(count: int, repeats: int) -> list[dict[str, object]]:
    """CPU time of one step of one patient for chains of growing length."""
    from cartsim.study.cohort_draw import draw_cohort

    rows = []
    for states in CHAIN_STATES:
        model = chain(states)
        case = Case(model.name, model, draw_cohort(model, count, seed=1), np.array([100.0]))
        # tight, so that there are enough steps for the loading of a patient not to matter
        steps = solve(case, count, rtol=TIGHT).counts[:, :2].sum()
        cpu, _ = clocked(case, count, repeats=repeats, rtol=TIGHT)
        rows.append({"states": states, "microseconds_a_step": 1e6 * cpu / float(steps)})
    return rows


def peak_memory(model: str, patients: int) -> float:
    """Peak resident memory (MB) of a process that solves a cohort and keeps all outputs."""
    code = (
        "from benchmarks.scaling import solve; from benchmarks.cases import make_case; "
        f"solve(make_case({model!r}, {patients}), {patients}); "
        "from benchmarks.record import peak_megabytes; print(peak_megabytes())"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(answer.stdout)


def markdown(result: dict[str, object]) -> list[str]:
    """The result as text."""
    lines = head("Scaling", result)
    lines += [f"Rodas4 at rtol {RTOL:g}, 61 output times, all states kept.", "", "## Cohort size", ""]
    columns = ["model", "patients", "us a patient (CPU, one core)", "first patient's bits unchanged"]
    lines += table(
        columns,
        [
            (r["model"], r["patients"], f"{r['microseconds']:.1f}", r["first_patient_same"])
            for r in result["sizes"]
        ],
    )
    lines += ["## Cores", ""]
    lines += table(
        ["model", "patients", "threads", "us a patient (wall)", "speed-up", "same bits"],
        [
            (
                r["model"],
                r["patients"],
                r["threads"],
                f"{r['microseconds']:.1f}",
                f"{r['speedup']:.2f}",
                r["same_bits"],
            )
            for r in result["threads"]
        ],
    )
    lines += ["## Lanes kept busy", ""]
    lines += [
        f"- {name}: {100 * share:.1f} % of the lane steps served a patient"
        for name, share in result["occupancy"].items()
    ]
    lines += ["", "## States", ""]
    lines += table(
        ["states of the chain", "us a step and patient"],
        [(r["states"], f"{r['microseconds_a_step']:.3f}") for r in result["states"]],
    )
    lines += ["## Memory", ""]
    return lines + table(
        ["patients", "peak resident memory (MB)"],
        [(r["patients"], f"{r['megabytes']:.0f}") for r in result["memory"]],
    )


def main() -> None:
    """Measure, write JSON, Markdown and the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--largest", type=int, default=100_000, help="largest cohort")
    parser.add_argument("--threads-patients", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    result: dict[str, object] = {"setting": setting(), "sizes": [], "threads": [], "occupancy": {}}
    for name in MODELS:
        case = make_case(name, max(options.largest, options.threads_patients))
        solve(case, 16)  # compiles
        result["sizes"] += over_sizes(case, options.largest, options.repeats)
        result["threads"] += over_threads(case, options.threads_patients, options.repeats)
        result["occupancy"][name] = occupancy(case, min(options.largest, 8192))
        print(f"{name}: done", flush=True)
    result["states"] = over_states(min(options.largest, 2048), options.repeats)
    memory = [count for count in MEMORY_PATIENTS if count <= options.largest]
    result["memory"] = [{"patients": n, "megabytes": peak_memory("crs16", n)} for n in memory]
    write(options.out, "scaling", result, markdown(result))
    from benchmarks.plots import save, scaling

    save(scaling(json.loads(json.dumps(result))), options.out / "scaling")
    print("\n".join(markdown(result)))


if __name__ == "__main__":
    main()
