"""`cartsim diagnose` from end to end: a finished run or a fit folder in, tables, figures and a page out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cartsim.data.dataset import Dataset
from cartsim.data.write import replace_text
from cartsim.errors import CartsimError, FitError
from cartsim.study.diagnosis import PARTS, Diagnosis, diagnose_patients
from cartsim.study.inputs import read_dataset
from cartsim.study.plan import Plan, plan_of
from cartsim.study.pool import default_workers
from cartsim.study.progress import Bar
from cartsim.study.settings import FILE, FitSettings, read_settings

if TYPE_CHECKING:
    import pandas as pd

ENOUGH = 400  # draws below which tails, and so power-scaling and leave-one-out, are rough
RESULT, DRAWS, ORIGIN, FOLDER = "result.json", "draws.csv", "fit_folder.txt", "diagnostics"


@dataclass(frozen=True)
class DiagnoseOptions:
    """What the command line adds; see `cartsim diagnose --help`."""

    fit: Path | None = None
    data: Path | None = None
    out: Path | None = None
    patients: Sequence[str] = ()
    without: Sequence[str] = ()
    workers: int | None = None


@dataclass(frozen=True)
class Found:
    """What there is to diagnose: the fit folder, the record and draws of its result, where to write."""

    folder: Path
    record: Mapping[str, Any]
    draws: pd.DataFrame
    out: Path
    words: str


def run_diagnose(path: Path, options: DiagnoseOptions, *, say: Callable[[str], None] = print) -> Path:
    """Diagnose a finished run (its output folder) or the committed result of a fit folder.

    Returns
    -------
    Path
        The folder with the tables, the page `report.html` and its figures.

    Raises
    ------
    CartsimError
        If there is no finished result, or it was made from other data, model or priors than the fit folder's.
    """
    unknown = sorted(set(options.without) - set(PARTS))
    if unknown:
        raise CartsimError("no such part of the diagnosis", value=", ".join(unknown), limit=", ".join(PARTS))
    found = find(Path(path), fit=options.fit, out=options.out)
    settings = read_settings(found.folder)
    plan = plan_of(settings, found.folder, seed=found.record["seed"])
    dataset, _ = read_dataset(settings.data, found.folder, path=options.data)
    check_same(found.record, plan, dataset)
    say(f"{settings.title}: {found.words}")
    if settings.simulated:
        say("SIMULATED data: shaped by construction, validates nothing")
    diagnosis = diagnosed(plan, dataset, found.draws, options, say)
    write_tables(diagnosis, found.out, settings.show_observations)
    page = _report(settings, plan, dataset, found, diagnosis)
    for line in diagnosis.summary:
        say(line)
    say(f"tables and figures: {found.out}")
    say(f"report: {page}")
    return found.out


def write_tables(diagnosis: Diagnosis, out: Path, observations: bool) -> None:
    """Each table as a CSV file; those of single samples only where `observations` may be shown."""
    out.mkdir(parents=True, exist_ok=True)
    for name, table in diagnosis.shown(observations).items():
        text = table.to_csv(index=False, lineterminator="\n", float_format="%.8g")
        replace_text(out / f"{name}.csv", text)


def diagnosed(
    plan: Plan, dataset: Dataset, draws: pd.DataFrame, options: DiagnoseOptions, say: Callable[[str], None]
) -> Diagnosis:
    """The diagnosis of the patients that have draws (or of those asked for)."""
    present = list(dict.fromkeys(draws["subject"].astype(str)))
    absent = [subject for subject in options.patients if subject not in present]
    if absent:
        raise FitError("no draws of such a patient", value=", ".join(absent), limit=", ".join(present))
    chosen = [subject for subject in present if not options.patients or subject in options.patients]
    if plan.population is not None:
        return _together(plan, dataset, draws, options, say)
    own = {subject: table.dropna(axis="columns", how="all") for subject, table in draws.groupby("subject")}
    with Bar(len(chosen), len(PARTS), say) as bar:
        return diagnose_patients(
            plan,
            dataset,
            {subject: own[subject] for subject in chosen},
            without=options.without,
            workers=options.workers or default_workers(),
            watcher=bar,
            numbers={subject: number for number, subject in enumerate(present)},
        )


def _together(
    plan: Plan, dataset: Dataset, draws: pd.DataFrame, options: DiagnoseOptions, say: Callable[[str], None]
) -> Diagnosis:
    from cartsim.study.population_diagnosis import POPULATION_PARTS, diagnose_population

    if options.patients:
        raise FitError("patients of a population fit are not diagnosed alone", remedy="cartsim vpc RUN")
    unknown = sorted(set(options.without) - set(POPULATION_PARTS))
    if unknown:
        known = ", ".join(POPULATION_PARTS)
        raise CartsimError("not a part of a population's diagnosis", value=", ".join(unknown), limit=known)
    threads = options.workers or default_workers()
    return diagnose_population(plan, dataset, draws, without=options.without, threads=threads, say=say)


def find(path: Path, *, fit: Path | None, out: Path | None, name: str = FOLDER) -> Found:
    """Where result, draws and fit folder are, and where to write: by default a folder `name`."""
    import pandas as pd

    committed = (path / FILE).is_file()
    if not path.is_dir() or not (committed or (path / RESULT).is_file()):
        raise CartsimError(
            "neither the output folder of a finished run nor a fit folder",
            value=str(path),
            limit=f"a folder with {RESULT} and {DRAWS}, or with {FILE}",
        )
    for file in (RESULT, DRAWS):
        if not (path / file).is_file():
            raise CartsimError(
                f"there is no {file} to diagnose",
                value=str(path),
                remedy=f"run `cartsim fit {path}` and diagnose its output" if committed else "run it again",
            )
    folder = path if committed else _origin(path, fit)
    if out is None:
        stamp = f"{path.resolve().name}-{datetime.now():%Y%m%d-%H%M%S}"
        out = Path("runs") / stamp / name if committed else path / name
    if out.resolve() == folder.resolve():
        raise CartsimError("--out must not be the fit folder", value=str(out))
    draws = pd.read_csv(path / DRAWS, dtype={"subject": str})
    each = int(draws.groupby("subject").size().min())
    kind = f"{each} draws a patient" + (", those committed in the fit folder" if committed else "")
    record = json.loads((path / RESULT).read_text(encoding="utf-8"))
    if each < ENOUGH:
        kind += "; too few for more than a rough idea of prior sensitivity and influence"
    return Found(folder, record, draws, out, kind)


def _origin(run: Path, named: Path | None) -> Path:
    """The fit folder that a run was made from."""
    if named is not None:
        folder = named
    elif (run / ORIGIN).is_file():
        folder = Path((run / ORIGIN).read_text(encoding="utf-8").strip())
    else:
        raise CartsimError(
            "this run does not say which fit folder it was made from", value=str(run), remedy="give --fit"
        )
    if not (folder / FILE).is_file():
        raise CartsimError(f"no {FILE} in the fit folder", value=str(folder), remedy="give --fit")
    return folder


def check_same(record: Mapping[str, Any], plan: Plan, dataset: Dataset | None) -> None:
    """Raise CartsimError where the fit folder is not what the result was made from.

    Without a dataset the data are not compared: they are those of the fit, and may not be at hand.
    """
    digest = plan.loaded_model.digest
    now = {
        "model": digest() if callable(digest) else digest,
        "data": record["data"]["sha256"] if dataset is None else dataset.sha256,
        "priors": {name: prior.to_mapping() for name, prior in plan.priors.items()},
        "error model": {name: error.to_mapping() for name, error in plan.errors.items()},
        "fixed values": dict(plan.fixed),
        "inputs": dict(plan.inputs),
        "rules": [rule.to_mapping() for rule in plan.rules],
        "population": None if plan.population is None else plan.population.to_mapping(),
    }
    then = {
        "model": record["model"]["digest"],
        "data": record["data"]["sha256"],
        "priors": record["priors"],
        "error model": record["errors"],
        "fixed values": record["fixed"],
        "inputs": record.get("inputs", {}),
        "rules": record.get("rules", []),
        "population": record.get("population"),
    }
    changed = [name for name in now if now[name] != then[name]]
    if changed:
        raise CartsimError(
            "the fit folder is not what this result was made from",
            value=f"changed: {', '.join(changed)}",
            remedy="fit again, or give the matching folder with --fit",
        )


def _report(settings: FitSettings, plan: Plan, dataset: Dataset, found: Found, diagnosis: Diagnosis) -> Path:
    from cartsim.report.write import write_report
    from cartsim.study.diagnosis_page import diagnosis_contents

    return write_report(
        found.out, diagnosis_contents(settings, plan, dataset, found.record, found.draws, diagnosis)
    )
