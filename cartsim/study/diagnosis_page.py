"""The page of `cartsim diagnose`: the committed posterior summaries with the diagnostics beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cartsim.data.dataset import Dataset
from cartsim.report.contents import SIMULATED, ReportContents
from cartsim.study.diagnosis import Diagnosis
from cartsim.study.plan import Plan
from cartsim.study.population_fit import POPULATION
from cartsim.study.result import versions
from cartsim.study.settings import FitSettings

if TYPE_CHECKING:
    import pandas as pd


def diagnosis_contents(
    settings: FitSettings,
    plan: Plan,
    dataset: Dataset,
    record: Mapping[str, Any],
    draws: pd.DataFrame,
    diagnosis: Diagnosis,
) -> ReportContents:
    """Everything the page draws and prints."""
    import pandas as pd

    shown = settings.show_observations
    subjects = [name for name in record["patients"] if name in set(draws["subject"])]
    if plan.population is not None:
        subjects = [POPULATION]
    found = record["patients"]
    gates = [(name, found[name]["passed"], found[name]["gates"]) for name in subjects]
    samples = dataset.observations[dataset.observations["output"].isin(list(plan.errors))]
    return ReportContents(
        title=f"{settings.title}: identifiability and priors",
        labels=(SIMULATED,) if settings.simulated else (),
        description=settings.description,
        run={"command": "cartsim diagnose", "seed": plan.seed, "draws": len(draws), "versions": versions()},
        gates=pd.DataFrame(gates, columns=["subject", "passed", "line"]),
        parameters=_parameters(plan, dataset, record, subjects),
        show_observations=shown,
        data_text=dataset.summary.text(),
        observations=samples.reset_index(drop=True) if shown else None,
        limits={output: dataset.limits[output] for output in plan.errors if output in dataset.limits},
        warnings=[f"{line[:1].upper()}{line[1:]}." for line in diagnosis.summary],
        gate_limits={"r_hat": plan.gates.r_hat, "ess": plan.gates.ess},
        diagnosis=diagnosis.shown(shown),
    )


def _parameters(plan: Plan, dataset: Dataset, record: Mapping[str, Any], subjects: list[str]) -> pd.DataFrame:
    """The parameter table of the finished fit from its record."""
    import pandas as pd

    rows = []
    for subject in subjects:
        together = plan.population is not None
        problem = plan.population_problem(dataset) if together else plan.problem(dataset, subject)
        for item in problem.free:
            ends = item.prior.quantile(np.array([0.05, 0.95]))
            found = {
                key: np.nan if value is None else value
                for key, value in record["patients"][subject]["parameters"][item.name].items()
            }
            rows.append(
                {
                    "subject": subject,
                    "name": item.name,
                    "meaning": item.meaning,
                    "unit": item.unit,
                    "prior": item.prior.describe(item.unit),
                    "prior_lower": ends[0],
                    "prior_upper": ends[1],
                    **found,
                }
            )
    return pd.DataFrame(rows)
