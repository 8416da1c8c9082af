"""A fit folder run from end to end: read, sample, judge, compare, write; stopped and resumed without loss."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from cartsim.data.write import replace_bytes, replace_text
from cartsim.errors import CartsimError, FitError
from cartsim.infer.population_checks import PopulationChecks
from cartsim.study import diagnose
from cartsim.study.compare import mismatches
from cartsim.study.contents import endpoints_of, report_contents
from cartsim.study.diagnose import FOLDER, ORIGIN
from cartsim.study.diagnosis import Diagnosis
from cartsim.study.fit import patient_tasks
from cartsim.study.fit_result import About, FitResult
from cartsim.study.inputs import read_dataset
from cartsim.study.patient import PatientFit
from cartsim.study.plan import Plan, plan_of
from cartsim.study.pool import default_workers, run_all
from cartsim.study.population_fit import POPULATION, FitPopulation, fit_together
from cartsim.study.progress import Bar
from cartsim.study.recovery import read_truth, recovery_words
from cartsim.study.result import patients_record, result_of
from cartsim.study.rule_plan import check_rules
from cartsim.study.settings import FILE, FitSettings, read_settings
from cartsim.study.vpc import FOLDER as VPC
from cartsim.study.vpc import write_tables
from cartsim.study.vpc_words import summary

RESULT, DRAWS, CHAINS, POSTERIOR = "result.json", "draws.csv", "chains", "posterior"
RECOVERY = "recovery.csv"
COMMITTED_DRAWS = 100  # a patient
Say = Callable[[str], None]


@dataclass(frozen=True)
class RunOptions:
    """What the command line adds to a fit folder; see `cartsim fit --help`."""

    out: Path | None = None
    data: Path | None = None
    seed: int | None = None
    workers: int | None = None
    resume: bool = False
    check: bool = False
    record: bool = False
    report: bool = True
    diagnose: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a run ended: where it is, whether all gates were passed, what was not reproduced."""

    folder: Path
    result: FitResult
    record: Mapping[str, Any]
    differences: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every gate was passed and, where it was asked, the committed result reproduced."""
        return self.result.passed and not self.differences


def run_fit(folder: Path, options: RunOptions, *, say: Say = print) -> Outcome:
    """Run a fit folder.

    Raises
    ------
    CartsimError
        If the settings or the data cannot be used, or there is no result to check against.
    KeyboardInterrupt
        After saying how the run can be resumed.
    """
    begin = time.perf_counter()
    folder = Path(folder)
    settings = read_settings(folder)
    recorded = _recorded(folder) if options.check else None
    plan = plan_of(settings, folder, seed=options.seed)
    out = _output_folder(folder, options)
    dataset, remarks = read_dataset(settings.data, folder, path=options.data)
    say(settings.title)
    if settings.simulated:
        say("SIMULATED data: shaped by construction, validates nothing")
    say(dataset.summary.text())
    say(f"writing to {out}")
    replace_text(out / ORIGIN, f"{folder.resolve()}\n")
    about = About(settings.title, settings.description, settings.simulated, settings.show_observations)
    try:
        result = _fitted(plan, dataset, out, about, options, say)
        variations = _sensitivity(settings, folder, plan, out, options, say)
    except KeyboardInterrupt:
        words = f"cartsim fit {folder} --out {out} --resume"
        say(f"stopped; what is sampled is kept. Continue with: {words}")
        raise
    seconds = time.perf_counter() - begin
    result = replace(
        result,
        remarks=tuple(remarks),
        seconds=seconds,
        provenance={"command": f"cartsim fit {folder.name}", "settings": FILE},
        truth=read_truth(folder) if settings.simulated and options.data is None else None,
    )
    record = result_of(
        plan,
        dataset,
        result.patients,
        about={"title": settings.title, "simulated": settings.simulated},
        seconds=seconds,
        left_out=result.left_out,
        sensitivity=variations,
    )
    _write(result, record, out)
    diagnosis = _diagnosis(result, out, options, say) if options.diagnose else None
    if options.report:
        checks = _checks(result, out, say) if plan.population is not None else None
        say(f"report: {result.report(out, diagnosis=diagnosis, checks=checks)}")
        _overview(result, out)
    differences = tuple(mismatches(recorded, record)) if recorded is not None else ()
    if options.record:
        _commit(result, record, folder)
        say(f"recorded in {folder / RESULT}")
    _conclude(result, settings, differences, recorded is not None, time.perf_counter() - begin, say)
    return Outcome(out, result, record, differences)


def _fitted(plan: Plan, dataset: Any, out: Path, about: About, options: RunOptions, say: Say) -> FitResult:
    with_samples, without = plan.subjects(dataset)
    if not with_samples:
        raise FitError("no patient has a sample to fit", value=dataset.source)
    check_rules(plan.rules, dataset)
    if plan.population is not None:
        together = FitPopulation(
            plan,
            dataset,
            out / CHAINS / POPULATION,
            options.resume,
            netcdf=out / POSTERIOR / f"{POPULATION}.nc",
            with_data=about.show_observations,
            threads=options.workers or default_workers(),
        )
        patients = _together(together, say)
        return FitResult(plan, dataset, patients, about, left_out=without)
    tasks = patient_tasks(
        plan,
        dataset,
        with_samples,
        chains=out / CHAINS,
        resume=options.resume,
        posterior=out / POSTERIOR,
        with_data=about.show_observations,
    )
    patients = _side_by_side(tasks, plan, options, say)
    return FitResult(plan, dataset, tuple(patients), about, left_out=without)


def _together(task: FitPopulation, say: Say) -> tuple[PatientFit, ...]:
    sampler = task.plan.sampler
    with Bar(1, sampler.checks()[0] * sampler.ensembles, say) as bar:
        return fit_together(task, bar)


def _checks(result: FitResult, out: Path, say: Say) -> PopulationChecks:
    """Everything of `cartsim vpc`, beside the fit and in its report."""
    checks = result.check_population()
    write_tables(checks, out / VPC, show_observations=result.about.show_observations)
    for line in summary(checks):
        say(line)
    return checks


def _diagnosis(result: FitResult, out: Path, options: RunOptions, say: Say) -> Diagnosis:
    """Everything of `cartsim diagnose` but the profiles, beside the fit and in its report."""
    diagnosis = result.diagnose(workers=options.workers or default_workers())
    diagnose.write_tables(diagnosis, out / FOLDER, result.about.show_observations)
    for line in diagnosis.summary:
        say(line)
    return diagnosis


def _side_by_side(tasks: list, plan: Plan, options: RunOptions, say: Say) -> list:
    first_look = plan.sampler.checks()[0] * plan.sampler.ensembles
    with Bar(len(tasks), first_look, say) as bar:
        return run_all(tasks, workers=options.workers or default_workers(), watcher=bar)


def _sensitivity(
    settings: FitSettings, folder: Path, plan: Plan, out: Path, options: RunOptions, say: Say
) -> list[dict[str, Any]]:
    """The same fit under other readings of the data (such as another LLOQ): posterior summaries only."""
    records = []
    for number, variation in enumerate(settings.sensitivity):
        say(f"sensitivity: {variation.name}")
        dataset, _ = read_dataset(settings.data, folder, path=options.data, changes=variation.read)
        chains = out / CHAINS / f"sensitivity-{number + 1}"
        if plan.population is not None:
            threads = options.workers or default_workers()
            patients = _together(FitPopulation(plan, dataset, chains, options.resume, threads=threads), say)
        else:
            subjects, _ = plan.subjects(dataset)
            tasks = patient_tasks(plan, dataset, subjects, chains=chains, resume=options.resume)
            patients = _side_by_side(tasks, plan, options, say)
        records.append(
            {
                "name": variation.name,
                "read": variation.read,
                "missed": [patient.subject for patient in patients if not patient.passed],
                "patients": patients_record(patients, briefly=True),
            }
        )
    return records


def _output_folder(folder: Path, options: RunOptions) -> Path:
    """Where this run writes; never the fit folder, never over another run."""
    name = folder.resolve().name
    if options.out is not None:
        out = options.out
    elif options.resume:
        unfinished = [path for path in Path("runs").glob(f"{name}-*") if not (path / RESULT).exists()]
        if not unfinished:
            raise CartsimError(f"no unfinished run of {name} in runs/", remedy="name its folder with --out")
        out = max(unfinished, key=lambda path: path.name)
    else:
        out = Path("runs") / f"{name}-{datetime.now():%Y%m%d-%H%M%S}"
    if out.resolve() == folder.resolve():
        raise CartsimError("--out must not be the fit folder", value=str(out), remedy="use --record")
    if (out / CHAINS).exists() and not options.resume:
        raise CartsimError(
            "an earlier run is in the output folder",
            value=str(out),
            remedy="continue it with --resume, or give another --out",
        )
    out.mkdir(parents=True, exist_ok=True)
    return out


def _recorded(folder: Path) -> Mapping[str, Any]:
    path = folder / RESULT
    if not path.is_file():
        raise CartsimError(
            f"there is no {RESULT} to check against", value=str(folder), remedy="make one with --record"
        )
    return json.loads(path.read_text(encoding="utf-8"))


def _write(result: FitResult, record: Mapping[str, Any], out: Path) -> None:
    """Tables beside the report; samples of patients who must not be shown stay out of all of them."""
    _write_record(record, out)
    _table(result.summary(), out / "parameters.csv")
    _table(result.to_dataframe(), out / DRAWS)
    if result.truth is not None:
        _table(result.recovery(), out / RECOVERY)
    endpoints = endpoints_of(result)
    if endpoints is not None:
        endpoints.summary_to_csv(out / "nca_summary.csv")
        if result.about.show_observations:
            endpoints.to_csv(out / "nca.csv")


def _overview(result: FitResult, out: Path) -> None:
    """The first six patients on one sheet, as the README shows them."""
    from cartsim.report.hero import DPI, hero
    from cartsim.report.style import png

    if result.about.show_observations:
        picture = png(hero(report_contents(result), output=next(iter(result.plan.errors))), DPI)
        replace_bytes(out / "overview.png", picture)


def _commit(result: FitResult, record: Mapping[str, Any], folder: Path) -> None:
    _write_record(record, folder)
    _table(result.to_dataframe(COMMITTED_DRAWS).round(8), folder / DRAWS, digits=5)
    if result.truth is not None:
        _table(result.recovery(), folder / RECOVERY, digits=5)


def _write_record(record: Mapping[str, Any], folder: Path) -> None:
    replace_text(folder / RESULT, json.dumps(record, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def _table(table: Any, path: Path, *, digits: int = 10) -> None:
    replace_text(path, table.to_csv(index=False, lineterminator="\n", float_format=f"%.{digits}g"))


def _conclude(
    result: FitResult,
    settings: FitSettings,
    differences: tuple[str, ...],
    checked: bool,
    seconds: float,
    say: Say,
) -> None:
    missed = [patient.subject for patient in result.patients if not patient.passed]
    count = len(result.patients)
    if result.plan.population is not None:
        say(f"gates: {'MISSED: ' + '; '.join(result.patients[0].misses) if missed else 'passed'}")
    else:
        say(
            f"gates: {count - len(missed)} of {count} patients pass"
            + (f"; missed: {', '.join(missed)}" if missed else "")
        )
    if result.truth is not None:
        say(recovery_words(result.recovery()))
    if checked and differences:
        say(f"NOT reproduced, {len(differences)} differences from the committed result:")
        for difference in differences:
            say(f"  {difference}")
    elif checked:
        say("reproduced: every median and interval end agrees with the committed result")
    say(f"took {seconds:.0f} s")
    budget = settings.budget
    if budget is not None and seconds > 60.0 * budget.minutes:
        say(f"slower than its budget of {budget.minutes:g} min on {budget.cores} cores")
