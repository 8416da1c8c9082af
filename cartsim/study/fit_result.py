"""A finished fit of several patients: its tables, draws and report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cartsim.data.dataset import Dataset
from cartsim.errors import FitError
from cartsim.study.patient import PatientFit
from cartsim.study.plan import Plan

if TYPE_CHECKING:
    import arviz
    import pandas as pd

    from cartsim.infer.population_checks import PopulationChecks
    from cartsim.study.diagnosis import Diagnosis


@dataclass(frozen=True)
class About:
    """What a fit is called and what may be shown of its data."""

    title: str
    description: str = ""
    simulated: bool = False
    show_observations: bool = True


@dataclass(frozen=True)
class FitResult:
    """A finished fit: one `PatientFit` a patient, with the plan and data they came from.

    `left_out` are patients without a sample to fit; `remarks` what the reader warned of; `seconds` wall time;
    `truth` the values that simulated patients were made from (`study.recovery`).
    """

    plan: Plan
    dataset: Dataset
    patients: tuple[PatientFit, ...]
    about: About
    left_out: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    seconds: float = 0.0
    provenance: Mapping[str, str] = field(default_factory=dict)
    truth: pd.DataFrame | None = None

    @property
    def passed(self) -> bool:
        """Whether every patient passed every gate."""
        return all(patient.passed for patient in self.patients)

    def patient(self, subject: str) -> PatientFit:
        """One patient's fit."""
        for patient in self.patients:
            if patient.subject == subject:
                return patient
        known = ", ".join(patient.subject for patient in self.patients)
        raise FitError("no such patient in this fit", value=subject, limit=known)

    def summary(self) -> pd.DataFrame:
        """One row a patient and parameter: prior, median, 90% interval, contraction, diagnostics."""
        import pandas as pd

        return pd.concat([patient.parameters for patient in self.patients], ignore_index=True)

    def recovery(self) -> pd.DataFrame | None:
        """Posteriors beside the true values of simulated patients; None where these are not known."""
        from cartsim.study.recovery import recovery_table

        return None if self.truth is None else recovery_table(self.summary(), self.truth)

    def gates(self) -> pd.DataFrame:
        """One row a patient: subject, passed, the gate line, what was missed."""
        import pandas as pd

        rows = [
            (patient.subject, patient.passed, patient.line, "; ".join(patient.misses))
            for patient in self.patients
        ]
        return pd.DataFrame(rows, columns=["subject", "passed", "line", "misses"])

    def to_dataframe(self, draws: int | None = None) -> pd.DataFrame:
        """Posterior draws (by default all that were kept): subject and one column a parameter."""
        import pandas as pd

        tables = []
        for patient in self.patients:
            table = patient.draws
            if draws is not None and draws < len(table):
                table = table.iloc[:: len(table) // draws].head(draws)
            tables.append(table.assign(subject=patient.subject))
        joined = pd.concat(tables, ignore_index=True)
        return joined[["subject", *(name for name in joined.columns if name != "subject")]]

    def to_inferencedata(self) -> dict[str, arviz.InferenceData]:
        """ArviZ InferenceData by patient, ensembles as chains, with observations and pointwise likelihood.

        Of a population fit there is one, under "population".
        """
        together, converted = self.plan.population is not None, {}
        for patient in self.patients[: 1 if together else None]:
            if patient.posterior is None:
                raise FitError(
                    "this result does not hold all draws",
                    value=patient.subject,
                    remedy="read the netCDF files in the folder posterior/ of the run",
                )
            if together:
                problem = self.plan.population_problem(self.dataset)
            else:
                problem = self.plan.problem(self.dataset, patient.subject)
            converted[patient.subject] = patient.posterior.to_inferencedata(problem)
        return converted

    def check_population(self, *, seed: int = 0) -> PopulationChecks:
        """VPC, NPDE, shrinkage and patients left out of a population fit."""
        from cartsim.infer.population_checks import population_checks
        from cartsim.study.population_draws import joined_draws
        from cartsim.study.vpc import limits_of

        population = self.plan.population_problem(self.dataset)
        values = joined_draws(self.to_dataframe(), population)
        rng, limits = np.random.default_rng(seed), limits_of(self.dataset, population)
        return population_checks(population, values, rng, limits=limits)

    def diagnose(self, *, without: Sequence[str] = ("profiles",), workers: int = 1) -> Diagnosis:
        """Identifiability, priors, influence, residuals; `without` leaves parts out (profiles are slow)."""
        from cartsim.study.diagnosis import diagnose_patients

        draws = {patient.subject: patient.draws for patient in self.patients}
        return diagnose_patients(self.plan, self.dataset, draws, without=without, workers=workers)

    def report(
        self,
        path: str | Path,
        *,
        diagnosis: Diagnosis | None = None,
        checks: PopulationChecks | None = None,
    ) -> Path:
        """Write the self-contained HTML report (a file `….html`, or a folder) with its figures beside it."""
        from cartsim.report.write import write_report
        from cartsim.study.contents import report_contents

        return write_report(path, report_contents(self, diagnosis, checks))
