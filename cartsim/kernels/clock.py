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
RESOLVED, FAINT, LOST, REGREW, REVIVAL = (CLOCK + k * LANES for k in range(26, 31))
WAY, RISE, SLOWEST, TIGHTER, RESTLESS = (CLOCK + k * LANES for k in range(31, 36))

FINE, STEP_CAP, NOT_FINITE, STEP_TOO_SMALL, RUNAWAY, REGROWN, SENSITIVE, OUT_OF_STEP = range(8)
AGAIN = 100  # no end: the patient starts anew with a tighter tolerance
BOLUS, RATE_CHANGE = 1, 2
RUNAWAY_LIMIT = 1e60
# A positive state may end a step this many absolute tolerances below zero; it is then zeroed and counted.
NEGATIVE_ALLOWED = 10.0
SMALLEST_PIVOT = 1e-12
# States that can multiply are solved to a relative tolerance down to this many scales, so that no product of
# one below it and another below the runaway limit matters.
DEEPEST = 1.0 / RUNAWAY_LIMIT
# Rounding in a model's own differences (1 - almost 1) can make that impossible: in a lane with more rejected
# steps than this, and than this share of the accepted ones, each further one raises the level tenfold, up to
# the scale itself.
REJECTIONS_ALLOWED, SHARE_ALLOWED, OFTEN = 100.0, 0.2, 10.0
# FAINT is scale / weight of the smallest multiplying state, 1 / (4 size + RESOLVED) with its size in scales;
# times RESOLVED it is 1 for nothing at all; from here on the state may be lost (LOST_BELOW).
FAINT_FROM = 0.96
# A multiplying state below this share of the level to which it is resolved is lost. It is kept at AFLOAT of
# that: set to zero it could never regrow, and what the equations would bring back would be missed in silence.
LOST_BELOW, AFLOAT = 1e-2, 1e-16
# Where everything nearly stands still and cells then take off (CAR-T cells in balance with antigen), an error
# made in the lull is a shift in time, and grows as the speed does. From this growth of speed on a patient is
# solved anew at a tenth of the tolerance, from ten times it at a hundredth, then a thousandth; measured: such
# patients are few, and all others keep within 100 × rtol.
SPEED_UP, TIGHTEST, FINEST_RTOL = 12.0, 2e-3, 1e-12
NO_MOVE = 1e-12  # relative; less than this in a step is rounding

# Columns of `index`: whole numbers of each lane.
PATIENT, NEXT_TIME, LAST_TIME, NEXT_EVENT, LAST_EVENT, ROW, FIRST_RULE, LAST_RULE = range(8)
# Entries of `control`.
RTOL, START, FIRST_STEP, MAX_STEP, MAX_STEPS, FIXED_STEP, ALIKE = range(7)
# Columns of `rules`: signal SIGNAL on SIDE (1 above, -1 below) of LIMIT, between SINCE and UNTIL, again after
# REFRACTORY, AT_MOST times; then the actions from FIRST_ACTION on; its firings are kept from FIRST_SLOT on.
SIGNAL, SIDE, LIMIT, SINCE, UNTIL, REFRACTORY, AT_MOST, FIRST_ACTION, LAST_ACTION, FIRST_SLOT = range(10)
