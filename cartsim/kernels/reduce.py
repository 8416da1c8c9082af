"""What the curves of a chunk of patients come down to: peaks, areas, days above a limit, one number each.

Between grid times a curve is the straight line. A window is closed; its points are the grid times in it and
its own ends, whose values are interpolated where they lie between grid times. Two tables say what to do, so
that one compiled kernel serves all models: `curves`, one row for each column and window that is read, and
`rules`, one row a number, sorted by curve.
"""

from __future__ import annotations

import numpy as np

from cartsim.kernels.jit import kernel

# What a rule asks for.
PEAK, TIME_OF_PEAK, TROUGH, TIME_OF_TROUGH, AREA, VALUE, LOWEST_SHARE = range(7)
FIRST_ABOVE, FIRST_BELOW, LAST_ABOVE, TIME_ABOVE = range(7, 11)
# Columns of `curves`: which output (states count on behind the outputs), the first grid row inside the window
# and how many are, whether an end lies between grid rows (1 or 0), and where its rules end.
COLUMN, FIRST, INSIDE, BEFORE, AFTER, RULES_END = range(6)
# Columns of `rules`: what is asked, and the column of the result.
KIND, TARGET = range(2)


@kernel
def crossing(x0, y0, x1, y1, limit):
    """Day at which the line between two points on different sides of the limit meets it."""
    return x0 + (x1 - x0) * ((limit - y0) / (y1 - y0))


@kernel
def highest(y, count):
    """Index of the highest of the first `count` values, the earliest of equals."""
    best = 0
    for k in range(1, count):
        if y[k] > y[best]:
            best = k
    return best


@kernel
def lowest(y, count):
    """Index of the lowest of the first `count` values, the earliest of equals."""
    best = 0
    for k in range(1, count):
        if y[k] < y[best]:
            best = k
    return best


@kernel
def area(x, y, count):
    """Linear trapezoids."""
    total = 0.0
    for k in range(1, count):
        total += (x[k] - x[k - 1]) * (0.5 * (y[k] + y[k - 1]))
    return total


@kernel
def first_reached(x, y, count, limit, side):
    """First day at or above (side 1) or at or below (side -1) the limit; NaN if never."""
    if side * y[0] >= side * limit:
        return x[0]
    for k in range(1, count):
        if side * y[k] >= side * limit:
            return crossing(x[k - 1], y[k - 1], x[k], y[k], limit)
    return np.nan


@kernel
def last_above(x, y, count, limit):
    """Last day at or above the limit, the window's end if still so there; NaN if never."""
    if y[count - 1] >= limit:
        return x[count - 1]
    for k in range(count - 2, -1, -1):
        if y[k] >= limit:
            return crossing(x[k], y[k], x[k + 1], y[k + 1], limit)
    return np.nan


@kernel
def time_above(x, y, count, limit):
    """Days at or above the limit."""
    total = 0.0
    for k in range(1, count):
        before, now = y[k - 1] >= limit, y[k] >= limit
        if before and now:
            total += x[k] - x[k - 1]
        elif before != now:
            meets = crossing(x[k - 1], y[k - 1], x[k], y[k], limit)
            total += meets - x[k - 1] if before else x[k] - meets
    return total


@kernel
def measure(kind, limit, x, y, count):
    """One number of the curve y at the days x."""
    if kind == PEAK:
        return y[highest(y, count)]
    if kind == TIME_OF_PEAK:
        return x[highest(y, count)]
    if kind == TROUGH:
        return y[lowest(y, count)]
    if kind == TIME_OF_TROUGH:
        return x[lowest(y, count)]
    if kind == AREA:
        return area(x, y, count)
    if kind == VALUE:
        return y[count - 1]
    if kind == LOWEST_SHARE:
        return y[lowest(y, count)] / y[0] if y[0] != 0.0 else np.nan
    if kind == FIRST_ABOVE:
        return first_reached(x, y, count, limit, 1.0)
    if kind == FIRST_BELOW:
        return first_reached(x, y, count, limit, -1.0)
    if kind == LAST_ABOVE:
        return last_above(x, y, count, limit)
    return time_above(x, y, count, limit)


@kernel
def points(rows, first, column, curve, weights, y):
    """Values of one curve at the points of its window into y, from the patient's first row on; how many."""
    at = first + curve[FIRST]
    count = 0
    if curve[BEFORE]:
        y[0] = rows[at - 1, column] + weights[0] * (rows[at, column] - rows[at - 1, column])
        count = 1
    for k in range(curve[INSIDE]):
        y[count + k] = rows[at + k, column]
    count += curve[INSIDE]
    if curve[AFTER]:
        at += curve[INSIDE]
        y[count] = rows[at - 1, column] + weights[1] * (rows[at, column] - rows[at - 1, column])
        count += 1
    return count


@kernel
def finite(y, count):
    """Whether the first `count` values are all finite."""
    sound = True
    for k in range(count):
        sound &= y[k] - y[k] == 0.0
    return sound


@kernel
def reduce_rows(count, length, curves, days, weights, rules, limits, outputs, states, status, values):
    """Write the numbers of patients 0..count-1, `length` rows each; NaN where failed or not finite.

    Inputs: curves int64 (C, 6), days float64 (C, T + 2) with the points of each window, weights float64
    (C, 2) of its interpolated ends, rules int64 (R, 2), limits float64 (R,), outputs float64 (rows, O),
    states float64 (rows, N), status int64 (n,). Written: values float64 (n, R).
    """
    y = np.empty(length + 2)
    width = outputs.shape[1]
    for patient in range(count):
        if status[patient] != 0:
            values[patient, :] = np.nan
            continue
        rule = 0
        for c in range(len(curves)):
            column = curves[c, COLUMN]
            if column < width:
                points_here = points(outputs, patient * length, column, curves[c], weights[c], y)
            else:
                points_here = points(states, patient * length, column - width, curves[c], weights[c], y)
            sound = finite(y, points_here)
            while rule < curves[c, RULES_END]:
                found = np.nan
                if sound:
                    found = measure(rules[rule, KIND], limits[rule], days[c], y, points_here)
                values[patient, rules[rule, TARGET]] = found
                rule += 1
