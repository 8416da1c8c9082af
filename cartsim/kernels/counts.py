"""How probable a count is given its mean: Poisson, or negative binomial (variance mean + mean^2 / phi)."""

from __future__ import annotations

import math

from cartsim.kernels.jit import kernel

# A rise of a cumulative output that comes out below zero by less than this share of it is rounding of the
# solver (rtol 1e-6 and finer), not a model that takes cases back.
ROUNDING = 1e-6
STIRLING = 10.0  # from here on three terms of Stirling's series give all digits of a difference


@kernel
def rise(now, before):
    """Mean count of an interval: by how much a cumulative output grew; NaN where it fell."""
    grown = now - before
    if grown >= 0.0 or math.isnan(grown):
        return grown
    return 0.0 if -grown <= ROUNDING * abs(now) else math.nan


@kernel
def log_poisson(count, mean):
    """log of the Poisson probability of `count`; -inf where the mean is impossible."""
    if not 0.0 <= mean < math.inf:
        return -math.inf
    if mean == 0.0:
        return 0.0 if count == 0.0 else -math.inf
    return count * math.log(mean) - mean - math.lgamma(count + 1.0)


@kernel
def stirling_rest(x):
    """log Gamma(x) less its leading terms (x - 1/2) log x - x + log(2 pi) / 2; DLMF 5.11.1."""
    inverse = 1.0 / x
    square = inverse * inverse
    return inverse * (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square / 1680.0)))


@kernel
def log_negative_binomial(count, mean, phi):
    """log of the negative binomial probability of `count`; the Poisson one in the limit of large phi."""
    if not (0.0 <= mean < math.inf and phi > 0.0):
        return -math.inf
    if mean == 0.0:
        return 0.0 if count == 0.0 else -math.inf
    if phi == math.inf:
        return log_poisson(count, mean)
    zeros = -phi * math.log1p(mean / phi)
    if phi < STIRLING:
        ways = math.lgamma(count + phi) - math.lgamma(phi) - math.lgamma(count + 1.0)
        return ways + zeros + count * (math.log(mean) - math.log(phi + mean))
    # Gamma(count + phi) / Gamma(phi) by Stirling's series: lgamma itself would lose the difference
    ways = (phi - 0.5) * math.log1p(count / phi) - count + stirling_rest(phi + count) - stirling_rest(phi)
    together = count * (math.log(mean) + math.log1p((count - mean) / (phi + mean)))
    return ways + zeros + together - math.lgamma(count + 1.0)
