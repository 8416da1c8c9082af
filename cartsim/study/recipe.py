"""A simulated patient table from its recorded recipe: who, on which days, measured by which assay."""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field, ValidationError

from cartsim.errors import CartsimError, ConfigError
from cartsim.models import load_model
from cartsim.observe.assay import Assay
from cartsim.observe.error_models import error_from_mapping
from cartsim.solve.batch import batch
from cartsim.study.settings import Strict, fault_of

FILE = "recipe.toml"
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


class Recipe(Strict):
    """A whole recipe.toml."""

    model: str
    seed: Annotated[int, Field(ge=0)]
    days: Annotated[list[Number], Field(min_length=1)]
    before_infusion: bool
    assay: AssayRecipe
    patients: Annotated[list[PatientRecipe], Field(min_length=1)]


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


def simulated_table(recipe: Recipe) -> str:
    """The patient table as CSV text, marked as simulated in its first line and in every row.

    Days are nominal; a day-0 sample is taken before the infusion and therefore below the limit. Values are
    rounded as a laboratory reports them, those below the LLOQ are written "<LLOQ".
    """
    rng = np.random.default_rng(recipe.seed)
    covariates = list(dict.fromkeys(name for patient in recipe.patients for name in patient.covariates))
    stream = io.StringIO()
    stream.write(f"# SIMULATED DATA, made by the recipe beside this file with model {recipe.model}.\n")
    stream.write("# Shaped by construction: no patient is behind any row, and it validates nothing.\n")
    table = csv.writer(stream, lineterminator="\n")
    fixed = ("subject", "time_day", "evid", "output", "value", "unit", "lloq", "amount", "dose_unit")
    table.writerow([*fixed, *covariates, "simulated"])
    for patient in recipe.patients:
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
    yield [0, 1, "", "", "", "", f"{patient.dose:.6g}", "cells"]
    days = [day for day in recipe.days if day <= patient.last_day and day not in patient.missed]
    parameters = model.vector(**patient.parameters)[None]
    column = model.output_names.index(assay.output)
    predicted = batch(model, parameters, np.array(days)).outputs[:, column]
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
