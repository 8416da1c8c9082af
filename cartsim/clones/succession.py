"""Clones of a CAR-T product competing along one patient's course: growth and loss, by selection or chance.

Each clone has factors on activation, division, exhaustion and return to memory. They are relative: at every
moment the factors of all cells of a phenotype average to 1, weighted by cells, so that the clones together do
what the patient's course says and only their shares change. Few cells (below `small`) live and die by chance,
in whole numbers; many follow their expectation. All clones alike are then brought to the course's total,
which the steps miss (`Succession.correction`). Without factors and chance every share stays as it was, and
the sum is the course's; with chance it is so only where a phenotype has many cells: of some
hundred, late, it wanders.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cartsim.clones.course import PHENOTYPES, RateCourse
from cartsim.errors import ModelError
from cartsim.kernels.clones import follow_clones

Array = NDArray[np.float64]
FACTORS = ("activation", "division", "exhaustion", "memory_return")


@dataclass(frozen=True)
class Fitness:
    """Spread between clones of each factor, as the sd of its logarithm; 0 for none.

    `tail`: degrees of freedom of a Student t for the logarithm instead of the normal; None for the normal.
    """

    activation: float = 0.0
    division: float = 0.0
    exhaustion: float = 0.0
    memory_return: float = 0.0
    tail: float | None = None

    def __post_init__(self) -> None:
        wrong = [name for name in FACTORS if not 0.0 <= getattr(self, name) < np.inf]
        if wrong or (self.tail is not None and self.tail <= 2.0):
            value = ", ".join(f"{name} = {getattr(self, name)}" for name in wrong) or f"tail = {self.tail}"
            raise ModelError(
                "a spread of fitness must be >= 0, its tail above 2 degrees of freedom", value=value
            )

    def draw(self, clones: int, rng: np.random.Generator) -> Array:
        """Factors of `clones` clones, float64 (4, clones), median 1."""
        if self.tail is None:
            score = rng.standard_normal((4, clones))
        else:  # scaled to sd 1
            score = rng.standard_t(self.tail, (4, clones)) * np.sqrt((self.tail - 2.0) / self.tail)
        return np.exp(np.array([[getattr(self, name)] for name in FACTORS]) * score)


@dataclass(frozen=True)
class Succession:
    """Cells of every clone: `cells` (D, 5, C) at `days` (D,), by phenotype; the product's shares (C,).

    `correction` is the largest relative step by which a phenotype's total (of a thousand cells and more) was
    brought to the course's.
    """

    days: Array
    cells: Array
    product: Array
    factors: Array
    correction: float

    def counts(self, day: float) -> Array:
        """Cells of each clone on a day of `days`, all phenotypes, float64 (C,)."""
        at = int(np.abs(self.days - day).argmin())
        if abs(self.days[at] - day) > 1e-9:
            raise ModelError("no such day in this succession", value=day, limit=f"{self.days}")
        return self.cells[at].sum(axis=0)


def product_shares(clones: int, rng: np.random.Generator, *, spread: float = 1.0) -> Array:
    """Shares of clones in a product, log-normal with `spread` (sd of the logarithm), adding up to 1."""
    size = np.exp(spread * rng.standard_normal(clones))
    return size / size.sum()


def succession(
    course: RateCourse,
    shares: Array,
    factors: Array,
    days: Array,
    *,
    rng: np.random.Generator | None,
    small: float = 200.0,
) -> Succession:
    """Follow the clones of a product through a patient's course.

    Parameters
    ----------
    course : RateCourse
    shares : float64 (C,), of the product, adding up to 1
    factors : float64 (4, C), see `Fitness.draw`; ones for neutral clones
    days : float64 (D,), rising, within the course; the nearest step's end is reported
    rng : Generator, or None for expectations only
    small : cells of a clone in a phenotype below which they live and die by chance

    Raises
    ------
    ModelError
        Where shares or factors do not fit or are not positive.
    """
    shares, factors = np.ascontiguousarray(shares, float), np.ascontiguousarray(factors, float)
    days = np.atleast_1d(np.asarray(days, float))
    faults = []
    if not (shares.ndim == 1 and (shares >= 0).all() and abs(shares.sum() - 1.0) < 1e-9):
        faults.append("shares must be >= 0 and add up to 1")
    if factors.shape != (len(FACTORS), shares.size) or not ((factors > 0) & np.isfinite(factors)).all():
        faults.append(f"factors must be positive, ({len(FACTORS)}, {shares.size})")
    if not ((days >= course.days[0]) & (days <= course.days[-1])).all() or not (np.diff(days) > 0).all():
        faults.append(f"days must rise inside {course.days[0]:g} to {course.days[-1]:g}")
    if faults:
        raise ModelError("clones cannot be followed", value="; ".join(faults))
    places = np.abs(course.days[:, None] - days).argmin(axis=0)
    kept = np.zeros((len(days), len(PHENOTYPES), shares.size))
    chance = rng is not None
    correction = follow_clones(
        course.days, course.rates, course.arriving, course.totals, shares, factors,
        places, kept, small if chance else 0.0, rng if chance else np.random.default_rng(0),
    )  # fmt: skip
    return Succession(course.days[places], kept, shares, factors, float(correction))
