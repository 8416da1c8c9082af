"""How probable a laboratory value is given a prediction: quantified, below, above or between limits.

Log densities of normal and Student-t residuals on the linear or natural-log scale, with left (M3), right and
interval censoring, stable far into both tails. One call serves all walkers of a fit.
"""

from __future__ import annotations

import math

import numpy as np

from cartsim.kernels.counts import log_negative_binomial, log_poisson, rise
from cartsim.kernels.jit import kernel

# scale of the residual; from POISSON on, counts: in full, or of an interval (rise of a cumulative output)
ADDITIVE, PROPORTIONAL, COMBINED, LOG_SCALE = 0, 1, 2, 3
POISSON, POISSON_RISE, NEGATIVE_BINOMIAL, NEGATIVE_BINOMIAL_RISE = 4, 5, 6, 7
# what is known of a value
QUANTIFIED, LEFT, RIGHT, INTERVAL = 0, 1, 2, 3
# columns of the two observation tables that the batched kernels read
TIME, OUTPUT, CENSORING, KIND, FIRST, SECOND = range(6)
VALUE, LOWER, UPPER, OFFSET, DF = range(5)

SQRT_HALF = math.sqrt(0.5)
HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)
LOG_HALF = math.log(0.5)


@kernel
def log_normal_cdf(z):
    """log Phi(z); the asymptotic series of erfc takes over at z = -20, where 10 terms give all digits."""
    if z > 0.0:
        return math.log1p(-0.5 * math.erfc(z * SQRT_HALF))
    if z > -20.0:
        return math.log(0.5 * math.erfc(-z * SQRT_HALF))
    if z < -1e150:
        return -math.inf
    inverse, term, total = 1.0 / (z * z), 1.0, 1.0
    for k in range(1, 11):
        term *= -(2.0 * k - 1.0) * inverse
        total += term
    return -0.5 * z * z - HALF_LOG_TWO_PI - math.log(-z) + math.log(total)


@kernel
def log_one_minus_exp(x):
    """log(1 - exp(-x)) for x >= 0 (Maechler 2012: the switch at log 2 keeps all digits)."""
    if x <= 0.0:
        return -math.inf
    if x < 0.6931471805599453:
        return math.log(-math.expm1(-x))
    return math.log1p(-math.exp(-x))


@kernel
def beta_fraction(a, b, x):
    """Continued fraction of the incomplete beta function for x < (a+1)/(a+b+2); DLMF 8.17.22, Lentz."""
    tiny = 1e-300
    c = 1.0
    d = 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > tiny else tiny)
    h = d
    for m in range(1, 1000):
        even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
        d = 1.0 + even * d
        d = 1.0 / (d if abs(d) > tiny else tiny)
        c = 1.0 + even / c
        c = c if abs(c) > tiny else tiny
        h *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
        d = 1.0 + odd * d
        d = 1.0 / (d if abs(d) > tiny else tiny)
        c = 1.0 + odd / c
        c = c if abs(c) > tiny else tiny
        h *= d * c
        if abs(d * c - 1.0) < 1e-15:
            break
    return h


@kernel
def log_t_lower(t, df):
    """log of the Student-t distribution function at t <= 0 through the incomplete beta function."""
    if t == 0.0:
        return LOG_HALF
    if t == -math.inf:
        return -math.inf
    a, b = 0.5 * df, 0.5
    if t < -1e100:  # t * t would overflow; 1 - x is 1 to all digits
        x, y, log_x, log_y = 0.0, 1.0, math.log(df) - 2.0 * math.log(-t), 0.0
    else:
        ratio = t * t / df
        x, y = 1.0 / (1.0 + ratio), ratio / (1.0 + ratio)
        log_x, log_y = -math.log1p(ratio), 2.0 * math.log(-t) - math.log(df) - math.log1p(ratio)
    log_front = a * log_x + b * log_y + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    if x < (a + 1.0) / (a + b + 2.0):
        return LOG_HALF + log_front - math.log(a) + math.log(beta_fraction(a, b, x))
    return LOG_HALF + math.log1p(-math.exp(log_front) / b * beta_fraction(b, a, y))


@kernel
def log_cdf(z, df):
    """log of the distribution function at `z`: standard normal for df = 0, else Student-t."""
    if math.isnan(z):
        return math.nan
    if df == 0.0:
        return log_normal_cdf(z)
    if z > 0.0:
        return math.log1p(-math.exp(log_t_lower(-z, df)))
    return log_t_lower(z, df)


@kernel
def log_density(z, df):
    """log density of a standard normal (df = 0) or Student-t without its constant."""
    if df == 0.0:
        return -0.5 * z * z
    return -0.5 * (df + 1.0) * math.log1p(z * z / df)


@kernel
def log_constant(df):
    """The constant that `log_density` leaves out."""
    if df == 0.0:
        return -HALF_LOG_TWO_PI
    return math.lgamma(0.5 * (df + 1.0)) - math.lgamma(0.5 * df) - 0.5 * math.log(df * math.pi)


@kernel
def log_cdf_difference(low, high, df):
    """log(F(high) - F(low)), in the lower tail by symmetry; by quadrature where the two nearly touch."""
    if not low < high:
        return -math.inf
    if low > 0.0:
        low, high = -high, -low
    middle = 0.5 * (low + high)
    if (high - low) * (1.0 + abs(middle)) < 0.1:  # three Gauss points: relative error below 1e-12
        centre, reach = log_density(middle, df), 0.3872983346207417 * (high - low)  # sqrt(0.6) / 2
        left = math.exp(log_density(middle - reach, df) - centre)
        right = math.exp(log_density(middle + reach, df) - centre)
        return log_constant(df) + centre + math.log((high - low) * (5.0 * left + 8.0 + 5.0 * right) / 18.0)
    log_low = log_cdf(low, df)
    if high <= 0.0:
        log_high = log_cdf(high, df)
        if log_high == -math.inf:
            return -math.inf
        return log_high + log_one_minus_exp(log_high - log_low)
    return math.log1p(-math.exp(log_low) - math.exp(log_cdf(-high, df)))


@kernel
def log_probability(censoring, location, scale, value, lower, upper, offset, df):
    """Log density or probability of one observation on the scale of its residual.

    `offset` is the constant of the density plus, on the log scale, the Jacobian -log(value). A prediction of
    zero on the log scale (location -inf) is certain to be below any limit; a NaN prediction is impossible.
    """
    if math.isnan(location) or location == math.inf or not scale >= 0.0 or scale == math.inf:
        return -math.inf
    if location == -math.inf or scale == 0.0:  # a point mass
        below = censoring == LEFT and location < upper
        above = censoring == RIGHT and location > lower
        between = censoring == INTERVAL and lower <= location < upper
        return 0.0 if below or above or between else -math.inf
    if censoring == QUANTIFIED:
        return offset - math.log(scale) + log_density((value - location) / scale, df)
    if censoring == LEFT:
        return log_cdf((upper - location) / scale, df)
    if censoring == RIGHT:
        return log_cdf((location - lower) / scale, df)
    return log_cdf_difference((lower - location) / scale, (upper - location) / scale, df)


@kernel
def of_prediction(prediction, kind, censoring, first, second, numbers):
    """Log probability of one observation given its prediction, output units.

    first, second : the residual sds (of a count `first` is the dispersion phi)
    numbers : float64 [5], columns VALUE, LOWER, UPPER (on the residual's scale), OFFSET, DF
    """
    if kind >= POISSON:
        if kind <= POISSON_RISE:
            return log_poisson(numbers[VALUE], prediction)
        return log_negative_binomial(numbers[VALUE], prediction, first)
    location, scale = prediction, first
    if kind == LOG_SCALE:
        location = math.log(prediction) if prediction > 0.0 else -math.inf
        location = math.nan if math.isnan(prediction) else location
    elif kind == PROPORTIONAL:
        scale = first * abs(prediction)
    elif kind == COMBINED:
        scale = math.hypot(first, second * prediction)
    return log_probability(
        censoring, location, scale,
        numbers[VALUE], numbers[LOWER], numbers[UPPER], numbers[OFFSET], numbers[DF],
    )  # fmt: skip


@kernel
def pointwise(outputs, sigma, codes, numbers, result):
    """Log probability of every observation for every walker, written to `result` [W, R].

    outputs : float64 [W, T, O], predictions at the T distinct times in output units
    sigma : float64 [W, K], all residual sds of the walker
    codes : int64 [R, 6], columns TIME, OUTPUT, CENSORING, KIND, FIRST, SECOND (the two sds; of a count: its
        dispersion phi, and the time at which its interval began)
    numbers : float64 [R, 5], see `of_prediction`
    """
    for w in range(outputs.shape[0]):
        for r in range(codes.shape[0]):
            prediction, kind = outputs[w, codes[r, TIME], codes[r, OUTPUT]], codes[r, KIND]
            if kind in (POISSON_RISE, NEGATIVE_BINOMIAL_RISE):
                prediction = rise(prediction, outputs[w, codes[r, SECOND], codes[r, OUTPUT]])
            second = sigma[w, codes[r, SECOND]] if kind == COMBINED else 0.0
            first = sigma[w, codes[r, FIRST]] if codes[r, FIRST] < sigma.shape[1] else 0.0
            result[w, r] = of_prediction(prediction, kind, codes[r, CENSORING], first, second, numbers[r])


@kernel
def log_likelihood(outputs, sigma, codes, numbers):
    """Sum of `pointwise` over the observations, float64 [W]; -inf where any of them is impossible."""
    walkers, rows = outputs.shape[0], codes.shape[0]
    terms = np.empty((walkers, rows))
    pointwise(outputs, sigma, codes, numbers, terms)
    result = np.zeros(walkers)
    for w in range(walkers):
        for r in range(rows):
            result[w] += terms[w, r]
        if math.isnan(result[w]):
            result[w] = -math.inf
    return result
