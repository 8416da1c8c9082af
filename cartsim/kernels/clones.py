"""Cells of many clones through one patient's course, step by step: births, deaths, changes of phenotype.

`cartsim.clones.succession` says what is simulated; the order of rates is `cartsim.clones.course.RATES`.
"""

from __future__ import annotations

from math import expm1

import numpy as np

from cartsim.kernels.few_cells import cells_arriving, cells_born, cells_choosing, cells_leaving
from cartsim.kernels.jit import inlined, kernel

NO_CELL = 1e-9  # of all clones; fewer arriving in a step are none
SERIES = 0.125  # |x| up to which eight terms of expm1 are exact to rounding


@inlined
def _grown(x):
    """exp(x) - 1, for the short steps of nearly all clones without a call."""
    if abs(x) > SERIES:
        return expm1(x)
    rest = 1.0 + x / 6.0 * (1.0 + x / 7.0 * (1.0 + x / 8.0 * (1.0 + x / 9.0)))
    return x * (1.0 + x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0 * rest))))


@kernel
def _mean(factor, cells):
    """Mean of a factor over cells."""
    top, bottom = 0.0, 0.0
    for i in range(cells.size):
        top += factor[i] * cells[i]
        bottom += cells[i]
    return top / bottom if bottom > 0.0 else 1.0


@inlined
def _leaving(cells, hazard, small, rng):
    """Cells that leave in a step."""
    return cells_leaving(cells, hazard, rng) if cells < small else -cells * _grown(-hazard)


@inlined
def _leaving_share(cells, hazard, share, small, rng):
    """The same where the share that leaves, 1 - exp(-hazard), is that of all clones."""
    return cells_leaving(cells, hazard, rng) if cells < small else cells * share


@inlined
def _born(cells, growth, small, rng):
    """Daughters in a step."""
    return cells_born(cells, growth, rng) if cells < small else cells * _grown(growth)


@inlined
def _choosing(cells, one, other, chance, rng):
    """Of cells that leave at one of two rates, those at the first; by chance or as expected."""
    if cells <= 0.0 or one <= 0.0:
        return 0.0
    share = one / (one + other)
    return cells_choosing(cells, share, rng) if chance else cells * share


@inlined
def _arriving(cells, small, rng):
    """Cells that engraft in a step."""
    return cells_arriving(cells, rng) if cells < small else cells


@kernel
def _brought_to(wanted, cells, small, rng):
    """Scale the cells of a phenotype to their total and make few cells whole; returns the relative step.

    The fractions are rounded by systematic sampling: one random start, every clone up with the probability
    of its fraction, and the sum kept to within a cell.
    """
    total = 0.0
    for i in range(cells.size):
        total += cells[i]
    if not total > 0.0:
        return 0.0
    ratio = wanted / total if wanted > 0.0 else 1.0
    level = rng.random() if small > 0.0 else 0.0
    for i in range(cells.size):
        scaled = cells[i] * ratio
        if 0.0 < scaled < small:
            level += scaled
            scaled = np.floor(level)
            level -= scaled
        cells[i] = scaled
    return abs(ratio - 1.0)


@kernel
def follow_clones(days, rates, arriving, totals, daughters, shares, factors, places, kept, small, rng):
    """Fill `kept` [D, 5, C] and return the largest correction of a total.

    shares : float64 [2, C], of each clone among the cells that arrive as memory and as another phenotype
    daughters : effector_2 cells of one effector_1 cell; above 1 becoming them is a division, by clone
    """
    clones, largest, reported = shares.shape[1], 0.0, 0
    n = np.zeros((5, clones))
    n_0, n_1, n_2, n_3, n_4 = n[0], n[1], n[2], n[3], n[4]
    for step in range(days.size):
        while reported < places.size and places[reported] == step:
            kept[reported] = n
            reported += 1
        if step == days.size - 1:
            break
        r = rates[step] * (days[step + 1] - days[step])
        at_once, proliferating = not r[3] < np.inf, daughters > 1.0
        activating, returning = r[2] / _mean(factors[0], n_0), r[9] / _mean(factors[3], n_3)
        dividing_0, dividing_2 = r[0] / _mean(factors[1], n_0), r[4] / _mean(factors[1], n_2)
        dividing_3, exhausting = r[6] / _mean(factors[1], n_3), r[8] / _mean(factors[2], n_3)
        changing = r[5] / _mean(factors[1], n_2) if proliferating else r[5]
        share_1, share_2, share_4 = -expm1(-r[3]), -expm1(-r[5] - r[11]), -expm1(-r[10])
        for i in range(clones):
            f, gain_0, gain_1, gain_2, gain_3, gain_4 = factors[1, i], 0.0, 0.0, 0.0, 0.0, 0.0
            if n_0[i] > 0.0:
                a = activating * factors[0, i]
                cells = n_0[i] + _born(n_0[i], dividing_0 * f, small, rng)
                left = _leaving(cells, r[1] + a, small, rng)
                gain_1 = _choosing(left, a, r[1], cells < small, rng)
                n_0[i] = cells - left
                if at_once:
                    gain_1, gain_2 = 0.0, 2.0 * gain_1
            if n_1[i] > 0.0:
                left = _leaving_share(n_1[i], r[3], share_1, small, rng)
                gain_2 += 2.0 * left
                n_1[i] -= left
            if n_2[i] > 0.0:
                cells = n_2[i] + _born(n_2[i], dividing_2 * f, small, rng)
                if proliferating:
                    left = _leaving(cells, changing * f + r[11], small, rng)
                    gain_3 = daughters * _choosing(left, changing * f, r[11], cells < small, rng)
                else:
                    left = _leaving_share(cells, r[5] + r[11], share_2, small, rng)
                    gain_3 = left if r[11] == 0.0 else _choosing(left, r[5], r[11], cells < small, rng)
                n_2[i] = cells - left
            if n_3[i] > 0.0:
                x, back = exhausting * factors[2, i], returning * factors[3, i]
                cells = n_3[i] + _born(n_3[i], dividing_3 * f, small, rng)
                left = _leaving(cells, r[7] + x + back, small, rng)
                gain_4 = _choosing(left, x, r[7] + back, cells < small, rng)
                gain_0 = _choosing(left - gain_4, back, r[7], cells < small, rng)
                n_3[i] = cells - left
            if n_4[i] > 0.0:
                n_4[i] -= _leaving_share(n_4[i], r[10], share_4, small, rng)
            n_0[i] += gain_0
            n_1[i] += gain_1
            n_2[i] += gain_2
            n_3[i] += gain_3
            n_4[i] += gain_4
        for j in range(5):
            if arriving[step, j] > NO_CELL:
                of_product = shares[min(j, 1)]
                for i in range(clones):
                    n[j, i] += _arriving(arriving[step, j] * of_product[i], small, rng)
            correction = _brought_to(totals[step + 1, j], n[j], small, rng)
            if totals[step + 1, j] > 1000.0:
                largest = max(largest, correction)
    return largest
