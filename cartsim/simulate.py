"""The waist by name: a model, parameters and doses in, trajectories out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from cartsim.errors import ModelError
from cartsim.kernels.methods import Method, default_method
from cartsim.models import load_model
from cartsim.regimen.events import EventTable
from cartsim.regimen.regimen import Regimen, events_of
from cartsim.solve.batch import batch, default_threads, warn_of_failures
from cartsim.solve.trajectories import Trajectories
from cartsim.spec.model import Model

if TYPE_CHECKING:
    import pandas as pd


def simulate(
    model: Model | str,
    *,
    times: Sequence[float] | np.ndarray,
    parameters: Mapping[str, float] | pd.DataFrame | None = None,
    dose: float | None = None,
    regimen: Regimen | Sequence[Regimen] | None = None,
    scenario: str | None = None,
    start: float = 0.0,
    method: Method | None = None,
    threads: int | None = None,
) -> Trajectories:
    """Simulate one patient or a cohort by name.

    Parameters
    ----------
    model : Model, or the name or file of one
    times : day, rising, >= start; a value at the time of a dose is the one just after it
    parameters : values by name; or a table, one row a patient, parameters as columns. What is not named
        keeps the scenario's or the model's own value
    dose : amount infused in all, in the unit of the model's infusion state (CAR+ cells), on the days after
        `start` on which the scenario's published dosing gives it; by default the published dose; 0 for none
    regimen : a Regimen for everyone or one for each patient, instead of `dose`; its rules give more doses by
        how each patient does, and `Trajectories.firings` says when they did; its `inputs` are the measured
        series of a model that declares inputs
    scenario : a published scenario or parameter set of the model, by name
    method : Rodas4, Rodas5P or DormandPrince with its tolerance; by default the closed form where the model
        has one, else Rodas5P(rtol=1e-8)
    threads : cores to use; all by default. Results do not depend on it

    Raises
    ------
    ModelError
        For unknown names, or a dose the model cannot take.

    Warns
    -----
    CartsimWarning
        If solves failed, with how many and why; the values from there on are NaN.
    """
    model = load_model(model) if isinstance(model, str) else model
    base = model.vector(scenario=scenario)
    subjects, table = _parameter_rows(model, base, parameters)
    events = _doses(model, scenario, dose, regimen, len(table), start)
    grid = np.atleast_1d(np.asarray(times, dtype=np.float64))
    given = len(events.time) or events.rules is not None
    if method is None and (model.solution is None or given or start != 0.0):
        method = default_method(1e-8)
    solved = batch(
        model, table, grid, events=events, start=start, method=method, threads=threads or default_threads()
    )
    warn_of_failures(model, solved.status)
    shape = (len(table), len(grid), -1)
    return Trajectories(
        model,
        subjects,
        grid,
        solved.outputs.reshape(shape),
        solved.states.reshape(shape),
        solved.status,
        table,
        ((),) * len(table) if events.rules is None else events.rules.named(solved.firings),
    )


def _parameter_rows(
    model: Model, base: np.ndarray, parameters: Mapping[str, float] | pd.DataFrame | None
) -> tuple[tuple[str, ...], np.ndarray]:
    """Subject names and float64 (n, P)."""
    if parameters is None or isinstance(parameters, Mapping):
        table = base[None].copy()
        for name, value in (parameters or {}).items():
            table[0, model.index(name)] = value
        return ("1",), table
    columns = [name for name in parameters.columns if name != "subject"]
    table = np.tile(base, (len(parameters), 1))
    for name in columns:
        table[:, model.index(name)] = parameters[name].to_numpy(dtype=np.float64)
    labels = parameters["subject"] if "subject" in parameters.columns else parameters.index
    return tuple(str(label) for label in labels), table


def _doses(
    model: Model,
    scenario: str | None,
    dose: float | None,
    regimen: Regimen | Sequence[Regimen] | None,
    count: int,
    start: float,
) -> EventTable:
    if regimen is not None and dose is not None:
        raise ModelError("give either a dose or a regimen, not both", value=dose)
    if regimen is None:
        doses = Regimen.published(model, scenario=scenario, amount=dose).doses
        later = tuple(replace(given, time=given.time + start) for given in doses)
        return events_of(model, [Regimen(later)], start=start)
    if isinstance(regimen, Regimen):
        return events_of(model, [regimen], start=start)
    if len(regimen) != count:
        raise ModelError("one regimen a patient is needed", value=len(regimen), limit=count)
    return events_of(model, regimen, start=start)
