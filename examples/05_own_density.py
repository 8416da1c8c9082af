"""A log density of your own: eight schools (Rubin 1981), sampled and judged like any fit.

    python examples/05_own_density.py [FOLDER]

The draws go to FOLDER (default: runs/examples).
"""

import sys
from pathlib import Path

import numpy as np

import cartsim

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/examples")
folder.mkdir(parents=True, exist_ok=True)
EFFECT = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])  # points of a test, by school
ERROR = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])  # their standard errors


def log_likelihood(values: np.ndarray) -> np.ndarray:
    """One number a row of `values`, whose columns are mu, tau, eta[1] to eta[8]; priors are added to it."""
    mu, tau, eta = values[:, :1], values[:, 1:2], values[:, 2:]
    return np.sum(-0.5 * ((EFFECT - mu - tau * eta) / ERROR) ** 2, axis=1)


problem = cartsim.DensityProblem(
    {
        "mu": cartsim.priors.Normal(0.0, 5.0),
        "tau": cartsim.priors.HalfCauchy(5.0),
        # Non-centred: school effects are mu + tau * eta. Centred, the funnel at small tau is missed.
        "eta": cartsim.Vector(cartsim.priors.Normal(0.0, 1.0), 8),
    },
    log_likelihood,
)
draws = cartsim.sample_density(problem, seed=1)
print(draws.gates.line, "| passed" if draws.gates.passed else f"| missed: {draws.gates.misses}")
for name in ("mu", "tau"):
    low, middle, high = np.quantile(draws.of(name), [0.05, 0.5, 0.95])
    print(f"{name}: median {middle:.2f}, 90% interval {low:.2f} to {high:.2f}")
effects = draws.of("mu")[..., None] + draws.of("tau")[..., None] * draws.values[..., problem.columns("eta")]
print("school effects, posterior means:", effects.mean(axis=(0, 1, 2)).round(1))
draws.to_dataframe(2_000).to_csv(folder / "eight_schools.csv", index=False)
