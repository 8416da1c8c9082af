"""From the real line a sampler walks on to physical parameters, with the log prior, for all walkers."""

from __future__ import annotations

import math

from cartsim.kernels.jit import kernel

# how a column leaves the real line
IDENTITY, ABOVE, BETWEEN, BELOW, LOG_BETWEEN = range(5)
# priors evaluated here; any other is added by the caller
OTHER, NORMAL, HALF_NORMAL = range(3)
# columns of the two tables
TRANSFORM, TARGET, PRIOR = range(3)
LOWER, UPPER, MEAN, SD = range(4)

HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)
LOG_TWO = math.log(2.0)


@kernel
def exponential(x):
    """exp(x) that saturates instead of raising in plain Python."""
    return math.exp(x) if x < 709.0 else math.inf


@kernel
def physical(u, transform, lower, upper):
    """One value in physical units from the real line."""
    if transform == ABOVE:
        return lower + exponential(u)
    if transform == BETWEEN:
        return lower + (upper - lower) / (1.0 + exponential(-u))
    if transform == BELOW:
        return upper - exponential(-u)
    if transform == LOG_BETWEEN:
        return lower * math.exp(math.log(upper / lower) / (1.0 + exponential(-u)))
    return u


@kernel
def constrain(u, codes, numbers, result):
    """Physical values of every walker and column.

    u, result : float64 [W, d]
    codes : int64 [d, 3], columns TRANSFORM, TARGET, PRIOR
    numbers : float64 [d, 4], columns LOWER, UPPER (support), MEAN, SD (of u where the prior is normal, of the
        physical value where it is half-normal)
    """
    for w in range(u.shape[0]):
        for k in range(u.shape[1]):
            result[w, k] = physical(u[w, k], codes[k, TRANSFORM], numbers[k, LOWER], numbers[k, UPPER])


@kernel
def place(u, codes, numbers, parameters, sigma, log_prior):
    """Write physical values into the model's parameters [W, P] and the residual sds [W, K].

    TARGET counts the parameters first, then the sds. `log_prior` [W] receives the sum over the columns whose
    prior is evaluated here. A value that is not finite keeps what was there and makes the walker impossible.
    """
    count = parameters.shape[1]
    for w in range(u.shape[0]):
        total = 0.0
        for k in range(u.shape[1]):
            value = physical(u[w, k], codes[k, TRANSFORM], numbers[k, LOWER], numbers[k, UPPER])
            if not abs(value) < math.inf:
                total = -math.inf
                continue
            target = codes[k, TARGET]
            if target < count:
                parameters[w, target] = value
            else:
                sigma[w, target - count] = value
            if codes[k, PRIOR] != OTHER:
                half = codes[k, PRIOR] == HALF_NORMAL
                z = (value if half else u[w, k] - numbers[k, MEAN]) / numbers[k, SD]
                total -= 0.5 * z * z + math.log(numbers[k, SD]) + HALF_LOG_TWO_PI
                total += u[w, k] + LOG_TWO if half else 0.0
        log_prior[w] = total
