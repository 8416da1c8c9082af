"""`cartsim.fit`: a model and a patient table in, posterior, tables and report out."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from cartsim.data.dataset import Dataset
from cartsim.errors import FitError
from cartsim.infer.choice import choose
from cartsim.infer.settings import Gates, SamplerSettings
from cartsim.kernels.methods import Method
from cartsim.models import load_model
from cartsim.observe.error_models import ErrorModel, LogNormalError
from cartsim.spec.distribution import Prior
from cartsim.spec.model import Model
from cartsim.study.fit_result import About, FitResult
from cartsim.study.patient import FitPatient
from cartsim.study.plan import POPULATION_SAMPLER, Plan
from cartsim.study.pool import run_all
from cartsim.study.population_fit import FitPopulation, fit_together
from cartsim.study.population_plan import PopulationPlan
from cartsim.study.progress import Bar, Silent
from cartsim.study.rule_plan import RulePlan


def fit(
    model: Model | str | Path,
    data: Dataset | str | Path,
    *,
    errors: Mapping[str, ErrorModel] | None = None,
    priors: Mapping[str, Prior] | None = None,
    fixed: Mapping[str, float] | None = None,
    free: Sequence[str] | None = None,
    scenario: str | None = None,
    inputs: Mapping[str, str] | None = None,
    rules: Sequence[RulePlan] = (),
    after_day: float | None = None,
    population: PopulationPlan | None = None,
    method: Method | None = None,
    sampler: SamplerSettings | None = None,
    gates: Gates | None = None,
    seed: int = 0,
    workers: int = 1,
    folder: str | Path | None = None,
    resume: bool = False,
    title: str = "",
    simulated: bool = False,
    progress: bool = True,
) -> FitResult:
    """Fit every patient of a table, one by one or, with `population`, together.

    Parameters
    ----------
    model : Model, or the name or file of one
    data : Dataset, or a file for `read_data`
    errors : output name -> error model; by default log-normal for every output that is modelled and measured
    priors : parameter name -> prior instead of the model's own
    fixed : parameter name -> value, not estimated
    free : the only parameters to estimate beside those with a prior here; all others are held
    scenario : of the model, whose values are held and round which its own priors are centred
    inputs : input of the model -> measured output that drives it, at all its days, and is not fitted
    rules : drugs whose day the data do not tell, and the patients who had them
    after_day : samples up to this day are shown but not fitted (those taken before the infusion)
    population : spreads, shared parameters, covariates and assay scales of a population fit; then `workers`
        are threads and the first of the result's patients is the population itself
    sampler, gates : ensembles, walkers, step budget; what must be reached
    seed : same seed, same draws, whatever `workers`
    workers : processes; more than one needs a script guarded by `if __name__ == "__main__"`
    folder : where checkpoints go and stay, for `resume`; without it they are thrown away
    simulated : mark the report as made from simulated data

    Returns
    -------
    FitResult
        Also where a gate was missed: look at `.passed` and `.gates()`.
    """
    from cartsim.data.read import read_data

    begin = time.perf_counter()
    dataset = data if isinstance(data, Dataset) else read_data(data)
    reference = model if isinstance(model, Model) else str(model)
    loaded = model if isinstance(model, Model) else load_model(reference)
    to_fit = [name for name in loaded.output_names if name not in (inputs or {}).values()]
    errors = errors or {name: LogNormalError() for name in to_fit if name in dataset.outputs}
    priors, fixed = choose(loaded, priors or {}, fixed or {}, free=free, scenario=scenario)
    plan = Plan(
        reference if workers == 1 or isinstance(reference, str) else _named(loaded),
        errors,
        seed,
        priors,
        fixed,
        method,
        after_day,
        sampler or (SamplerSettings() if population is None else SamplerSettings(**POPULATION_SAMPLER)),
        gates or Gates(),
        population,
        dict(inputs or {}),
        tuple(rules),
    )
    with_samples, without = plan.subjects(dataset)
    first_look = plan.sampler.checks()[0] * plan.sampler.ensembles
    count = len(with_samples) if population is None else 1
    watcher = Bar(count, first_look, print) if progress else Silent()
    with tempfile.TemporaryDirectory() as scratch, watcher:
        chains = Path(folder) if folder is not None else Path(scratch)
        if population is not None:
            together = FitPopulation(plan, dataset, chains, resume, keep=True, threads=workers)
            patients = fit_together(together, watcher)
        else:
            tasks = patient_tasks(plan, dataset, with_samples, chains=chains, resume=resume, keep=True)
            patients = run_all(tasks, workers=workers, watcher=watcher)
    return FitResult(
        plan,
        dataset,
        tuple(patients),
        About(title or f"{dataset.name}, {loaded.name}", simulated=simulated),
        left_out=without,
        seconds=time.perf_counter() - begin,
    )


def patient_tasks(
    plan: Plan,
    dataset: Dataset,
    subjects: Sequence[str],
    *,
    chains: Path,
    resume: bool = False,
    posterior: Path | None = None,
    with_data: bool = True,
    keep: bool = False,
) -> list[FitPatient]:
    """One task a patient, with its own folder of checkpoints and its own netCDF file."""
    tasks = []
    for index, subject in enumerate(subjects):
        # Names are for people, the number makes them distinct whatever the names hold.
        stem = f"{index + 1:03d}-{re.sub(r'[^A-Za-z0-9._-]+', '_', subject)}"
        netcdf = None if posterior is None else posterior / f"{stem}.nc"
        only = dataset.subset([subject])
        tasks.append(FitPatient(plan, only, subject, chains / stem, resume, netcdf, with_data, keep))
    return tasks


def _named(model: Model) -> str:
    """The name or file by which worker processes can load a model."""
    import sys

    from cartsim.models import model_names

    origin = getattr(sys.modules.get(model.rhs.__module__), "__file__", None)
    reference = model.name if model.name in model_names() else origin
    if reference is None or load_model(reference).digest() != model.digest():
        raise FitError(
            "worker processes cannot load this model",
            value=model.name,
            remedy="save it as a file that defines MODEL and pass its path, or use workers=1",
        )
    return reference
