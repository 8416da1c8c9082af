"""Few cells live and die by chance: how many leave, divide, arrive, in whole numbers, by one random number.

Each is the inversion of its distribution at `u`, uniform in [0, 1). Most steps are short, so that nothing
happens in nearly all of them: the chance that anything happens is at most the mean, and a random number
above it needs no exponential. Means above `MANY` go to the library's generators.
"""

from __future__ import annotations

from math import exp, expm1

from cartsim.kernels.jit import inlined, kernel

MANY = 12.0  # mean events, from which inversion is slower than the library


@inlined
def cells_leaving(cells, hazard, rng):
    """Binomial: each of `cells` leaves with probability 1 - exp(-hazard)."""
    u, mean = rng.random(), cells * hazard
    if u >= mean:
        return 0.0
    return _leaving(cells, hazard, u) if mean < MANY else float(rng.binomial(int(cells), -expm1(-hazard)))


@inlined
def cells_born(cells, growth, rng):
    """Daughters of `cells` in a Yule process of which each leaves exp(growth) cells on average."""
    u, mean = rng.random(), cells * growth
    if u >= mean:
        return 0.0
    if mean < MANY and growth < 1.0:
        return _born(cells, growth, u)
    return float(rng.negative_binomial(int(cells), exp(-growth)))  # failures before `cells` successes


@inlined
def cells_arriving(mean, rng):
    """Poisson: few of very many, each by its own chance."""
    u = rng.random()
    if u >= mean:
        return 0.0
    return _arriving(mean, u) if mean < MANY else float(rng.poisson(mean))


@inlined
def cells_choosing(cells, share, rng):
    """Binomial: each of `cells` goes the way that is taken with probability `share`."""
    if share >= 1.0:
        return cells
    if cells > MANY:
        return float(rng.binomial(int(cells), share))
    count = 0.0
    for _ in range(int(cells)):
        count += 1.0 if rng.random() < share else 0.0
    return count


@kernel
def _leaving(cells, hazard, u):
    chance, below, k = exp(-cells * hazard), 1.0 - u, 0.0
    if below <= chance:
        return k
    odds = expm1(hazard)
    while below > chance and k < cells:
        below -= chance
        chance *= odds * (cells - k) / (k + 1.0)
        k += 1.0
    return k


@kernel
def _born(cells, growth, u):
    chance, below, k = exp(-cells * growth), 1.0 - u, 0.0
    if below <= chance:
        return k
    step = -expm1(-growth)
    while below > chance and chance > 0.0:
        below -= chance
        chance *= step * (cells + k) / (k + 1.0)
        k += 1.0
    return k


@kernel
def _arriving(mean, u):
    chance, below, k = exp(-mean), 1.0 - u, 0.0
    while below > chance and chance > 0.0:
        below -= chance
        chance *= mean / (k + 1.0)
        k += 1.0
    return k
