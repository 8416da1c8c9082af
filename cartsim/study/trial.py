"""`cartsim trial`: a trial file to tables, figures and a page; the same numbers on any number of cores."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from cartsim.cohort.outcomes import CHUNK
from cartsim.cohort.products import FILE as PRODUCTS_FILE
from cartsim.cohort.trial import TrialDesign, simulate_trial
from cartsim.cohort.trial_decision import decision_table
from cartsim.cohort.trial_endpoints import ENDPOINTS
from cartsim.cohort.trial_follow_up import FollowUp, as_followed, log_rank_table, survival_table
from cartsim.cohort.trial_tables import (
    difference_table,
    endpoint_table,
    joint_table,
)
from cartsim.data.write import replace_text
from cartsim.report.trial_page import write_trial_page
from cartsim.study.result import versions
from cartsim.study.trial_contents import trial_contents
from cartsim.study.trial_population import populated, population_sentences, population_table
from cartsim.study.trial_settings import TrialSettings, read_trial, rule_of
from cartsim.study.trial_words import (
    STAMP,
    plain_lines,
    readable_differences,
    readable_endpoints,
    size_sentence,
    solve_sentence,
    survival_sentence,
)

if TYPE_CHECKING:
    import pandas as pd

MANIFEST = "manifest.json"
Say = Callable[[str], None]


@dataclass(frozen=True)
class TrialResult:
    """A simulated trial: outcomes by arm, survival as `followed`, and tables (empty where not asked for).

    `population_trusted` is false where published numbers leave too few draws of an arm's population.
    """

    settings: TrialSettings
    design: TrialDesign
    outcomes: dict[str, pd.DataFrame]
    endpoints: pd.DataFrame
    differences: pd.DataFrame
    decision: pd.DataFrame
    joint: pd.DataFrame
    survival: pd.DataFrame
    log_rank: pd.DataFrame
    followed: dict[str, pd.DataFrame]
    population: pd.DataFrame
    population_trusted: bool
    population_text: tuple[str, ...]


def run_trial(
    path: Path,
    out: Path,
    *,
    workers: int = 1,
    chunk: int = CHUNK,
    say: Say,
    progress: Callable[[int, int], None] | None = None,
) -> TrialResult:
    """Simulate the trial of a file and write it to `out`.

    Written are outcomes.csv (the large cohort), endpoints.csv, differences.csv, survival.csv; log_rank.csv,
    decision.csv, joint.csv and population.csv where there are two arms or they are asked for; summary.txt,
    report.html with figures/, and last manifest.json. `workers` are threads; nothing that is written depends
    on them or on `chunk`.
    """
    settings, design = read_trial(path)
    sources = {arm.name: arm.population for arm in settings.arms if arm.population is not None}
    design, weighed = populated(design, sources, path.parent, threads=workers, progress=progress)
    outcomes = simulate_trial(design, threads=workers, chunk=chunk, progress=progress)
    result = _result(settings, design, outcomes)
    if sources:
        result = replace(
            result,
            population=population_table(weighed),
            population_trusted=all(item.trusted for item in weighed.values()),
            population_text=population_sentences(sources, weighed, path.parent),
        )
    out.mkdir(parents=True, exist_ok=True)
    earlier = _withdraw_manifest(out)
    names = _write_tables(result, out)
    text = "\n".join(summary_lines(result))
    replace_text(out / "summary.txt", text + "\n")
    run = _run(path, result)
    names += ["summary.txt", *write_trial_page(out, trial_contents(result, run))]
    for name in earlier - set(names):  # such as a figure of an arm that is no more
        (out / name).unlink(missing_ok=True)
    digests = {name: _sha256(out / name) for name in names}
    failed = {arm: int((table["status"] != 0).sum()) for arm, table in outcomes.items()}
    manifest = {"stamp": STAMP, **run, "failed_solves": failed, "files": digests}
    replace_text(out / MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
    say(text)
    return result


def _result(settings: TrialSettings, design: TrialDesign, outcomes: dict[str, pd.DataFrame]) -> TrialResult:
    import pandas as pd

    chosen = [ENDPOINTS[name] for name in settings.endpoints]
    rule, seen, nothing = settings.decision, settings.observed, pd.DataFrame()
    sets = [[ENDPOINTS[name] for name in names] for names in settings.joint]
    first = next(iter(outcomes.values()))
    followed = outcomes
    if settings.follow_up is not None:
        followed = as_followed(design, outcomes, FollowUp(**settings.follow_up.model_dump()))
    return TrialResult(
        settings,
        design,
        outcomes,
        endpoint_table(design, outcomes, chosen, observed=seen),
        difference_table(design, outcomes, chosen),
        decision_table(design, outcomes, rule_of(rule)) if rule else nothing,
        joint_table(design, first, sets, seen) if sets else nothing,
        survival_table(design, followed),
        log_rank_table(design, followed) if len(followed) > 1 else nothing,
        followed,
        nothing,
        True,
        (),
    )


def summary_lines(result: TrialResult) -> list[str]:
    """What the command prints."""
    design, settings = result.design, result.settings
    lines = [
        settings.title,
        STAMP,
        size_sentence(design),
        solve_sentence(design, result.outcomes),
        *result.population_text,
        "",
        *plain_lines(readable_endpoints(result.endpoints)),
    ]
    if len(result.population):
        lines += ["", "Published numbers and the population", *plain_lines(result.population.round(3))]
    if len(result.joint):
        lines += ["", "Observed counts together", *plain_lines(result.joint)]
    if len(result.differences):
        lines += ["", f"Differences from {next(iter(design.arms))!r}"]
        lines += plain_lines(readable_differences(result.differences))
    lines += ["", survival_sentence(settings), *plain_lines(result.survival.round(3))]
    if len(result.log_rank):
        lines += ["", "Log-rank test at 5 % in trials of this size", *plain_lines(result.log_rank.round(3))]
    if len(result.decision):
        lines += ["", "Decision rule", *plain_lines(result.decision.round(4))]
    return lines


def _write_tables(result: TrialResult, out: Path) -> list[str]:
    import pandas as pd

    cohort = result.design.cohort
    whole = pd.concat([rows.iloc[:cohort].assign(arm=arm) for arm, rows in result.outcomes.items()])
    tables = {
        "outcomes.csv": whole[["arm", *whole.columns[:-1]]],
        "endpoints.csv": result.endpoints,
        "differences.csv": result.differences,
        "decision.csv": result.decision,
        "joint.csv": result.joint,
        "survival.csv": result.survival,
        "log_rank.csv": result.log_rank,
        "population.csv": result.population,
    }
    for name, table in tables.items():
        if len(table):
            replace_text(out / name, f"# {STAMP}\n" + table.to_csv(index=False, lineterminator="\n"))
    return [name for name, table in tables.items() if len(table)]


def _withdraw_manifest(out: Path) -> set[str]:
    """Remove the manifest, which vouches for files that are about to be replaced; the names it listed."""
    path = out / MANIFEST
    if not path.is_file():
        return set()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        listed = content["files"] if content["stamp"] == STAMP else {}
    except (ValueError, KeyError, TypeError):  # not ours, or damaged: nothing is known of an earlier run
        listed = {}
    path.unlink()
    inside = out.resolve()
    return {name for name in listed if (out / name).resolve().is_relative_to(inside)}


def _run(path: Path, result: TrialResult) -> dict[str, object]:
    """What decides the numbers."""
    design = result.design
    model = next(iter(design.arms.values())).model
    return {
        "title": result.settings.title,
        "trial_file": path.name,
        "trial_sha256": _sha256(path),
        "model": model.name,
        "model_digest": model.digest(),
        "products_sha256": _sha256(PRODUCTS_FILE),
        "seed": result.settings.seed,
        "populations": {arm: own.hyper.digest() for arm, own in design.arms.items() if own.hyper is not None},
        "patients": design.patients,
        "replicates": design.replicates,
        "cohort": design.cohort,
        "simulated_an_arm": design.simulated,
        "versions": versions() | {"statsmodels": version("statsmodels")},
    }


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
