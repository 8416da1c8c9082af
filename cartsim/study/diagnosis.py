"""All diagnostics of a finished fit, patient by patient: identifiability, priors, influence, residuals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from cartsim.data.dataset import Dataset
from cartsim.errors import FitError
from cartsim.infer.contraction import contraction_table
from cartsim.infer.information import direction_table, observed_information, precision_table
from cartsim.infer.leave_one_out import leave_one_out, leave_one_out_totals
from cartsim.infer.optima import find_optima
from cartsim.infer.power_scaling import CONFLICT, WEAK, power_scaling_table
from cartsim.infer.predictive_check import prior_predictive
from cartsim.infer.profiles import interval_table, profile_likelihood, profile_posterior
from cartsim.infer.residuals import iwres_table, shrinkage_table, with_normal_scores
from cartsim.study.plan import Plan
from cartsim.study.pool import Progress, Watcher, run_all
from cartsim.study.progress import Silent

if TYPE_CHECKING:
    import pandas as pd

    from cartsim.infer.problem import Problem

PARTS = ("information", "profiles", "contraction", "power", "priors", "loo", "residuals")
# Tables from which single samples or sampling days of a patient could be read.
SAMPLES = ("prior_predictive", "samples", "leave_one_out", "iwres")


@dataclass(frozen=True)
class PatientDiagnosis:
    """The tables of one patient by name, and what could not be done, in words."""

    subject: str
    tables: Mapping[str, pd.DataFrame]
    notes: tuple[str, ...] = ()
    passed: bool = True

    @property
    def line(self) -> str:
        """What was found, for the progress of the command."""
        return "; ".join(finding for _, finding in _findings(self.tables)) or "nothing to object to"


@dataclass(frozen=True)
class DiagnosePatient:
    """The task of diagnosing one patient; `pool.run_all` calls it in any process with the same result.

    `draws` has one column a parameter, physical units; `without` names the parts to leave out.
    """

    plan: Plan
    dataset: Dataset
    subject: str
    draws: pd.DataFrame
    number: int
    without: tuple[str, ...] = ()

    def __call__(self, progress: Progress) -> PatientDiagnosis:
        problem = self.plan.problem(self.dataset, self.subject)
        missing = [name for name in problem.names if name not in self.draws.columns]
        if missing:
            raise FitError(f"subject {self.subject}: no draws of a parameter", value=", ".join(missing))
        values = self.draws[list(problem.names)].to_numpy(np.float64)
        steps = [part for part in PARTS if part not in self.without]
        planned = len(steps) + (2 * problem.ndim if "profiles" in steps else 0)
        done, tables, notes = 0, {}, []

        def tell(_: str = "") -> None:
            nonlocal done
            done += 1
            progress(done, planned)

        for part in steps:
            try:
                tables |= self._part(part, problem, values, tell)
            except FitError as error:
                notes.append(f"{part}: {error}")
            tell()
        return PatientDiagnosis(self.subject, tables, tuple(notes))

    def _part(self, part: str, problem: Problem, values: np.ndarray, tell) -> dict[str, pd.DataFrame]:
        import pandas as pd

        place = (2, self.number, PARTS.index(part))
        rng = np.random.default_rng(np.random.SeedSequence(self.plan.seed, spawn_key=place))
        if part == "information":
            best = find_optima(problem, rng).points[0]
            information = observed_information(problem, best)
            return {
                "directions": direction_table(problem, information),
                "precision": precision_table(problem, information),
            }
        if part == "profiles":
            kinds = [profile_likelihood(problem, rng, tell=tell), profile_posterior(problem, rng, tell=tell)]
            profiles = pd.concat(kinds, ignore_index=True)
            return {"profiles": profiles, "intervals": interval_table(profiles)}
        if part == "contraction":
            return {"contraction": contraction_table(problem, values)}
        if part == "power":
            return {"power_scaling": power_scaling_table(problem, values)}
        if part == "priors":
            check = prior_predictive(problem, rng, limits=self.dataset.limits)
            return {
                "prior_predictive": check.bands,
                "samples": check.samples,
                "prior_counts": check.counts,
            }
        if part == "loo":
            return {"leave_one_out": leave_one_out(problem, values)}
        return {"iwres": iwres_table(problem, values)}


@dataclass(frozen=True)
class Diagnosis:
    """The tables of all patients by name, those over patients among them, and what could not be done."""

    tables: Mapping[str, pd.DataFrame]
    notes: tuple[str, ...] = field(default=())

    @property
    def summary(self) -> tuple[str, ...]:
        """What a reader must know, one sentence a finding and its patients."""
        kinds: dict[str, list[str]] = {}
        for subject, finding in _findings(self.tables):
            kind, _, what = finding.partition(": ")
            kinds.setdefault(kind, []).append(f"{subject} {what}")
        lines = [f"{kind}: {'; '.join(found)}" for kind, found in kinds.items()]
        return (*(lines or ["nothing to object to"]), *self.notes)

    def shown(self, observations: bool) -> dict[str, pd.DataFrame]:
        """The tables that may be shown: without those of single samples unless `observations`."""
        return {name: table for name, table in self.tables.items() if observations or name not in SAMPLES}


def diagnose_patients(
    plan: Plan,
    dataset: Dataset,
    draws: Mapping[str, pd.DataFrame],
    *,
    without: Sequence[str] = (),
    workers: int = 1,
    watcher: Watcher | None = None,
    numbers: Mapping[str, int] | None = None,
) -> Diagnosis:
    """Diagnose the patients that `draws` (subject -> one column a parameter) holds.

    `numbers` keep a patient's random numbers the same whichever others are diagnosed with it.
    """
    if plan.population is not None:
        raise FitError("patients of a population fit are not diagnosed alone", remedy="cartsim vpc RUN")
    numbers = numbers or {subject: number for number, subject in enumerate(draws)}
    tasks = [
        DiagnosePatient(plan, dataset.subset([name]), name, own, numbers[name], tuple(without))
        for name, own in draws.items()
    ]
    return joined(run_all(tasks, workers=workers, watcher=watcher or Silent()))


def joined(patients: list[PatientDiagnosis]) -> Diagnosis:
    """The diagnosis of several patients."""
    import pandas as pd

    names = list(dict.fromkeys(name for patient in patients for name in patient.tables))
    tables = {
        name: pd.concat([p.tables[name] for p in patients if name in p.tables], ignore_index=True)
        for name in names
    }
    if "leave_one_out" in tables:
        tables["leave_one_out_totals"] = leave_one_out_totals(tables["leave_one_out"])
    if "iwres" in tables:
        tables["iwres"] = with_normal_scores(tables["iwres"])
        tables["shrinkage"] = shrinkage_table(tables["iwres"])
    notes = tuple(f"{patient.subject}: {note}" for patient in patients for note in patient.notes)
    return Diagnosis(tables, notes)


def _findings(tables: Mapping[str, pd.DataFrame]) -> Iterator[tuple[str, str]]:
    """(subject, "kind: what") of everything that is wrong."""
    rules = (
        ("directions", "sloppy directions", lambda t: t[t["sloppy"]], "words"),
        ("precision", "best fit on a kink, RSE not to be trusted", lambda t: t[~t["smooth"]], "name"),
        ("intervals", "open profiles", lambda t: t[t["open"] & (t["kind"] == "likelihood")], "name"),
        ("contraction", "not informed by the data", lambda t: t[~t["informed"]], "name"),
        ("power_scaling", CONFLICT, lambda t: t[t["words"] == CONFLICT], "name"),
        ("power_scaling", WEAK, lambda t: t[t["words"] == WEAK], "name"),
    )
    for name, kind, chosen, column in rules:
        if name in tables:
            for subject, part in chosen(tables[name]).groupby("subject", sort=False):
                yield str(subject), f"{kind}: {', '.join(part[column])}"
    if "leave_one_out" in tables:
        table = tables["leave_one_out"]
        for subject, part in table.groupby("subject", sort=False):
            if part["high_k"].any():
                yield str(subject), f"high Pareto k: {int(part['high_k'].sum())} of {len(part)} samples"
    if "prior_counts" in tables:
        table = tables["prior_counts"]
        for row in table[table["failed"] > 0].itertuples():
            yield str(row.subject), f"solves failed under the prior: {row.failed} of {row.draws}"
