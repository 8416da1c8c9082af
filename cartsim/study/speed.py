"""How fast a model solves beside other solvers: interleaved runs, errors of patients, time at equal error."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cartsim.kernels.methods import Method, Rodas5P
from cartsim.solve.batch import KERNEL_ARRAY, Batch, plan_one
from cartsim.study.speed_case import Case, jacobian_text, rhs_text

REFERENCE_RTOL = 1e-11
Solver = Callable[[float, int], np.ndarray]
"""solver(rtol, count) → states float64 (count, T, N) of the first `count` patients of its case."""
Entrant = Callable[[float, int], tuple[float, np.ndarray]]
"""The same with the CPU seconds it took in front."""


@dataclass(frozen=True)
class Timing:
    """One solver at one tolerance.

    `microseconds` is the CPU time a patient, one value a repeat; `error` the median and `error_95` the 95th
    percentile over the patients of the largest error relative to scale + |reference|; `lost` counts patients
    without a finite result.
    """

    solver: str
    rtol: float
    patients: int
    microseconds: tuple[float, ...]
    error: float
    error_95: float
    lost: int


def engine(case: Case, method: type[Method], *, threads: int = 1) -> Solver:
    """cartsim's own batched engine with one step method; its next call writes over the states it gave."""
    kept: dict[int, Batch] = {}

    def solve(rtol: float, count: int) -> np.ndarray:
        plan = plan_one(case.model, case.times, events=case.events, method=method(rtol=rtol))
        rows = np.require(case.parameters[:count], np.float64, KERNEL_ARRAY)
        kept[count] = plan.solve(rows, threads=threads, into=kept.get(count), observed=False)
        return kept[count].states.reshape(count, len(case.times), -1)

    return solve


def reference(case: Case, *, threads: int = 1) -> np.ndarray:
    """States that errors are measured against, float64 (n, T, N)."""
    return engine(case, Rodas5P, threads=threads)(REFERENCE_RTOL, len(case.parameters))


def scipy_solver(case: Case, method: str, equations: Callable[[Case], tuple[Callable, Callable]]) -> Solver:
    """`scipy.integrate.solve_ivp` patient by patient; `equations` makes its (right-hand side, Jacobian)."""
    from scipy.integrate import solve_ivp

    (derivatives, jacobian), size = equations(case), len(case.model.states)
    # LSODA's own differences of a compiled right-hand side are cheaper than a Jacobian through Python.
    options = {} if method == "LSODA" else {"jac": jacobian}

    def solve(rtol: float, count: int) -> np.ndarray:
        states = np.full((count * len(case.times), size), np.nan)
        atol = rtol * case.scales
        for patient in range(count):
            y = case.starts[patient]
            for knots, rows, p, jump in case.stretches(patient):
                span, args = (knots[0], knots[-1]), (p,)
                try:
                    found = solve_ivp(
                        derivatives,
                        span,
                        y + jump,
                        method,
                        t_eval=knots,
                        rtol=rtol,
                        atol=atol,
                        args=args,
                        **options,
                    )
                except (ArithmeticError, ValueError):  # where plain Python has no inf and NaN
                    break
                if not found.success:
                    break
                states[rows[rows >= 0]] = found.y.T[rows >= 0]
                y = found.y[:, -1]
        return states.reshape(count, len(case.times), size)

    return solve


def plain_equations(case: Case) -> tuple[Callable, Callable]:
    """Equations as most people write them for SciPy: Python on the elements of the state array."""
    return _in_python(case, np, lambda values: values)


def float_equations(case: Case) -> tuple[Callable, Callable]:
    """The fastest plain Python: elements turned into Python floats first."""
    return _in_python(case, math, lambda values: values.tolist())


def _in_python(case: Case, functions: object, unpacked: Callable) -> tuple[Callable, Callable]:
    scope: dict = {"np": functions}
    exec(rhs_text(case.model) + jacobian_text(case.model), scope)
    rhs, jac, size = scope["rhs"], scope["jacobian"], len(case.model.states)

    def derivatives(t, y, p):
        dy = [0.0] * size
        rhs(t, unpacked(y), dy, unpacked(p))
        return dy

    def jacobian(t, y, p):
        matrix = np.zeros((size, size))
        jac(t, unpacked(y), matrix, unpacked(p))
        return matrix

    return derivatives, jacobian


def compiled_equations(case: Case) -> tuple[Callable, Callable]:
    """The same equations compiled by numba."""
    import numba

    scope: dict = {"np": np}
    exec(rhs_text(case.model) + jacobian_text(case.model), scope)
    rhs, jac = (numba.njit(error_model="numpy")(scope[name]) for name in ("rhs", "jacobian"))
    size = len(case.model.states)

    @numba.njit
    def derivatives(t, y, p):
        dy = np.empty(size)
        rhs(t, y, dy, p)
        return dy

    @numba.njit
    def jacobian(t, y, p):
        matrix = np.zeros((size, size))
        jac(t, y, matrix, p)
        return matrix

    return derivatives, jacobian


def timed(solve: Solver) -> Entrant:
    """The solver with its CPU seconds."""

    def run(rtol: float, count: int) -> tuple[float, np.ndarray]:
        begin = time.process_time()
        states = solve(rtol, count)
        return time.process_time() - begin, states

    return run


def patient_errors(case: Case, states: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Largest |x - reference| / (scale + |reference|) over states and times, float64 (n,); inf where lost."""
    truth = truth[: len(states)]
    with np.errstate(invalid="ignore", over="ignore"):
        errors = (np.abs(states - truth) / (case.scales + np.abs(truth))).max(axis=(1, 2))
    return np.where(np.isfinite(errors), errors, np.inf)


@dataclass(frozen=True)
class Race:
    """What `race` found: timings, and who did not finish: (solver, rtol, reason)."""

    timings: tuple[Timing, ...]
    out: tuple[tuple[str, float, str], ...]


def race(
    case: Case,
    entrants: Mapping[str, Entrant],
    tolerances: Mapping[str, Sequence[float]],
    counts: Mapping[str, int],
    truth: np.ndarray,
    *,
    repeats: int,
    limit: float = math.inf,
    told: Callable[[str], None] = lambda line: None,
) -> Race:
    """Time all solvers in turn, A B C A B C …, so that a change of the machine's pace meets all alike.

    `tolerances` and `counts` give each solver's tolerances and number of patients. The first, untimed round
    compiles and gives the errors; who fails there, or takes more than `limit` CPU seconds, is out with the
    reason.
    """
    errors, out = {}, []
    for rtol, name in [(r, n) for r in _falling(tolerances) for n in entrants if r in tolerances[n]]:
        try:
            taken, states = entrants[name](rtol, counts[name])
        except Exception as error:
            out.append((name, rtol, f"{type(error).__name__}: {error}"))
            continue
        if taken > limit:
            out.append((name, rtol, f"{taken:.1f} s for {counts[name]} patients, limit {limit:g} s"))
            continue
        errors[rtol, name] = patient_errors(case, states, truth)
    seconds: dict[tuple[float, str], list[float]] = {key: [] for key in errors}
    for repeat in range(repeats):
        for (rtol, name), taken in seconds.items():
            taken.append(entrants[name](rtol, counts[name])[0])
        told(f"{case.name}: repeat {repeat + 1} of {repeats}")
    timings = [
        Timing(
            name,
            rtol,
            counts[name],
            tuple(1e6 * taken / counts[name] for taken in seconds[rtol, name]),
            float(np.median(errors[rtol, name])),
            float(np.quantile(errors[rtol, name], 0.95, method="higher")),
            int(np.isinf(errors[rtol, name]).sum()),
        )
        for name in entrants
        for rtol in tolerances[name]
        if (rtol, name) in errors
    ]
    return Race(tuple(timings), tuple(out))


def _falling(tolerances: Mapping[str, Sequence[float]]) -> list[float]:
    return sorted({rtol for values in tolerances.values() for rtol in values}, reverse=True)


def time_at_error(errors: Sequence[float], times: Sequence[float], target: float) -> float:
    """Time in which a solver gets at least as exact as `target`, log-log interpolated; NaN if it never does.

    Only the solver's best points count: those that no other beats in both error and time.
    """
    best: list[tuple[float, float]] = []
    for error, taken in sorted(zip(errors, times, strict=True)):
        if error < np.inf and (not best or taken < best[-1][1]):
            best.append((max(error, 1e-300), taken))
    if not best or best[0][0] > target:
        return float("nan")
    x, y = np.log(np.array(best)).T
    return float(np.exp(np.interp(np.log(target), x, y)))


def ratios(
    timings: Sequence[Timing], base: str, target: float, *, tail: bool = False
) -> dict[str, tuple[float, float, float]]:
    """How many times longer than `base` each solver takes at an equal error: median, lowest, highest repeat.

    `tail` matches the 95th percentile of the patients' errors instead of their median.
    """
    at: dict[str, list[float]] = {}
    for name in dict.fromkeys(timing.solver for timing in timings):
        own = [timing for timing in timings if timing.solver == name]
        errors = [timing.error_95 if tail else timing.error for timing in own]
        per_repeat = zip(*(timing.microseconds for timing in own), strict=True)
        at[name] = [time_at_error(errors, taken, target) for taken in per_repeat]
    return {
        name: _middle_and_ends(np.array(taken) / np.array(at[base]))
        for name, taken in at.items()
        if name != base
    }


def _middle_and_ends(values: np.ndarray) -> tuple[float, float, float]:
    if np.isnan(values).any():
        return (float("nan"),) * 3
    return float(np.median(values)), float(values.min()), float(values.max())
