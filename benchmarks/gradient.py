"""What a gradient costs beside a simulation, and how exact it is.

python -m benchmarks.gradient            about two minutes
python -m benchmarks.gradient --quick    one tolerance, few patients

Fifteen parameters of the 16-state model: sixteen lanes in step, one patient and its neighbours. A simulation
is one patient in a solver built for a single lane, the fastest way to one curve. Errors are those of
p dy/dp at all times, relative to the largest of the state and the state's own scale and size over a thousand,
against differences of fourth order at rtol 1e-11.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.cases import make_case
from benchmarks.record import RESULTS, head, setting, table, write
from cartsim.kernels.methods import Method, Rodas4, Rodas5P
from cartsim.solve.batch import batch
from cartsim.solve.sensitivities import sensitivities
from cartsim.study.speed_case import Case

WRT = (
    *("r_m", "r_e", "r_e2", "a_m", "k12", "d_e1", "d_e2", "kx"),
    *("kk", "s_mp", "k_mp", "p_g", "p6", "k6_clear", "s_sb"),
)
LANES = 16
METHODS = (Rodas4(rtol=1e-4), Rodas5P(rtol=1e-4), Rodas5P(rtol=1e-6))
REFERENCE = Rodas5P(rtol=1e-11)
WIDTH = 1e-3  # of a central difference of fourth order at the reference's tolerance


def reference_slopes(case: Case) -> np.ndarray:
    """d states / d WRT, float64 (n, T, N, K), by differences of fourth order of tight solves."""
    columns = []
    for name in WRT:
        k = case.model.index(name)
        rows = np.repeat(case.parameters[:, None], 4, axis=1)
        width = WIDTH * rows[:, 0, k]
        rows[:, :, k] += width[:, None] * np.array([1.0, -1.0, 2.0, -2.0])
        solved = batch(
            case.model, rows.reshape(-1, rows.shape[-1]), case.times, events=case.events, method=REFERENCE
        )
        y = solved.states.reshape(len(rows), 4, len(case.times), -1)
        columns.append((8.0 * (y[:, 0] - y[:, 1]) - (y[:, 2] - y[:, 3])) / (12.0 * width[:, None, None]))
    return np.stack(columns, axis=-1)


def clock(work) -> float:
    """CPU seconds of a call."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def measure(method: Method, case: Case, truth: np.ndarray, repeats: int) -> dict[str, object]:
    """One method: µs of a gradient, of a simulation on one lane and in a batch, in turn; slope errors."""
    own = {"events": case.events}

    def gradient():
        return sensitivities(
            case.model, case.parameters, case.times, WRT, method=replace(method, lanes=LANES), **own
        )

    def single():
        return batch(case.model, case.parameters, case.times, method=replace(method, lanes=1), **own)

    def cohort():
        return batch(case.model, case.parameters, case.times, method=method, **own)

    found = gradient()
    single(), cohort()  # compile
    seconds: dict[str, list[float]] = {"gradient": [], "single": [], "cohort": []}
    for _ in range(repeats):
        for name, work in (("gradient", gradient), ("single", single), ("cohort", cohort)):
            seconds[name].append(clock(work) / len(case.parameters))
    value = case.parameters[:, [case.model.index(name) for name in WRT]][:, None, None]
    curve = (case.scales + np.abs(found.states).max(axis=1))[:, None, :, None]
    size = np.maximum(np.abs(value * truth).max(axis=1, keepdims=True), 1e-3 * curve)
    off = np.abs(value * (found.state_slopes - truth)) / size
    worst = off.max(axis=(1, 2, 3))
    ratio = np.array(seconds["gradient"]) / np.array(seconds["single"])
    return {
        "method": type(method).__name__,
        "rtol": method.rtol,
        "microseconds": {name: 1e6 * float(np.median(values)) for name, values in seconds.items()},
        "gradient_over_single": [float(np.median(ratio)), float(ratio.min()), float(ratio.max())],
        "error_rms": float(np.sqrt(np.mean(off**2))),
        "error_median_patient": float(np.median(worst)),
        "error_p95_patient": float(np.quantile(worst, 0.95)),
    }


def markdown(result: dict[str, object]) -> list[str]:
    """The result as text."""
    lines = head("Gradients", result)
    lines += [
        f"{result['patients']} patients of the 16-state model, {len(WRT)} parameters, {LANES} lanes in step.",
        "",
    ]
    columns = [
        *(
            "method",
            "rtol",
            "µs a gradient",
            "µs a simulation, one lane",
            "ratio",
            "µs a patient in a cohort",
        ),
        *("slope error, rms", "median patient", "p95 patient"),
    ]
    rows = [
        [
            r["method"],
            f"{r['rtol']:g}",
            f"{r['microseconds']['gradient']:.0f}",
            f"{r['microseconds']['single']:.0f}",
            "{:.2f} ({:.2f}-{:.2f})".format(*r["gradient_over_single"]),
            f"{r['microseconds']['cohort']:.1f}",
            *(f"{r[key]:.1e}" for key in ("error_rms", "error_median_patient", "error_p95_patient")),
        ]
        for r in result["methods"]
    ]
    return lines + table(columns, rows)


def main(arguments: list[str] | None = None) -> None:
    """Measure and write JSON and Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one method, few patients")
    parser.add_argument("--patients", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    methods, repeats = (METHODS[:1], 1) if options.quick else (METHODS, options.repeats)
    case = make_case("crs16", 4 if options.quick else options.patients)
    truth = reference_slopes(case)
    result = {
        "setting": setting(),
        "patients": len(case.parameters),
        "parameters": WRT,
        "methods": [measure(method, case, truth, repeats) for method in methods],
    }
    write(options.out, "gradient", result, markdown(result))
    print("\n".join(markdown(result)))


if __name__ == "__main__":
    main()
