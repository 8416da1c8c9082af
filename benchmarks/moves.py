"""Does every proposal of the sampler keep the right distribution? Variance of a Gaussian, in 4, 8 and 20 d.

Independent ensembles of 120 walkers start in the target itself, a standard normal, and walk under one move.
Its variance (mean over dimensions and steps) must stay within 1 +/- 0.03; the standard error is that over the
ensembles. emcee's own mix with DESnookerMove, whose target is wrong (dfm/emcee #531), must be caught.

    python -m benchmarks.moves [--ensembles 8] [--steps 4000]

Another move is tested by appending it to `MOVES`. Writes benchmarks/results/moves.json and .md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from emcee.moves import RedBlueMove

from benchmarks.record import RESULTS, head, setting, table, write
from cartsim.infer.block_move import propose_blocks
from cartsim.infer.moves import (
    DifferentialEvolution,
    IndependentStudentT,
    Stretch,
    VectorisedRedBlue,
    weighted_moves,
)
from cartsim.infer.settings import MoveMix

DIMENSIONS, WALKERS, LIMIT = (4, 8, 20), 120, 0.03
Moves = list[tuple[object, float]]


def emcees_snooker_mix() -> Moves:
    """The mix that is often recommended, with the move of the installed emcee."""
    import emcee

    return [(emcee.moves.DEMove(), 0.8), (emcee.moves.DESnookerMove(), 0.2)]


class OneBlock(VectorisedRedBlue, RedBlueMove):
    """The proposals of the population sampler's blocks, for a target that is one block."""

    def __init__(self, *shares: float) -> None:
        super().__init__()
        self.mix = MoveMix(*shares)

    def get_proposal(self, sample, complement, random):
        proposed, log_ratio = propose_blocks(self.mix, sample[:, None], complement[0][:, None], random)
        return proposed[:, 0], log_ratio[:, 0]


# Name -> what builds emcee's weighted list for a standard normal in any dimension. Append new moves here.
MOVES: dict[str, Callable[[], Moves]] = {
    "differential evolution": lambda: [(DifferentialEvolution(), 1.0)],
    "differential evolution, gamma = 1": lambda: [(DifferentialEvolution(gamma0=1.0), 1.0)],
    "stretch": lambda: [(Stretch(), 1.0)],
    "leap (independent t)": lambda: [(IndependentStudentT(), 1.0)],
    "the default mix": lambda: weighted_moves(MoveMix()),
    "block: differential evolution": lambda: [(OneBlock(0.9, 0.1, 0.0, 0.0), 1.0)],
    "block: stretch": lambda: [(OneBlock(0.0, 0.0, 1.0, 0.0), 1.0)],
    "block: leap": lambda: [(OneBlock(0.0, 0.0, 0.0, 1.0), 1.0)],
    "block: the population's mix": lambda: [(OneBlock(0.54, 0.06, 0.25, 0.15), 1.0)],
}
WRONG: Mapping[str, Callable[[], Moves]] = {"emcee's 0.8 DE + 0.2 DESnookerMove": emcees_snooker_mix}


def variance(moves: Moves, size: int, steps: int, seed: int) -> tuple[float, float]:
    """Of one ensemble: mean square over dimensions, steps and walkers; share of accepted proposals."""
    import emcee

    def log_gaussian(u: np.ndarray) -> np.ndarray:
        return -0.5 * np.einsum("ij,ij->i", u, u)

    rng = np.random.default_rng(seed)
    sampler = emcee.EnsembleSampler(WALKERS, size, log_gaussian, moves=moves, vectorize=True)
    start = emcee.State(
        rng.standard_normal((WALKERS, size)),
        random_state=("MT19937", np.random.MT19937(seed).state["state"]["key"], 624, 0, 0.0),
    )
    sampler.run_mcmc(start, steps)
    return float(np.mean(sampler.get_chain() ** 2)), float(sampler.acceptance_fraction.mean())


def measure(moves: Mapping[str, Callable[[], Moves]], *, ensembles: int, steps: int) -> list[dict]:
    """One row a move and dimension."""
    rows = []
    for name, build in moves.items():
        for size in DIMENSIONS:
            found = np.array([variance(build(), size, steps, 100 * size + seed) for seed in range(ensembles)])
            rows.append(
                {
                    "move": name,
                    "dimension": size,
                    "variance": float(found[:, 0].mean()),
                    "standard_error": float(found[:, 0].std(ddof=1) / np.sqrt(ensembles)),
                    "acceptance": float(found[:, 1].mean()),
                }
            )
    return rows


def verdicts(rows: list[dict]) -> list[bool]:
    """Whether each row's variance is within the limit."""
    return [abs(row["variance"] - 1.0) <= LIMIT for row in rows]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ensembles", type=int, default=8)
    parser.add_argument("--steps", type=int, default=4_000)
    parser.add_argument("--into", type=Path, default=RESULTS)
    chosen = parser.parse_args(arguments)
    begin, about = time.perf_counter(), setting()
    size = {"ensembles": chosen.ensembles, "steps": chosen.steps}
    right, wrong = measure(MOVES, **size), measure(WRONG, **size)
    result = {"setting": about, **size, "walkers": WALKERS, "limit": LIMIT, "moves": right, "wrong": wrong}
    result["passed"] = all(verdicts(right)) and not any(verdicts(wrong))
    result["seconds"] = round(time.perf_counter() - begin, 1)
    cells = [
        (
            row["move"],
            row["dimension"],
            f"{row['variance']:.4f} ± {row['standard_error']:.4f}",
            f"{100 * row['acceptance']:.1f} %",
            "within" if fine else "**outside**",
        )
        for row, fine in zip(right + wrong, verdicts(right + wrong), strict=True)
    ]
    lines = [
        *head("Variance of a standard normal under every move", result),
        (
            f"{chosen.ensembles} ensembles of {WALKERS} walkers, {chosen.steps:,} steps each, started in the "
            "target. The last move is there to be caught."
        ),
        "",
        *table(("Move", "d", "Variance ± standard error", "Accepted", f"1 ± {LIMIT:g}"), cells),
    ]
    write(chosen.into, "moves", result, lines)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
