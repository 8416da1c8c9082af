"""A fit as PEtab sees it: which quantities each patient has, which all share, and how samples are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cartsim.errors import FitError, ModelError
from cartsim.infer.assemble import regimen_of
from cartsim.infer.problem import FreeParameter
from cartsim.interop.petab_priors import Belief, belief_in_population, belief_of, spread_words
from cartsim.observe.error_models import ErrorModel
from cartsim.regimen.regimen import Regimen
from cartsim.spec.model import Model
from cartsim.study.rule_plan import rules_by_subject

if TYPE_CHECKING:
    from cartsim.data.dataset import Dataset, ObservationArrays
    from cartsim.infer.population import Population
    from cartsim.study.plan import Plan


@dataclass(frozen=True)
class Study:
    """What a fit of several patients is made of, one by one or together.

    Parameters
    ----------
    samples : subject -> its observations
    own, shared : estimated model parameters of each patient, and of all, with their beliefs
    errors : measured output -> error model; `own_sigmas` says whether each patient has its own sds
    reads : measured output -> output of the model
    factors : (measured output, subject) -> the assay's factor, where it is estimated
    fixed : model parameter -> value
    likelihood, priors : what PEtab has no words for, by what it changes
    """

    model: Model
    samples: Mapping[str, ObservationArrays]
    own: tuple[tuple[FreeParameter, Belief], ...]
    shared: tuple[tuple[FreeParameter, Belief], ...]
    errors: Mapping[str, ErrorModel]
    own_sigmas: bool
    reads: Mapping[str, str]
    factors: Mapping[tuple[str, str], FreeParameter]
    regimens: Mapping[str, Regimen | None]
    fixed: Mapping[str, float]
    likelihood: tuple[str, ...] = field(default=())
    priors: tuple[str, ...] = field(default=())


def study_of(plan: Plan, dataset: Dataset) -> Study:
    """The study of a plan and its data.

    Raises
    ------
    ModelError
        For a model driven by measured series, which SBML core cannot hold.
    FitError
        As `Plan.problem` and `Plan.population_problem`, and where no patient has a sample to fit.
    """
    model = plan.loaded_model
    if model.inputs:
        raise ModelError(
            f"model {model.name} follows measured series, which SBML core has no words for",
            value=", ".join(model.input_names),
        )
    subjects, _ = plan.subjects(dataset)
    if not subjects:
        raise FitError("no patient has a sample to fit", value=dataset.source)
    ruled = rules_by_subject(plan.rules, dataset)
    said = tuple(
        f"{rule.rule.name} by a rule that watches {rule.rule.watch} is not given to "
        + ", ".join(s for s in subjects if rule.rule in ruled.get(s, ()))
        for rule in plan.rules
        if any(rule.rule in ruled.get(s, ()) for s in subjects)
    )
    if plan.population is not None:
        return _together(plan.population_problem(dataset), said)
    problems = {subject: plan.problem(dataset, subject) for subject in subjects}
    one = next(iter(problems.values()))
    own = tuple((item, belief_of(item.prior, replaceable=True)) for item in one.parameters)
    return Study(
        model,
        {subject: problem.arrays for subject, problem in problems.items()},
        own,
        (),
        plan.errors,
        True,
        {},
        {},
        {subject: regimen_of(model, dataset, subject) for subject in subjects},
        one.fixed,
        said,
    )


def _together(population: Population, said: tuple[str, ...]) -> Study:
    factors = {}
    for scale in population.scales:
        for subject in population.subjects:
            level = None if scale.by is None else str(population.covariate_values[scale.by][subject])
            factors[scale.measured, subject] = FreeParameter(scale.name(level), scale.prior)
    priors = ["each patient's parameters have no prior: they come from a population, and PEtab has none"]
    priors += [spread_words(effect) for effect in population.effects]
    priors += [
        f"{effect.name}, effect of a covariate: {effect.prior.describe()}" for effect in population.covariates
    ]
    if population.correlation is not None:
        priors.append(f"correlation between them: LKJ, eta {population.correlation.eta:g}")
    return Study(
        population.model,
        {subject: population.arrays.of(subject) for subject in population.subjects},
        tuple((effect.parameter, belief_in_population(effect)) for effect in population.effects),
        tuple((item, belief_of(item.prior, replaceable=True)) for item in population.shared),
        population.errors,
        False,
        population.observed.reads,
        factors,
        {subject: population.regimens.get(subject) for subject in population.subjects},
        population.fixed,
        said,
        tuple(priors),
    )
