"""Which of a large model's parameters a fit estimates, and round which values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cartsim.errors import FitError
from cartsim.spec.distribution import Prior
from cartsim.spec.model import Model
from cartsim.spec.priors import LogitNormal, LogNormal


def choose(
    model: Model,
    priors: Mapping[str, Prior],
    fixed: Mapping[str, float],
    *,
    free: Sequence[str] | None = None,
    scenario: str | None = None,
) -> tuple[dict[str, Prior], dict[str, float]]:
    """Priors and held values of a fit that starts from a scenario and estimates a few parameters.

    Parameters
    ----------
    priors, fixed : as the fit states them; they win over everything here
    free : the only parameters to estimate beside those with a stated prior; all others are held. None: all
        that the model does not fix
    scenario : whose values are held, and round whose values the model's own priors are centred (log-normal
        and logit-normal ones; another prior stays as it is)

    Raises
    ------
    FitError
        Naming every unknown parameter, and those both free and fixed.
    """
    priors, fixed = dict(priors), dict(fixed)
    if free is None and scenario is None:
        return priors, fixed
    unknown = [name for name in (free or ()) if name not in model.parameter_names]
    if unknown:
        limit = ", ".join(model.parameter_names)
        raise FitError(f"model {model.name} has no such parameter", value=", ".join(unknown), limit=limit)
    both = sorted(set(free or ()) & set(fixed))
    if both:
        raise FitError("parameters that are both free and fixed", value=", ".join(both))
    values = model.vector(scenario=scenario)
    for parameter, value in zip(model.parameters, values, strict=True):
        name = parameter.name
        if name in priors or name in fixed:
            continue
        estimated = not parameter.fixed if free is None else name in free
        if not estimated:
            fixed[name] = float(value)
        elif scenario is not None and isinstance(parameter.prior, LogNormal | LogitNormal):
            priors[name] = replace(parameter.prior, median=float(value))
        elif parameter.fixed:
            raise FitError(
                f"{name} is fixed in {model.name} and needs a prior to be estimated",
                remedy="state one under [priors]",
            )
    return priors, fixed
