"""Clones: neutral sum, speed, polyclonal to oligoclonal, and whether selection and drift can be found.

python -m benchmarks.clones

One patient of the slow product's medians. Recovery: courses with a spread of fitness from the prior
(uniform, 0 to 0.3, sd of the logarithm of the division factor), clones sequenced at four days; then patients
that the inference has not seen. With drift as a second unknown (share of the cells that found lines,
log-uniform, 0.03 to 1) also the product is sequenced. Dominance: one simulated patient's samples to day 90
(true spread 0.2, not told) give a posterior, and its draws the share of the ten largest clones at month 6,
beside neutral clones of the same counts. Our own model, no published one has clones: this shows what
diversity can tell about it, not that patients follow it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from benchmarks.record import RESULTS, head, setting, table, write
from cartsim.clones.course import RateCourse
from cartsim.clones.diversity import shannon, top_share
from cartsim.clones.drift import DriftInference, succession_summary
from cartsim.clones.drivers import rate_course
from cartsim.clones.selection import SpreadInference, diversity_summary
from cartsim.clones.succession import Fitness, product_shares, succession

SEED, MOST, CLONES, DEPTH = 20261125, 0.3, 2000, 5000
LINEAGES = (0.03, 1.0)
DAYS = np.array([14.0, 28.0, 60.0, 90.0])
MONTH_6, TRUTH, DRAWS, RUNS = 180.0, 0.2, 20, 7
FOR_DRIFT, FOR_PATIENT = 1_000_000, 2_000_000  # numbers of other streams


def one(task: tuple[RateCourse, int]) -> tuple[float, np.ndarray]:
    """A spread from the prior and the summary of a patient that has it."""
    course, number = task
    rng = np.random.default_rng([SEED, number])
    spread = rng.uniform(0.0, MOST)
    return spread, diversity_summary(_followed(course, spread, DAYS, rng), DEPTH, rng)


def one_with_drift(task: tuple[RateCourse, int]) -> tuple[float, float, np.ndarray]:
    """Spread and share of founding cells from the prior, and the summary of a patient that has them."""
    course, number = task
    rng = np.random.default_rng([SEED, FOR_DRIFT + number])
    spread = rng.uniform(0.0, MOST)
    lineages = 10.0 ** rng.uniform(*np.log10(LINEAGES))
    found = _followed(course.scaled(lineages), spread, DAYS, rng)
    return spread, lineages, succession_summary(found, DEPTH, rng)


def _followed(course: RateCourse, spread: float, days: np.ndarray, rng: np.random.Generator):
    shares = product_shares(CLONES, rng)
    return succession(course, shares, Fitness(division=spread).draw(CLONES, rng), days, rng=rng)


def simulated(function: Callable, count: int) -> list:
    """Patients of the slow product up to day 90, on two processes."""
    course = rate_course(scenario="slow", until=90.0)
    with ProcessPoolExecutor(2) as pool:
        return list(pool.map(function, [(course, k) for k in range(count)], chunksize=20))


def recovery(known: int, patients: int) -> tuple[dict[str, float], SpreadInference]:
    """Coverage of 90% intervals, error and evidence over patients that the inference has not seen."""
    found = simulated(one, known + patients)
    spreads, summaries = np.array([s for s, _ in found]), np.array([x for _, x in found])
    inference = SpreadInference(spreads[:known], summaries[:known], most=MOST)
    truth = spreads[known:]
    posts = [inference.posterior(summary) for summary in summaries[known:]]
    ends = np.array([[post.quantile(q) for q in (0.05, 0.5, 0.95)] for post in posts])
    evidence = np.array([post.log_bayes_factor for post in posts])
    return {"courses": known, "patients": patients, **_judged(truth, ends, evidence, truth)}, inference


def recovery_with_drift(known: int, patients: int) -> dict[str, float]:
    """The same with drift unknown."""
    found = simulated(one_with_drift, known + patients)
    spreads, lineages = (np.array([row[k] for row in found]) for k in (0, 1))
    summaries = np.array([row[2] for row in found])
    inference = DriftInference(
        spreads[:known], lineages[:known], summaries[:known], most=MOST, lineages_range=LINEAGES
    )
    posts = [inference.posterior(summary) for summary in summaries[known:]]
    evidence = np.array([post.log_bayes_factor for post in posts])
    levels, result = (0.05, 0.5, 0.95), {"courses": known, "patients": patients}
    for name, truth in (("spread", spreads[known:]), ("lineages", np.log10(lineages[known:]))):
        ends = np.array([[post.quantile(name, q) for q in levels] for post in posts])
        ends = ends if name == "spread" else np.log10(ends)
        judged = _judged(truth, ends, evidence, spreads[known:])
        kept = judged if name == "spread" else {k: v for k, v in judged.items() if "selection" not in k}
        label = "spread" if name == "spread" else "log10_lineages"
        result |= {f"{label}_{key}": value for key, value in kept.items()}
    return result


def _judged(
    truth: np.ndarray, ends: np.ndarray, evidence: np.ndarray, spread: np.ndarray
) -> dict[str, float]:
    inside = (ends[:, 0] <= truth) & (truth <= ends[:, 2])
    shown = evidence > np.log(10)
    return {
        "inside_90_percent": 100.0 * float(inside.mean()),
        "median_width": float(np.median(ends[:, 2] - ends[:, 0])),
        "root_mean_square_error": float(np.sqrt(((ends[:, 1] - truth) ** 2).mean())),
        "selection_shown_where_spread_above_0.1_percent": 100.0 * float(shown[spread > 0.1].mean()),
        "selection_claimed_where_spread_below_0.02_percent": 100.0 * float(shown[spread < 0.02].mean()),
    }


def fitted_selection(inference: SpreadInference) -> dict[str, object]:
    """A simulated patient's spread, fitted to samples up to day 90, and month 6 under it and without it."""
    course = rate_course(scenario="slow", until=MONTH_6)
    rng = np.random.default_rng([SEED, FOR_PATIENT])
    shares = product_shares(CLONES, rng)
    factors = Fitness(division=TRUTH).draw(CLONES, rng)
    patient = succession(course, shares, factors, np.append(DAYS, MONTH_6), rng=rng)
    summary = diversity_summary(patient, DEPTH, rng)[: 2 * len(DAYS)]
    post = inference.posterior(summary)
    result: dict[str, object] = {
        "product_shannon": shannon(shares),
        "true_spread": TRUTH,
        "spread": [post.quantile(q) for q in (0.05, 0.5, 0.95)],
        "log_bayes_factor": post.log_bayes_factor,
        "log_bayes_factor_error": inference.log_bayes_factor_error(summary, rng=rng),
        "patients_own_top_10_percent": 100.0 * top_share(patient.counts(MONTH_6)),
        "cells": float(patient.counts(MONTH_6).sum()),
    }
    for name in ("fitted selection", "neutral"):
        tops, entropies = [], []
        for _ in range(DRAWS):
            spread = post.quantile(rng.random()) if name != "neutral" else 0.0
            of_draw = Fitness(division=spread).draw(CLONES, rng)
            cells = succession(course, shares, of_draw, np.array([MONTH_6]), rng=rng).counts(MONTH_6)
            tops.append(100.0 * top_share(cells))
            entropies.append(shannon(cells))
        result[name] = {
            "top_10_percent": list(np.quantile(tops, [0.05, 0.5, 0.95])),
            "shannon": list(np.quantile(entropies, [0.05, 0.5, 0.95])),
            "above_50_percent": f"{sum(top > 50.0 for top in tops)} of {DRAWS}",
        }
    return result


def speed(clones: int = 10_000) -> dict[str, float]:
    """Seconds for a year on one core, medians, and the neutral sum's error."""
    course = rate_course(scenario="slow")
    rng = np.random.default_rng(SEED)
    shares = product_shares(clones, rng)
    neutral = np.ones((4, clones))
    expected = succession(course, shares, neutral, np.array([14.0, MONTH_6]), rng=None)
    places = [int(np.abs(course.days - day).argmin()) for day in expected.days]
    error = float(np.abs(expected.cells.sum(axis=2) / course.totals[places] - 1.0).max())
    selected, wall, own = Fitness(division=TRUTH).draw(clones, rng), [], []
    for factors in (neutral, selected) * RUNS:
        begin, cpu = time.perf_counter(), time.thread_time()
        succession(course, shares, factors, np.array([7.0, MONTH_6, 365.0]), rng=rng)
        wall.append(time.perf_counter() - begin)
        own.append(time.thread_time() - cpu)
    return {
        "runs": len(wall),
        "seconds_median": float(np.median(wall)),
        "seconds_slowest": float(np.max(wall)),
        "cpu_seconds_median": float(np.median(own)),
        "neutral_sum_error": error,
    }


def main() -> None:
    """Run and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--courses", type=int, default=1500)
    parser.add_argument("--patients", type=int, default=200)
    given = parser.parse_args()
    at = setting()
    fast = speed()
    found, inference = recovery(given.courses, given.patients)
    fitted = fitted_selection(inference)
    both = recovery_with_drift(given.courses, given.patients)
    result = {
        "setting": at,
        "speed_10000_clones_a_year": fast,
        "fitted_selection": fitted,
        "recovery": found,
        "recovery_with_drift": both,
    }
    lines = head("Clones of a CAR-T product", result)
    lines += [*__doc__.strip().split("\n\n")[2].splitlines(), ""]
    lines += table(
        ("month 6, 2,000 clones", "ten largest %, median (90%)", "Shannon, median (90%)", "top 10 > 50 %"),
        [(name, _range(fitted[name]["top_10_percent"]), _range(fitted[name]["shannon"]),
          fitted[name]["above_50_percent"]) for name in ("fitted selection", "neutral")],
    )  # fmt: skip
    spread = fitted["spread"]
    said = (
        f"Product: Shannon {fitted['product_shannon']:.2f} nats. "
        f"Fitted spread {_range(spread)}, true {TRUTH}; "
        f"ln Bayes factor for selection {fitted['log_bayes_factor']:.1f}, Monte Carlo error "
        f"{fitted['log_bayes_factor_error']:.1f}. {fitted['cells']:.2g} cells in both."
    )
    lines += [said, ""]
    lines += table(
        ("10,000 clones x 1 year, one core", "value"),
        [(key.replace("_", " "), f"{value:.3g}") for key, value in fast.items()],
    )
    for title, values in (("spread unknown, drift known", found), ("both unknown", both)):
        lines += table(
            (title, "value"), [(key.replace("_", " "), f"{value:.4g}") for key, value in values.items()]
        )
    write(RESULTS, "clones", result, lines)
    print("\n".join(lines))


def _range(ends: list[float]) -> str:
    low, middle, high = ends
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"


if __name__ == "__main__":
    main()
