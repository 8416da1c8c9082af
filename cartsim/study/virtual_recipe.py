"""Virtual patients of a recipe: the first ones of a product, what each is given, what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from cartsim.cohort.outcomes import outcome_table
from cartsim.cohort.products import TrialPopulation, read_products
from cartsim.errors import ConfigError
from cartsim.models import load_model
from cartsim.regimen.doses import Dose
from cartsim.regimen.regimen import Regimen, events_of
from cartsim.solve.batch import batch
from cartsim.study.recipe import FILE, PatientRecipe, Recipe, patients_of

if TYPE_CHECKING:
    import pandas as pd

    from cartsim.spec.model import Model

TIME_DIGITS = 4  # of a day, of a dose that a rule gave: 9 seconds
WATCHED = 40.0  # day until which rules are followed; the wards' own end on day 30
OUTCOMES = {  # column of outcomes.csv -> of `outcome_table`
    "weight_kg": "weight",
    "dose": "dose",
    "tocilizumab_day": "therapy_day",
    "crs": "crs",
    "crs_onset_day": "crs_onset",
    "crs_duration_days": "crs_duration",
    "surrogate_grade": "surrogate_grade",
    "peak_temperature": "peak_temperature",
    "best_response": "best_response_word",
    "first_response_day": "first_response_day",
    "progression_day": "progression_day",
    "pfs_day": "pfs_day",
    "pfs_event": "pfs_event",
    "os_day": "os_day",
    "died": "os_event",
}


@dataclass(frozen=True)
class Treated:
    """One patient of a recipe and everything that is given, as it will stand in the table."""

    patient: PatientRecipe
    regimen: Regimen


def treated_patients(recipe: Recipe) -> list[Treated]:
    """Everyone in the recipe: one infusion each, and for virtual patients what their ward gave."""
    if recipe.virtual is None:
        infused = bool(load_model(recipe.model).infused)
        return [
            Treated(patient, Regimen.single(patient.dose) if infused else Regimen())
            for patient in patients_of(recipe)
        ]
    drawn = population_of(recipe).treated(0, recipe.virtual.subjects)
    model, ends = load_model(recipe.model), _last_days(recipe)
    columns = [model.index(name) for name in recipe.virtual.free]
    regimens = _given(model, drawn.rows, drawn.regimens)
    return [
        Treated(
            PatientRecipe(
                name=f"{recipe.virtual.prefix}{k + 1}",
                parameters=dict(zip(recipe.virtual.free, map(float, row[columns]), strict=True)),
                last_day=end,
                dose=regimen.doses[0].amount,
                covariates={"weight_kg": round(float(weight), 1)},
            ),
            regimen,
        )
        for k, (row, regimen, weight, end) in enumerate(
            zip(drawn.rows, regimens, drawn.weights, ends, strict=True)
        )
    ]


def population_of(recipe: Recipe) -> TrialPopulation:
    """The product's patients with everything but the free parameters held at the product's medians.

    ConfigError for parameters that the model does not have or that do not vary in it.
    """
    virtual, model = recipe.virtual, load_model(recipe.model)
    fixed = [
        name for name in virtual.free if name not in model.parameter_names or model.parameter(name).fixed
    ]
    if fixed:
        raise ConfigError(FILE, [("virtual.free", f"does not vary in {model.name}: {', '.join(fixed)}")])
    values = zip(model.parameter_names, model.vector(scenario=virtual.product), strict=True)
    held = {name: float(value) for name, value in values if name not in virtual.free}
    products = read_products().model_copy(update={"subgroups": []})
    return TrialPopulation(model, virtual.product, products, recipe.seed, held)


def outcomes_of(recipe: Recipe) -> pd.DataFrame:
    """CRS, response, progression and death of the virtual patients, one row each; days after infusion.

    Response is assessed at the monthly visits of the products file, with measurement errors of their own.
    """
    found = outcome_table(population_of(recipe), recipe.virtual.subjects)
    table = found[list(OUTCOMES.values())].set_axis(list(OUTCOMES), axis="columns")
    table.insert(0, "subject", [f"{recipe.virtual.prefix}{k + 1}" for k in found["patient"]])
    return table


def _last_days(recipe: Recipe) -> list[float]:
    """Last day of sampling: as planned, or progression or death where that comes first."""
    found = outcomes_of(recipe)
    death = found["os_day"].where(found["died"])
    planned = np.full(len(found), float(recipe.virtual.last_day))
    return np.fmin(np.fmin(planned, found["progression_day"]), death).tolist()


def _given(model: Model, rows: np.ndarray, regimens: tuple[Regimen, ...]) -> list[Regimen]:
    """What the rules gave, as doses with a day: a refit sees a drug, not the rule behind it."""
    events = events_of(model, regimens)
    firings = batch(model, rows, np.array([WATCHED]), events=events).firings
    written = []
    for regimen, days in zip(regimens, firings, strict=True):
        infusions = tuple(replace(dose, amount=float(f"{dose.amount:.6g}")) for dose in regimen.doses)
        fired, slot = [], 0
        for rule in regimen.rules:
            for day in days[slot : slot + rule.at_most]:
                fired += [_written(dose, float(day)) for dose in rule.give if np.isfinite(day)]
            slot += rule.at_most
        written.append(Regimen((*infusions, *fired)))
    return written


def _written(dose: Dose, fired: float) -> Dose:
    """A dose of a rule as a ward writes it down: the day to seconds, whole milligrams."""
    return replace(dose, time=round(fired + dose.time, TIME_DIGITS), amount=float(round(dose.amount)))
