"""On which days to sample: the schedule that tells most about the parameters (Bayesian D-optimal design).

The Fisher information of log-normal measurements follows from the slopes of the curves; the prior adds
its own. A schedule is judged by the mean over patients of the log determinant of the sum (Atkinson &
Donev 1992, optimum designs; Chaloner & Verdinelli 1995 for the Bayesian form). Days are chosen one by one
from candidates and then exchanged until no exchange helps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.errors import FitError
from cartsim.regimen.events import EventTable
from cartsim.spec.model import Model

if TYPE_CHECKING:
    import pandas as pd

    from cartsim.kernels.methods import Method

Array = NDArray[np.float64]
ROUNDS = 20  # of exchanges; a schedule settles in a few


@dataclass(frozen=True)
class SampledAssay:
    """An assay to be scheduled: output of the model, sd on the log scale, limit of quantification."""

    output: str
    log_sd: float
    lloq: float = 0.0

    def __post_init__(self) -> None:
        if not (self.log_sd > 0.0 and self.lloq >= 0.0):
            raise FitError("an assay needs log_sd > 0 and an LLOQ >= 0", value=(self.log_sd, self.lloq))


@dataclass(frozen=True)
class InformationOfDays:
    """Information of one sample of each assay on each candidate day, float64 (patients, A, T, K, K).

    On the unconstrained scale of the parameters; `prior` float64 (K, K) is that of the prior. A value
    expected below the LLOQ is taken to tell nothing.
    """

    names: tuple[str, ...]
    assays: tuple[SampledAssay, ...]
    days: Array
    samples: Array
    prior: Array

    def of(self, schedule: Mapping[str, Sequence[float]]) -> Array:
        """Information of prior and schedule together, (patients, K, K)."""
        total = np.repeat(self.prior[None], len(self.samples), axis=0)
        for a, assay in enumerate(self.assays):
            for day in schedule.get(assay.output, ()):
                total = total + self.samples[:, a, self._index(day)]
        return total

    def worth(self, schedule: Mapping[str, Sequence[float]]) -> float:
        """Mean over patients of the log determinant."""
        return float(np.linalg.slogdet(self.of(schedule))[1].mean())

    def contraction(self, schedule: Mapping[str, Sequence[float]]) -> pd.DataFrame:
        """1 - posterior sd / prior sd of each parameter, mean over patients: parameter, contraction."""
        import pandas as pd

        spread = np.sqrt(np.diagonal(np.linalg.inv(self.of(schedule)), axis1=1, axis2=2))
        before = np.sqrt(1.0 / np.diag(self.prior))
        return pd.DataFrame({"parameter": self.names, "contraction": (1.0 - spread / before).mean(axis=0)})

    def _index(self, day: float) -> int:
        found = np.flatnonzero(np.isclose(self.days, day))
        if not len(found):
            raise FitError("no candidate day", value=day, limit=f"one of {self.days.tolist()}")
        return int(found[0])


def information_of_days(
    model: Model,
    parameters: Array,
    days: Sequence[float] | Array,
    *,
    names: Sequence[str],
    assays: Sequence[SampledAssay],
    events: EventTable | None = None,
    method: Method | None = None,
) -> InformationOfDays:
    """Information of every possible sample.

    Parameters
    ----------
    parameters : float64 (n, P), patients over whom a schedule is averaged
    days : candidate days, increasing
    names : the K parameters to be learned; their model priors are the prior
    events : doses of one subject, for all, or of n; without rules

    Raises
    ------
    FitError
        For unknown outputs, or a patient whose solve failed.
    """
    from cartsim.solve.sensitivities import sensitivities

    unknown = [assay.output for assay in assays if assay.output not in model.output_names]
    if unknown:
        limit = ", ".join(model.output_names)
        raise FitError(f"model {model.name} has no such output", value=", ".join(unknown), limit=limit)
    days = np.asarray(days, dtype=np.float64)
    parameters = np.atleast_2d(np.asarray(parameters, dtype=np.float64))
    found = sensitivities(model, parameters, days, names, events=events, method=method)
    if (found.status != 0).any():
        raise FitError(f"{int((found.status != 0).sum())} of {len(parameters)} patients cannot be solved")
    priors = [model.parameter(name).prior for name in names]
    prior = np.diag([1.0 / item.unconstrained_sd**2 for item in priors])
    # d value / d unconstrained, by the prior's own transformation.
    steps = np.empty((len(parameters), len(names)))
    for k, (name, item) in enumerate(zip(names, priors, strict=True)):
        u = item.unconstrain(parameters[:, model.index(name)])
        steps[:, k] = (item.constrain(u + 1e-6) - item.constrain(u - 1e-6)) / 2e-6
    samples = np.zeros((len(parameters), len(assays), len(days), len(names), len(names)))
    for a, assay in enumerate(assays):
        o = model.output_names.index(assay.output)
        value = found.outputs[:, :, o]
        seen = value > max(assay.lloq, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = found.output_slopes[:, :, o] / value[:, :, None] * steps[:, None] / assay.log_sd
        slope = np.where(seen[:, :, None], slope, 0.0)
        samples[:, a] = slope[..., :, None] * slope[..., None, :]
    return InformationOfDays(tuple(names), tuple(assays), days, samples, prior)


def best_schedule(
    information: InformationOfDays,
    counts: Mapping[str, int],
    *,
    keep: Mapping[str, Sequence[float]] | None = None,
) -> dict[str, list[float]]:
    """Days of each assay, `counts` of them, that make the information largest; those in `keep` stay.

    Chosen one at a time over all assays, then exchanged one by one while an exchange helps. No day is used
    twice by one assay.
    """
    outputs = [assay.output for assay in information.assays]
    faults = [name for name in (*counts, *(keep or {})) if name not in outputs]
    faults += [name for name, count in counts.items() if not 0 <= count <= len(information.days)]
    if faults:
        raise FitError("a schedule cannot be made for", value=", ".join(faults), limit=", ".join(outputs))
    kept = {name: [float(day) for day in (keep or {}).get(name, ())] for name in outputs}
    chosen: dict[str, list[float]] = {name: [] for name in outputs}
    total = information.of(kept)
    while True:
        open_ = [name for name in outputs if len(chosen[name]) < counts.get(name, 0)]
        if not open_:
            break
        name, day, total = _best_addition(information, total, kept, chosen, open_)
        chosen[name].append(day)
    for _ in range(ROUNDS):
        if not _exchanged(information, kept, chosen):
            break
    return {name: sorted(kept[name] + chosen[name]) for name in outputs}


def next_sample(information: InformationOfDays, schedule: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """What one more sample would add: assay, day, gain (log determinant), best first."""
    import pandas as pd

    total = information.of(schedule)
    now = np.linalg.slogdet(total)[1].mean()
    rows = []
    for a, assay in enumerate(information.assays):
        after = np.linalg.slogdet(total[:, None] + information.samples[:, a])[1].mean(axis=0)
        taken = set(schedule.get(assay.output, ()))
        rows += [
            (assay.output, float(day), float(gain))
            for day, gain in zip(information.days, after - now, strict=True)
            if float(day) not in taken
        ]
    table = pd.DataFrame(rows, columns=["assay", "day", "gain"])
    return table.sort_values("gain", ascending=False, ignore_index=True)


def _best_addition(
    information: InformationOfDays,
    total: Array,
    kept: Mapping[str, list[float]],
    chosen: Mapping[str, list[float]],
    outputs: Sequence[str],
) -> tuple[str, float, Array]:
    best = (-np.inf, "", 0.0, total)
    for name in outputs:
        a = [assay.output for assay in information.assays].index(name)
        after = total[:, None] + information.samples[:, a]
        worth = np.linalg.slogdet(after)[1].mean(axis=0)
        for used in (*kept[name], *chosen[name]):
            worth[np.isclose(information.days, used)] = -np.inf
        t = int(worth.argmax())
        if worth[t] > best[0]:
            best = (worth[t], name, float(information.days[t]), after[:, t])
    return best[1:]


def _exchanged(
    information: InformationOfDays, kept: Mapping[str, list[float]], chosen: dict[str, list[float]]
) -> bool:
    """Move each chosen sample to a better day of its assay; whether any moved."""
    moved = False
    for name, days in chosen.items():
        for k, day in enumerate(list(days)):
            others = {n: kept[n] + [d for d in chosen[n] if not (n == name and d == day)] for n in chosen}
            rest = {n: ([] if n != name else [d for d in days if d != day]) for n in chosen}
            _, better, _ = _best_addition(information, information.of(others), kept, rest, [name])
            if better != day:
                before, after = (
                    information.worth({**others, name: others[name] + [d]}) for d in (day, better)
                )
                if after > before + 1e-9:
                    days[k], moved = better, True
    return moved
