"""What happens to one CAR-T cell of each phenotype over time, read off one patient of `bcma_myeloma`.

Clones share antigen, cytokines and space: all of that is in these rates. Counts are whole cells in blood.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cartsim.errors import ModelError
from cartsim.models import load_model
from cartsim.models.blocks import car_t_phenotypes
from cartsim.regimen.regimen import Regimen
from cartsim.simulate import simulate
from cartsim.spec.model import Model

Array = NDArray[np.float64]
PHENOTYPES = ("memory", "primed", "effector_1", "effector_2", "exhausted")
RATES = (
    *("memory_division", "memory_death", "memory_activation", "priming", "effector_1_division"),
    *("differentiation", "effector_2_division", "effector_2_death", "exhaustion", "memory_return"),
    "exhausted_death",
)
# Days at which longer steps begin, and the steps: with steps four times shorter 2,000 clones that differ in
# all four factors have other shares by 0.3 % (half the sum of the differences) on days 7 to 360.
STEPS = ((0.0, 0.05), (20.0, 0.25), (60.0, 0.5))


@dataclass(frozen=True)
class RateCourse:
    """Per-cell rates and totals of one patient.

    `days` (T + 1,), `rates` (T, 11) at the middle of each step (1/day, in the order of `RATES`), `arriving`
    (T, 2) cells that engraft in a step as memory and as effector_1, `totals` (T + 1, 5) cells by phenotype.
    """

    days: Array
    rates: Array
    arriving: Array
    totals: Array

    @property
    def memory(self) -> float:
        """Memory cells as a part of all that engraft."""
        return float(self.arriving[:, 0].sum() / self.arriving.sum())

    def __post_init__(self) -> None:
        steps = len(self.days) - 1
        wanted = {
            "rates": (steps, len(RATES)),
            "arriving": (steps, 2),
            "totals": (steps + 1, len(PHENOTYPES)),
        }
        wrong = [f"{name} {getattr(self, name).shape}, not {shape}" for name, shape in wanted.items()
                 if getattr(self, name).shape != shape]  # fmt: skip
        if wrong or steps < 1 or not (np.diff(self.days) > 0).all():
            raise ModelError(
                "a course of rates does not fit its days", value="; ".join(wrong) or "days do not rise"
            )


def rate_course(
    *,
    scenario: str = "fast",
    parameters: Mapping[str, float] | None = None,
    regimen: Regimen | None = None,
    until: float = 365.0,
) -> RateCourse:
    """The course of one patient of the flagship, from infusion to day `until`.

    Raises
    ------
    ModelError
        For unknown names, and where the patient could not be solved.
    """
    model = load_model("bcma_myeloma")
    days = _days(until)
    middles = 0.5 * (days[1:] + days[:-1])
    grid = np.union1d(days, middles)
    run = simulate(
        model, times=grid, scenario=scenario, parameters=dict(parameters or {}), regimen=regimen, threads=1
    )
    if run.status[0]:
        raise ModelError("the patient could not be solved", value=int(run.status[0]))
    states = {name: run.state(name)[0] for name in model.state_names}
    p = model.parameter_vector(*run.parameters[0])
    volume = p.blood_volume
    at = np.searchsorted(grid, middles)
    rates = _rates(model, {name: values[at] for name, values in states.items()}, p)
    whole = np.searchsorted(grid, days)
    infused = states["infused"][whole]
    arriving = p.engraftment * -np.diff(infused)  # what left the infused and engrafted, in cells
    arriving += p.engraftment * _later_doses(regimen, days)
    share = np.array([p.memory_share, 1.0 - p.memory_share])
    totals = np.stack([volume * states[name][whole] for name in PHENOTYPES], axis=1)
    return RateCourse(days, rates, np.maximum(arriving, 0.0)[:, None] * share, totals)


def _days(until: float) -> Array:
    """Ends of the steps, from 0 to `until`."""
    ends = [begin for begin, _ in STEPS[1:]] + [np.inf]
    parts = [np.arange(begin, min(end, until), step) for (begin, step), end in zip(STEPS, ends, strict=True)]
    return np.append(np.concatenate(parts), until)


def _later_doses(regimen: Regimen | None, days: Array) -> Array:
    """CAR-T cells infused inside each step, which the difference of the infused does not show."""
    found = np.zeros(len(days) - 1)
    for dose in regimen.doses if regimen else ():
        if dose.target in ("", "infused") and dose.time > 0.0:
            found[min(np.searchsorted(days, dose.time, side="left") - 1, len(found) - 1)] += dose.amount
    return found


def _rates(model: Model, states: Mapping[str, Array], p) -> Array:
    y = model.state_vector(*(states[name] for name in model.state_names))
    free = p.decoy_half / (p.decoy_half + y.sbcma)
    found = car_t_phenotypes.rates(y, p, burden=y.myeloma, antigen_access=free)
    return np.stack([np.broadcast_to(found[name], y.myeloma.shape) for name in RATES], axis=1)
