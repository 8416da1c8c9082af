"""Log-posterior evaluations per second through emcee: cartsim against solve_ivp, same posterior, same chain.

python -m benchmarks.emcee_rate

One patient of the 16-state model, 15 times × 4 observables, 9 parameters, 32 walkers. The same walkers start
from the same random state, so the chains must be the same up to the solvers' errors; the report says how far
they are apart.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import emcee
import numpy as np

from benchmarks.cases import make_case
from benchmarks.record import RESULTS, head, setting, table, write
from cartsim.data.dataset import ObservationArrays
from cartsim.infer.moves import weighted_moves
from cartsim.infer.problem import FreeParameter, Problem
from cartsim.infer.settings import MoveMix
from cartsim.kernels.methods import Rodas4
from cartsim.observe.error_models import LogNormalError
from cartsim.solve.batch import batch
from cartsim.spec.priors import Fixed
from cartsim.study.speed import compiled_equations, float_equations, plain_equations
from cartsim.study.speed_case import Case

DAYS = np.array([0.5, 1.5, 3.0, 5.0, 7.0, 9.0, 11.0, 14.0, 21.0, 28.0, 60.0, 88.0, 116.0, 200.0, 365.0])
OBSERVED = ("te1_out", "mp_out", "i6_out", "sb_out")
FREE = ("r_e", "k12", "d_e1", "kk", "s_mp", "k_mp", "p6", "k6_clear", "s_sb")
NOISE, WALKERS, SEED = 0.15, 32, 3
RTOL, SCIPY_RTOL = 1e-4, 1e-5  # about the same error: LSODA's is ten times its tolerance


@dataclass(frozen=True)
class Way:
    """One way to sample: its problem, the true values, whether all walkers go in one call, steps, moves."""

    name: str
    problem: Problem
    truth: np.ndarray
    vectorize: bool
    steps: int
    own_moves: bool = False


def patient() -> tuple[Problem, Case]:
    """The fitting problem solved by cartsim, and its case."""
    case = replace(make_case("crs16", 1), times=DAYS)
    model, events = case.model, case.events
    truth = batch(model, case.parameters, DAYS, events=events, method=Rodas4(rtol=1e-8)).outputs
    output = np.tile([model.output_names.index(name) for name in OBSERVED], len(DAYS))
    noise = np.exp(NOISE * np.random.default_rng(SEED).standard_normal(len(output)))
    value = truth[np.repeat(np.arange(len(DAYS)), len(OBSERVED)), output] * noise
    arrays = ObservationArrays(
        subjects=("SIM-1",),
        outputs=model.output_names,
        subject_offsets=np.array([0, len(value)]),
        time=np.repeat(DAYS, len(OBSERVED)),
        output=output,
        value=value,
        censoring=np.zeros(len(value), dtype=np.int64),
        lower=value,
        upper=value,
        row=np.arange(2, len(value) + 2),
    )
    errors = {name: LogNormalError(Fixed(NOISE)) for name in OBSERVED}
    values = dict(zip(model.parameter_names, case.parameters[0], strict=True))
    free = tuple(FreeParameter(name, model.parameter(name).prior) for name in FREE)
    fixed = {name: float(value) for name, value in values.items() if name not in FREE}
    method = Rodas4(rtol=RTOL)
    return Problem(model, "SIM-1", arrays, free, errors, fixed, events, method), case


def by_scipy(case: Case, equations: Callable) -> Callable:
    """A `solve` for Problem: solve_ivp LSODA, one parameter row after the other."""
    from scipy.integrate import solve_ivp

    derivatives, _ = equations(case)
    stretches, atol = list(case.stretches(0)), SCIPY_RTOL * case.scales

    def solve(parameters: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        states = np.full((len(parameters), len(DAYS), len(atol)), np.nan)
        for k, row in enumerate(parameters):
            y = case.starts[0]
            for knots, rows, _, jump in stretches:
                found = solve_ivp(
                    derivatives,
                    (knots[0], knots[-1]),
                    y + jump,
                    "LSODA",
                    t_eval=knots,
                    rtol=SCIPY_RTOL,
                    atol=atol,
                    args=(row,),
                )
                if not found.success:
                    break
                states[k, rows[rows >= 0]] = found.y.T[rows >= 0]
                y = found.y[:, -1]
        return states, np.isnan(states).any(axis=(1, 2))  # this model's outputs are its states

    return solve


def chain(way: Way, steps: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Walkers' points (steps, walkers, d) and log posteriors from the common start, and CPU seconds."""
    problem = way.problem
    rng = np.random.default_rng(SEED)
    coords = problem.unconstrain(way.truth) + 0.05 * rng.standard_normal((WALKERS, len(FREE)))
    inner = np.random.MT19937(SEED).state["state"]
    state = emcee.State(coords, random_state=("MT19937", inner["key"], int(inner["pos"]), 0, 0.0))
    one = problem.log_posterior if way.vectorize else lambda u: float(problem.log_posterior(u[None])[0])
    moves = weighted_moves(MoveMix()) if way.own_moves else None
    sampler = emcee.EnsembleSampler(WALKERS, len(FREE), one, moves=moves, vectorize=way.vectorize)
    begin = time.process_time()
    sampler.run_mcmc(state, steps)
    return sampler.get_chain(), sampler.get_log_prob(), time.process_time() - begin


def measure(ways: list[Way], repeats: int, compared: int) -> list[dict[str, object]]:
    """Evaluations per CPU second, the ways in turn; and how far each chain is from the first way's."""
    rates: dict[str, list[float]] = {way.name: [] for way in ways}
    for way in ways:
        chain(way, 1)  # compiles
    for repeat in range(repeats):
        for way in ways:
            taken = chain(way, way.steps)[2]
            rates[way.name].append(WALKERS * (way.steps + 1) / taken)
        print(f"repeat {repeat + 1} of {repeats}", flush=True)
    points, values, _ = chain(ways[0], compared)
    rows = []
    for way in ways:
        row = {"way": way.name, "rates": rates[way.name], "rate": float(np.median(rates[way.name]))}
        if not way.own_moves:
            own_points, own_values, _ = chain(way, compared)
            row["same_decisions"] = float(np.mean(np.isclose(own_points, points, atol=1e-9, rtol=0.0)))
            row["log_posterior_difference"] = float(np.abs(own_values - values).max())
            row["mean_log_posterior"] = float(own_values.mean())
        rows.append(row)
    return rows


def markdown(result: dict[str, object]) -> list[str]:
    """The result as text."""
    lines = head("Log-posterior evaluations per second through emcee", result)
    steps = result["compared_steps"]
    lines += [__doc__.split("\n\n")[2].replace("\n", " "), ""]
    lines += [
        f"cartsim at rtol {RTOL:g}, solve_ivp LSODA at {SCIPY_RTOL:g}; chains compared over {steps} steps.",
        "",
    ]
    slowest = result["ways"][-1]["rate"]
    rows = [
        [
            row["way"],
            f"{row['rate']:,.0f}",
            f"{row['rate'] / slowest:,.0f}",
            f"{100 * row['same_decisions']:.1f} %" if "same_decisions" in row else "other moves",
            f"{row['log_posterior_difference']:.1e}" if "same_decisions" in row else "",
            f"{row['mean_log_posterior']:.3f}" if "same_decisions" in row else "",
        ]
        for row in result["ways"]
    ]
    columns = [
        "sampling by",
        "evaluations / CPU s",
        "ratio",
        "same points",
        "log posterior apart",
        "its mean",
    ]
    return lines + table(columns, rows)


def main() -> None:
    """Measure and write JSON and Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=300, help="steps of a timed cartsim run")
    parser.add_argument("--scipy-steps", type=int, default=2, help="steps of a timed solve_ivp run")
    parser.add_argument("--compared", type=int, default=5, help="steps of the chains that are compared")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    fast, case = patient()
    truth = case.parameters[0, [case.model.index(name) for name in FREE]]
    slow = {
        "emcee + solve_ivp LSODA, numba rhs": compiled_equations,
        "emcee + solve_ivp LSODA, Python rhs, plain floats": float_equations,
        "emcee + solve_ivp LSODA, Python rhs": plain_equations,
    }
    ways = [
        Way("emcee + cartsim, all walkers in one call", fast, truth, True, options.steps),
        Way("cartsim's moves, all walkers in one call", fast, truth, True, options.steps, own_moves=True),
        Way("emcee + cartsim, one walker a call", fast, truth, False, max(1, options.steps // 5)),
        *(
            Way(name, replace(fast, solve=by_scipy(case, equations)), truth, False, options.scipy_steps)
            for name, equations in slow.items()
        ),
    ]
    result = {
        "setting": setting(),
        "compared_steps": options.compared,
        "ways": measure(ways, options.repeats, options.compared),
    }
    write(options.out, "emcee_rate", result, markdown(result))
    print("\n".join(markdown(result)))


if __name__ == "__main__":
    main()
