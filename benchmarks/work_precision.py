"""Error against time of cartsim and its peers, in one run, in turn, on one core each.

python -m benchmarks.work_precision            all models and peers (see benchmarks/README.md)
python -m benchmarks.work_precision --models crs16 --solvers cartsim numbalsoda --repeats 3
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks.cases import make_case
from benchmarks.peers.table import PEERS, Peer
from benchmarks.peers.worker import Remote, cores
from benchmarks.record import RESULTS, head, setting, table, write
from cartsim.study.speed import (
    Timing,
    compiled_equations,
    patient_errors,
    race,
    ratios,
    reference,
    scipy_solver,
)
from cartsim.study.speed_case import Case

MODELS = ("stein_ode", "singh2021", "crs16")
TARGETS = (1e-3, 1e-4, 1e-5, 1e-6)
CONFIRMED_BY, CONFIRM_RTOL, CONFIRMED = "scipy Radau", 1e-10, 8
PREPARE_LIMIT = 400.0


def confirm(case: Case, truth: np.ndarray) -> dict[str, object]:
    """Difference of the reference from an independent solver at a tight tolerance, on a few patients."""
    solve = scipy_solver(case, "Radau", compiled_equations)
    errors = patient_errors(case, solve(CONFIRM_RTOL, CONFIRMED), truth)
    return {
        "solver": CONFIRMED_BY,
        "rtol": CONFIRM_RTOL,
        "patients": CONFIRMED,
        "median": float(np.median(errors)),
        "largest": float(errors.max()),
    }


def ready(remotes: dict[str, Remote], case: Case) -> tuple[dict[str, Remote], dict[str, str]]:
    """Give the case to all processes at once (they compile side by side); who cannot, with the reason."""
    fit, reasons = {}, {}
    for remote in remotes.values():
        if remote.process.is_alive():
            remote.ask("prepare", case.name, len(case.parameters))
    for name, remote in remotes.items():
        try:
            if not remote.process.is_alive():
                raise RuntimeError("its process has ended")
            remote.answer(PREPARE_LIMIT)
            fit[name] = remote
        except RuntimeError as error:
            reasons[name] = str(error)
    return fit, reasons


def patients_a_run(
    remotes: dict[str, Remote], peers: dict[str, Peer], patients: int, budget: float
) -> tuple[dict[str, int], dict[str, str]]:
    """How many patients each solver takes so that a run at 1e-4 lasts `budget` CPU seconds."""
    counts, reasons = {}, {}
    for name, remote in remotes.items():
        least = peers[name].least
        try:
            remote.solve(1e-4, least, False, PREPARE_LIMIT)  # compiles
            taken, _ = remote.solve(1e-4, least, False)
        except RuntimeError as error:
            reasons[name] = str(error)
            continue
        wanted = int(budget / max(taken, 1e-6)) * least
        counts[name] = max(least, min(patients, wanted))
    return counts, reasons


def measure(case: Case, remotes: dict[str, Remote], options: argparse.Namespace) -> dict[str, object]:
    """One model: reference, who takes part, timings and ratios."""
    began = time.perf_counter()
    truth = reference(case, threads=len(cores()))
    agreed = confirm(case, truth)
    peers = {peer.name: peer for peer in PEERS}
    own = {n: r for n, r in remotes.items() if not peers[n].models or case.name in peers[n].models}
    fit, reasons = ready(own, case)
    counts, slow = patients_a_run(fit, peers, len(case.parameters), options.budget)
    print(f"{case.name}: ready after {time.perf_counter() - began:.0f} s", flush=True)
    found = race(
        case,
        {name: fit[name] for name in counts},
        {name: peers[name].tolerances for name in counts},
        counts,
        truth,
        repeats=options.repeats,
        limit=options.limit,
        told=lambda line: print(f"{line}, {time.perf_counter() - began:.0f} s", flush=True),
    )
    bases = [name for name in ("cartsim Rodas4", "cartsim Rodas5P") if name in counts]
    out = [(name, None, why) for name, why in (reasons | slow).items()] + list(found.out)
    return {
        "model": case.name,
        "states": len(case.model.states),
        "patients": len(case.parameters),
        "reference": agreed,
        "timings": [asdict(timing) for timing in found.timings],
        "out": [{"solver": name, "rtol": rtol, "reason": why} for name, rtol, why in out],
        "ratios": {base: all_ratios(found.timings, base) for base in bases},
        "seconds": round(time.perf_counter() - began, 1),
    }


def all_ratios(timings: tuple[Timing, ...], base: str) -> dict[str, dict[str, dict[str, list[float]]]]:
    """Solver → "median" or "p95" error → target → [ratio, lowest, highest repeat], to three digits."""
    found: dict[str, dict[str, dict[str, list[float]]]] = {}
    for label, tail in (("median", False), ("p95", True)):
        for target in TARGETS:
            for name, values in ratios(timings, base, target, tail=tail).items():
                kept = None if np.isnan(values[0]) else [float(f"{v:.3g}") for v in values]
                found.setdefault(name, {}).setdefault(label, {})[f"{target:g}"] = kept
    return found


def markdown(result: dict[str, object]) -> list[str]:
    """The result as text: ratios at equal error, then every point, for each model."""
    lines = head("Work and precision", result)
    for model in result["models"]:
        agreed = model["reference"]
        lines += [
            f"## {model['model']}, {model['states']} states, {model['patients']} patients",
            "",
            (
                f"Reference: Rodas5P at rtol 1e-11; {agreed['solver']} at {agreed['rtol']:g} differs by "
                f"{agreed['median']:.1e} in the median patient, {agreed['largest']:.1e} at most "
                f"({agreed['patients']} patients)."
            ),
            "",
        ]
        for base, others in model["ratios"].items():
            lines += [f"Time over that of {base} at equal error (lowest-highest of the repeats):", ""]
            lines += table(
                ["solver", *(f"{t:g}" for t in TARGETS), *(f"p95 at {t:g}" for t in TARGETS)],
                [
                    [name, *(_ratio(by[kind][f"{t:g}"]) for kind in ("median", "p95") for t in TARGETS)]
                    for name, by in others.items()
                ],
            )
        columns = ["solver", "rtol", "patients", "us a patient", "median error", "p95 error", "lost"]
        lines += table(
            columns,
            [
                [
                    t["solver"],
                    f"{t['rtol']:g}",
                    t["patients"],
                    f"{np.median(t['microseconds']):.4g}",
                    f"{t['error']:.1e}",
                    f"{t['error_95']:.1e}",
                    t["lost"],
                ]
                for t in model["timings"]
            ],
        )
        lines += [
            f"- not measured: {item['solver']}{_at(item['rtol'])}: {item['reason']}" for item in model["out"]
        ]
        lines.append("")
    lines += ["Forms of the solvers:", ""]
    return [*lines, *(f"- {name}: {form}" for name, form in result["forms"].items())]


def _ratio(values: list[float] | None) -> str:
    return "not reached" if values is None else f"{values[0]:g} ({values[1]:g}-{values[2]:g})"


def _at(rtol: float | None) -> str:
    return "" if rtol is None else f" at {rtol:g}"


def main() -> None:
    """Measure, write JSON, Markdown and the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--solvers", nargs="+", default=[""], help="parts of names")
    parser.add_argument("--patients", type=int, default=2048)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--budget", type=float, default=0.1, help="CPU seconds of a run at 1e-4")
    parser.add_argument("--limit", type=float, default=6.0, help="CPU seconds of a run, else out")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    chosen = [peer for peer in PEERS if any(part in peer.name for part in options.solvers)]
    began, places = time.perf_counter(), cores()
    at_start = setting(
        peer.package for peer in chosen if " " not in peer.package and "lib" not in peer.package
    )
    remotes = {peer.name: Remote(peer, places[k % len(places)]) for k, peer in enumerate(chosen)}
    models = []
    try:
        for name in options.models:
            models.append(measure(make_case(name, options.patients), remotes, options))
    finally:
        for remote in remotes.values():
            remote.close()
    result = {
        "setting": at_start,
        "forms": {peer.name: f"{peer.form} ({peer.package})" for peer in chosen},
        "models": models,
        "seconds": round(time.perf_counter() - began),
    }
    write(options.out, "work_precision", result, markdown(result))
    from benchmarks.plots import save, work_precision

    save(work_precision(result), options.out / "work_precision")
    print(f"done after {result['seconds']} s")


if __name__ == "__main__":
    main()
