"""What the driver needs of a model, written out for one state that decays: y' = -k y, one implicit Euler step.

`spec.generate` writes a module with these names for every model and method and puts the text of `lane_driver`
below it; this one exists so that the driver can be read, linted and run on its own. All numbers of a lane
group live in one workspace `w`; slot `X` of lane `l` is `w[X + l]`, and state k of a vector slot is
`w[X + k * LANES + l]`.
"""

import numpy as np

from cartsim.kernels.jit import kernel

LANES = 8
N_STATES, N_PARAMETERS, N_SWITCHES, N_DOSED = 1, 1, 0, 0
ORDER = 1
EXPLICIT = False
GAMMA = 1.0
SIZE = 12 * LANES
TIME, STEP, INVERSE, ERROR, LARGEST, LOWEST, PIVOT = (k * LANES for k in range(7))
STATE, NEXT, PARAMETER = 7 * LANES, 8 * LANES, 9 * LANES
SWITCH, SWITCH_TIME, RATE = 10 * LANES, 10 * LANES, 10 * LANES
POSITIVE = (True,)
EXTINCT = (0.0,)
SCALE = (1.0,)
RATE_SLOT = (-1,)


@kernel
def prepare(w, lane):
    """Start states, switch times and parameter-only subexpressions of one lane."""
    w[STATE + lane] = 1.0


@kernel
def advance(w):
    """One step of all lanes from STATE to NEXT with ERROR (in units of scale + |y|), LARGEST, LOWEST, PIVOT."""
    for lane in range(LANES):
        h, k, y = w[STEP + lane], w[PARAMETER + lane], w[STATE + lane]
        w[NEXT + lane] = y / (1.0 + h * k)
        w[ERROR + lane] = 0.5 * (h * k) ** 2 * abs(y) / (1.0 + abs(y))
        w[LARGEST + lane], w[LOWEST + lane], w[PIVOT + lane] = abs(w[NEXT + lane]), w[NEXT + lane], 1.0


@kernel
def interpolate(w, lane, theta, states, row):
    """States at TIME + theta STEP into states[row]; returns how many small negatives were set to zero."""
    states[row, 0] = (1.0 - theta) * w[STATE + lane] + theta * w[NEXT + lane]
    return 0


@kernel
def observe(first, last, parameters, subject, times, time_offsets, row_offsets, states, outputs):
    """Outputs of the rows of patients first..last-1 from their states."""
    for row in range(row_offsets[first], row_offsets[last]):
        outputs[row, 0] = states[row, 0]


__all__ = [name for name in dir() if name.isupper()] + ["advance", "interpolate", "np", "observe", "prepare"]
