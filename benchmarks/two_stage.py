"""Does a second road lead to the same population? The block sampler against Lunn's two stages.

python -m benchmarks.two_stage [--steps 5000]

The simulated Stein population (`stein_population`), six patients, with the residual sd held at its true
value: two stages cannot share an estimated one, and a population problem of cartsim has no residual sd of a
patient's own. Every patient is sampled alone, then the population from those draws without a solve; the block
sampler takes all patients at once. Differences are in sds of the block sampler's posterior.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.population import MIX, WALKERS, population
from benchmarks.record import RESULTS, head, setting, table, write
from benchmarks.stein_population import SIGMA, toy
from cartsim.infer.population import Population
from cartsim.infer.sampling import sample
from cartsim.infer.settings import SamplerSettings
from cartsim.infer.two_stage import first_stage, second_stage, stages_compared
from cartsim.observe.error_models import LogNormalError
from cartsim.spec.priors import Fixed

OUTPUT = "car_transgene"


def with_known_error(patients: int) -> Population:
    """The simulated patients with the residual sd at its true value."""
    return replace(population(toy(patients)), errors={OUTPUT: LogNormalError(sigma=Fixed(SIGMA))})


def main() -> None:
    """Run both roads and write JSON and Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=5_000)
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    problem, seconds = with_known_error(6), {}
    steps, check = given.steps, given.steps // 5
    together = SamplerSettings(walkers=WALKERS, burn_in=check, check_every=check, max_steps=steps, moves=MIX)
    alone = SamplerSettings(burn_in=check, check_every=2 * check, max_steps=2 * steps)
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        one = sample(problem, together, seed=1, folder=Path(folder) / "together")
        seconds["block sampler"], begin = time.perf_counter() - begin, time.perf_counter()
        first = first_stage(problem, alone, seed=2, folder=Path(folder) / "alone")
        seconds["stage 1"], begin = time.perf_counter() - begin, time.perf_counter()
    second = second_stage(problem, first, np.random.default_rng(3), steps=steps)
    seconds["stage 2"] = time.perf_counter() - begin
    compared = stages_compared(one, problem, second)
    result = {
        "setting": setting(),
        "seconds": seconds,
        "block_sampler_gates": one.gates.line,
        "stage_1_missed_gates": list(first.missed),
        "stage_2_acceptance": second.acceptance.tolist(),
        "compared": compared.to_dict(orient="records"),
    }
    print(compared.round(3).to_string(), seconds, first.missed, one.gates.line, second.acceptance)
    write(given.out, "two_stage", result, report(result))


def report(result: dict) -> list[str]:
    """The result as Markdown."""
    rows = result["compared"]
    ratios = [row["sd_ratio"] for row in rows]
    accepted = result["stage_2_acceptance"]
    first, largest = rows[0]["name"], abs(rows[0]["difference"])
    facts = [
        f"Largest difference of a typical value or a spread: {largest:.3f} sd ({first}).",
        f"Ratio of sds: {min(ratios):.2f} to {max(ratios):.2f}.",
        f"Block sampler: {result['block_sampler_gates']}.",
        f"Stage-1 fits that missed a gate: {', '.join(result['stage_1_missed_gates']) or 'none'}.",
        f"Stage-1 draws accepted in stage 2, patient by patient: {min(accepted):.2f} to {max(accepted):.2f}.",
        "Seconds: " + ", ".join(f"{name} {value:.0f}" for name, value in result["seconds"].items()) + ".",
    ]
    columns = ("name", "difference", "sd_ratio", "monte_carlo_error")
    shown = [(row["name"], *(f"{row[c]:.3f}" for c in columns[1:])) for row in rows]
    lines = [*head("Two stages against the block sampler", result), *(f"* {fact}" for fact in facts), ""]
    return [*lines, *table(("quantity", "difference, sd", "ratio of sds", "Monte Carlo error, sd"), shown)]


if __name__ == "__main__":
    main()
