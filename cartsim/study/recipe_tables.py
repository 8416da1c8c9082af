"""The tables that a recipe makes: samples and doses as a trial would record them, the truth, the outcomes."""

from __future__ import annotations

import csv
import io

import numpy as np

from cartsim.errors import SolveError
from cartsim.models import load_model
from cartsim.observe.assay import LEFT, RIGHT, Assay
from cartsim.observe.error_models import error_from_mapping
from cartsim.regimen.doses import Dose
from cartsim.regimen.regimen import events_of
from cartsim.solve.batch import STATUS, batch
from cartsim.spec.model import Model
from cartsim.study.recipe import AssayRecipe, Recipe
from cartsim.study.virtual_recipe import Treated, outcomes_of, treated_patients

FIXED = ("subject", "time_day", "evid", "output", "value", "unit", "lloq", "amount", "dose_unit")
SIGNS = {LEFT: "<", RIGHT: ">"}
BEFORE, GIVEN, AFTER = 0, 1, 2  # order of rows at one time: a sample of day 0 comes before the infusion


def truth_table(recipe: Recipe) -> str:
    """The true parameters and dose of every patient as CSV text, six significant digits."""
    patients = [treated.patient for treated in treated_patients(recipe)]
    names = list(dict.fromkeys(name for patient in patients for name in patient.parameters))
    stream, table = _csv("# SIMULATED: the true values behind data.csv, made by the recipe beside this file.")
    table.writerow(["subject", *names, "dose"])
    for patient in patients:
        values = [*(patient.parameters.get(name) for name in names), patient.dose]
        table.writerow([patient.name, *("" if v is None else f"{v:.6g}" for v in values)])
    return stream.getvalue()


def outcomes_csv(recipe: Recipe) -> str:
    """What became of every virtual patient as CSV text, four significant digits; empty: it did not happen."""
    found = outcomes_of(recipe)
    stream, table = _csv(
        "# SIMULATED: outcomes of the patients of data.csv, made by the recipe beside this file."
    )
    table.writerow(found.columns)
    for row in found.itertuples(index=False):
        table.writerow([_outcome(value) for value in row])
    return stream.getvalue()


def simulated_table(recipe: Recipe) -> str:
    """The patient table as CSV text, marked as simulated in its first line and in every row.

    Days are nominal; a day-0 sample is taken before the infusion. Values are rounded as a laboratory reports
    them, those outside the limits of quantification are written "<LLOQ" and ">ULOQ". Doses that a rule gave
    are rows like the infusion, with the state that receives them.

    Raises
    ------
    SolveError
        Where a patient cannot be simulated.
    """
    rng = np.random.default_rng(recipe.seed)
    everyone = treated_patients(recipe)
    covariates = list(dict.fromkeys(name for one in everyone for name in one.patient.covariates))
    columns = list(FIXED)
    if any(assay.uloq for assay in recipe.measured):
        columns.insert(columns.index("lloq") + 1, "uloq")
    if any(dose.target for one in everyone for dose in one.regimen.doses):
        columns.append("target")
    stream, table = _csv(
        f"# SIMULATED DATA, made by the recipe beside this file with model {recipe.model}.",
        "# Shaped by construction: no patient is behind any row, and it validates nothing.",
    )
    table.writerow([*columns, *covariates, "simulated"])
    for one in everyone:
        about = {"subject": one.patient.name, **one.patient.covariates}
        for row in _rows(recipe, one, rng):
            cells = about | row
            table.writerow([*(cells.get(name, "") for name in (*columns, *covariates)), "yes"])
    return stream.getvalue()


def _rows(recipe: Recipe, one: Treated, rng: np.random.Generator) -> list[dict]:
    """Dose and sample rows of one patient, in order of time."""
    model, timed = load_model(recipe.model), []
    doses = one.regimen.doses or (Dose(one.patient.dose),)
    timed += [(dose.time, GIVEN, _dose_row(model, dose)) for dose in doses]
    for assay in recipe.measured:
        if recipe.before_infusion:
            timed.append((0.0, BEFORE, _sample_row(model, assay, 0.0, f"<{assay.lloq:g}")))
        timed += _samples(recipe, assay, one, rng)
    return [row for _, _, row in sorted(timed, key=lambda item: item[:2])]


def _samples(
    recipe: Recipe, assay: AssayRecipe, one: Treated, rng: np.random.Generator
) -> list[tuple[float, int, dict]]:
    """What the laboratory reports of one output: (day, order, row)."""
    model, patient = load_model(recipe.model), one.patient
    planned = assay.days or recipe.days
    days = [day for day in planned if day <= patient.last_day and day not in patient.missed]
    parameters = model.vector(scenario=recipe.base, **patient.parameters)[None]
    events = events_of(model, [one.regimen]) if one.regimen.doses else None
    solved = batch(model, parameters, np.array(days), events=events)
    if solved.status[0]:
        raise SolveError(f"{patient.name} cannot be simulated", value=STATUS[int(solved.status[0])])
    predicted = solved.outputs[:, model.output_names.index(assay.output)]
    error = error_from_mapping(assay.error)
    sigmas = [np.full(len(days), prior.median) for _, prior in error.sigmas(assay.output)]
    measured = error.draw(rng, predicted, *sigmas)
    reported = Assay(assay.output, lloq=assay.lloq, uloq=assay.uloq).report(measured)
    rows = []
    for day, value, censored in zip(days, reported.value, reported.censoring, strict=True):
        if censored:  # the value is then the limit itself
            text = f"{SIGNS[int(censored)]}{value:g}"
        else:
            text = np.format_float_positional(value, precision=assay.digits, fractional=False, trim="-")
        rows.append((day, AFTER if day > 0 else BEFORE, _sample_row(model, assay, day, text)))
    return rows


def _sample_row(model: Model, assay: AssayRecipe, day: float, text: str) -> dict:
    unit = next(output.unit for output in model.outputs if output.name == assay.output)
    row = {"time_day": f"{day:g}", "evid": 0, "output": assay.output, "value": text, "unit": unit}
    return row | {"lloq": f"{assay.lloq:g}", "uloq": f"{assay.uloq:g}" if assay.uloq else ""}


def _dose_row(model: Model, dose: Dose) -> dict:
    """The infusion, or a drug with the state that receives it; cells where the model takes no dose at all."""
    target = dose.target or next(iter(model.infused), None)
    unit = next((state.unit for state in model.states if state.name == target), "cells")
    row = {"time_day": f"{dose.time:.10g}", "evid": 1, "amount": f"{dose.amount:.6g}", "dose_unit": unit}
    return row | {"target": dose.target}


def _outcome(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else f"{value:.4g}"
    return str(value)


def _csv(*remarks: str):
    """A stream with its remarks, and the writer of its rows."""
    stream = io.StringIO()
    stream.write("".join(f"{remark}\n" for remark in remarks))
    return stream, csv.writer(stream, lineterminator="\n")
