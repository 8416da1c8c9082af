"""A multivariate-t proposal fitted to one half of an ensemble, with its density ratio, in plain loops.

No BLAS: its threads cost a thousand times the arithmetic of these small matrices and depend on the machine.
"""

from __future__ import annotations

import math

import numpy as np

from cartsim.kernels.jit import kernel


@kernel
def cholesky_of_spread(others, centre, root):
    """Mean and lower Cholesky factor of the sample covariance of `others` [n, d], into `centre`, `root`.

    A sliver on the diagonal keeps the factor real where the points are flat in a direction.
    """
    count, size = others.shape
    for i in range(size):
        total = 0.0
        for n in range(count):
            total += others[n, i]
        centre[i] = total / count
    for i in range(size):
        for j in range(i + 1):
            total = 0.0
            for n in range(count):
                total += (others[n, i] - centre[i]) * (others[n, j] - centre[j])
            root[i, j] = total / (count - 1)
        root[i, i] += 1e-10 * root[i, i] + 1e-300
    for i in range(size):
        for j in range(i + 1):
            total = root[i, j]
            for k in range(j):
                total -= root[i, k] * root[j, k]
            if i == j:
                root[i, i] = math.sqrt(total) if total > 1e-300 else 1e-150
            else:
                root[i, j] = total / root[j, j]


@kernel
def student_t_leap(sample, others, normal, stretch, df, proposed, log_ratio):
    """Independent draws around `others` and log q(old) - log q(new) of the multivariate t with `df`.

    sample, normal, proposed : float64 [n, d]; others : float64 [m, d]; stretch, log_ratio : float64 [n]
    normal are standard normals, stretch = sqrt(df / chi-square with df)
    """
    count, size = sample.shape
    centre, root, white = np.empty(size), np.zeros((size, size)), np.empty(size)
    cholesky_of_spread(others, centre, root)
    for n in range(count):
        old, new = 0.0, 0.0
        for i in range(size):
            rest, step = sample[n, i] - centre[i], 0.0
            for k in range(i):
                rest -= root[i, k] * white[k]
            for k in range(i + 1):
                step += root[i, k] * normal[n, k]
            white[i] = rest / root[i, i]
            old += white[i] * white[i]
            new += normal[n, i] * normal[n, i]
            proposed[n, i] = centre[i] + stretch[n] * step
        new *= stretch[n] * stretch[n]
        log_ratio[n] = 0.5 * (df + size) * (math.log1p(new / df) - math.log1p(old / df))
