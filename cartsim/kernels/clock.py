"""Where the solver keeps its own numbers: slots of a lane, columns of its tables, codes, limits."""

# <model slot>
from cartsim.kernels.model_slot import CLOCK, LANES

# </model slot>

# Slots of the clock, one number a lane each; the generated kernels know those up to PIVOT and some others.
TIME, STEP, INVERSE, ERROR, LARGEST, LOWEST, PIVOT = (CLOCK + k * LANES for k in range(7))
PLAN, STOP, DUE, END, NOW, TAKEN, ASKS, ACCEPTED, REJECTED, CLIPPED, THETA, NEGATIVES = (
    CLOCK + k * LANES for k in range(7, 19)
)
WATCHING, WATCH_TIME, LOW, HIGH, BELOW, ABOVE, EXCESS = (CLOCK + k * LANES for k in range(19, 26))

FINE, STEP_CAP, NOT_FINITE, STEP_TOO_SMALL, RUNAWAY, OUT_OF_STEP = 0, 1, 2, 3, 4, 5
BOLUS, RATE_CHANGE = 1, 2
RUNAWAY_LIMIT = 1e60
# A positive state may end a step this many absolute tolerances below zero; it is then zeroed and counted.
NEGATIVE_ALLOWED = 10.0
SMALLEST_PIVOT = 1e-12

# Columns of `index`: whole numbers of each lane.
PATIENT, NEXT_TIME, LAST_TIME, NEXT_EVENT, LAST_EVENT, ROW, FIRST_RULE, LAST_RULE = range(8)
# Entries of `control`.
RTOL, START, FIRST_STEP, MAX_STEP, MAX_STEPS, FIXED_STEP, ALIKE = range(7)
# Columns of `rules`: signal SIGNAL on SIDE (1 above, -1 below) of LIMIT, between SINCE and UNTIL, again after
# REFRACTORY, AT_MOST times; then the actions from FIRST_ACTION on; its firings are kept from FIRST_SLOT on.
SIGNAL, SIDE, LIMIT, SINCE, UNTIL, REFRACTORY, AT_MOST, FIRST_ACTION, LAST_ACTION, FIRST_SLOT = range(10)
