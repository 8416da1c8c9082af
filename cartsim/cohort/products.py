"""Products as data: doses, correlated spreads, ward policies and visit days of virtual trials."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cartsim.cohort.hyper_draws import HyperDraws
from cartsim.cohort.virtual_patients import BLOCK, Subgroup, VirtualPatients
from cartsim.errors import ConfigError, ModelError
from cartsim.regimen.doses import Dose
from cartsim.regimen.protocols import HOUR, dexamethasone_rule, tocilizumab_rule
from cartsim.regimen.regimen import Regimen
from cartsim.spec.model import Model

FILE = Path(__file__).with_name("products.toml")
WEIGHT_MEDIAN, WEIGHT_LOG_SD = 75.0, 0.2  # kg; assumed
REGIMEN_STREAM, OUTCOME_STREAM = 101, 102  # beside those of the parameters

Positive = Annotated[float, Field(gt=0, strict=False)]
Share = Annotated[float, Field(ge=0, le=1, strict=False)]


class Strict(BaseModel):
    """Unknown keys are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Trigger(Strict):
    """A drug given some hours after the temperature (degC) goes above a limit."""

    above: Positive
    after_hours: Annotated[float, Field(ge=0, strict=False)]
    at_most: Annotated[int, Field(ge=1)] = 1


class Policy(Strict):
    """What a ward does, and in which share of the patients."""

    share: Share
    tocilizumab: Trigger | None = None
    dexamethasone: Trigger | None = None


class SubgroupData(Strict):
    """A share of the patients with other values."""

    name: str
    share: Share
    set: dict[str, float] = Field(default_factory=dict)
    times: dict[str, float] = Field(default_factory=dict)


class Observation(Strict):
    """What the laboratory adds: limits, errors on the log scale, days of response assessment."""

    transgene_lloq: Positive
    flow_lloq: Positive
    transgene_error: Positive
    flow_error: Positive
    m_protein_error: Positive
    flc_error: Positive
    immunofixation: Positive
    toxic_death: Share
    follow_up: Positive
    response_days: Annotated[list[Annotated[float, Field(gt=0, strict=False)]], Field(min_length=1)]


class Product(Strict):
    """One product: dose flat or per kg, policies, threshold of the surrogate grade, sampling days."""

    title: str
    dose: Positive | None = None
    dose_per_kg: Positive | None = None
    dose_log_sd: Annotated[float, Field(ge=0, strict=False)]
    grade_2: Annotated[float, Field(strict=False)]
    sample_days: Annotated[list[Annotated[float, Field(ge=0, strict=False)]], Field(min_length=2)]
    policies: Annotated[list[Policy], Field(min_length=1)]

    @model_validator(mode="after")
    def one_dose_and_whole_shares(self) -> Product:
        if (self.dose is None) == (self.dose_per_kg is None):
            raise ValueError("needs one of dose and dose_per_kg")
        total = sum(policy.share for policy in self.policies)
        if abs(total - 1.0) > 1e-9:
            raise ValueError(f"the policies' shares add up to {total:g}, not to 1")
        return self


class Products(Strict):
    """A whole products file."""

    factors: dict[str, dict[str, float]] = Field(default_factory=dict)
    subgroups: list[SubgroupData] = Field(default_factory=list)
    observation: Observation
    products: Annotated[dict[str, Product], Field(min_length=1)]


def read_products(path: Path = FILE) -> Products:
    """The checked file; ConfigError with every fault at once."""
    try:
        return Products.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(str(path), [("(whole file)", f"not valid TOML: {error}")]) from None
    except ValidationError as error:
        faults = [(".".join(map(str, item["loc"])), item["msg"]) for item in error.errors()]
        raise ConfigError(str(path), faults) from None


@dataclass(frozen=True)
class Treated:
    """Patients first .. last - 1 of a product: parameter rows, what each is given, weights in kg."""

    rows: np.ndarray
    regimens: tuple[Regimen, ...]
    weights: np.ndarray


@dataclass(frozen=True)
class TrialPopulation:
    """Everyone who could enter a trial of one product; patient k is the same however many are drawn.

    Parameters
    ----------
    model : Model
    name : of the product, also the model's scenario
    products : the file
    seed : int
    held : parameter values that do not vary, such as a switch
    hyper : draws of the population's typical values and spreads, instead of the product's own; patients
        together x k to together x (k + 1) - 1 share one draw
    together : the patients of one trial
    """

    model: Model
    name: str
    products: Products
    seed: int
    held: dict[str, float] | None = None
    hyper: HyperDraws | None = None
    together: int = 1

    def __post_init__(self) -> None:
        if self.name not in self.products.products:
            raise ModelError("no such product", value=self.name, limit=", ".join(self.products.products))

    @property
    def product(self) -> Product:
        return self.products.products[self.name]

    @property
    def patients(self) -> VirtualPatients:
        """The draw of their parameters."""
        groups = tuple(Subgroup(g.name, g.share, g.set, g.times) for g in self.products.subgroups)
        return VirtualPatients(
            self.model,
            self.seed,
            scenario=self.name,
            factors=self.products.factors,
            subgroups=groups,
            held=self.held or {},
            population=self.hyper,
            together=self.together,
        )

    def uniform(self, stream: int, first: int, last: int, columns: int) -> np.ndarray:
        """Random numbers of patients first .. last - 1 in [0, 1), (last - first, columns); theirs alone."""
        begin = first // BLOCK
        blocks = range(begin, -(-last // BLOCK)) if last > first else ()
        rows = [np.random.default_rng([self.seed, stream, k]).random((BLOCK, columns)) for k in blocks]
        whole = np.vstack([np.empty((0, columns)), *rows])
        return whole[first - begin * BLOCK : last - begin * BLOCK]

    def treated(self, first: int, last: int) -> Treated:
        """Patients first .. last - 1."""
        score = self.uniform(REGIMEN_STREAM, first, last, 3)
        weights = WEIGHT_MEDIAN * np.exp(WEIGHT_LOG_SD * _normal(score[:, 0]))
        doses = np.exp(self.product.dose_log_sd * _normal(score[:, 1]))
        doses *= self.product.dose or self.product.dose_per_kg * weights
        ends = np.cumsum([policy.share for policy in self.product.policies])
        policy = np.minimum(np.searchsorted(ends, score[:, 2], side="right"), len(ends) - 1)
        regimens = tuple(
            Regimen((Dose(float(dose)),), rules(self.product.policies[k], float(weight)))
            for dose, k, weight in zip(doses, policy, weights, strict=True)
        )
        return Treated(self.patients(first, last), regimens, weights)


def rules(policy: Policy, weight: float) -> tuple:
    """A policy's rules for one patient."""
    found = []
    if (drug := policy.tocilizumab) is not None:
        found.append(
            tocilizumab_rule(drug.above, weight=weight, delay=drug.after_hours * HOUR, at_most=drug.at_most)
        )
    if (drug := policy.dexamethasone) is not None:
        found.append(dexamethasone_rule(drug.above, delay=drug.after_hours * HOUR))
    return tuple(found)


def _normal(share: np.ndarray) -> np.ndarray:
    from scipy.special import ndtri

    return ndtri(share)
