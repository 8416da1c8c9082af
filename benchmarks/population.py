"""Is the population sampler right, and how fast? Against NUTS, against itself, and against SciPy with emcee.

python -m benchmarks.population [--steps 5000]

The block move on the simulated Stein population (`stein_population`): N = 6 against the NUTS reference in
`results/`, N = 30 from tight and wide starts, effective draws per million patient solves (ESS = walkers x
steps / tau of the worst scalar). Then effective draws per second against what a careful user would write:
emcee's differential evolution over all 49 dimensions, non-centred, `solve_ivp` (LSODA, numba right-hand side,
split at the switch) on a pool of two processes. The peer's chain is run on the closed form, so its ESS per
solve is known without waiting for days; its solves per second are timed with the real thing.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import tempfile
import time
from pathlib import Path

import emcee
import numba
import numpy as np
from emcee.autocorr import integrated_time
from scipy.integrate import solve_ivp

from benchmarks.record import RESULTS, head, setting, table, write
from benchmarks.stein_population import (
    MEDIANS,
    NAMES,
    SIGMA_SD,
    SPREAD_SD,
    TYPICAL_SD,
    Toy,
    centre,
    columns,
    log_transgene,
    toy,
)
from cartsim.data.read import read_data
from cartsim.infer.assemble_population import make_population
from cartsim.infer.population import Population
from cartsim.infer.sampling import sample
from cartsim.infer.settings import Gates, MoveMix, SamplerSettings
from cartsim.kernels.methods import Method, Rodas5P
from cartsim.kernels.residual import log_normal_cdf
from cartsim.models import load_model
from cartsim.observe.error_models import LogNormalError
from cartsim.spec.priors import HalfNormal, LogitNormal, LogNormal

MIX = MoveMix(differential_evolution=0.54, jumps=0.06, stretch=0.25, leaps=0.15)
WALKERS, PEER_WALKERS, LOW = 64, 200, math.log(50.0)


def population(data: Toy, method: Method | None = None) -> Population:
    """cartsim's problem of the simulated patients, with the priors of the recipe."""
    typical = {
        name: (LogitNormal if name == "fb" else LogNormal)(median, sd)
        for name, median, sd in zip(NAMES, MEDIANS, TYPICAL_SD, strict=True)
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "toy.csv"
        path.write_text(data.csv(), encoding="utf-8")
        dataset = read_data(path)
    return make_population(
        load_model("stein2019_tisagenlecleucel"),
        dataset,
        errors={"car_transgene": LogNormalError(sigma=HalfNormal(sd=SIGMA_SD))},
        priors=typical,
        spreads={name: HalfNormal(sd=sd) for name, sd in zip(NAMES, SPREAD_SD, strict=True)},
        method=method,
    )


def cartsim_chain(problem: Population, *, seed: int, steps: int, widening: float = 2.0) -> dict:
    """One ensemble: chain (steps kept, walkers, d) in the order of `columns`, solves and seconds."""
    settings = SamplerSettings(
        ensembles=1,
        walkers=WALKERS,
        burn_in=steps // 5,
        check_every=steps // 5,
        max_steps=steps,
        widening=widening,
        moves=MIX,
    )
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        draws = sample(problem, settings, seed=seed, folder=folder, gates=Gates(r_hat=0.0, ensembles=1))
    seconds = time.perf_counter() - begin
    u = problem.unconstrain(draws.flat()).reshape(draws.values.shape[1:])
    own = {name: k for k, name in enumerate(problem.names)}
    renamed = [name.replace("log_omega", "omega") for name in columns(len(problem.subjects))]
    order = [own["sigma_car_transgene" if name == "log_sigma" else name] for name in renamed]
    kept = u.shape[0] / steps
    return {"chain": u[:, :, order], "solves": draws.solve_counts.solves * kept, "seconds": seconds * kept}


def efficiency(run: dict, names: tuple[str, ...]) -> dict:
    """tau and ESS of the worst scalar, per million solves and per second."""
    chain = run["chain"]
    tau = np.array([integrated_time(chain[:, :, k], tol=0, quiet=True)[0] for k in range(chain.shape[2])])
    ess = chain.shape[0] * chain.shape[1] / tau.max()
    return {
        "worst": names[int(tau.argmax())],
        "tau": float(tau.max()),
        "n_over_tau": float(chain.shape[0] / tau.max()),
        "ess": float(ess),
        "ess_per_million_solves": float(1e6 * ess / run["solves"]),
        "ess_per_second": float(ess / run["seconds"]),
        "solves_per_second": float(run["solves"] / run["seconds"]),
    }


def against(chain: np.ndarray, mean: np.ndarray, sd: np.ndarray) -> dict:
    """Largest difference of means in sds, and the range of sd ratios."""
    flat = chain.reshape(-1, chain.shape[-1])
    ratio = flat.std(axis=0) / sd
    error = np.abs(flat.mean(axis=0) - mean) / sd
    return {
        "max_mean_error": float(error.max()),
        "sd_ratio": [float(ratio.min()), float(ratio.max())],
    }


@numba.njit(cache=False)
def stein_rhs(t, y, growth, alpha, beta, conversion, contracting):
    """Effector and memory cells of Stein 2019 in one phase."""
    rate = -alpha if contracting else growth
    return np.array([rate * y[0], (conversion * y[0] - beta * y[1]) if contracting else 0.0])


def solved_by_scipy(theta: np.ndarray, days: np.ndarray, rtol: float) -> np.ndarray:
    """log transgene of one patient: LSODA to the peak, then from it."""
    cmax, tmax, foldx, alpha, odds, beta = np.exp(theta)
    conversion = odds / (1.0 + odds) * (alpha - beta)
    growth, start, parts = np.log(foldx) / tmax, np.array([cmax / foldx, 0.0]), []
    for first, last, contracting in ((0.0, tmax, False), (tmax, max(days[-1], tmax), True)):
        own = days[(days > first) & (days <= last)] if contracting else days[days <= last]
        ends = np.append(own, last) if not contracting else own
        if len(ends):
            found = solve_ivp(
                stein_rhs, (first, ends[-1]), start, "LSODA", ends, rtol=rtol, atol=1e-6,
                args=(growth, alpha, beta, conversion, contracting),
            )  # fmt: skip
            parts.append(found.y.sum(axis=0)[: len(own)])
            start = found.y[:, -1]
    return np.log(np.maximum(np.concatenate(parts), 1e-300))


class Peer:
    """The non-centred log posterior over all dimensions as a careful user would write it."""

    def __init__(self, data: Toy, rtol: float | None) -> None:
        self.data, self.rtol = data, rtol
        self.days = [data.day[data.who == i] for i in range(data.patients)]

    def __call__(self, x: np.ndarray) -> float:
        mu, log_omega, log_sigma, z = x[:6], x[6:12], x[12], x[13:].reshape(-1, 6)
        if not (np.abs(log_omega).max() < 12.0 and abs(log_sigma) < 12.0):
            return -np.inf
        omega, sigma = np.exp(log_omega), np.exp(log_sigma)
        prior = -0.5 * (((mu - centre()) / TYPICAL_SD) ** 2).sum() - 0.5 * (z**2).sum()
        prior += (
            (-0.5 * (omega / SPREAD_SD) ** 2 + log_omega).sum() - 0.5 * (sigma / SIGMA_SD) ** 2 + log_sigma
        )
        theta = mu + omega * z
        if np.abs(theta).max() > 40.0:
            return -np.inf
        if self.rtol is None:
            predicted = log_transgene(theta[self.data.who], self.data.day)
        else:
            solved = [solved_by_scipy(t, d, self.rtol) for t, d in zip(theta, self.days, strict=True)]
            predicted = np.concatenate(solved)
        residual = (self.data.log_value - predicted) / sigma
        below = self.data.below
        value = prior - 0.5 * (residual[~below] ** 2).sum() - (~below).sum() * log_sigma
        value += sum(log_normal_cdf(float(r)) for r in residual[below])
        return value if np.isfinite(value) else -np.inf


def peer_chain(data: Toy, steps: int, start: np.ndarray) -> dict:
    """emcee's DE moves over all dimensions from the block chain's last points, on the closed form."""
    size = 13 + 6 * data.patients
    sampler = emcee.EnsembleSampler(
        PEER_WALKERS,
        size,
        Peer(data, None),
        moves=[(emcee.moves.DEMove(), 0.9), (emcee.moves.DEMove(gamma0=1.0), 0.1)],
    )
    sampler.random_state = np.random.RandomState(5).get_state()
    sampler.run_mcmc(start, steps)
    chain = sampler.get_chain(discard=steps // 5)
    return {"chain": chain, "solves": float(chain.shape[0] * PEER_WALKERS * data.patients), "seconds": np.nan}


def peer_rate(data: Toy, points: np.ndarray, rtol: float, repeats: int) -> tuple[float, float]:
    """Patient solves per second of solve_ivp on two processes, and its largest error of the log posterior."""
    peer = Peer(data, rtol)
    apart = max(abs(peer(x) - Peer(data, None)(x)) for x in points[:20])
    with multiprocessing.get_context("fork").Pool(2) as pool:
        pool.map(peer, points)  # compiles and warms up
        seconds = []
        for _ in range(repeats):
            begin = time.perf_counter()
            pool.map(peer, points)
            seconds.append(time.perf_counter() - begin)
    return len(points) * data.patients / float(np.median(seconds)), apart


def non_centred(chain: np.ndarray, patients: int, count: int) -> np.ndarray:
    """`count` spread points of a chain with theta replaced by its standardised place."""
    flat = chain.reshape(-1, chain.shape[-1])
    points = flat[np.linspace(0, len(flat) - 1, count).astype(int)].copy()
    theta = points[:, 13:].reshape(count, patients, 6)
    points[:, 13:] = ((theta - points[:, None, :6]) / np.exp(points[:, None, 6:12])).reshape(count, -1)
    return points


def main() -> None:
    """Run everything and write JSON and Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=5_000)
    parser.add_argument("--steps30", type=int, default=3_000)
    parser.add_argument("--peer-steps", type=int, default=6_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    result: dict[str, object] = {"setting": setting(("numpyro",))}

    data, names = toy(6), columns(6)
    reference = json.loads((RESULTS / "stein_population_nuts_6.json").read_text(encoding="utf-8"))
    mean, sd = (np.array([reference["scalars"][n][what] for n in names]) for what in ("mean", "sd"))
    cartsim_chain(population(data), seed=9, steps=50)  # compiles
    own = cartsim_chain(population(data), seed=1, steps=given.steps)
    result["six"] = efficiency(own, names) | against(own["chain"], mean, sd)
    print("N = 6:", result["six"], flush=True)
    ode = cartsim_chain(population(data, Rodas5P(rtol=1e-5)), seed=1, steps=given.steps // 5)
    rate = ode["solves"] / ode["seconds"]
    by_ode = result["six"]["ess_per_million_solves"] * rate / 1e6
    result["six_by_ode"] = {"solves_per_second": rate, "ess_per_second": by_ode}

    start = non_centred(own["chain"], 6, PEER_WALKERS)
    peer = peer_chain(data, given.peer_steps, start)
    shown = peer["chain"].copy()
    z = shown[..., 13:].reshape(*shown.shape[:2], 6, 6)
    shown[..., 13:] = (shown[..., None, :6] + np.exp(shown[..., None, 6:12]) * z).reshape(
        *shown.shape[:2], -1
    )
    solves_per_second, apart = peer_rate(data, start, 1e-5, given.repeats)
    peer |= {"chain": shown, "seconds": peer["solves"] / solves_per_second}
    result["peer"] = efficiency(peer, names) | against(shown, mean, sd) | {"log_posterior_error": apart}
    result["ratio"] = result["six"]["ess_per_second"] / result["peer"]["ess_per_second"]
    result["ratio_by_ode"] = by_ode / result["peer"]["ess_per_second"]
    print("peer:", result["peer"], "ratio", result["ratio"], result["ratio_by_ode"], flush=True)

    thirty = toy(30)
    tight = cartsim_chain(population(thirty), seed=2, steps=given.steps30, widening=2.0)
    wide = cartsim_chain(population(thirty), seed=3, steps=given.steps30, widening=6.0)
    flat = tight["chain"].reshape(-1, tight["chain"].shape[-1])
    result["thirty"] = efficiency(tight, columns(30))
    result["thirty_wide"] = efficiency(wide, columns(30)) | against(
        wide["chain"], flat.mean(axis=0), flat.std(axis=0)
    )
    print("N = 30:", result["thirty"], result["thirty_wide"], flush=True)
    write(given.out, "population", result, report(result))


def report(result: dict) -> list[str]:
    """The result as Markdown."""
    six, peer, wide = result["six"], result["peer"], result["thirty_wide"]
    rows = [
        ("N = 6, largest mean error against NUTS, sd", f"{six['max_mean_error']:.3f}", "<= 0.10"),
        ("N = 6, sd ratio to NUTS", "{:.2f} to {:.2f}".format(*six["sd_ratio"]), "0.92 to 1.08"),
        ("N = 6, ESS per million solves, worst scalar", f"{six['ess_per_million_solves']:.0f}", ">= 500"),
        ("N = 6, steps / tau", f"{six['n_over_tau']:.0f}", ""),
        ("N = 6, ESS per second, one core", f"{six['ess_per_second']:.0f}", ""),
        (
            "same with the ODE solver instead of the closed form",
            f"{result['six_by_ode']['ess_per_second']:.0f}",
            "",
        ),
        ("solve_ivp + emcee, pool of 2: ESS per second", f"{peer['ess_per_second']:.3f}", ""),
        ("its ESS per million solves", f"{peer['ess_per_million_solves']:.0f}", ""),
        ("its patient solves per second", f"{peer['solves_per_second']:.0f}", ""),
        ("its largest mean error against NUTS, sd", f"{peer['max_mean_error']:.3f}", ""),
        ("ratio of ESS per second", f"{result['ratio']:.0f}", ">= 300"),
        ("ratio with cartsim's ODE solver", f"{result['ratio_by_ode']:.0f}", ""),
        ("N = 30, ESS per million solves", f"{result['thirty']['ess_per_million_solves']:.0f}", ">= 80"),
        ("N = 30, steps / tau", f"{result['thirty']['n_over_tau']:.0f}", ""),
        ("N = 30, tight against wide starts, sd", f"{wide['max_mean_error']:.3f}", "<= 0.10"),
        ("N = 30, sd ratio of the two", "{:.2f} to {:.2f}".format(*wide["sd_ratio"]), ""),
    ]
    lines = head("Population sampler", result)
    return [*lines, *table(("what", "measured", "asked"), rows)]


if __name__ == "__main__":
    main()
