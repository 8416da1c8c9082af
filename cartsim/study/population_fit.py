"""All patients fitted together from end to end, and what is kept of it: the population, then each patient."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cartsim.data.dataset import Dataset
from cartsim.infer.draws import Draws
from cartsim.infer.population import Population
from cartsim.infer.population_tables import (
    individual_bands,
    individual_parameters,
    population_gof,
    population_parameters,
)
from cartsim.infer.settings import SolveCounts
from cartsim.study.patient import (
    KEPT_DRAWS,
    PatientFit,
    curve_times,
    sampled,
    trace_of,
    with_errors,
    write_netcdf,
)
from cartsim.study.plan import Plan
from cartsim.study.pool import Progress, Watcher

if TYPE_CHECKING:
    import pandas as pd

POPULATION = "population"


@dataclass(frozen=True)
class FitPopulation:
    """The task of fitting all patients together; the first of its results is the population itself.

    `folder` receives the checkpoints, `netcdf` the draws as InferenceData; `threads` share out the solves and
    change no bit of the result.
    """

    plan: Plan
    dataset: Dataset
    folder: Path
    resume: bool = False
    netcdf: Path | None = None
    with_data: bool = True
    keep: bool = False
    threads: int = 1

    def __call__(self, progress: Progress) -> tuple[PatientFit, ...]:
        begin = time.perf_counter()
        population = self.plan.population_problem(self.dataset, threads=self.threads)
        draws = sampled(self.plan, population, self.folder, resume=self.resume, progress=progress)
        if self.netcdf is not None:
            write_netcdf(draws, population if self.with_data else None, self.netcdf)
        return self._results(draws, population, begin)

    def _results(self, draws: Draws, population: Population, begin: float) -> tuple[PatientFit, ...]:
        gof, shown = population_gof(draws, population), population.names[: population.columns.population]
        patients = tuple(self._patients(draws, population, gof))
        first = PatientFit(
            subject=POPULATION,
            parameters=with_errors(population_parameters(draws, population), draws),
            bands=patients[0].bands.iloc[:0],
            gof=gof.iloc[:0],
            draws=draws.to_dataframe(KEPT_DRAWS)[list(shown)],
            trace=trace_of(draws, shown),
            passed=draws.gates.passed,
            line=draws.gates.line,
            misses=draws.gates.misses,
            solves=draws.solve_counts,
            fingerprint=dict(draws.fingerprint),
            seconds=time.perf_counter() - begin,
            posterior=draws if self.keep else None,
        )
        return (first, *patients)

    def _patients(self, draws: Draws, population: Population, gof: pd.DataFrame) -> Iterator[PatientFit]:
        names = [effect.name for effect in population.effects]
        table = draws.to_dataframe(KEPT_DRAWS)
        quality = draws.diagnostics.set_index("name")
        for parameters in individual_parameters(draws, population):
            subject = parameters["subject"].iloc[0]
            own = [f"{name}[{subject}]" for name in names]
            worst = quality.loc[own]
            yield PatientFit(
                subject=subject,
                parameters=with_errors(parameters, draws, own),
                bands=individual_bands(draws, population, subject, curve_times(self.dataset, subject)),
                gof=gof[gof["subject"] == subject].reset_index(drop=True),
                draws=table[own].set_axis(names, axis=1),
                trace=trace_of(draws, own, names),
                passed=draws.gates.passed,
                line=f"with the population: R-hat {worst['r_hat'].max():.3f}, "
                f"ESS bulk/tail {worst['ess_bulk'].min():,.0f}/{worst['ess_tail'].min():,.0f}",
                misses=draws.gates.misses,
                solves=SolveCounts(),
                fingerprint=dict(draws.fingerprint),
                seconds=0.0,
            )


def fit_together(task: FitPopulation, watcher: Watcher) -> tuple[PatientFit, ...]:
    """Run a population fit in this process: its threads share out the solves."""
    results = task(lambda done, planned: watcher.advance(0, done, planned))
    watcher.finish(0, results[0])
    return results
