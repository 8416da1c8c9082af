"""The last step of the calibration of `bcma_myeloma`, to be run again by anyone: class criteria only.

python -m benchmarks.flagship_calibration

Nelder-Mead on the logarithms of a few medians and spreads that both products share. What it minimises: the
squared distances of the class criteria from their targets, in tolerances, for virtual patients of seeds that
the criteria's own benchmark never uses, and a penalty on leaving the start, whose values were set by hand and
by search on the same criteria and on medians of Fandrei 2024. Nothing of the six-patient trial, and no
relation between quantities, is in it. The model file holds the result, rounded to two or three digits.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
from scipy.optimize import minimize

from benchmarks.flagship_criteria import MODEL, PRODUCTS, class_values
from benchmarks.record import RESULTS, head, setting, table, write
from cartsim.cohort.outcomes import RTOL, outcome_table
from cartsim.cohort.products import TrialPopulation
from cartsim.kernels.methods import Rodas5P
from cartsim.spec.model import Model
from cartsim.spec.priors import LogitNormal, LogNormal

SEEDS, PATIENTS = (101, 102), 2000
# (target, tolerance): means or product values of clinical.md, "Class of BCMA products" and C1-C16.
TARGETS = {
    "fast": {
        "C1 CRS any %": (82, 4), "C2 CRS >= 3 %": (5, 2), "C3 ORR %": (75, 2), "C4 CR or better %": (36, 5),
        "C5 PFS at 12 months %": (46, 4), "C6 OS at 12 months %": (79, 3), "C8 AUC0-28d / Cmax d": (10.4, 2),
        "C9 AUC0-6m / AUC0-28d": (1.8, 0.2), "C11 half-life d, early": (8, 2),
        "C11 half-life d, late": (25, 6), "C12 detectable at 6 months % (PCR)": (60, 6),
        "C13 CRS duration d": (4, 0.7), "C15 tocilizumab %": (47, 12),
    },
    "slow": {
        "C1 CRS any %": (84, 4), "C2 CRS >= 3 %": (5, 2), "C3 ORR %": (90, 3), "C4 CR or better %": (72, 4),
        "C5 PFS at 12 months %": (73, 4), "C6 OS at 12 months %": (87, 2),
        "C7 Tmax median d (PCR)": (12.7, 2.5),
        "C8 AUC0-28d / Cmax d": (10.4, 2), "C9 AUC0-6m / AUC0-28d": (2.05, 0.3),
        "C11 half-life d, early": (8, 2), "C11 half-life d, late": (30, 6),
        "C12 detectable at 6 months % (PCR)": (70, 6), "C13 CRS onset d": (7, 0.8),
        "C13 CRS duration d": (4, 0.7), "C15 tocilizumab %": (47, 12),
    },
}  # fmt: skip
# Where the search starts, and how far (log scale) a value may go for one unit of loss.
START = {
    "killing": (0.83, 0.2), "killing_half": (25.0, 0.3), "growth": (0.018, 0.1),
    "macrophage_loss": (0.97, 0.1),
    "hazard_burden": (0.00063, 0.2), "memory_death": (0.017, 0.15), "memory_return": (0.012, 0.3),
    "spread of killing": (0.52, 0.2), "spread of killing_half": (0.8, 0.2), "spread of crowding": (0.85, 0.2),
}  # fmt: skip


def with_values(values: dict[str, float]) -> Model:
    """The flagship with other medians and spreads; a product's own values stay."""
    changed = []
    for parameter in MODEL.parameters:
        prior, name = parameter.prior, parameter.name
        if isinstance(prior, LogNormal):
            prior = LogNormal(values.get(name, prior.median), values.get(f"spread of {name}", prior.log_sd))
        elif name in values and isinstance(prior, LogitNormal):
            prior = replace(prior, median=values[name])
        changed.append(replace(parameter, prior=prior))
    return replace(MODEL, parameters=tuple(changed))


def found_values(model: Model, product: str, seed: int) -> dict[str, float]:
    """The class criteria of one product's patients."""
    population = TrialPopulation(model, product, PRODUCTS, seed)
    return class_values(outcome_table(population, PATIENTS, method=Rodas5P(rtol=RTOL), threads=2))


def criteria(values: dict[str, float]) -> dict[tuple[str, str], float]:
    """(product, criterion) -> mean over the seeds."""
    model = with_values(values)
    found = {product: [found_values(model, product, seed) for seed in SEEDS] for product in TARGETS}
    return {
        (product, name): float(np.mean([one[name] for one in found[product]]))
        for product, wanted in TARGETS.items()
        for name in wanted
    }


def loss(values: dict[str, float]) -> float:
    """Squared distances from the targets and from the start; no criterion counts for more than 16."""
    parts = [
        min(((value - TARGETS[product][name][0]) / TARGETS[product][name][1]) ** 2, 16.0)
        for (product, name), value in criteria(values).items()
    ]
    moved = [(np.log(values[name] / first) / far) ** 2 for name, (first, far) in START.items()]
    return sum(parts) + sum(moved)


def search(evaluations: int) -> dict[str, float]:
    """The best values, from the declared start."""
    names = list(START)
    first = np.array([START[name][0] for name in names])
    far = np.array([START[name][1] for name in names])
    simplex = np.vstack([np.zeros(len(names)), np.eye(len(names))])
    best = [np.inf]

    def one(x: np.ndarray) -> float:
        value = loss(dict(zip(names, first * np.exp(x * far), strict=True)))
        if value < best[0]:
            best[0] = value
            print(f"loss {value:.2f}", flush=True)
        return value

    options = {"maxfev": evaluations, "initial_simplex": simplex, "xatol": 0.02, "fatol": 0.05}
    found = minimize(one, simplex[0], method="Nelder-Mead", options=options | {"adaptive": True})
    return dict(zip(names, map(float, first * np.exp(found.x * far)), strict=True))


def main() -> None:
    """Search, then compare start, end and what the model file holds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--evaluations", type=int, default=300)
    given = parser.parse_args()
    start = {name: value for name, (value, _) in START.items()}
    held = {name: _held(name) for name in START}
    stages = {"start": start, "found": search(given.evaluations), "model file": held}
    losses = {stage: loss(values) for stage, values in stages.items()}
    result = {"setting": setting(), "seeds": SEEDS, "values": stages, "loss": losses}
    lines = head("The last step of the calibration of bcma_myeloma", result)
    lines += [*__doc__.strip().split("\n\n")[2].splitlines(), ""]
    rows = [(name, *(f"{stages[stage][name]:.3g}" for stage in stages)) for name in START]
    lines += table(("value", *stages), [*rows, ("loss", *(f"{value:.1f}" for value in losses.values()))])
    reached = {stage: criteria(values) for stage, values in stages.items()}
    lines += table(
        ("criterion", "product", "target", *stages),
        [
            (
                name,
                product,
                f"{target:g} +- {tolerance:g}",
                *(f"{reached[s][product, name]:.3g}" for s in stages),
            )
            for product, wanted in TARGETS.items()
            for name, (target, tolerance) in wanted.items()
        ],
    )
    write(RESULTS, "flagship_calibration", result, lines)
    print("\n".join(lines))


def _held(name: str) -> float:
    """What the model file says now."""
    prior = MODEL.parameter(name.removeprefix("spread of ")).prior
    return float(prior.log_sd if name.startswith("spread of ") else prior.median)


if __name__ == "__main__":
    main()
