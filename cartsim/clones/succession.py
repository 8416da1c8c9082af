"""Clones of a CAR-T product competing along one patient's course: growth and loss, by selection or chance.

Each clone has factors on activation, division, exhaustion and return to memory. They are relative: at every
moment the factors of all cells of a phenotype average to 1, weighted by cells, so that the clones together do
what the patient's course says and only their shares change. Few cells (below `small`) live and die by chance,
in whole numbers; many follow their expectation. All clones alike are then brought to the course's total,
which the steps miss (`Succession.correction`). Without factors every share stays what it was on average, and
the sum is the course's: exactly where only expectations are followed, to within a cell with chance, as long
as a phenotype has cells at all.

This is our own model. No published model of CAR-T cells has clones (none was found), and no patient's clones
have judged this one: spreads of fitness are inputs or are fitted, none is taken from a publication.
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
    """Cells of every clone: `cells` (D, 5, C) at `days` (D,), by phenotype; `product` (C,) shares.

    `correction` is the largest relative step by which a phenotype's total (of a thousand cells and more) was
    brought to the course's.
    """

    days: Array
    cells: Array
    product: Array
    factors: Array
    correction: float

    def place(self, day: float) -> int:
        """Where a day is in `days`; ModelError where it is not."""
        at = int(np.abs(self.days - day).argmin())
        if abs(self.days[at] - day) > 1e-9:
            raise ModelError("no such day in this succession", value=day, limit=f"{self.days}")
        return at

    def counts(self, day: float) -> Array:
        """Cells of each clone on a day of `days`, all phenotypes, float64 (C,)."""
        return self.cells[self.place(day)].sum(axis=0)


def product_shares(clones: int, rng: np.random.Generator, *, spread: float = 1.0) -> Array:
    """Shares of clones in a product, log-normal with `spread` (sd of the logarithm), adding up to 1."""
    size = np.exp(spread * rng.standard_normal(clones))
    return size / size.sum()


def product_composition(
    shares: Array, memory: float, rng: np.random.Generator, *, concentration: float
) -> Array:
    """A composition of its own for every clone of a product: shares among memory and among effector cells.

    A clone's memory cells, as a part of its cells, are drawn from a beta distribution of mean `memory` (the
    product's, between 0 and 1; `RateCourse.memory`) and sample size `concentration` (sd = sqrt(memory (1 -
    memory) / (1 + concentration))). Returns float64 (2, C), each row adding up to 1, for `succession`.
    """
    if not (0.0 < memory < 1.0 and 0.0 < concentration < np.inf):
        raise ModelError(
            "a product's composition needs a memory share inside 0 to 1 and a positive concentration",
            value=f"{memory:g}, {concentration:g}",
        )
    part = rng.beta(memory * concentration, (1.0 - memory) * concentration, size=len(shares))
    both = np.stack([shares * part, shares * (1.0 - part)])
    return both / both.sum(axis=1, keepdims=True)


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
    shares : float64 (C,), of the product, adding up to 1; or (2, C), among the cells that arrive as memory
        and among those of every other phenotype, see `product_composition`
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
    clones = shares.shape[-1]
    if not (
        shares.shape in ((clones,), (2, clones))
        and (shares >= 0).all()
        and (abs(shares.sum(axis=-1) - 1.0) < 1e-9).all()
    ):
        faults.append("shares must be >= 0 and add up to 1")
    if factors.shape != (len(FACTORS), clones) or not ((factors > 0) & np.isfinite(factors)).all():
        faults.append(f"factors must be positive, ({len(FACTORS)}, {clones})")
    if not ((days >= course.days[0]) & (days <= course.days[-1])).all() or not (np.diff(days) > 0).all():
        faults.append(f"days must rise inside {course.days[0]:g} to {course.days[-1]:g}")
    if faults:
        raise ModelError("clones cannot be followed", value="; ".join(faults))
    places = np.abs(course.days[:, None] - days).argmin(axis=0)
    kept = np.zeros((len(days), len(PHENOTYPES), clones))
    chance = rng is not None
    by_phenotype = np.ascontiguousarray(np.broadcast_to(shares, (2, clones)))
    correction = follow_clones(
        course.days, course.rates, course.arriving, course.totals, course.daughters, by_phenotype, factors,
        places, kept, small if chance else 0.0, rng if chance else np.random.default_rng(0),
    )  # fmt: skip
    product = np.array([course.memory, 1.0 - course.memory]) @ by_phenotype
    return Succession(course.days[places], kept, product, factors, float(correction))
