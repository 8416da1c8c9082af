"""Profile likelihood: how far each parameter can go while all others make the best of it.

From the best fit outwards in both directions, everything else optimised anew at each step: from the
neighbour's optimum, from the distinct optima of the whole problem and from prior quantiles. Profiles from
the neighbour alone are unreliable (ICB-DCM/PESTO issue 21; pyPESTO issue 1496): they stay in one valley.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.infer.gradient import prior_sds
from cartsim.infer.optima import downhill, prior_starts
from cartsim.infer.slices import LikelihoodOnly, Slice

if TYPE_CHECKING:
    import pandas as pd

    from cartsim.infer.problem import Problem

Array = NDArray[np.float64]
THRESHOLD = 1.920729410347062  # half the 95% quantile of chi-square with one degree of freedom
RANGE = (0.001, 0.999)  # of each prior: where profiles end and optimisers stay
BEYOND = 3.0  # drop at which a walk ends, past the threshold so that the crossing is seen
WANTED = 0.5  # drop a step
COARSEST, FINEST = 20, 2_000  # steps over the whole range
MOST_STEPS = 60  # a side
SAME = 1e-3  # log units by which two optima count as equally high


@dataclass(frozen=True)
class Search:
    """How hard each optimisation is tried: Sobol points through the priors, and how many are followed up."""

    starts: int = 32
    others: int = 2
    first: int = 8
    iterations: int = 60


SEARCH = Search()


def profile_likelihood(
    problem: Problem, rng: np.random.Generator, *, search: Search = SEARCH, tell: Callable = lambda name: None
) -> pd.DataFrame:
    """Profiles of the log likelihood over every parameter; the priors only bound the search.

    Returns
    -------
    DataFrame
        One row a step: subject, name, kind ("likelihood"), u (unconstrained), value (physical), height (log
        likelihood), drop (below the highest point that any profile found), start ("neighbour", "optimum",
        "prior": which search won).
    """
    return _profiles(problem, LikelihoodOnly(problem), "likelihood", rng, search, tell)


def profile_posterior(
    problem: Problem, rng: np.random.Generator, *, search: Search = SEARCH, tell: Callable = lambda name: None
) -> pd.DataFrame:
    """The same of the log posterior density on the unconstrained scale, kind "posterior"."""
    return _profiles(problem, problem, "posterior", rng, search, tell)


def _profiles(
    problem: Problem, target: Problem | LikelihoodOnly, kind: str, rng: np.random.Generator, search: Search,
    tell: Callable,
) -> pd.DataFrame:  # fmt: skip
    import pandas as pd

    box = search_box(problem)
    optima = _best_fits(target, box, rng, search)
    rows: list[tuple] = []
    for k, name in enumerate(problem.names):
        tell(name)
        peak = max(height for height, _ in optima)
        steps = [(optima[0][1][k], optima[0][0], optima[0][1], "optimum")]
        for way in (-1.0, 1.0):
            steps += _walk(target, k, way, optima, peak, box, rng, search)
        best = max(steps, key=lambda step: step[1])
        if best[1] > optima[0][0] + SAME:  # a profile found a better fit: the next ones start from it too
            optima = sorted([(best[1], best[2]), *optima], key=lambda item: -item[0])
        rows += [(name, at, height, point, start) for at, height, point, start in sorted(steps, key=_place)]
    top = max(row[2] for row in rows)
    values = problem.constrain(np.array([row[3] for row in rows]))
    column = [problem.names.index(row[0]) for row in rows]
    return pd.DataFrame(
        {
            "subject": getattr(problem, "subject", ""),
            "name": [row[0] for row in rows],
            "kind": kind,
            "u": [row[1] for row in rows],
            "value": values[np.arange(len(rows)), column],
            "height": [row[2] for row in rows],
            "drop": [top - row[2] for row in rows],
            "start": [row[4] for row in rows],
        }
    )


def _place(step: tuple) -> float:
    return step[0]


def search_box(problem: Problem) -> Array:
    """The prior's 0.1% and 99.9% quantiles on the unconstrained scale, float64 (d, 2)."""
    return np.array([np.sort(prior.unconstrain(prior.quantile(list(RANGE)))) for prior in problem.priors])


def _best_fits(
    target: Problem | LikelihoodOnly, box: Array, rng: np.random.Generator, search: Search
) -> list[tuple[float, Array]]:
    """Distinct optima (height, point) inside the box, best first, none lower than a profile would look."""
    points = prior_starts(target, rng, 2 * search.starts)[: search.first]
    found = sorted((_climb(target, point, box, search) for point in points), key=lambda item: -item[0])
    kept: list[tuple[float, Array]] = []
    width = 0.05 * (box[:, 1] - box[:, 0])
    for height, point in found:
        alike = any(np.all(np.abs(point - other) < width) for _, other in kept)
        if height > found[0][0] - BEYOND and not alike:
            kept.append((height, point))
    return kept


def _climb(target, start: Array, box: Array, search: Search) -> tuple[float, Array]:
    """Local maximum inside the box from a start: (height, point)."""
    from scipy.optimize import minimize

    if not len(start):
        return float(target.log_posterior(start[None])[0]), start
    inside = np.clip(start, box[:, 0], box[:, 1])
    scale = prior_sds(target)
    objective = downhill(target)

    def scaled(z: Array) -> tuple[float, Array]:
        value, slope = objective(z * scale)
        return value, slope * scale

    found = minimize(
        scaled, inside / scale, jac=True, method="L-BFGS-B", bounds=box / scale[:, None],
        options={"maxiter": search.iterations, "ftol": 1e-7, "gtol": 1e-3},
    )  # fmt: skip
    point = np.clip(found.x * scale, box[:, 0], box[:, 1])
    height = float(target.log_posterior(point[None])[0])
    return (height if np.isfinite(height) else -np.inf), point


def _walk(
    target, k: int, way: float, optima: list, peak: float, box: Array, rng: np.random.Generator,
    search: Search,
) -> list[tuple]:  # fmt: skip
    """Steps (u, height, whole point, start) from the best optimum in one direction."""
    height, point = optima[0]
    at, end = point[k], box[k, 1] if way > 0.0 else box[k, 0]
    whole = box[k, 1] - box[k, 0]
    step = whole / 200.0
    farthest = max([way * (other[k] - at) for _, other in optima] + [0.0])  # another optimum to walk past
    steps: list[tuple] = []
    begin = at
    while way * (end - at) > 1e-9 * whole and len(steps) < MOST_STEPS:
        step = float(np.clip(step, whole / FINEST, whole / COARSEST))
        trial = at + way * min(step, abs(end - at))
        last = len(steps) == MOST_STEPS - 1
        new = _reoptimised(target, k, end if last else trial, point, optima, box, rng, search)
        change = abs(new[1] - height)
        if change > 4.0 * WANTED and step > 1.01 * whole / FINEST and not last:
            step *= 0.4
            if peak - height < BEYOND:
                continue  # too far at once to see where the threshold is crossed
        elif change < 0.5 * WANTED:
            step *= 1.7
        elif change > 1.5 * WANTED:
            step *= 0.6
        steps.append(new)
        at, height, point = new[0], new[1], new[2]
        if peak - height > BEYOND and way * (at - begin) >= farthest:
            break
    return steps


def _reoptimised(
    target, k: int, at: float, neighbour: Array, optima: list, box: Array, rng: np.random.Generator,
    search: Search,
) -> tuple[float, float, Array, str]:  # fmt: skip
    """The best of all others with column k held: from the neighbour, known optima and the priors."""
    held = Slice(target, k, at)
    rest = np.delete(box, k, axis=0)
    starts = [("neighbour", np.delete(neighbour, k))]
    if held.ndim:
        starts += [("optimum", np.delete(point, k)) for _, point in optima[1 : 1 + search.others]]
        starts += [("prior", point) for point in _prior_points(held, rng, search)]
    best = (-np.inf, starts[0][1], "neighbour")
    for name, start in starts:
        height, point = _climb(held, start, rest, search)
        if height > best[0] + (SAME if name != "neighbour" else 0.0):
            best = (height, point, name)
    return at, best[0], held.full(best[1])[0], best[2]


def _prior_points(held: Slice, rng: np.random.Generator, search: Search) -> Array:
    from cartsim.errors import FitError

    if not search.others:
        return np.empty((0, held.ndim))
    try:
        return prior_starts(held, rng, search.starts)[: search.others]
    except FitError:  # nothing possible at this value but, perhaps, near the neighbour
        return np.empty((0, held.ndim))


def interval_table(profiles: pd.DataFrame) -> pd.DataFrame:
    """Likelihood-ratio 95% intervals (drop <= 1.92), one row a subject, parameter and kind.

    Columns subject, name, kind, best (physical), lower, upper (physical; the outermost crossing), open_lower,
    open_upper (threshold not reached within the prior's 0.1-99.9% range; the end is then that range's), open,
    rescued (share of steps where another start beat the neighbour), steps.
    """
    import pandas as pd

    rows = []
    for (subject, name, kind), part in profiles.groupby(["subject", "name", "kind"], sort=False):
        part = part.sort_values("u")
        inside = np.flatnonzero(part["drop"].to_numpy() <= THRESHOLD)
        best = part.loc[part["drop"].idxmin()]
        lower, open_lower = _crossing(part, inside, -1)
        upper, open_upper = _crossing(part, inside, 1)
        if part["value"].iloc[0] > part["value"].iloc[-1]:  # a scale that runs backwards
            lower, upper, open_lower, open_upper = upper, lower, open_upper, open_lower
        rows.append(
            {
                "subject": subject,
                "name": name,
                "kind": kind,
                "best": best["value"],
                "lower": lower,
                "upper": upper,
                "open_lower": open_lower,
                "open_upper": open_upper,
                "open": open_lower or open_upper,
                "rescued": float(np.mean(part["start"] == "prior")),
                "steps": len(part),
            }
        )
    return pd.DataFrame(rows)


def _crossing(part: pd.DataFrame, inside: NDArray, way: int) -> tuple[float, bool]:
    """Value at which the drop passes the threshold for good on one side, and whether it never does."""
    drop, value = part["drop"].to_numpy(), part["value"].to_numpy()
    if not len(inside):
        return np.nan, True
    last = inside[0] if way < 0 else inside[-1]
    beyond = last + way
    if not 0 <= beyond < len(drop):
        return float(value[last]), True
    if not np.isfinite(drop[beyond]):
        return float(value[beyond]), False
    share = (THRESHOLD - drop[last]) / (drop[beyond] - drop[last])
    if value[last] > 0.0 and value[beyond] > 0.0:  # between steps on the log scale, on which they are even
        return float(value[last] * (value[beyond] / value[last]) ** share), False
    return float(value[last] + share * (value[beyond] - value[last])), False
