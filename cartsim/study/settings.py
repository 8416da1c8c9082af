"""What a fit.toml may say: its keys, their types and limits; every fault is reported with file and key."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from cartsim.errors import CartsimError, ConfigError

FILE = "fit.toml"
Sentence = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Strict(BaseModel):
    """Unknown keys are refused, nothing can be changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class DataSettings(Strict):
    """Where the patient table is and how it is read.

    `file` lies in the fit folder; `loader` names a published set of `cartsim.data.sources`, which is not
    shipped. `read` are arguments of `read_data` or of the loader. `where` keeps the patients whose covariates
    have these values; `dose` is what a patient for whom the table names no dose gets on day 0 (in the unit of
    the state that takes infusions), instead of the model's own dose. Samples up to `after_day` are shown and
    analysed but not fitted (those taken before the infusion, which no model describes).
    """

    file: str | None = None
    loader: str | None = None
    sha256: Sha256 | None = None
    read: dict[str, Any] = Field(default_factory=dict)
    subjects: list[str] | None = None
    where: dict[str, str | float] = Field(default_factory=dict)
    dose: Annotated[float, Field(gt=0, strict=False)] | None = None
    after_day: Annotated[float, Field(strict=False)] | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> DataSettings:
        if (self.file is None) == (self.loader is None):
            raise ValueError("give either file (in the fit folder) or loader (a published set)")
        return self


class Sensitivity(Strict):
    """One variation of the fit: reading options that replace those of `data.read`."""

    name: Sentence
    read: dict[str, Any]


class Budget(Strict):
    """What the run is expected to cost at most."""

    minutes: Annotated[float, Field(gt=0, strict=False)]
    cores: Annotated[int, Field(ge=1)] = 2


class CovariateSettings(Strict):
    """One covariate effect: continuous on the log scale, or a level of a categorical one."""

    parameter: Sentence
    covariate: Sentence
    level: str | None = None
    reference: Annotated[float, Field(gt=0, strict=False)] | None = None
    prior: dict[str, dict[str, Any]] | None = None


class ScaleSettings(Strict):
    """One laboratory's scale: `measured` is `output` times a factor, one for each level of `by`."""

    measured: Sentence
    output: Sentence
    prior: dict[str, dict[str, Any]]
    by: str | None = None


class PopulationSettings(Strict):
    """All patients in one posterior: priors of the spreads, what is shared, covariates, assay scales."""

    spreads: dict[str, dict[str, Any]] = Field(default_factory=dict)
    shared: list[str] = Field(default_factory=list)
    covariates: list[CovariateSettings] = Field(default_factory=list)
    scales: list[ScaleSettings] = Field(default_factory=list)
    correlation: dict[str, Any] | None = None


class RuleSettings(Strict):
    """A drug whose day the table does not tell, given in the model when a signal goes above a limit.

    `where` names the patients by their covariates; `weight` (kg) decides the dose.
    """

    drug: Sentence
    watch: Sentence = "temperature"
    above: Annotated[float, Field(strict=False)]
    after_hours: Annotated[float, Field(ge=0, strict=False)]
    weight: Annotated[float, Field(gt=0, strict=False)]
    where: dict[str, str | float] = Field(default_factory=dict)


class FitSettings(Strict):
    """A whole fit.toml.

    `inputs` names, for each input that the model declares, the measured output of the table that drives it.
    """

    title: Sentence
    description: str = ""
    simulated: bool = False
    show_observations: bool = True
    model: Sentence
    seed: Annotated[int, Field(ge=0)]
    data: DataSettings
    priors: dict[str, dict[str, Any]] = Field(default_factory=dict)
    fixed: dict[str, Annotated[float, Field(strict=False)]] = Field(default_factory=dict)
    free: Annotated[list[str], Field(min_length=1)] | None = None
    scenario: str | None = None
    inputs: dict[str, Sentence] = Field(default_factory=dict)
    method: dict[str, dict[str, Any]] | None = None
    errors: Annotated[dict[str, dict[str, Any]], Field(min_length=1)]
    sampler: dict[str, Any] = Field(default_factory=dict)
    gates: dict[str, Any] = Field(default_factory=dict)
    population: PopulationSettings | None = None
    rules: list[RuleSettings] = Field(default_factory=list)
    nca: dict[str, Any] = Field(default_factory=dict)
    sensitivity: list[Sensitivity] = Field(default_factory=list)
    budget: Budget | None = None


def read_settings(folder: Path) -> FitSettings:
    """The checked fit.toml of a fit folder.

    Raises
    ------
    ConfigError
        With every fault at once, each naming file and key.
    """
    path = folder / FILE
    if not path.is_file():
        raise CartsimError(
            "no such fit folder" if not folder.is_dir() else f"the folder holds no {FILE}",
            value=str(folder),
            remedy="give a folder such as fits/six_patients",
        )
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), [("(whole file)", f"not valid TOML: {error}")]) from None
    try:
        return FitSettings.model_validate(content)
    except ValidationError as error:
        raise ConfigError(str(path), [fault_of(item) for item in error.errors()]) from None


def fault_of(item: Any) -> tuple[str, str]:
    """Key and sentence of one of pydantic's findings."""
    key = ".".join(str(part) for part in item["loc"]) or "(whole file)"
    if item["type"] == "extra_forbidden":
        return key, "unknown key"
    if item["type"] == "missing":
        return key, "missing"
    text = item["msg"].removeprefix("Value error, ")
    value = item.get("input")
    return key, text if isinstance(value, dict | list) else f"{text} (value {value!r})"
