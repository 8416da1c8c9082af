"""A simulated patient table from its recorded recipe: who (listed, or drawn), on which days, which assay."""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field, ValidationError, model_validator

from cartsim.errors import CartsimError, ConfigError
from cartsim.models import load_model
from cartsim.observe.assay import Assay
from cartsim.observe.error_models import error_from_mapping
from cartsim.regimen.regimen import Regimen, events_of
from cartsim.solve.batch import batch
from cartsim.study.settings import Strict, fault_of

FILE = "recipe.toml"
DRAWN = 1  # random stream of the patients; the noise has that of the seed alone
Number = Annotated[float, Field(strict=False)]


class AssayRecipe(Strict):
    """The laboratory: which output, its error and its limit of quantification."""

    output: str
    lloq: Annotated[float, Field(gt=0, strict=False)]
    error: dict[str, dict[str, Any]]
    digits: Annotated[int, Field(ge=1, le=15)] = 3


class PatientRecipe(Strict):
    """One patient: true parameters, last sample, missed visits, covariates."""

    name: str
    parameters: dict[str, Number]
    last_day: Number
    missed: list[Number] = Field(default_factory=list)
    dose: Annotated[float, Field(gt=0, strict=False)]
    covariates: dict[str, int | float | str] = Field(default_factory=dict)


class DrawnPatients(Strict):
    """Patients drawn from population values instead of being listed: typical values and spreads (IIV).

    `spreads` are sds between patients on the scale of the parameter's prior in the model (log, logit), as in
    the [population] table of a fit.toml; a parameter without one is the same in all. `doses` holds one dose
    for all subjects, or one for each.
    """

    subjects: Annotated[int, Field(ge=1)]
    typical: Annotated[dict[str, Number], Field(min_length=1)]
    spreads: dict[str, Annotated[float, Field(ge=0, strict=False)]]
    doses: Annotated[list[Annotated[float, Field(gt=0, strict=False)]], Field(min_length=1)]
    last_day: Number
    prefix: str = "SIM-"

    @model_validator(mode="after")
    def _consistent(self) -> DrawnPatients:
        strangers = sorted(set(self.spreads) - set(self.typical))
        if strangers:
            raise ValueError(f"spreads of parameters without a typical value: {', '.join(strangers)}")
        if len(self.doses) not in (1, self.subjects):
            raise ValueError(f"{len(self.doses)} doses for {self.subjects} subjects: give one, or one each")
        return self


class Recipe(Strict):
    """A whole recipe.toml."""

    model: str
    seed: Annotated[int, Field(ge=0)]
    days: Annotated[list[Number], Field(min_length=1)]
    before_infusion: bool
    assay: AssayRecipe
    patients: list[PatientRecipe] = Field(default_factory=list)
    population: DrawnPatients | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Recipe:
        if bool(self.patients) == (self.population is not None):
            raise ValueError("give either patients (one by one) or population (drawn)")
        return self


def read_recipe(folder: Path) -> Recipe:
    """The checked recipe.toml of a fit folder; ConfigError with every fault at once."""
    path = folder / FILE
    if not path.is_file():
        raise CartsimError(f"the folder holds no {FILE}", value=str(folder))
    try:
        return Recipe.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(str(path), [("(whole file)", f"not valid TOML: {error}")]) from None
    except ValidationError as error:
        raise ConfigError(str(path), [fault_of(item) for item in error.errors()]) from None


def patients_of(recipe: Recipe) -> list[PatientRecipe]:
    """The patients as listed, or drawn from the population with a random stream of their own.

    ModelError or ConfigError where the model lacks a parameter, or one does not vary on a line.
    """
    drawn = recipe.population
    if drawn is None:
        return recipe.patients
    model = load_model(recipe.model)
    priors = {name: model.parameter(name).prior for name in drawn.typical}
    fixed = sorted(name for name in drawn.spreads if priors[name].normal_on_line is None)
    if fixed:
        raise ConfigError(
            FILE, [(f"population.spreads.{n}", "its prior is not normal on a line") for n in fixed]
        )
    rng = np.random.default_rng([recipe.seed, DRAWN])
    doses = drawn.doses * (drawn.subjects if len(drawn.doses) == 1 else 1)
    places = rng.standard_normal((drawn.subjects, len(drawn.typical)))
    patients = []
    for k, (dose, place) in enumerate(zip(doses, places, strict=True), start=1):
        parameters = {}
        for z, (name, value) in zip(place, drawn.typical.items(), strict=True):
            spread = drawn.spreads.get(name, 0.0)
            parameters[name] = float(priors[name].constrain(priors[name].unconstrain(value) + spread * z))
        patients.append(
            PatientRecipe(
                name=f"{drawn.prefix}{k}", parameters=parameters, last_day=drawn.last_day, dose=dose
            )
        )
    return patients


def truth_table(recipe: Recipe) -> str:
    """The true parameters and dose of every patient as CSV text, six significant digits."""
    patients = patients_of(recipe)
    names = list(dict.fromkeys(name for patient in patients for name in patient.parameters))
    stream = io.StringIO()
    stream.write("# SIMULATED: the true values behind data.csv, made by the recipe beside this file.\n")
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(["subject", *names, "dose"])
    for patient in patients:
        values = [*(patient.parameters.get(name) for name in names), patient.dose]
        table.writerow([patient.name, *("" if v is None else f"{v:.6g}" for v in values)])
    return stream.getvalue()


def simulated_table(recipe: Recipe) -> str:
    """The patient table as CSV text, marked as simulated in its first line and in every row.

    Days are nominal; a day-0 sample is taken before the infusion and therefore below the limit. Values are
    rounded as a laboratory reports them, those below the LLOQ are written "<LLOQ".
    """
    rng = np.random.default_rng(recipe.seed)
    patients = patients_of(recipe)
    covariates = list(dict.fromkeys(name for patient in patients for name in patient.covariates))
    stream = io.StringIO()
    stream.write(f"# SIMULATED DATA, made by the recipe beside this file with model {recipe.model}.\n")
    stream.write("# Shaped by construction: no patient is behind any row, and it validates nothing.\n")
    table = csv.writer(stream, lineterminator="\n")
    fixed = ("subject", "time_day", "evid", "output", "value", "unit", "lloq", "amount", "dose_unit")
    table.writerow([*fixed, *covariates, "simulated"])
    for patient in patients:
        about = [patient.covariates.get(name, "") for name in covariates]
        for row in _rows(recipe, patient, rng):
            table.writerow([patient.name, *row, *about, "yes"])
    return stream.getvalue()


def _rows(recipe: Recipe, patient: PatientRecipe, rng: np.random.Generator) -> Iterator[list]:
    """Dose and sample rows of one patient, in order of time."""
    model, assay = load_model(recipe.model), recipe.assay
    unit = next(output.unit for output in model.outputs if output.name == assay.output)
    blank = f"<{assay.lloq:g}"
    if recipe.before_infusion:
        yield [0, 0, assay.output, blank, unit, f"{assay.lloq:g}", "", ""]
    dose_unit, events = "cells", None
    if model.infusion is not None:
        dose_unit = next(state.unit for state in model.states if state.name == model.infusion)
        events = events_of(model, [Regimen.single(patient.dose)])
    yield [0, 1, "", "", "", "", f"{patient.dose:.6g}", dose_unit]
    days = [day for day in recipe.days if day <= patient.last_day and day not in patient.missed]
    parameters = model.vector(**patient.parameters)[None]
    column = model.output_names.index(assay.output)
    predicted = batch(model, parameters, np.array(days), events=events).outputs[:, column]
    error = error_from_mapping(assay.error)
    sigmas = [np.full(len(days), prior.median) for _, prior in error.sigmas(assay.output)]
    measured = error.draw(rng, predicted, *sigmas)
    reported = Assay(assay.output, lloq=assay.lloq).report(measured)
    for day, value, censored in zip(days, reported.value, reported.censoring, strict=True):
        text = (
            blank
            if censored
            else np.format_float_positional(value, precision=assay.digits, fractional=False, trim="-")
        )
        yield [f"{day:g}", 0, assay.output, text, unit, f"{assay.lloq:g}", "", ""]
