"""A fit folder or a finished fit written as a PEtab folder (version 1), for pyPESTO and the like."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cartsim.data.write import replace_text
from cartsim.errors import CartsimError
from cartsim.interop.petab_priors import EDGE
from cartsim.interop.petab_tables import Medians, PetabProblem, petab_problem
from cartsim.study.inputs import read_dataset
from cartsim.study.plan import plan_of
from cartsim.study.run import RESULT
from cartsim.study.settings import read_settings

if TYPE_CHECKING:
    import pandas as pd

    from cartsim.study.fit_result import FitResult
    from cartsim.study.plan import Plan

YAML = """format_version: 1
parameter_file: parameters.tsv
problems:
- condition_files:
  - conditions.tsv
  measurement_files:
  - measurements.tsv
  observable_files:
  - observables.tsv
  sbml_files:
  - model.xml
"""
LEFT_OUT = "left_out.tsv"
PAGE = """# {title}

Written by `cartsim export FIT --petab FOLDER` as a PEtab problem, format version 1: open `problem.yaml`.

{said}

How it is said:

- each patient is a condition; its own quantities are `NAME_PATIENT`; time is in days
- doses are constants of the model that the conditions set: on day 0 in the starts, later ones as events; a
  sample at the time of a dose is of just after it
- a prior on the log is normal on the scale `log`; of a logit-normal parameter the logit is estimated
  (`logit_NAME`); other priors are on the scale `lin`, half of a distribution as the whole cut at its bound
- where a prior has no bound, the table's bound is its quantile {edge} or 1 - {edge}
- nominal values: {nominal}
- the tables hold the patients' samples: treat them as you treat the data
{left_out}"""


def write_petab(
    fit: FitResult | str | Path,
    out: str | Path,
    *,
    data: str | Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> PetabProblem:
    """Write a fit as a PEtab problem: model.xml, four tables, problem.yaml; README.md names what is not said.

    Nominal values are the posterior medians where the fit has been run, else the priors' medians.

    Parameters
    ----------
    fit : a finished fit, or a fit folder
    out : a folder that does not exist yet, or is empty
    data : of a fit folder: the patient table to read instead of its own
    say : hears what was written and what PEtab cannot say

    Raises
    ------
    CartsimError
        As `petab_problem` and the readers of fit.toml and data; where `out` holds something already.
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CartsimError("the PEtab folder holds something already", value=str(out), remedy="name another")
    title, problem, nominal = _of_folder(Path(fit), data) if isinstance(fit, str | Path) else _of_result(fit)
    out.mkdir(parents=True, exist_ok=True)
    tables = {
        "parameters.tsv": problem.parameters,
        "observables.tsv": problem.observables,
        "measurements.tsv": problem.measurements,
        "conditions.tsv": problem.conditions,
        **({LEFT_OUT: problem.left_out} if len(problem.left_out) else {}),
    }
    texts = {name: _tsv(table) for name, table in tables.items()}
    texts |= {"model.xml": problem.sbml, "problem.yaml": YAML, "README.md": _page(title, problem, nominal)}
    for name, text in texts.items():
        replace_text(out / name, text)
    say(
        f"wrote {out / 'problem.yaml'}: {len(problem.conditions)} patients, {len(problem.measurements)} "
        f"samples, {len(problem.parameters)} estimated quantities; nominal values: {nominal}"
    )
    for line in said(problem):
        say(line)
    return problem


def said(problem: PetabProblem) -> list[str]:
    """What the problem lacks against the fit, as lines of text."""
    lines = []
    if problem.likelihood:
        lines += ["The likelihood is NOT the fit's own. It lacks:", *(f"- {w}" for w in problem.likelihood)]
    if problem.priors:
        lines += ["The priors are NOT all the fit's own. Not said:", *(f"- {w}" for w in problem.priors)]
    return lines or ["Likelihood and priors are the fit's own (priors cut at the bounds)."]


def _of_folder(folder: Path, data: str | Path | None) -> tuple[str, PetabProblem, str]:
    settings = read_settings(folder)
    plan = plan_of(settings, folder)
    dataset, _ = read_dataset(settings.data, folder, path=None if data is None else Path(data))
    medians = _recorded(folder / RESULT, plan, dataset.sha256)
    return settings.title, petab_problem(plan, dataset, medians=medians), _origin(medians)


def _of_result(result: FitResult) -> tuple[str, PetabProblem, str]:
    table = result.summary()
    medians = {(row.subject, row.name): row.median for row in table.itertuples(index=False)}
    return result.about.title, petab_problem(result.plan, result.dataset, medians=medians), _origin(medians)


def _recorded(path: Path, plan: Plan, sha256: str) -> Medians:
    """The medians of a committed result, where it is of this model and these data."""
    if not path.is_file():
        return {}
    record = json.loads(path.read_text(encoding="utf-8"))
    if record["model"]["digest"] != plan.loaded_model.digest() or record["data"]["sha256"] != sha256:
        return {}
    return {
        (subject, name): row["median"]
        for subject, patient in record["patients"].items()
        for name, row in patient["parameters"].items()
    }


def _origin(medians: Medians) -> str:
    return "posterior medians" if medians else "medians of the priors"


def _tsv(table: pd.DataFrame) -> str:
    kept = [name for name in table.columns if not (table[name].astype(str) == "").all()]
    return table[kept].to_csv(sep="\t", index=False, lineterminator="\n")


def _page(title: str, problem: PetabProblem, nominal: str) -> str:
    left_out = f"- `{LEFT_OUT}`: the samples that PEtab cannot say, with their limits\n"
    return PAGE.format(
        title=title,
        said="\n".join(said(problem)),
        edge=f"{EDGE:g}",
        nominal=nominal,
        left_out=left_out if len(problem.left_out) else "",
    )
