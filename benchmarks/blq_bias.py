"""What values below the limit are worth: decline rates of 100 simulated patients, half of the tail below.

python -m benchmarks.blq_bias

Decline as in Stein 2019, known truth, samples up to day 42; the LLOQ is set so that half of the samples after
day 14 are below it. All patients are fitted together, once with those values as what they are (M3) and once
without them, as is often done. The median of the individual contraction rates (posterior medians) is compared
with the median of the true ones.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks import stein_population
from benchmarks.population import MIX, population
from benchmarks.record import RESULTS, head, setting, table, write
from benchmarks.stein_population import NAMES, Toy, log_transgene, toy
from cartsim.infer.sampling import sample
from cartsim.infer.settings import Gates, SamplerSettings

PATIENTS, SEED, TAIL_DAY, LAST_DAY = 100, 4, 14.0, 42.0


def with_half_the_tail_below(data: Toy) -> tuple[Toy, float]:
    """The patients up to `LAST_DAY` with a limit at the median of their tail, and that limit (log)."""
    rng = np.random.default_rng(SEED + 1)
    early = data.day <= LAST_DAY
    who, day = data.who[early], data.day[early]
    value = log_transgene(data.theta[who], day) + stein_population.SIGMA * rng.standard_normal(len(day))
    limit = float(np.median(value[day > TAIL_DAY]))
    below = value < limit
    return replace(data, who=who, day=day, log_value=np.where(below, limit, value), below=below), limit


def contraction_rate(data: Toy, steps: int) -> float:
    """Median over patients of the posterior median of alpha, 1/day."""
    problem = population(data)
    settings = SamplerSettings(
        ensembles=1, walkers=64, burn_in=steps // 2, check_every=steps // 4, max_steps=steps, moves=MIX
    )
    with tempfile.TemporaryDirectory() as folder:
        draws = sample(problem, settings, seed=1, folder=folder, gates=Gates(r_hat=0.0, ensembles=1))
    own = [np.median(draws.of(f"alpha[{subject}]")) for subject in problem.subjects]
    return float(np.median(own))


def main() -> None:
    """Fit both ways and record the errors."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    data, limit = with_half_the_tail_below(toy(PATIENTS, SEED))
    stein_population.LLOQ = float(np.exp(limit))
    seen = ~data.below
    dropped = replace(
        data, who=data.who[seen], day=data.day[seen], log_value=data.log_value[seen], below=data.below[seen]
    )
    truth = float(np.median(np.exp(data.theta[:, NAMES.index("alpha")])))
    result: dict[str, object] = {
        "setting": setting(),
        "below_in_tail": float(data.below[data.day > TAIL_DAY].mean()),
        "below_in_all": float(data.below.mean()),
        "truth": truth,
    }
    rows = []
    for name, chosen in (("M3", data), ("dropped", dropped)):
        rate = contraction_rate(chosen, given.steps)
        result[name] = {"rate": rate, "error_percent": 100.0 * (rate / truth - 1.0)}
        rows.append((name, f"{rate:.4f}", f"{100.0 * (rate / truth - 1.0):+.1f}%"))
        print(rows[-1], flush=True)
    lines = head("Values below the limit: used or dropped", result)
    lines.append(f"True median contraction rate {truth:.4f}/day; below the LLOQ: 50% of the tail.")
    lines += ["", *table(("values below the LLOQ", "median rate, 1/day", "error"), rows)]
    write(given.out, "blq_bias", result, lines)


if __name__ == "__main__":
    main()
