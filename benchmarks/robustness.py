"""Is a patient ever lost without a word? Wide cohorts at a loose tolerance, spot-checked at a tight one.

python -m benchmarks.robustness

Every parameter varies with log-sd 0.5. A spot check passes if all states at all times are within 100 × rtol
of the tight solve, or if the loose solve carries a status. Anything else is a silent failure.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from benchmarks.cases import make_case
from benchmarks.peers.worker import cores
from benchmarks.record import RESULTS, head, setting, table, write
from cartsim.kernels.methods import Method, Rodas4, Rodas5P
from cartsim.solve.batch import STATUS, Batch, batch
from cartsim.study.speed import compiled_equations, patient_errors, scipy_solver
from cartsim.study.speed_case import Case

MODELS = ("singh2021", "kirouac2023", "crs16")
LOG_SD, RTOL, TIGHT, ALLOWED = 0.5, 1e-3, 1e-9, 100.0
PART = 10_000  # patients whose states are held at a time


def part(case: Case, rows: np.ndarray, method: Method) -> Batch:
    """Solve some parameter rows of a case."""
    return batch(case.model, rows, case.times, events=case.events, method=method, threads=len(cores()))


def check(name: str, patients: int, spots: int, seed: int) -> dict[str, object]:
    """One model: statuses of the cohort, and how far the spot-checked patients are off."""
    began = time.perf_counter()
    case = make_case(name, patients, seed=seed, log_sd=LOG_SD)
    chosen = np.sort(np.random.default_rng(seed).choice(patients, spots, replace=False))
    status, kept = np.empty(patients, dtype=np.int64), np.empty((spots, len(case.times), len(case.scales)))
    clipped = 0
    for first in range(0, patients, PART):
        rows = case.parameters[first : first + PART]
        solved = part(case, rows, Rodas4(rtol=RTOL))
        status[first : first + PART] = solved.status
        clipped += int((solved.counts[:, 2] > 0).sum())
        own = (chosen >= first) & (chosen < first + PART)
        kept[own] = solved.states.reshape(len(rows), *kept.shape[1:])[chosen[own] - first]
    tight = part(case, case.parameters[chosen], Rodas5P(rtol=TIGHT))
    truth = tight.states.reshape(kept.shape)
    silent, errors = silent_failures(case, kept, status[chosen], truth, tight.status)
    codes, counts = np.unique(status, return_counts=True)
    return {
        "model": name,
        "patients": patients,
        "statuses": {STATUS[int(code)]: int(count) for code, count in zip(codes, counts, strict=True)},
        "patients_with_clipped_negatives": clipped,
        "spots": spots,
        "spots_with_status": int((status[chosen] != 0).sum()),
        "tight_solves_with_status": int((tight.status != 0).sum()),
        "silent_failures": len(silent),
        "worst": [describe(case, chosen[k], kept[k], truth[k], errors[k]) for k in silent[:10]],
        "error_quantiles": {
            q: float(np.quantile(errors[np.isfinite(errors)], float(q)))
            for q in ("0.5", "0.95", "0.99", "0.999", "1")
        },
        "seconds": round(time.perf_counter() - began, 1),
    }


def silent_failures(
    case: Case, kept: np.ndarray, status: np.ndarray, truth: np.ndarray, tight_status: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Spots without a status that are off by more than allowed, worst first, and the errors of all spots.

    Where only the tight solve carries a status it proves nothing, and SciPy's Radau decides.
    """
    errors = patient_errors(case, kept, truth)
    for k in np.flatnonzero((tight_status != 0) & (status == 0)):
        truth[k] = independent(case, k)
        errors[k] = patient_errors(case, kept[k : k + 1], truth[k : k + 1])[0]
    silent = np.flatnonzero((status == 0) & (errors > ALLOWED * RTOL))
    return silent[np.argsort(-errors[silent])], errors


def independent(case: Case, k: int) -> np.ndarray:
    """One patient by SciPy's Radau at a tight tolerance."""
    one = Case(case.name, case.model, case.parameters[k : k + 1], case.times, case.regimen)
    return scipy_solver(one, "Radau", compiled_equations)(1e-8, 1)[0]


def describe(
    case: Case, patient: int, found: np.ndarray, truth: np.ndarray, error: float
) -> dict[str, object]:
    """Which patient, state and day is off by how much."""
    off = np.abs(found - truth) / (case.scales + np.abs(truth))
    day, state = np.unravel_index(np.nanargmax(off), off.shape)
    return {
        "patient": int(patient),
        "error": float(error),
        "state": case.model.state_names[state],
        "day": float(case.times[day]),
        "found": float(found[day, state]),
        "tight": float(truth[day, state]),
        "radau_from_tight": float(patient_errors(case, independent(case, patient)[None], truth[None])[0]),
    }


def markdown(result: dict[str, object]) -> list[str]:
    """The result as text."""
    lines = head("Robustness", result)
    lines += [
        (
            f"Log-sd {LOG_SD} on every parameter, Rodas4 at rtol {RTOL:g}; spots against Rodas5P at "
            f"{TIGHT:g}; a spot without a status must be within {ALLOWED:g} × rtol."
        ),
        "",
    ]
    columns = ["model", "patients", "statuses", "clipped", "spots", "with status", "silent failures"]
    rows = [
        [
            m["model"],
            m["patients"],
            ", ".join(f"{k}: {v}" for k, v in m["statuses"].items()),
            m["patients_with_clipped_negatives"],
            m["spots"],
            m["spots_with_status"],
            f"**{m['silent_failures']}**",
        ]
        for m in result["models"]
    ]
    lines += table(columns, rows)
    quantiles = list(result["models"][0]["error_quantiles"])
    lines += table(
        ["model", *(f"error, quantile {q}" for q in quantiles)],
        [[m["model"], *(f"{m['error_quantiles'][q]:.1e}" for q in quantiles)] for m in result["models"]],
    )
    for m in result["models"]:
        for w in m["worst"]:
            lines.append(
                f"- {m['model']}, patient {w['patient']}: {w['state']} on day {w['day']:g} is "
                f"{w['found']:.3g}, tight {w['tight']:.3g} (error {w['error']:.1e}); SciPy's Radau differs "
                f"from the tight solve by {w['radau_from_tight']:.1e}"
            )
    return lines


def main() -> None:
    """Check all models and write JSON and Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--patients", type=int, default=100_000)
    parser.add_argument("--spots", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    result: dict[str, object] = {"setting": setting(), "models": []}
    for name in options.models:
        result["models"].append(check(name, options.patients, options.spots, options.seed))
        print(name, result["models"][-1], flush=True)
    write(options.out, "robustness", result, markdown(result))


if __name__ == "__main__":
    main()
