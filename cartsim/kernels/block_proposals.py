"""Proposals for many blocks of an ensemble at once: each patient's parameters moved on their own.

Differential evolution, stretch and leaps as in `infer.moves`, one choice a walker and block, in plain loops.
"""

from __future__ import annotations

import math

import numpy as np

from cartsim.kernels.jit import kernel
from cartsim.kernels.leap import cholesky_of_spread

# which proposal a walker makes for a block
EVOLUTION, JUMP, STRETCH, LEAP = range(4)
STRETCH_SCALE = 2.0  # a of Goodman & Weare 2010
LEAP_DF = 5.0


@kernel
def mahalanobis(point, centre, root, white):
    """Squared distance of `point` from `centre` in units of the Cholesky factor `root`."""
    total = 0.0
    for i in range(len(point)):
        rest = point[i] - centre[i]
        for k in range(i):
            rest -= root[i, k] * white[k]
        white[i] = rest / root[i, i]
        total += white[i] * white[i]
    return total


@kernel
def propose(sample, others, kinds, partners, normal, uniform, leap_stretch, proposed, log_ratio):
    """Proposals for every walker and block, with log q(old) - log q(new).

    sample, proposed : float64 [n, B, d], walkers x blocks x block dimension
    others : float64 [m, B, d], the other half of the ensemble, which stays put
    kinds : int64 [n, B]; partners : int64 [n, B, 2], two different walkers of `others`
    normal : float64 [n, B, d], standard normals; uniform : float64 [n, B]
    leap_stretch : float64 [n, B], sqrt(df / chi-square) of the multivariate t
    log_ratio : float64 [n, B]; of the stretch (d - 1) log z with the dimension d of the BLOCK
    """
    count, blocks, size = sample.shape
    centre, root, white = np.empty(size), np.zeros((size, size)), np.empty(size)
    gamma = 2.38 / math.sqrt(2.0 * size)
    for b in range(blocks):
        cholesky_of_spread(others[:, b, :], centre, root)
        for n in range(count):
            first, second = partners[n, b, 0], partners[n, b, 1]
            log_ratio[n, b] = 0.0
            if kinds[n, b] == EVOLUTION or kinds[n, b] == JUMP:
                reach = 1.0 if kinds[n, b] == JUMP else gamma
                reach *= 1.0 + 0.1 * (uniform[n, b] - 0.5)  # symmetric: the same for the way back
                for k in range(size):
                    proposed[n, b, k] = sample[n, b, k] + reach * (others[first, b, k] - others[second, b, k])
            elif kinds[n, b] == STRETCH:
                z = ((STRETCH_SCALE - 1.0) * uniform[n, b] + 1.0) ** 2 / STRETCH_SCALE
                for k in range(size):
                    proposed[n, b, k] = others[first, b, k] + z * (sample[n, b, k] - others[first, b, k])
                log_ratio[n, b] = (size - 1.0) * math.log(z)
            else:
                for i in range(size):
                    step = 0.0
                    for k in range(i + 1):
                        step += root[i, k] * normal[n, b, k]
                    proposed[n, b, i] = centre[i] + leap_stretch[n, b] * step
                new = mahalanobis(proposed[n, b], centre, root, white)
                old = mahalanobis(sample[n, b], centre, root, white)
                log_ratio[n, b] = (
                    0.5 * (LEAP_DF + size) * (math.log1p(new / LEAP_DF) - math.log1p(old / LEAP_DF))
                )
