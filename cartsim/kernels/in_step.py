"""Lanes in step: a patient and its neighbours in parameters take one sequence of steps, that of lane 0.

The numerical solution is then as smooth in the parameters as the equations, so that differences of lanes are
derivatives free of step-control noise (internal differentiation: Bock 1981). A lane goes the share of its own
way to its next stop that lane 0 goes of its: times of switches that depend on parameters are included.
"""

# <model slot>
from cartsim.kernels.clock import (
    ASKS,
    ERROR,
    INVERSE,
    LARGEST,
    LOWEST,
    OUT_OF_STEP,
    PATIENT,
    PIVOT,
    PLAN,
    STEP,
    STOP,
    TIME,
)
from cartsim.kernels.jit import kernel
from cartsim.kernels.model_slot import LANES, np

# </model slot>

# All reach a stop together where less than this share of the way would be left.
NEARLY_THERE = 1e-3


@kernel
def plan_alike(w):
    """Every lane's step as a share of its way, after `plan`."""
    left = w[STOP] - w[TIME]
    share = 1.0 if w[STEP] >= left * (1.0 - NEARLY_THERE) else w[STEP] / left
    for lane in range(LANES):
        own = w[STOP + lane] - w[TIME + lane]
        if own < np.inf:
            w[STEP + lane] = own if share == 1.0 else share * own
            w[INVERSE + lane] = 1.0 / w[STEP + lane]


@kernel
def judge_alike(w):
    """Lane 0 alone decides on the step, before `verdict`."""
    for lane in range(1, LANES):
        w[ERROR + lane], w[LARGEST + lane] = w[ERROR], w[LARGEST]
        w[LOWEST + lane], w[PIVOT + lane] = w[LOWEST], w[PIVOT]


@kernel
def ask_alike(w):
    """What lane 0 asks for, all ask for, after `verdict`."""
    for lane in range(1, LANES):
        w[PLAN + lane], w[ASKS + lane] = w[PLAN], w[ASKS]


@kernel
def mark_out_of_step(w, index, status):
    """A lane whose next stop is not lane 0's (two stops at once there, one by one here) is of no use."""
    left = w[STOP] - w[TIME]
    for lane in range(1, LANES):
        own = w[STOP + lane] - w[TIME + lane]
        if own < np.inf and not 0.5 * left <= own <= 2.0 * left:
            status[index[lane, PATIENT]] = OUT_OF_STEP
            w[STOP + lane] = w[TIME + lane] + left  # it goes on, for the others' sake
