"""Densities with known answers through `sample_density`: does it get them, or say that it did not?

Correlated Gaussians (d = 4, 8, 20), eight schools (non-centred and centred), Neal's funnel (2 and 5 d), a
mixture of two normals with ordered means. References are closed forms or quadratures in NumPy. Asked of every
scalar: mean within 0.10 sd, sd ratio 0.93-1.07, 5/50/95 % quantiles within 0.15 sd. A target that is missed
must be one whose gates were missed too.

    python -m benchmarks.anchors [--only NAME] [--seed 1]

Writes benchmarks/results/anchors.json and .md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.record import RESULTS, head, setting, table, write
from cartsim.infer.density import DensityProblem, Ordered, Vector, sample_density
from cartsim.infer.settings import SamplerSettings
from cartsim.spec.priors import Beta, Flat, HalfCauchy, Normal

LEVELS = (0.05, 0.5, 0.95)
MEAN, RATIO, QUANTILE = 0.10, (0.93, 1.07), 0.15
# Rubin 1981, table 1: coaching effects and their standard errors in eight schools.
EFFECT = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
ERROR = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])
Numbers = tuple[float, float, float, float, float]  # mean, sd, 5, 50 and 95 % quantile


@dataclass(frozen=True)
class Anchor:
    """A target, its reference by scalar, and the same scalars from draws (N, d)."""

    problem: DensityProblem
    reference: dict[str, Numbers]
    scalars: Callable[[np.ndarray], dict[str, np.ndarray]]
    settings: SamplerSettings | None = None


def on_grid(x: np.ndarray, weight: np.ndarray) -> Numbers:
    """Numbers of a density given by weights on an even grid."""
    weight = weight / weight.sum()
    mean = float(np.sum(weight * x))
    below = np.cumsum(weight) - 0.5 * weight
    sd = float(np.sqrt(np.sum(weight * (x - mean) ** 2)))
    return mean, sd, *(float(q) for q in np.interp(LEVELS, below, x))


def of_mixture(mean: np.ndarray, sd: np.ndarray, weight: np.ndarray) -> Numbers:
    """Numbers of a mixture of normals."""
    centre = np.sum(weight * mean)
    reach = 12.0 * np.sqrt(np.sum(weight * (sd**2 + (mean - centre) ** 2)))
    x = np.linspace(centre - reach, centre + reach, 20_001)
    density = np.zeros_like(x)
    for m, s, w in zip(mean, sd, weight, strict=True):
        density += w / s * np.exp(-0.5 * ((x - m) / s) ** 2)
    return on_grid(x, density)


def gaussian(size: int) -> Anchor:
    """Neighbours correlated 0.9, sds from 1 to 10; no prior."""
    sds = np.geomspace(1.0, 10.0, size)
    steps = np.arange(size)
    covariance = 0.9 ** np.abs(steps[:, None] - steps) * np.outer(sds, sds)
    precision, mean = np.linalg.inv(covariance), np.linspace(-5.0, 5.0, size)

    def log_density(values: np.ndarray) -> np.ndarray:
        return -0.5 * np.einsum("wi,ij,wj->w", values - mean, precision, values - mean)

    problem = DensityProblem({"x": Vector(Flat(near=0.0, reach=10.0), size)}, log_density)
    reference = {
        f"x[{k + 1}]": (mean[k], sds[k], mean[k] - 1.644854 * sds[k], mean[k], mean[k] + 1.644854 * sds[k])
        for k in range(size)
    }
    return Anchor(problem, reference, lambda v: {f"x[{k + 1}]": v[:, k] for k in range(size)})


def schools_reference() -> dict[str, Numbers]:
    """Given tau all is normal: mu and the effects are mixtures over a fine grid of log tau."""
    tau = np.exp(np.linspace(np.log(1e-4), np.log(300.0), 1_500))
    variance = ERROR**2 + tau[:, None] ** 2
    precision = 1.0 / 25.0 + np.sum(1.0 / variance, axis=1)
    mu, mu_sd = np.sum(EFFECT / variance, axis=1) / precision, precision**-0.5
    log_weight = 0.5 * (mu**2 * precision - np.sum(EFFECT**2 / variance + np.log(variance), axis=1))
    log_weight += np.log(mu_sd) - np.log1p((tau / 5.0) ** 2) + np.log(tau)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    found = {"mu": of_mixture(mu, mu_sd, weight)}
    mean, sd, *_ = on_grid(tau, weight)
    below = np.cumsum(weight) - 0.5 * weight
    found["tau"] = (mean, sd, *(float(q) for q in np.interp(LEVELS, below, tau)))
    for k in range(8):
        shrink = ERROR[k] ** 2 / (ERROR[k] ** 2 + tau**2)
        mean = shrink * mu + (1.0 - shrink) * EFFECT[k]
        sd = np.sqrt(tau**2 * shrink + (shrink * mu_sd) ** 2)
        found[f"theta[{k + 1}]"] = of_mixture(mean, sd, weight)
    return found


def schools_non_centred() -> Anchor:
    def log_density(values: np.ndarray) -> np.ndarray:
        theta = values[:, :1] + values[:, 1:2] * values[:, 2:]
        return np.sum(-0.5 * ((EFFECT - theta) / ERROR) ** 2, axis=1)

    problem = DensityProblem(
        {"mu": Normal(0.0, 5.0), "tau": HalfCauchy(5.0), "eta": Vector(Normal(0.0, 1.0), 8)}, log_density
    )
    return Anchor(
        problem,
        schools_reference(),
        lambda v: _schools(v, v[:, :1] + v[:, 1:2] * v[:, 2:]),
    )


def schools_centred() -> Anchor:
    def log_density(values: np.ndarray) -> np.ndarray:
        mu, tau, theta = values[:, :1], values[:, 1:2], values[:, 2:]
        terms = -0.5 * ((EFFECT - theta) / ERROR) ** 2 - 0.5 * ((theta - mu) / tau) ** 2 - np.log(tau)
        return np.sum(terms, axis=1)

    problem = DensityProblem(
        {"mu": Normal(0.0, 5.0), "tau": HalfCauchy(5.0), "theta": Vector(Flat(near=0.0, reach=10.0), 8)},
        log_density,
    )
    return Anchor(problem, schools_reference(), lambda v: _schools(v, v[:, 2:]))


def _schools(values: np.ndarray, theta: np.ndarray) -> dict[str, np.ndarray]:
    effects = {f"theta[{k + 1}]": theta[:, k] for k in range(8)}
    return {"mu": values[:, 0], "tau": values[:, 1], **effects}


def funnel(size: int) -> Anchor:
    """Neal's funnel: v ~ N(0, 3), every x ~ N(0, exp(v / 2)); x judged as asinh(x), its tails being heavy."""

    def log_density(values: np.ndarray) -> np.ndarray:
        v, x = values[:, 0], values[:, 1:]
        return -0.5 * np.sum(x**2, axis=1) * np.exp(-v) - 0.5 * (size - 1) * v

    problem = DensityProblem(
        {"v": Normal(0.0, 3.0), "x": Vector(Flat(near=0.0, reach=3.0), size - 1)}, log_density
    )
    v, log_x = np.linspace(-21.0, 21.0, 2_001), np.linspace(-20.0, 20.0, 40_001)
    density = np.zeros_like(log_x)
    for width, weight in zip(np.exp(0.5 * v), np.exp(-0.5 * (v / 3.0) ** 2), strict=True):
        density += weight / width * np.exp(-0.5 * (np.sinh(log_x) / width) ** 2) * np.cosh(log_x)
    reference = {"v": (0.0, 3.0, -4.934561, 0.0, 4.934561)}
    reference |= {f"asinh x[{k}]": on_grid(log_x, density) for k in range(1, size)}
    return Anchor(
        problem,
        reference,
        lambda d: {"v": d[:, 0]} | {f"asinh x[{k}]": np.arcsinh(d[:, k]) for k in range(1, size)},
    )


def mixture() -> Anchor:
    """Two normals of sd 1 with ordered means and an unknown share, 60 simulated data; grid quadrature."""
    rng = np.random.default_rng(8)
    data = np.where(rng.random(60) < 0.4, -0.8, 1.4) + rng.standard_normal(60)

    def terms(low: np.ndarray, high: np.ndarray, share: np.ndarray) -> np.ndarray:
        first = share[..., None] * np.exp(-0.5 * (data - low[..., None]) ** 2)
        second = (1.0 - share[..., None]) * np.exp(-0.5 * (data - high[..., None]) ** 2)
        return np.sum(np.log(first + second), axis=-1)

    problem = DensityProblem(
        {"mean": Ordered(Normal(0.0, 2.0), 2), "share": Beta(5.0, 5.0)},
        lambda values: terms(values[:, 0], values[:, 1], values[:, 2]),
    )
    grid, shares = np.linspace(-4.0, 5.0, 181), (np.arange(60) + 0.5) / 60.0
    weight = np.zeros((181, 181, 60))
    for k, share in enumerate(shares):
        low, high = np.meshgrid(grid, grid, indexing="ij")
        log_weight = terms(low, high, np.full(low.shape, share)) - (low**2 + high**2) / 8.0
        log_weight += 4.0 * np.log(share * (1.0 - share))
        # a cell on the diagonal is half inside
        weight[..., k] = np.exp(log_weight + 80.0) * ((low < high) + 0.5 * (low == high))
    reference = {
        "mean[1]": on_grid(grid, weight.sum(axis=(1, 2))),
        "mean[2]": on_grid(grid, weight.sum(axis=(0, 2))),
        "share": on_grid(shares, weight.sum(axis=(0, 1))),
    }
    return Anchor(problem, reference, lambda v: dict(zip(reference, v.T, strict=True)))


ANCHORS: dict[str, Callable[[], Anchor]] = {
    "Gaussian, d = 4": lambda: gaussian(4),
    "Gaussian, d = 8": lambda: gaussian(8),
    "Gaussian, d = 20": lambda: gaussian(20),
    "eight schools, non-centred": schools_non_centred,
    "eight schools, centred": schools_centred,
    "funnel, d = 2": lambda: funnel(2),
    "funnel, d = 5": lambda: funnel(5),
    "mixture, ordered means": mixture,
}


def judge(name: str, anchor: Anchor, seed: int) -> dict:
    """Sample one target and compare; a plain row."""
    begin = time.perf_counter()
    draws = sample_density(anchor.problem, anchor.settings, seed=seed)
    seconds = time.perf_counter() - begin
    found = anchor.scalars(draws.flat())
    worst_mean, worst_quantile, ratios = 0.0, 0.0, []
    for scalar, (mean, sd, *quantiles) in anchor.reference.items():
        x = found[scalar]
        worst_mean = max(worst_mean, abs(float(x.mean()) - mean) / sd)
        ratios.append(float(x.std()) / sd)
        gaps = np.abs(np.quantile(x, LEVELS) - quantiles) / sd
        worst_quantile = max(worst_quantile, float(gaps.max()))
    within = worst_mean <= MEAN and worst_quantile <= QUANTILE
    within = within and RATIO[0] <= min(ratios) and max(ratios) <= RATIO[1]
    return {
        "target": name,
        "dimension": anchor.problem.ndim,
        "mean_error_sd": worst_mean,
        "sd_ratio": [min(ratios), max(ratios)],
        "quantile_error_sd": worst_quantile,
        "within": bool(within),
        "gates_passed": bool(draws.gates.passed),
        "gates": draws.gates.line,
        "misses": list(draws.gates.misses),
        "walkers": draws.values.shape[2],
        "steps": draws.values.shape[1] + draws.burn_in,
        "evaluations": draws.solve_counts.solves,
        "seconds": round(seconds, 1),
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=list(ANCHORS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--into", type=Path, default=RESULTS)
    chosen = parser.parse_args(arguments)
    about, rows = setting(), []
    for name in chosen.only or ANCHORS:
        rows.append(judge(name, ANCHORS[name](), chosen.seed))
        print(rows[-1], flush=True)
    result = {"setting": about, "seed": chosen.seed, "rows": rows}
    result["never_wrong_without_a_word"] = all(row["within"] or not row["gates_passed"] for row in rows)
    cells = [
        (
            row["target"],
            f"{row['mean_error_sd']:.3f}",
            f"{row['sd_ratio'][0]:.3f}-{row['sd_ratio'][1]:.3f}",
            f"{row['quantile_error_sd']:.3f}",
            "yes" if row["within"] else "**no**",
            "passed" if row["gates_passed"] else "missed: " + "; ".join(row["misses"]),
            f"{row['walkers']} x {row['steps']:,}",
            row["seconds"],
        )
        for row in rows
    ]
    columns = ("Target", "Mean error / sd", "Sd ratio", "Quantile error / sd", "Within", "Gates")
    lines = [
        *head("Densities with known answers", result),
        f"Worst scalar of each. Within: {MEAN:g} sd, {RATIO[0]:g}-{RATIO[1]:g}, {QUANTILE:g} sd.",
        "",
        *table((*columns, "Walkers x steps, 4 ensembles", "s"), cells),
    ]
    write(chosen.into, "anchors", result, lines)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
