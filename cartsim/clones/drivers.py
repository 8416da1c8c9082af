"""Courses of rates read off one patient of a model: the myeloma flagship, or Kirouac 2023.

In the flagship clones are counted in blood. In Kirouac's model, of population means in CLL, in the whole
body; a memory cell that differentiates makes two effector_1 cells at once, and one effector_1 cell becomes
2^n effector_2 cells. Factors on division act on whatever divides, those on activation on memory cells
leaving for the effectors, in both models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from cartsim.clones.course import PHENOTYPES, RATES, RateCourse, step_ends
from cartsim.errors import ModelError
from cartsim.models import load_model
from cartsim.models.blocks import car_t_phenotypes
from cartsim.models.kirouac2023 import FLOOR
from cartsim.regimen.regimen import Regimen
from cartsim.simulate import simulate
from cartsim.spec.model import Model
from cartsim.spec.terms import hill

Array = NDArray[np.float64]
Reader = Callable[[Model, Array, Array, Mapping[str, Array], SimpleNamespace, "Regimen | None"], RateCourse]


def rate_course(
    *,
    model: str = "bcma_myeloma",
    scenario: str | None = None,
    parameters: Mapping[str, float] | None = None,
    regimen: Regimen | None = None,
    until: float = 365.0,
) -> RateCourse:
    """The course of one patient, from infusion to day `until`.

    `model` one of `DRIVERS`; `scenario` one of its published sets (`slow`, `fast`, `local` of the flagship,
    CR_1 to NR_12 of Kirouac 2023), by default its own values.

    Raises
    ------
    ModelError
        For unknown names, and where the patient could not be solved.
    """
    if model not in DRIVERS:
        raise ModelError("clones cannot follow this model", value=model, limit=", ".join(DRIVERS))
    if not 0.0 < until < np.inf:
        raise ModelError("the last day must be positive", value=until)
    loaded, days, grid = load_model(model), step_ends(until), course_grid(until)
    run = simulate(
        loaded, times=grid, scenario=scenario, parameters=dict(parameters or {}), regimen=regimen, threads=1
    )
    if run.status[0]:
        raise ModelError("the patient could not be solved", value=int(run.status[0]))
    states = {name: run.state(name)[0] for name in loaded.state_names}
    return DRIVERS[model](loaded, days, grid, states, loaded.parameter_vector(*run.parameters[0]), regimen)


def course_grid(until: float) -> Array:
    """Days at which a reader needs the states: ends and middles of the steps."""
    days = step_ends(until)
    return np.union1d(days, 0.5 * (days[1:] + days[:-1]))


def flagship_course(
    model: Model,
    days: Array,
    grid: Array,
    states: Mapping[str, Array],
    p: SimpleNamespace,
    regimen: Regimen | None = None,
) -> RateCourse:
    """Of `bcma_myeloma`, from states at `grid` (`course_grid`) of a patient with the parameters `p`."""
    at, whole = np.searchsorted(grid, 0.5 * (days[1:] + days[:-1])), np.searchsorted(grid, days)
    y = model.state_vector(*(states[name][at] for name in model.state_names))
    free = p.decoy_half / (p.decoy_half + y.sbcma)
    found = car_t_phenotypes.rates(y, p, burden=y.myeloma, antigen_access=free)
    # what left the infused and engrafted, in cells
    came = np.maximum(p.engraftment * (_later_doses(regimen, days) - np.diff(states["infused"][whole])), 0.0)
    arriving = np.zeros((len(came), len(PHENOTYPES)))
    arriving[:, 0], arriving[:, 2] = p.memory_share * came, (1.0 - p.memory_share) * came
    totals = np.stack([p.blood_volume * states[name][whole] for name in PHENOTYPES], axis=1)
    return RateCourse(days, _stacked(found, len(at)), arriving, totals)


def kirouac_course(
    model: Model,
    days: Array,
    grid: Array,
    states: Mapping[str, Array],
    p: SimpleNamespace,
    regimen: Regimen | None = None,
) -> RateCourse:
    """Of `kirouac2023`, as `flagship_course`; its later doses are not followed."""
    if _later_doses(regimen, days, target="dose_site").any():
        raise ModelError(
            "clones of kirouac2023 are followed from one infusion, on day 0", value="later doses"
        )
    at, whole = np.searchsorted(grid, 0.5 * (days[1:] + days[:-1])), np.searchsorted(grid, days)
    antigen = states["antigen"][at]
    renewal = p.fmax * (1.0 - hill(antigen, p.b50, p.km, floor=FLOOR))
    found = {
        "memory_division": p.um * renewal,
        "memory_death": p.dm,
        "memory_activation": p.um * (1.0 - renewal),
        "priming": np.inf,
        "differentiation": p.ue * hill(antigen, p.b50, p.ke, floor=FLOOR),
        "effector_1_death": p.de1,
        "effector_2_death": p.de2,
        "exhaustion": p.kex * hill(antigen, p.b50, p.kx, floor=FLOOR),
        "memory_return": p.rm * (1.0 - hill(antigen, p.b50, p.kr, floor=FLOOR)),
        "exhausted_death": p.dx,
    }
    came = -np.diff(states["dose_site"][whole]) / (1.0 + p.floss) - np.diff(states["staged"][whole])
    product = np.array([p.ftm, 0.0, p.fte1, p.fte2, p.ftx])
    arriving = np.maximum(came, 0.0)[:, None] * product / product.sum()
    none = np.zeros(len(grid))  # no primed cells
    totals = np.stack([states.get(name, none)[whole] for name in PHENOTYPES], axis=1)
    return RateCourse(days, _stacked(found, len(at)), arriving, totals, daughters=2.0**p.n)


DRIVERS: Mapping[str, Reader] = {"bcma_myeloma": flagship_course, "kirouac2023": kirouac_course}


def _later_doses(regimen: Regimen | None, days: Array, *, target: str = "infused") -> Array:
    """CAR-T cells infused inside each step, which the difference of the infused does not show."""
    found = np.zeros(len(days) - 1)
    for dose in regimen.doses if regimen else ():
        if dose.target in ("", target) and dose.time > 0.0:
            found[min(np.searchsorted(days, dose.time, side="left") - 1, len(found) - 1)] += dose.amount
    return found


def _stacked(found: Mapping[str, object], steps: int) -> Array:
    """Rates in the order of `RATES`, those a model has not 0; (steps, 12)."""
    return np.stack([np.broadcast_to(found.get(name, 0.0), (steps,)) for name in RATES], axis=1)
