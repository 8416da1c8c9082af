"""What happens to one CAR-T cell of each phenotype over time in one patient: rates, arrivals, totals.

Clones share antigen, cytokines and space: all of that is in these rates. `cartsim.clones.drivers` reads them
off a patient of a model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cartsim.errors import ModelError

Array = NDArray[np.float64]
PHENOTYPES = ("memory", "primed", "effector_1", "effector_2", "exhausted")
RATES = (
    *("memory_division", "memory_death", "memory_activation", "priming", "effector_1_division"),
    *("differentiation", "effector_2_division", "effector_2_death", "exhaustion", "memory_return"),
    *("exhausted_death", "effector_1_death"),
)
# Days at which longer steps begin, and the steps: with steps four times shorter 2,000 clones that differ in
# all four factors have other shares by 0.3 % (half the sum of the differences) on days 7 to 360.
STEPS = ((0.0, 0.05), (20.0, 0.25), (60.0, 0.5))


@dataclass(frozen=True)
class RateCourse:
    """Per-cell rates and totals of one patient.

    `days` (T + 1,), `rates` (T, 12) at the middle of each step (1/day, in the order of `RATES`), `arriving`
    (T, 5) cells that engraft in a step and `totals` (T + 1, 5) cells, by phenotype. `daughters`: effector_2
    cells that one effector_1 cell becomes. A `priming` rate of inf: activated memory cells divide at once.
    """

    days: Array
    rates: Array
    arriving: Array
    totals: Array
    daughters: float = 1.0

    def __post_init__(self) -> None:
        steps = len(self.days) - 1
        wanted = {
            "rates": (steps, len(RATES)),
            "arriving": (steps, len(PHENOTYPES)),
            "totals": (steps + 1, len(PHENOTYPES)),
        }
        wrong = [f"{name} {getattr(self, name).shape}, not {shape}" for name, shape in wanted.items()
                 if getattr(self, name).shape != shape]  # fmt: skip
        if wrong or steps < 1 or not (np.diff(self.days) > 0).all():
            raise ModelError(
                "a course of rates does not fit its days", value="; ".join(wrong) or "days do not rise"
            )

    @property
    def memory(self) -> float:
        """Memory cells as a part of all that engraft."""
        return float(self.arriving[:, 0].sum() / self.arriving.sum())

    def scaled(self, lineages: float) -> RateCourse:
        """The same patient with `lineages` times as many cells that count: below 1 chance is stronger.

        Not every cell that is counted founds a line of its own; what drift is felt is that of the cells that
        do (as the effective size of a population). Shares are the same on average, drift grows as 1 /
        `lineages`.
        """
        if not 0.0 < lineages < np.inf:
            raise ModelError("a scale of cells must be positive", value=lineages)
        return RateCourse(
            self.days, self.rates, lineages * self.arriving, lineages * self.totals, self.daughters
        )


def step_ends(until: float) -> Array:
    """Ends of the steps of `STEPS`, from 0 to `until` (day), float64 (T + 1,)."""
    ends = [begin for begin, _ in STEPS[1:]] + [np.inf]
    parts = [np.arange(begin, min(end, until), step) for (begin, step), end in zip(STEPS, ends, strict=True)]
    return np.append(np.concatenate(parts), until)
