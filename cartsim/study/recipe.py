"""A recorded recipe of simulated patients: who (listed, drawn, or virtual), on which days, which assays."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field, ValidationError, model_validator

from cartsim.errors import CartsimError, ConfigError
from cartsim.models import load_model
from cartsim.study.settings import Strict, fault_of

FILE = "recipe.toml"
DRAWN = 1  # random stream of the patients; the noise has that of the seed alone
Number = Annotated[float, Field(strict=False)]


class AssayRecipe(Strict):
    """The laboratory: which output, its error, its limits of quantification and, where own, its days."""

    output: str
    lloq: Annotated[float, Field(gt=0, strict=False)]
    uloq: Annotated[float, Field(gt=0, strict=False)] | None = None
    error: dict[str, dict[str, Any]]
    digits: Annotated[int, Field(ge=1, le=15)] = 3
    days: Annotated[list[Number], Field(min_length=1)] | None = None


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


class VirtualRecipe(Strict):
    """The first virtual patients of a product (`cohort/products.toml`), drawn with the recipe's seed.

    They differ in the `free` parameters, in dose and in weight; all else is the same in all, and nobody is
    of a subgroup, so that a fit of these parameters can find the truth. The product's policy decides who is
    given tocilizumab. Sampling ends with `last_day`, progression (another therapy begins) or death.
    """

    product: str
    subjects: Annotated[int, Field(ge=1)]
    free: Annotated[list[str], Field(min_length=1)]
    last_day: Number
    prefix: str = "SIM-"


class Recipe(Strict):
    """A whole recipe.toml.

    `scenario` is the model's, for what a patient's own parameters do not say; that of virtual patients is
    their product's. With `before_infusion` the table has a sample of every assay before the infusion that is
    below the limit; an assay whose baseline the model knows has day 0 among its days instead.
    """

    model: str
    seed: Annotated[int, Field(ge=0)]
    days: Annotated[list[Number], Field(min_length=1)] | None = None
    before_infusion: bool
    scenario: str | None = None
    assay: AssayRecipe | None = None
    assays: list[AssayRecipe] = Field(default_factory=list)
    patients: list[PatientRecipe] = Field(default_factory=list)
    population: DrawnPatients | None = None
    virtual: VirtualRecipe | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        origins = (bool(self.patients), self.population is not None, self.virtual is not None)
        if sum(origins) != 1:
            raise ValueError("give one of patients (one by one), population (drawn) and virtual")
        if bool(self.assays) == (self.assay is not None):
            raise ValueError("give either assay (a single one) or assays")
        if self.virtual is not None and self.scenario is not None:
            raise ValueError("virtual patients have the scenario of their product: leave scenario out")
        names = [assay.output for assay in self.measured]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two assays of one output: {', '.join(twice)}")
        undated = [assay.output for assay in self.measured if not (assay.days or self.days)]
        if undated:
            raise ValueError(f"no days to measure {', '.join(undated)}")
        return self

    @property
    def measured(self) -> list[AssayRecipe]:
        """All assays."""
        return self.assays or ([] if self.assay is None else [self.assay])

    @property
    def base(self) -> str | None:
        """The model's scenario for what a patient's own parameters do not say."""
        return self.scenario if self.virtual is None else self.virtual.product


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

    ModelError or ConfigError where the model lacks a parameter, or one does not vary on a line. Virtual
    patients come with their regimens from `virtual_recipe`.
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
