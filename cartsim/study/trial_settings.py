"""What a trial.toml may say: arms, sizes, endpoints, what was observed; every fault at once."""

from __future__ import annotations

import tomllib
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator

from cartsim.cohort.products import Policy, Product, Products, TrialPopulation, read_products
from cartsim.cohort.trial import TrialDesign
from cartsim.cohort.trial_decision import DecisionRule, FirstStage
from cartsim.cohort.trial_endpoints import ENDPOINTS, CountEndpoint
from cartsim.errors import CartsimError, ConfigError
from cartsim.models import load_model
from cartsim.spec.model import Model
from cartsim.study.settings import Sentence, Strict, fault_of
from cartsim.study.trial_population import PopulationSettings

Positive = Annotated[float, Field(gt=0, strict=False)]
Whole = Annotated[int, Field(ge=1)]


def _known(name: str) -> str:
    if name not in ENDPOINTS:
        raise ValueError(f"unknown endpoint; allowed: {', '.join(ENDPOINTS)}")
    return name


def _rising(days: list[float]) -> list[float]:
    if any(later <= earlier for earlier, later in pairwise(days)):
        raise ValueError("days must rise")
    return days


EndpointName = Annotated[str, AfterValidator(_known)]


SampleDays = Annotated[
    list[Annotated[float, Field(ge=0, strict=False)]], Field(min_length=2), AfterValidator(_rising)
]


class ArmSettings(Strict):
    """One arm: a product of `cohort/products.toml`, and what is done otherwise than its own trial did."""

    name: Sentence
    product: Sentence
    dose: Positive | None = None
    dose_per_kg: Positive | None = None
    grade_2: Annotated[float, Field(strict=False)] | None = None
    policies: Annotated[list[Policy], Field(min_length=1)] | None = None
    held: dict[str, Annotated[float, Field(strict=False)]] = Field(default_factory=dict)
    population: PopulationSettings | None = None

    @model_validator(mode="after")
    def _one_dose(self) -> ArmSettings:
        if self.dose is not None and self.dose_per_kg is not None:
            raise ValueError("give dose or dose_per_kg, not both")
        return self


class StageSettings(Strict):
    """The trial stops where fewer of its first patients than this have the endpoint."""

    patients: Whole
    at_least: Whole


class DecisionSettings(Strict):
    """The trial is a success where at least so many patients have the endpoint; in two stages if asked."""

    endpoint: EndpointName
    at_least: Whole
    first_stage: StageSettings | None = None


class FollowUpSettings(Strict):
    """What ends a patient's follow-up: dropout, and the data cut where patients enter one after another."""

    dropout_per_year: Annotated[float, Field(ge=0, lt=1, strict=False)] = 0.0
    accrual_per_month: Positive | None = None
    data_cut_months: Positive | None = None


class LaboratorySettings(Strict):
    """What the trial's laboratory and visits are, otherwise than in `cohort/products.toml`."""

    transgene_lloq: Positive | None = None
    flow_lloq: Positive | None = None
    response_days: (
        Annotated[
            list[Annotated[float, Field(gt=0, strict=False)]], Field(min_length=2), AfterValidator(_rising)
        ]
        | None
    ) = None


def rule_of(settings: DecisionSettings) -> DecisionRule:
    """The rule that is described."""
    stage = settings.first_stage
    first = FirstStage(stage.patients, stage.at_least) if stage is not None else None
    return DecisionRule(ENDPOINTS[settings.endpoint], settings.at_least, first)


class TrialSettings(Strict):
    """A whole trial.toml.

    `patients` are those of one trial in each arm, `replicates` how many such trials, `cohort` the patients of
    the large cohort. `laboratory` has limits of quantification and the days of response assessment.
    `sample_days` is the grid of all arms; by default that of the first arm's product.
    `follow_up` censors survival and the log-rank test, not the counted endpoints. `joint` are sets of counted
    endpoints whose observed counts are looked for together.
    """

    title: Sentence
    description: str = ""
    model: Literal["bcma_myeloma"]
    seed: Annotated[int, Field(ge=0)]
    patients: Whole
    replicates: Whole
    cohort: Whole
    sample_days: SampleDays | None = None
    laboratory: LaboratorySettings | None = None
    endpoints: Annotated[list[EndpointName], Field(min_length=1)]
    arms: Annotated[list[ArmSettings], Field(min_length=1)]
    decision: DecisionSettings | None = None
    follow_up: FollowUpSettings | None = None
    observed: dict[EndpointName, Annotated[float, Field(ge=0, strict=False)]] = Field(default_factory=dict)
    joint: list[Annotated[list[EndpointName], Field(min_length=2)]] = Field(default_factory=list)


def read_trial(path: Path) -> tuple[TrialSettings, TrialDesign]:
    """The checked file, and the trial that it describes.

    Raises
    ------
    ConfigError
        With every fault at once, each naming file and key.
    """
    if not path.is_file():
        raise CartsimError(
            "no such trial file",
            value=str(path),
            remedy="give a file such as examples/six_patient_trial.toml",
        )
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), [("(whole file)", f"not valid TOML: {error}")]) from None
    try:
        settings = TrialSettings.model_validate(content)
    except ValidationError as error:
        raise ConfigError(str(path), [fault_of(item) for item in error.errors()]) from None
    model, products = load_model(settings.model), read_products()
    faults = [*_faults(settings), *_arm_faults(settings, model, products)]
    if faults:
        raise ConfigError(str(path), faults)
    return settings, _design(settings, model, products)


def _faults(settings: TrialSettings) -> list[tuple[str, str]]:
    """What no key can know alone."""
    found = []
    for name, seen in settings.observed.items():
        if name not in settings.endpoints:
            found.append((f"observed.{name}", "is not among the endpoints"))
        counted = isinstance(ENDPOINTS[name], CountEndpoint)
        if counted and not (seen.is_integer() and seen <= settings.patients):
            found.append(
                (f"observed.{name}", f"is {seen:g}; a count from 0 to {settings.patients} is needed")
            )
    for place, name in ((k, name) for k, names in enumerate(settings.joint) for name in names):
        if name not in settings.observed or not isinstance(ENDPOINTS[name], CountEndpoint):
            found.append((f"joint.{place}", f"{name} has no observed count"))
    rule = settings.decision
    if rule is not None and not isinstance(ENDPOINTS[rule.endpoint], CountEndpoint):
        found.append(
            ("decision.endpoint", f"{rule.endpoint} is a median; an endpoint that is counted is needed")
        )
    if rule is not None and rule.at_least > settings.patients:
        found.append(("decision.at_least", f"is {rule.at_least}, more than the {settings.patients} patients"))
    found += _follow_up_faults(settings)
    stage = rule.first_stage if rule is not None else None
    if stage is not None and not stage.at_least <= stage.patients < settings.patients:
        text = f"needs at_least <= patients < {settings.patients}, the patients of the whole trial"
        found.append(("decision.first_stage", text))
    for what, names in (("arms", [arm.name for arm in settings.arms]), ("endpoints", settings.endpoints)):
        found += [(what, f"{name!r} is there twice") for name, n in Counter(names).items() if n > 1]
    return found


def _follow_up_faults(settings: TrialSettings) -> list[tuple[str, str]]:
    given = settings.follow_up
    if given is None:
        return []
    if (given.accrual_per_month is None) != (given.data_cut_months is None):
        return [("follow_up", "accrual_per_month and data_cut_months are needed together")]
    if (
        given.accrual_per_month is None
        or settings.patients <= given.accrual_per_month * given.data_cut_months
    ):
        return []
    months = settings.patients / given.accrual_per_month
    text = f"is {given.data_cut_months:g}, before the last of the patients enters (month {months:g})"
    return [("follow_up.data_cut_months", text)]


def _arm_faults(settings: TrialSettings, model: Model, products: Products) -> list[tuple[str, str]]:
    found = []
    for place, arm in enumerate(settings.arms):
        if arm.product not in products.products:
            allowed = ", ".join(products.products)
            found.append((f"arms.{place}.product", f"unknown product {arm.product!r}; allowed: {allowed}"))
        else:
            try:
                _product(settings, arm, products)
            except ValidationError as error:
                for item in error.errors():
                    key, text = fault_of(item)
                    found.append((f"arms.{place}" + ("" if key == "(whole file)" else f".{key}"), text))
        found += [(f"arms.{place}.held.{name}", what) for name, what in _held_faults(arm, model, products)]
    return found


def _held_faults(arm: ArmSettings, model: Model, products: Products) -> list[tuple[str, str]]:
    """Held parameters that do not exist, or that a subgroup of the patients would change again."""
    groups = {name: group.name for group in products.subgroups for name in (*group.set, *group.times)}
    found = []
    for name in arm.held:
        if name not in model.parameter_names:
            found.append((name, f"{model.name} has no such parameter"))
        elif name in groups:
            found.append((name, f"cannot be held: the subgroup {groups[name]!r} has its own value"))
    return found


def _product(settings: TrialSettings, arm: ArmSettings, products: Products) -> Product:
    """The arm's product with what the arm does otherwise, checked again; all arms are sampled alike."""
    content = products.products[arm.product].model_dump()
    first = products.products.get(settings.arms[0].product)
    content["sample_days"] = settings.sample_days or (first and first.sample_days) or content["sample_days"]
    if arm.dose is not None or arm.dose_per_kg is not None:
        content |= {"dose": arm.dose, "dose_per_kg": arm.dose_per_kg}
    if arm.grade_2 is not None:
        content["grade_2"] = arm.grade_2
    if arm.policies is not None:
        content["policies"] = [policy.model_dump() for policy in arm.policies]
    return Product.model_validate(content)


def _design(settings: TrialSettings, model: Model, products: Products) -> TrialDesign:
    arms = {}
    if settings.laboratory is not None:
        given = settings.laboratory.model_dump(exclude_none=True)
        observation = products.observation.model_copy(update=given)
        products = products.model_copy(update={"observation": observation})
    for arm in settings.arms:
        own = products.model_copy(
            update={"products": {**products.products, arm.product: _product(settings, arm, products)}}
        )
        arms[arm.name] = TrialPopulation(model, arm.product, own, settings.seed, arm.held)
    return TrialDesign(arms, settings.patients, settings.replicates, settings.cohort)
