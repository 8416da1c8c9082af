"""From a patient table to one population problem: what varies, what is shared, what is held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cartsim.errors import FitError
from cartsim.infer.assemble import free_parameters, regimen_of
from cartsim.infer.driven import measured_inputs
from cartsim.infer.hierarchy import LKJ_PATIENTS, AssayScale, Correlation, CovariateEffect, RandomEffect
from cartsim.infer.population import Population
from cartsim.observe.error_models import ErrorModel
from cartsim.regimen.rules import Rule
from cartsim.spec.distribution import Prior
from cartsim.spec.model import Model
from cartsim.spec.priors import HalfNormal

if TYPE_CHECKING:
    from cartsim.data.dataset import Dataset
    from cartsim.kernels.methods import Method


def make_population(
    model: Model,
    dataset: Dataset,
    *,
    errors: Mapping[str, ErrorModel],
    priors: Mapping[str, Prior] | None = None,
    spreads: Mapping[str, Prior] | None = None,
    shared: Sequence[str] = (),
    fixed: Mapping[str, float] | None = None,
    covariates: Sequence[CovariateEffect] = (),
    scales: Sequence[AssayScale] = (),
    correlation: Correlation | None = None,
    inputs: Mapping[str, str] | None = None,
    rules: Mapping[str, Sequence[Rule]] | None = None,
    method: Method | None = None,
    threads: int = 1,
    fewest: int = 2,
) -> Population:
    """One problem for all subjects of the data.

    Parameters
    ----------
    errors : measured output -> error model; outputs without one are not fitted
    priors : parameter -> prior of its typical value (or of the shared value); `Fixed(value)` holds it
    spreads : parameter -> prior of its sd between patients (log, logit), HalfNormal(1) by default
    shared : parameters with one value for all patients
    fixed : parameter -> value, not estimated
    covariates, scales, correlation : see `infer.hierarchy`
    inputs : input of the model -> measured output that drives it and is not fitted (`infer.driven`)
    rules : subject -> rules by which it is given drugs whose day the data do not tell
    fewest : patients that the data must have; a population is not learnt from one, but may be asked about one

    Raises
    ------
    FitError
        For unknown names, a full covariance with fewer than 20 patients, or data that cannot be used.
    """
    from cartsim.data.dataset import observation_arrays

    priors = dict(priors or {})
    free, fixed = free_parameters(model, priors, fixed)
    names = [item.name for item in free]
    for what, given in (("shared", shared), ("given a spread", spreads or {}), ("given a prior", priors)):
        unknown = [name for name in given if name not in names and name not in fixed]
        if unknown:
            raise FitError(f"parameters {what} that are not free", value=unknown, limit=", ".join(names))
    wanted = [name for name in errors if name in dataset.outputs]
    if not wanted:
        raise FitError(
            "the data measure no output that has an error model",
            value=", ".join(dataset.outputs),
            limit=", ".join(errors),
        )
    if len(dataset.subjects) < fewest:
        raise FitError("a population of one", value=dataset.subjects[0], remedy="fit this patient alone")
    if correlation is not None and len(dataset.subjects) < LKJ_PATIENTS and fewest > 1:
        raise FitError(
            "a full covariance between parameters needs more patients",
            value=len(dataset.subjects),
            limit=f">= {LKJ_PATIENTS}",
            remedy="leave the covariance diagonal",
        )
    measured = observation_arrays(dataset.select(wanted), wanted)
    effects = tuple(
        RandomEffect(item, (spreads or {}).get(item.name, HalfNormal(sd=1.0)))
        for item in free
        if item.name not in shared
    )
    series = measured_inputs(model, dataset, inputs, fitted=dict.fromkeys(wanted))
    regimens = {
        s: regimen_of(model, dataset, s, series[s], (rules or {}).get(s, ())) for s in dataset.subjects
    }
    values = {name: dict(dataset.covariates[name]) for name in dataset.covariates.columns}
    return Population(
        model,
        measured,
        effects,
        {name: errors[name] for name in wanted},
        shared=tuple(item for item in free if item.name in shared),
        fixed=fixed,
        covariates=tuple(covariates),
        covariate_values=values,
        scales=tuple(scale for scale in scales if scale.measured in wanted),
        correlation=correlation,
        regimens={s: regimen for s, regimen in regimens.items() if regimen is not None},
        method=method,
        threads=threads,
    )
