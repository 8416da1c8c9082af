"""From a patient table to one fitting problem a patient: what is free, with which priors and errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cartsim.errors import FitError
from cartsim.infer.driven import measured_inputs
from cartsim.infer.likelihood import OwnLikelihood
from cartsim.infer.problem import FreeParameter, Problem
from cartsim.observe.error_models import ErrorModel
from cartsim.regimen.doses import Dose
from cartsim.regimen.events import EventTable
from cartsim.regimen.regimen import Regimen, events_of
from cartsim.regimen.rules import Rule
from cartsim.spec.distribution import Prior
from cartsim.spec.model import Model
from cartsim.spec.priors import Fixed

if TYPE_CHECKING:
    from cartsim.data.dataset import Dataset
    from cartsim.kernels.methods import Method
    from cartsim.regimen.forcing import Forcing


def make_problems(
    model: Model,
    dataset: Dataset,
    *,
    errors: Mapping[str, ErrorModel],
    priors: Mapping[str, Prior] | None = None,
    fixed: Mapping[str, float] | None = None,
    outputs: Sequence[str] | None = None,
    inputs: Mapping[str, str] | None = None,
    rules: Mapping[str, Sequence[Rule]] | None = None,
    method: Method | None = None,
) -> tuple[Problem, ...]:
    """One problem a subject, in the order of the data.

    Parameters
    ----------
    errors : output name -> error model
    priors : parameter name -> prior instead of the model's own; `Fixed(value)` takes it out of the fit
    fixed : parameter name -> value, not estimated
    outputs : outputs to fit; by default those that have an error model and are measured
    inputs : input of the model -> measured output that drives it and is not fitted (`infer.driven`)
    rules : subject -> rules by which it is given drugs whose day the data do not tell

    Raises
    ------
    FitError
        For names the model does not have, or subjects without a single observation.
    """
    from cartsim.data.dataset import observation_arrays

    free, fixed = free_parameters(model, priors, fixed)
    wanted = _outputs(model, dataset, errors, outputs)
    arrays = observation_arrays(dataset.select(wanted), model.output_names)
    empty = [subject for subject in arrays.subjects if not arrays.of(subject).time.size]
    if empty:
        raise FitError(
            "subjects without an observation to fit",
            value=", ".join(empty),
            remedy="leave them out with dataset.subset(...)",
        )
    chosen = {name: errors[name] for name in model.output_names if name in wanted}
    series = measured_inputs(model, dataset, inputs, fitted=chosen)
    given = rules or {}
    events = {s: _events(model, dataset, s, series[s], given.get(s, ())) for s in arrays.subjects}
    return tuple(
        Problem(model, subject, arrays.of(subject), free, chosen, fixed, events[subject], method)
        for subject in arrays.subjects
    )


def likelihood_problem(
    model: Model,
    likelihood: OwnLikelihood,
    *,
    priors: Mapping[str, Prior] | None = None,
    fixed: Mapping[str, float] | None = None,
    regimen: Regimen | None = None,
    method: Method | None = None,
    subject: str = "own likelihood",
) -> Problem:
    """The fitting problem of a model under a likelihood of one's own; for `cartsim.sample_density`.

    `priors` and `fixed` are as in `cartsim.fit`; nothing is given to the patient but the `regimen`.
    """
    from cartsim.data.dataset import ObservationArrays

    nothing, whole = np.zeros(0), np.zeros(0, dtype=np.int64)
    columns = (nothing, whole, nothing, whole, nothing, nothing, whole)
    arrays = ObservationArrays((subject,), model.output_names, np.array([0, 0]), *columns)
    free, held = free_parameters(model, priors, fixed)
    events = None if regimen is None else events_of(model, [regimen])
    return Problem(model, subject, arrays, free, {}, held, events, method, likelihood=likelihood)


def _outputs(
    model: Model, dataset: Dataset, errors: Mapping[str, ErrorModel], outputs: Sequence[str] | None
) -> list[str]:
    unknown = [name for name in (*errors, *(outputs or ())) if name not in model.output_names]
    if unknown:
        raise FitError(
            f"model {model.name} has no such output", value=unknown[0], limit=", ".join(model.output_names)
        )
    wanted = list(outputs) if outputs is not None else [name for name in errors if name in dataset.outputs]
    without = [name for name in wanted if name not in errors]
    if without:
        raise FitError(
            "outputs without an error model", value=", ".join(without), remedy="for example LogNormalError()"
        )
    if not wanted:
        raise FitError(
            "the data measure no output that has an error model",
            value=", ".join(dataset.outputs),
            limit=", ".join(errors) or "none given",
        )
    return wanted


def free_parameters(
    model: Model, priors: Mapping[str, Prior] | None, fixed: Mapping[str, float] | None
) -> tuple[tuple[FreeParameter, ...], dict[str, float]]:
    """The model's parameters that are estimated, in the model's order, and the values of those held."""
    priors, fixed = dict(priors or {}), {k: float(v) for k, v in (fixed or {}).items()}
    for name in (*priors, *fixed):
        if name not in model.parameter_names:
            raise FitError(
                f"model {model.name} has no such parameter",
                value=name,
                limit=", ".join(model.parameter_names),
            )
    both = sorted(set(priors) & set(fixed))
    if both:
        raise FitError("parameters given a prior and a fixed value", value=", ".join(both))
    fixed |= {name: prior.value for name, prior in priors.items() if isinstance(prior, Fixed)}
    free = []
    for parameter in model.parameters:
        if parameter.name in fixed or (parameter.fixed and parameter.name not in priors):
            continue
        prior = priors.get(parameter.name, parameter.prior)
        if not isinstance(prior, Fixed):
            free.append(FreeParameter(parameter.name, prior, parameter.unit, parameter.meaning))
    return tuple(free), fixed


def regimen_of(
    model: Model,
    dataset: Dataset,
    subject: str,
    series: tuple[Forcing, ...] = (),
    rules: Sequence[Rule] = (),
) -> Regimen | None:
    """The subject's doses, its rules and the series of its inputs; None where there is none of them."""
    table = dataset.doses[dataset.doses["subject"] == subject]
    doses = [
        Dose(float(row.amount), float(row.time), float(row.duration), str(row.target or ""))
        for row in table.itertuples()
        if row.target or model.infused
    ]
    doses = doses or list(Regimen.published(model).doses)
    return Regimen(tuple(doses), tuple(rules), series) if doses or series or rules else None


def _events(
    model: Model, dataset: Dataset, subject: str, series: tuple[Forcing, ...], rules: Sequence[Rule]
) -> EventTable | None:
    regimen = regimen_of(model, dataset, subject, series, rules)
    return None if regimen is None else events_of(model, [regimen])
