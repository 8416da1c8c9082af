"""What a fit is made of: everything that decides the posterior, ready to travel to a worker process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cartsim.data.dataset import Dataset
from cartsim.errors import CartsimError, ConfigError, FitError
from cartsim.infer.assemble import make_problems
from cartsim.infer.choice import choose
from cartsim.infer.driven import measured_inputs
from cartsim.infer.population import Population
from cartsim.infer.problem import FreeParameter, Problem
from cartsim.infer.settings import Gates, MoveMix, SamplerSettings
from cartsim.kernels.methods import DormandPrince, Method, Rodas4, Rodas5P
from cartsim.models import load_model
from cartsim.observe.error_models import ErrorModel, error_from_mapping
from cartsim.spec.distribution import Prior
from cartsim.spec.model import Model
from cartsim.spec.priors import prior_from_mapping
from cartsim.study.population_plan import PopulationPlan, population_plan
from cartsim.study.rule_plan import RulePlan, rule_plan, rules_by_subject
from cartsim.study.settings import FILE, FitSettings

if TYPE_CHECKING:
    import pandas as pd

METHODS: Mapping[str, type[Method]] = {kind.__name__: kind for kind in (Rodas4, Rodas5P, DormandPrince)}
# A population's chain takes much memory, so a step is several sweeps. Shares: inference sheet, section 2.
POPULATION_SAMPLER = {
    "walkers": 64,
    "sweeps": 5,
    "burn_in": 200,
    "check_every": 200,
    "max_steps": 4_000,
    "checkpoint_every": 50,
    "moves": MoveMix(differential_evolution=0.54, jumps=0.06, stretch=0.25, leaps=0.15),
}
Made = TypeVar("Made")


@dataclass(frozen=True)
class Plan:
    """Model (a name, a file, or the model itself), beliefs, errors and sampler of a fit.

    `priors` replace the model's own; `after_day` excludes samples up to that day from the likelihood;
    with `population` all patients are fitted together; `inputs` says which measured output drives each of
    the model's inputs, at all its days; `rules` give drugs whose day the data do not tell.
    """

    model: str | Model
    errors: Mapping[str, ErrorModel]
    seed: int
    priors: Mapping[str, Prior] = field(default_factory=dict)
    fixed: Mapping[str, float] = field(default_factory=dict)
    method: Method | None = None
    after_day: float | None = None
    sampler: SamplerSettings = field(default_factory=SamplerSettings)
    gates: Gates = field(default_factory=Gates)
    population: PopulationPlan | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    rules: tuple[RulePlan, ...] = ()

    @property
    def loaded_model(self) -> Model:
        """The model itself."""
        return load_model(self.model) if isinstance(self.model, str) else self.model

    def problem(self, dataset: Dataset, subject: str) -> Problem:
        """The fitting problem of one patient."""
        (problem,) = make_problems(
            self.loaded_model,
            self._used(dataset.subset([subject])),
            errors=self.errors,
            priors=self.priors,
            fixed=self.fixed,
            inputs=self.inputs,
            rules=rules_by_subject(self.rules, dataset),
            method=self.method,
        )
        return problem

    def population_problem(self, dataset: Dataset, *, threads: int = 1, fewest: int = 2) -> Population:
        """The fitting problem of all patients with a sample, where the plan has a `population`.

        `fewest` as in `infer.assemble_population.make_population`.
        """
        if self.population is None:
            raise FitError("this fit takes its patients one by one", remedy="give it a [population] table")
        subjects, _ = self.subjects(dataset)
        return self.population.problem(
            self.loaded_model,
            self._used(dataset.subset(subjects)),
            errors=self.errors,
            priors=self.priors,
            fixed=self.fixed,
            inputs=self.inputs,
            rules=rules_by_subject(self.rules, dataset),
            method=self.method,
            threads=threads,
            fewest=fewest,
        )

    def free(self, dataset: Dataset) -> tuple[FreeParameter, ...]:
        """Everything with a prior of its own: of the population, or of one patient."""
        if self.population is not None:
            return self.population_problem(dataset).free
        return self.problem(dataset, self.subjects(dataset)[0][0]).free

    def fitted(self, dataset: Dataset) -> Dataset:
        """The dataset with only the samples that enter the likelihood."""
        table = dataset.observations
        return replace(dataset, observations=table[self._is_fitted(table)].reset_index(drop=True))

    def _is_fitted(self, table: pd.DataFrame) -> pd.Series:
        """bool a row: whether the sample enters the likelihood."""
        kept = table["output"].isin(list(self.errors))
        return kept if self.after_day is None else kept & (table["time"] > self.after_day)

    def _used(self, dataset: Dataset) -> Dataset:
        """The dataset with the samples that enter the likelihood and those that drive the model."""
        table = dataset.observations
        kept = self._is_fitted(table) | table["output"].isin(list(self.inputs.values()))
        return replace(dataset, observations=table[kept].reset_index(drop=True))

    def subjects(self, dataset: Dataset) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Patients with a sample to fit, and those without any.

        Raises
        ------
        FitError
            For inputs that the data cannot drive, naming every patient that lacks one.
        """
        present = set(self.fitted(dataset).observations["subject"])
        with_samples = tuple(subject for subject in dataset.subjects if subject in present)
        model = self.loaded_model
        if with_samples and (self.inputs or model.inputs):
            measured_inputs(model, dataset.subset(with_samples), self.inputs, fitted=self.errors)
        return with_samples, tuple(subject for subject in dataset.subjects if subject not in present)


def plan_of(settings: FitSettings, folder: Path, *, seed: int | None = None) -> Plan:
    """Build the plan that a fit.toml states.

    Raises
    ------
    ConfigError
        With every unknown name, impossible prior or setting at once.
    """
    faults: list[tuple[str, str]] = []

    def build(key: str, make: Callable[[], Made]) -> Made | None:
        try:
            return make()
        except (CartsimError, TypeError, ValueError) as error:
            faults.append((key, str(error)))
            return None

    reference = settings.model
    if reference.endswith(".py") and not Path(reference).is_absolute():
        reference = str(folder / reference)
    model = build("model", lambda: load_model(reference))
    priors = {
        name: build(f"priors.{name}", lambda content=content: prior_from_mapping(content))
        for name, content in settings.priors.items()
    }
    errors = {
        name: build(f"errors.{name}", lambda content=content: error_from_mapping(content))
        for name, content in settings.errors.items()
    }
    method = build("method", lambda: _method(settings.method))
    together = settings.population
    population = None if together is None else build("population", lambda: population_plan(together))
    sampler = build("sampler", lambda: _sampler(settings.sampler, together is not None))
    rules = tuple(
        build(f"rules.{number}", lambda item=item: rule_plan(item))
        for number, item in enumerate(settings.rules, 1)
    )
    gates = build("gates", lambda: from_table(Gates, settings.gates))
    if model is not None:
        faults += _unknown(model, settings)
    if faults:
        raise ConfigError(str(folder / FILE), faults)
    seed = settings.seed if seed is None else seed
    after = settings.data.after_day
    try:
        priors, held = choose(model, priors, settings.fixed, free=settings.free, scenario=settings.scenario)
    except CartsimError as error:
        raise ConfigError(str(folder / FILE), [("free", str(error))]) from None
    inputs = dict(settings.inputs)
    return Plan(
        reference, errors, seed, priors, held, method, after, sampler, gates, population, inputs, rules
    )


def from_table(kind: type[Made], table: Mapping[str, Any]) -> Made:
    """A settings record from plain data; FitError naming unknown keys and the known ones."""
    known = [item.name for item in fields(kind)]
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise FitError("unknown key", value=", ".join(unknown), limit=", ".join(known))
    return kind(**table)


def _sampler(table: Mapping[str, Any], population: bool) -> SamplerSettings:
    content = {**(POPULATION_SAMPLER if population else {}), **table}
    if "moves" in table:
        content["moves"] = from_table(MoveMix, content["moves"])
    return from_table(SamplerSettings, content)


def _method(table: Mapping[str, Mapping[str, Any]] | None) -> Method | None:
    if table is None:
        return None
    if len(table) != 1 or next(iter(table)) not in METHODS:
        raise FitError("unknown method", value=", ".join(table), limit=", ".join(METHODS))
    ((name, options),) = table.items()
    return from_table(METHODS[name], options)


def _unknown(model: Model, settings: FitSettings) -> list[tuple[str, str]]:
    """Names that the model does not have."""
    scales = settings.population.scales if settings.population else []
    measured = (*model.output_names, *(scale.measured for scale in scales))
    known = {
        "priors": (settings.priors, model.parameter_names),
        "fixed": (settings.fixed, model.parameter_names),
        "errors": (settings.errors, measured),
        "inputs": (settings.inputs, model.input_names),
    }
    missing = [
        (f"inputs.{name}", f"missing: name the measured output that drives {name} of model {model.name}")
        for name in model.input_names
        if name not in settings.inputs
    ]
    return missing + [
        (f"{key}.{name}", f"model {model.name} has no such name; allowed: {', '.join(names) or 'none'}")
        for key, (given, names) in known.items()
        for name in given
        if name not in names
    ]
