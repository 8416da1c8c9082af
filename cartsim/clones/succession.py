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
from math import exp

import numpy as np
from numpy.typing import NDArray

from cartsim.clones.course import PHENOTYPES, RateCourse
from cartsim.errors import ModelError
from cartsim.kernels.jit import kernel

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
    correction = _follow(
        course.days, course.rates, course.arriving, course.totals, shares, factors,
        places, kept, small if chance else 0.0, rng if chance else np.random.default_rng(0),
    )  # fmt: skip
    return Succession(course.days[places], kept, shares, factors, float(correction))


@kernel
def _mean(factor, cells):
    """Mean of a factor over cells."""
    top, bottom = 0.0, 0.0
    for i in range(cells.size):
        top += factor[i] * cells[i]
        bottom += cells[i]
    return top / bottom if bottom > 0.0 else 1.0


@kernel
def _rounded(cells, small, rng):
    """Few cells are whole cells; the fraction decides by chance."""
    if cells < small:
        whole = np.floor(cells)
        return whole + (1.0 if rng.random() < cells - whole else 0.0)
    return cells


@kernel
def _taken(cells, share, small, rng):
    """How many of `cells` leave when each leaves with probability `share`."""
    if cells < small:
        whole = int(_rounded(cells, small, rng))
        return float(rng.binomial(whole, share)) if whole > 0 else 0.0
    return _rounded(cells * share, small, rng)


@kernel
def _born(cells, growth, small, rng):
    """Daughters of `cells` where each has exp(growth) descendants on average, itself included."""
    if cells < small:  # a Yule process: failures before `cells` successes
        return (
            float(rng.negative_binomial(int(cells), exp(-growth))) if cells >= 1.0 and growth > 0.0 else 0.0
        )
    return cells * (exp(growth) - 1.0)


@kernel
def _follow(days, rates, arriving, totals, shares, factors, places, kept, small, rng):
    """Fill `kept` [D, 5, C] and return the largest correction of a total."""
    clones, largest, reported = shares.size, 0.0, 0
    n = np.zeros((5, clones))
    for step in range(days.size):
        while reported < places.size and places[reported] == step:
            kept[reported] = n
            reported += 1
        if step == days.size - 1:
            break
        dt, r = days[step + 1] - days[step], rates[step]
        activating, returning = _mean(factors[0], n[0]), _mean(factors[3], n[3])
        dividing_0, dividing_2 = _mean(factors[1], n[0]), _mean(factors[1], n[2])
        dividing_3, exhausting = _mean(factors[1], n[3]), _mean(factors[2], n[3])
        for i in range(clones):
            a, f = factors[0, i] / activating, factors[1, i]
            x, back = factors[2, i] / exhausting, factors[3, i] / returning
            new_0 = n[0, i] + _born(n[0, i], r[0] * f / dividing_0 * dt, small, rng)
            new_2 = n[2, i] + _born(n[2, i], r[4] * f / dividing_2 * dt, small, rng)
            new_3 = n[3, i] + _born(n[3, i], r[6] * f / dividing_3 * dt, small, rng)
            out = r[1] + r[2] * a
            gone = _taken(new_0, 1.0 - exp(-out * dt), small, rng)
            primed = _taken(gone, r[2] * a / out, small, rng) if out > 0.0 else 0.0
            ready = _taken(n[1, i], 1.0 - exp(-r[3] * dt), small, rng)
            changed = _taken(new_2, 1.0 - exp(-r[5] * dt), small, rng)
            out = r[7] + r[8] * x + r[9] * back
            left = _taken(new_3, 1.0 - exp(-out * dt), small, rng)
            tired = _taken(left, r[8] * x / out, small, rng) if out > 0.0 else 0.0
            rest = r[7] + r[9] * back
            rested = _taken(left - tired, r[9] * back / rest, small, rng) if rest > 0.0 else 0.0
            lost = _taken(n[4, i], 1.0 - exp(-r[10] * dt), small, rng)
            n[0, i] = new_0 - gone + rested + _rounded(arriving[step, 0] * shares[i], small, rng)
            n[1, i] += primed - ready
            n[2, i] = new_2 - changed + 2.0 * ready + _rounded(arriving[step, 1] * shares[i], small, rng)
            n[3, i] = new_3 - left + changed
            n[4, i] += tired - lost
        for j in range(5):
            total = 0.0
            for i in range(clones):
                total += n[j, i]
            wanted = totals[step + 1, j]
            if total > 0.0 and wanted > 0.0:
                if wanted > 1000.0:
                    largest = max(largest, abs(wanted / total - 1.0))
                few, many = 0.0, 0.0
                for i in range(clones):
                    n[j, i] = _rounded(n[j, i] * wanted / total, small, rng)
                    if n[j, i] < small:
                        few += n[j, i]
                    else:
                        many += n[j, i]
                left_over = wanted - few
                if many > 0.0 and abs(left_over / many - 1.0) < 0.01:
                    for i in range(clones):
                        if n[j, i] >= small:
                            n[j, i] *= left_over / many
        for j in range(5):
            for i in range(clones):
                n[j, i] = _rounded(n[j, i], small, rng)
    return largest
