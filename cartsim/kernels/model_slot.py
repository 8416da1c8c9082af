"""What the driver needs of a model, written out for one state that decays: y' = -k y, implicit Euler.

`spec.generate` writes a module with these names for every model and method and puts the text of `lane_driver`
below it; this one exists so that the driver can be read, linted and run on its own. All numbers of a lane
group live in one workspace `w`; number X of lane l is `w[X + l]`, and entry k of a vector slot is
`w[X + k * LANES + l]`.
"""

import numpy as np  # noqa: F401 (the driver takes it from here, as from a generated module)

from cartsim.kernels.jit import kernel

LANES = 8
N_STATES, N_PARAMETERS, N_SWITCHES = 1, 1, 0
ORDER = 4
CLOCK = 0
STATE, NEXT, VALUE, PARAMETER, SIGNALS = (k * LANES for k in range(36, 41))
F, STAGE, STAGE_TIME = (k * LANES for k in range(41, 44))
SWITCH, SWITCH_TIME, RATE, MARKS = (44 * LANES,) * 4
SIZE = 44 * LANES
TIME, STEP, ERROR, LARGEST, LOWEST, PIVOT = (CLOCK + k * LANES for k in (0, 1, 3, 4, 5, 6))
NOW, TAKEN, CLIPPED, THETA, NEGATIVES = (CLOCK + k * LANES for k in (11, 12, 16, 17, 18))
RATE_SLOT = (-1,)
# States that can multiply, and their scales: here none, but an empty tuple has no type of elements.
N_MULTIPLYING, MULTIPLYING, MULTIPLYING_SCALE, INFLOW = 0, (0,), (1.0,), 1e12


@kernel
def prepare(w, lane):
    """Start states, switch times and parameter-only subexpressions of one lane."""
    w[STATE + lane] = 1.0


@kernel
def advance(w):
    """One step of all lanes from STATE to NEXT; ERROR in units of scale + |y|, LARGEST, LOWEST, PIVOT."""
    for lane in range(LANES):
        h, k, y = w[STEP + lane], w[PARAMETER + lane], w[STATE + lane]
        w[NEXT + lane] = y / (1.0 + h * k)
        w[ERROR + lane] = 0.5 * (h * k) ** 2 * abs(y) / (1.0 + abs(y))
        w[LARGEST + lane], w[LOWEST + lane], w[PIVOT + lane] = abs(w[NEXT + lane]), 0.0, 1.0


@kernel
def take(w):
    """Move the lanes whose step was TAKEN to its end; what falls below zero becomes zero and is counted."""
    for lane in range(LANES):
        if w[TAKEN + lane] > 0.0:
            w[CLIPPED + lane] += 1.0 if w[NEXT + lane] < 0.0 else 0.0
            w[STATE + lane] = max(w[NEXT + lane], 0.0)
        w[TIME + lane] = w[NOW + lane]


@kernel
def rhs(w):
    """Rates of every lane from STAGE at STAGE_TIME into F."""
    for lane in range(LANES):
        w[F + lane] = -w[PARAMETER + lane] * w[STAGE + lane]


@kernel
def dense(w):
    """Coefficients of the dense output of the step just made; a straight line needs none."""


@kernel
def interpolate(w):
    """States of every lane at TIME + THETA STEP into VALUE; NEGATIVES counts those set to zero."""
    for lane in range(LANES):
        theta = w[THETA + lane]
        w[VALUE + lane] = (1.0 - theta) * w[STATE + lane] + theta * w[NEXT + lane]
        w[NEGATIVES + lane] = 0.0


@kernel
def approach(w):
    """As `interpolate`, from the stages themselves and only the states that `watch` reads."""
    interpolate(w)


@kernel
def watch(w):
    """Signals of every lane from VALUE at WATCH_TIME: here the state."""
    for lane in range(LANES):
        w[SIGNALS + lane] = w[VALUE + lane]
