"""Clones: neutral sum, speed, polyclonal to oligoclonal, and whether the spread of fitness can be found.

python -m benchmarks.clones

One patient of the slow product's medians. Recovery: courses of spreads drawn from the prior (uniform, 0 to
0.3, sd of the logarithm of the division factor), clones sequenced at four days; then patients that the
inference has not seen. Our own model, no published one has clones: this shows what diversity can tell about
it, not that patients follow it.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from benchmarks.record import RESULTS, head, setting, table, write
from cartsim.clones.course import RateCourse
from cartsim.clones.diversity import shannon, top_share
from cartsim.clones.drivers import rate_course
from cartsim.clones.selection import SpreadInference, diversity_summary
from cartsim.clones.succession import Fitness, product_shares, succession

SEED, MOST, CLONES, DEPTH = 20261125, 0.3, 2000, 5000
DAYS = np.array([14.0, 28.0, 60.0, 90.0])
MONTH_6 = 180.0


def one(task: tuple[RateCourse, int]) -> tuple[float, np.ndarray]:
    """A spread from the prior and the summary of a patient that has it."""
    course, number = task
    rng = np.random.default_rng([SEED, number])
    spread = rng.uniform(0.0, MOST)
    shares = product_shares(CLONES, rng)
    factors = Fitness(division=spread).draw(CLONES, rng)
    return spread, diversity_summary(succession(course, shares, factors, DAYS, rng=rng), DEPTH, rng)


def recovery(known: int, patients: int) -> dict[str, float]:
    """Coverage of 90% intervals, error and evidence over patients that the inference has not seen."""
    course = rate_course(scenario="slow", until=90.0)
    with ProcessPoolExecutor(2) as pool:
        found = list(pool.map(one, [(course, k) for k in range(known + patients)], chunksize=20))
    spreads, summaries = np.array([s for s, _ in found]), np.array([x for _, x in found])
    inference = SpreadInference(spreads[:known], summaries[:known], most=MOST)
    truth = spreads[known:]
    posts = [inference.posterior(summary) for summary in summaries[known:]]
    ends = np.array([[post.quantile(q) for q in (0.05, 0.5, 0.95)] for post in posts])
    inside = (ends[:, 0] <= truth) & (truth <= ends[:, 2])
    evidence = np.array([post.log_bayes_factor for post in posts])
    strong, weak = truth > 0.1, truth < 0.02
    return {
        "courses": known,
        "patients": patients,
        "inside_90_percent": 100.0 * float(inside.mean()),
        "median_width": float(np.median(ends[:, 2] - ends[:, 0])),
        "root_mean_square_error": float(np.sqrt(((ends[:, 1] - truth) ** 2).mean())),
        "selection_shown_where_spread_above_0.1_percent": 100.0
        * float((evidence[strong] > np.log(10)).mean()),
        "selection_claimed_where_spread_below_0.02_percent": 100.0
        * float((evidence[weak] > np.log(10)).mean()),
    }


def dominance(clones: int = 10_000) -> tuple[list[dict], float, float]:
    """Entropy and the ten largest clones at month 6, seconds a year, and the neutral sum's error."""
    course = rate_course(scenario="slow")
    rng = np.random.default_rng(SEED)
    shares = product_shares(clones, rng)
    neutral = np.ones((4, clones))
    expected = succession(course, shares, neutral, np.array([14.0, MONTH_6]), rng=None)
    places = [int(np.abs(course.days - day).argmin()) for day in expected.days]
    error = float(np.abs(expected.cells.sum(axis=2) / course.totals[places] - 1.0).max())
    rows, seconds = [], []
    for name, factors in (
        ("neutral", neutral),
        ("selection on division, spread 0.2", Fitness(division=0.2).draw(clones, rng)),
    ):
        begin = time.perf_counter()
        found = succession(course, shares, factors, np.array([7.0, MONTH_6, 365.0]), rng=rng)
        seconds.append(time.perf_counter() - begin)
        cells = found.counts(MONTH_6)
        rows.append(
            {
                "clones": name,
                "product_shannon": shannon(shares),
                "shannon": shannon(cells),
                "top_10_percent": 100.0 * top_share(cells),
                "alive": int((cells > 0).sum()),
                "cells": float(cells.sum()),
            }
        )
    return rows, min(seconds), error


def main() -> None:
    """Run and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--courses", type=int, default=1500)
    parser.add_argument("--patients", type=int, default=200)
    given = parser.parse_args()
    rows, seconds, error = dominance()
    found = recovery(given.courses, given.patients)
    result = {
        "setting": setting(),
        "dominance": rows,
        "seconds_10000_clones_a_year": seconds,
        "neutral_sum_error": error,
        "recovery": found,
    }
    lines = head("Clones of a CAR-T product", result)
    lines += [*__doc__.strip().split("\n\n")[2].splitlines(), ""]
    lines += table(
        (
            "10,000 clones, month 6",
            "Shannon of the product",
            "Shannon",
            "ten largest %",
            "clones alive",
            "cells",
        ),
        [
            (
                r["clones"],
                f"{r['product_shannon']:.2f}",
                f"{r['shannon']:.2f}",
                f"{r['top_10_percent']:.1f}",
                f"{r['alive']:,}",
                f"{r['cells']:.2g}",
            )
            for r in rows
        ],
    )
    lines += table(
        ("what", "value"),
        [
            ("10,000 clones x 1 year, one core, seconds", f"{seconds:.1f}"),
            ("neutral clones: largest relative error of a phenotype's sum", f"{error:.1e}"),
            *((name.replace("_", " "), f"{value:.3g}") for name, value in found.items()),
        ],
    )
    write(RESULTS, "clones", result, lines)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
