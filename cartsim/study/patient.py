"""One patient fitted from end to end, and what is kept of it: tables, a trace, thinned draws, gates."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cartsim.data.dataset import Dataset
from cartsim.infer.draws import Draws
from cartsim.infer.sampling import sample
from cartsim.infer.settings import SolveCounts
from cartsim.infer.tables import band_table, gof_table, parameter_table
from cartsim.study.plan import Plan
from cartsim.study.pool import Progress
from cartsim.study.precision import quantile_error

if TYPE_CHECKING:
    import pandas as pd

    from cartsim.infer.population import Population
    from cartsim.infer.problem import Problem

KEPT_DRAWS = 1_000  # for the corner plot; thinned further where they are committed
TRACE_POINTS = 400  # per ensemble
CURVE_POINTS = 120


@dataclass(frozen=True)
class PatientFit:
    """What a finished patient leaves behind.

    `parameters`, `bands`, `gof` are the tables of `infer.tables`, the first with the Monte Carlo errors
    `mcse_median`, `mcse_lower`, `mcse_upper`; `trace` is (names, walker means (ensembles, steps, P), step
    numbers, burn-in); `draws` has one column a parameter; `posterior` holds all draws where they were kept.
    """

    subject: str
    parameters: pd.DataFrame
    bands: pd.DataFrame
    gof: pd.DataFrame
    draws: pd.DataFrame
    trace: tuple[tuple[str, ...], np.ndarray, np.ndarray, int]
    passed: bool
    line: str
    misses: tuple[str, ...]
    solves: SolveCounts
    fingerprint: Mapping[str, str]
    seconds: float
    posterior: Draws | None = None


@dataclass(frozen=True)
class FitPatient:
    """The task of fitting one patient; `pool.run_all` calls it in any process with the same result.

    `folder` receives the checkpoints, `netcdf` the draws as InferenceData (with the observations where
    `with_data`); `keep` holds all draws in the result.
    """

    plan: Plan
    dataset: Dataset
    subject: str
    folder: Path
    resume: bool = False
    netcdf: Path | None = None
    with_data: bool = True
    keep: bool = False

    def __call__(self, progress: Progress) -> PatientFit:
        begin = time.perf_counter()
        problem = self.plan.problem(self.dataset, self.subject)
        draws = sampled(self.plan, problem, self.folder, resume=self.resume, progress=progress)
        if self.netcdf is not None:
            write_netcdf(draws, problem if self.with_data else None, self.netcdf)
        return PatientFit(
            subject=self.subject,
            parameters=with_errors(parameter_table(draws, problem), draws),
            bands=band_table(draws, problem, curve_times(self.dataset, self.subject)),
            gof=gof_table(draws, problem),
            draws=draws.to_dataframe(KEPT_DRAWS),
            trace=trace_of(draws, draws.names),
            passed=draws.gates.passed,
            line=draws.gates.line,
            misses=draws.gates.misses,
            solves=draws.solve_counts,
            fingerprint=dict(draws.fingerprint),
            seconds=time.perf_counter() - begin,
            posterior=draws if self.keep else None,
        )


def sampled(
    plan: Plan, problem: Problem | Population, folder: Path, *, resume: bool, progress: Progress
) -> Draws:
    """Draws of a problem by the plan's sampler, seed and gates."""
    return sample(
        problem,
        plan.sampler,
        seed=plan.seed,
        folder=folder,
        gates=plan.gates,
        resume=resume,
        progress=progress,
    )


def curve_times(dataset: Dataset, subject: str) -> np.ndarray:
    """Days at which a patient's curve is drawn: dense over the first five weeks, then to the last sample."""
    table = dataset.observations
    last = float(table.loc[table["subject"] == subject, "time"].max())
    early = min(35.0, last)
    late = np.linspace(early, last, CURVE_POINTS // 2)
    return np.unique(np.concatenate([np.linspace(0.0, early, CURVE_POINTS // 2), late]))


def with_errors(table: pd.DataFrame, draws: Draws, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The parameter table with the Monte Carlo error of its median and interval ends.

    `columns` names the draws of each row, by default the row's name.
    """
    table, columns = table.copy(), list(columns or table["name"])
    ends = {"median": (0.5, "ess_bulk"), "lower": (0.05, "ess_tail"), "upper": (0.95, "ess_tail")}
    for quantity, (probability, size) in ends.items():
        table[f"mcse_{quantity}"] = [
            quantile_error(draws.of(name).ravel(), probability, ess)
            for name, ess in zip(columns, table[size], strict=True)
        ]
    return table


def trace_of(
    draws: Draws, columns: Sequence[str], names: Sequence[str] | None = None
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray, int]:
    """Walker means of some columns over the steps, under the names they are shown by."""
    steps, own = draws.values.shape[1], [draws.names.index(column) for column in columns]
    shown = np.arange(0, steps, max(1, steps // TRACE_POINTS))
    numbers = draws.burn_in + shown * draws.thinned
    return tuple(names or columns), draws.values[:, shown][..., own].mean(axis=2), numbers, draws.burn_in


def write_netcdf(draws: Draws, problem: Problem | Population | None, path: Path) -> None:
    """Write beside the place and move into it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    draws.to_inferencedata(problem).to_netcdf(str(unfinished), engine="h5netcdf")
    unfinished.replace(path)
