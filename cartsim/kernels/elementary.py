"""exp, log and power without branches or calls, so that a loop over lanes that uses them is vectorised.

The C library's functions, called once a lane, took most of a step of a model with non-integer exponents.
These are plain IEEE arithmetic on one number: the same bits in every lane, for every width of the vectors,
with and without the compiler. Bits are seen through views as whole numbers; every choice is a select.

Errors of exp and log are below one unit in the last place; of a power, relatively, below
2.5e-16 + 3e-17 |log of it|. Special values are those of C99, annex F, which NumPy has too.

Methods: fdlibm (FreeBSD msun), e_exp.c for the reduction, e_log.c for the polynomial, e_pow.c for a logarithm
in two parts.
"""

import numpy as np

from cartsim.kernels.jit import inlined

# Added to a number and taken away again it leaves the nearest whole number: the low bits of the sum.
ROUNDER = 1.5 * 2.0**52
# As ROUNDER, but the low bits show the exponent field of 2**n.
BIASED = ROUNDER + 1023.0
# Dekker's constant: splits a number into two halves of 26 bits (Numer. Math. 18 (1971) 224).
SPLITTER = 2.0**27 + 1.0
# Rounds a number below 1/2 to a multiple of 2**-26, whose square is exact.
COARSE = 1.5 * 2.0**26

LOG2_E = 1.4426950408889634
# fdlibm e_log.c: ln 2 in two parts, the first with 32 zero bits: its products with exponents are exact.
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
# fdlibm e_log.c: Lg1 … Lg7.
G1, G2, G3, G4, G5, G6, G7 = (
    6.666666666666735130e-01,
    3.999999999940941908e-01,
    2.857142874366239149e-01,
    2.222219843214978396e-01,
    1.818357216161805012e-01,
    1.531383769920937332e-01,
    1.479819860511658591e-01,
)
# 1 / k!: the Taylor series to degree 13 is below 2**-57 off on |r| <= ln(2) / 2.
F3, F4, F5, F6, F7, F8, F9, F10, F11, F12, F13 = (
    1 / 6,
    1 / 24,
    1 / 120,
    1 / 720,
    1 / 5040,
    1 / 40320,
    1 / 362880,
    1 / 3628800,
    1 / 39916800,
    1 / 479001600,
    1 / 6227020800,
)

# Past these the result is inf or 0; between them 2**n is a product of two normal numbers.
HIGHEST, LOWEST = 710.0, -746.0
SMALLEST_NORMAL = 2.0**-1022
# Any |exponent| beyond makes any base but 0, 1 and inf overflow or vanish: the nearest to 1 is 1 - 2**-53.
LARGEST_EXPONENT = 2.0**70

MANTISSA = 0x000FFFFFFFFFFFFF
SIGN = -0x8000000000000000
ROOT_HALF = 0x3FE6A09E00000000  # bits of a number just below sqrt(1/2)
TO_ONE = 0x3FF0000000000000 - ROOT_HALF
POWER_52 = 0x4330000000000000  # bits of 2**52


@inlined
def exp_of_sum(high, low):
    """e**(high + low) for a `low` that is small beside `high`."""
    n = (high * LOG2_E + ROUNDER) - ROUNDER
    r = (high - n * LN2_HIGH) - (n * LN2_LOW - low)
    # Estrin's order: short chains of waits
    r2 = r * r
    r4 = r2 * r2
    r8 = r4 * r4
    start = (0.5 + r * F3) + r2 * (F4 + r * F5)
    middle = (F6 + r * F7) + r2 * (F8 + r * F9)
    end = (F10 + r * F11) + r2 * (F12 + r * F13)
    mantissa = 1.0 + (r + r2 * (start + (r4 * middle + r8 * end)))
    # In two factors: 2**n itself need not be a normal number.
    half = (n * 0.5 + ROUNDER) - ROUNDER
    first = np.int64(np.float64(half + BIASED).view(np.int64) << 52).view(np.float64)
    second = np.int64(np.float64((n - half) + BIASED).view(np.int64) << 52).view(np.float64)
    value = mantissa * first * second
    value = np.inf if high > HIGHEST else value
    return 0.0 if high < LOWEST else value


@inlined
def exp(x):
    """e**x."""
    return exp_of_sum(x, 0.0)


@inlined
def log_in_two_parts(x):
    """log |x| as a number of 26 bits and the rest, together with a relative error of at most 2**-55."""
    size = np.float64(abs(x))
    tiny = size < SMALLEST_NORMAL
    bits = np.float64(size * 2.0**54 if tiny else size).view(np.int64) + TO_ONE
    # |x| = 2**k (1 + f) with 1 + f between sqrt(1/2) and sqrt(2)
    bias = 2.0**52 + 1023.0 + 54.0 if tiny else 2.0**52 + 1023.0
    k = np.int64(bits >> 52 & 0x7FF | POWER_52).view(np.float64) - bias
    f = np.int64((bits & MANTISSA) + ROOT_HALF).view(np.float64) - 1.0
    # log(1 + f) = f - f**2/2 + s (f**2/2 + R); f**2/2 as an exact number and a small one
    coarse = (f + COARSE) - COARSE
    square = 0.5 * coarse * coarse
    square_rest = 0.5 * (f - coarse) * (f + coarse)
    s = f / (2.0 + f)
    z = s * s
    v = z * z
    odd = v * (G2 + v * (G4 + v * G6))
    even = z * (G1 + v * (G3 + v * (G5 + v * G7)))
    small = s * ((square + square_rest) + (odd + even)) + (k * LN2_LOW - square_rest)
    # sums and what they lose, the larger number first
    whole, part = k * LN2_HIGH, f - square
    most = whole + part
    rest = ((whole - most) + part) + ((f - part) - square) + small
    total = most + rest
    scaled = total * SPLITTER
    high = scaled - (scaled - total)
    low = (total - high) + ((most - total) + rest)
    plain = (size > 0.0) & (size < np.inf)
    special = -np.inf if size == 0.0 else size
    return (high if plain else special), (low if plain else 0.0)


@inlined
def log(x):
    """Natural logarithm: -inf at zero, NaN below."""
    high, low = log_in_two_parts(x)
    return np.nan if x < 0.0 else high + low


@inlined
def power_of_positive(high, low, y):
    """x**y for x >= 0 from the parts of log x, which many powers of the same x share."""
    exponent = LARGEST_EXPONENT if y > LARGEST_EXPONENT else y
    exponent = -LARGEST_EXPONENT if y < -LARGEST_EXPONENT else exponent
    scaled = exponent * SPLITTER
    coarse = scaled - (scaled - exponent)
    value = exp_of_sum(coarse * high, (exponent - coarse) * high + exponent * low)
    return 1.0 if y == 0.0 else value


@inlined
def power(x, high, low, y):
    """x**y from the parts of log |x|; a negative x has whole powers only, of which the odd are negative."""
    value = power_of_positive(high, low, y)
    value = 1.0 if x == 1.0 else value
    half = 0.5 * y
    whole = np.floor(y) == y
    odd = whole & (np.floor(half) != half)
    value = value if whole | (x >= 0.0) | (x == -np.inf) | (x != x) else np.nan
    sign = np.float64(x).view(np.int64) & SIGN
    return np.int64(np.float64(value).view(np.int64) | (sign if odd else 0)).view(np.float64)
