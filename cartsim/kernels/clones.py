"""Cells of many clones through one patient's course, step by step: births, deaths, changes of phenotype.

`cartsim.clones.succession` says what is simulated; the order of rates is `cartsim.clones.course.RATES`.
"""

from __future__ import annotations

from math import exp

import numpy as np

from cartsim.kernels.jit import kernel


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
def follow_clones(days, rates, arriving, totals, shares, factors, places, kept, small, rng):
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
