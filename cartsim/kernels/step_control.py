"""How long the next step is and whether the last one is taken, for all lanes at once."""

# <model slot>
from cartsim.kernels.clock import (
    ACCEPTED,
    AFLOAT,
    ASKS,
    DUE,
    ERROR,
    FAINT,
    FAINT_FROM,
    FIRST_STEP,
    FIXED_STEP,
    INVERSE,
    LARGEST,
    LOST,
    LOST_BELOW,
    LOWEST,
    MAX_STEP,
    MAX_STEPS,
    NEGATIVE_ALLOWED,
    NO_MOVE,
    NOW,
    OFTEN,
    PIVOT,
    PLAN,
    REGREW,
    REJECTED,
    REJECTIONS_ALLOWED,
    RESOLVED,
    RESTLESS,
    REVIVAL,
    RISE,
    RTOL,
    RUNAWAY_LIMIT,
    SHARE_ALLOWED,
    SLOWEST,
    SMALLEST_PIVOT,
    SPEED_UP,
    STEP,
    STOP,
    TAKEN,
    THETA,
    TIGHTER,
    TIME,
    WAY,
)
from cartsim.kernels.jit import kernel
from cartsim.kernels.model_slot import (
    INFLOW,
    LANES,
    MARKS,
    MULTIPLYING,
    MULTIPLYING_SCALE,
    N_MULTIPLYING,
    N_STATES,
    NEXT,
    ORDER,
    STAGE,
    STAGE_TIME,
    STATE,
    F,
    np,
    rhs,
)

# </model slot>

# Of the tolerance, what a step may use: then 95 of 100 patients end within ten times the tolerance, at every
# tolerance and for every model measured, outputs inside of steps included.
STRICTER = 0.8


@kernel
def plan(w, control):
    """Each lane's next step, cut to hit its next stop exactly. An idle lane steps on the spot."""
    longest, fixed = control[MAX_STEP], control[FIXED_STEP]
    for lane in range(LANES):
        planned = w[PLAN + lane]
        planned = longest if planned > longest else planned
        planned = fixed if fixed > 0.0 else planned
        left = w[STOP + lane] - w[TIME + lane]
        step = left if planned >= left * (1.0 - 1e-10) else planned
        w[STEP + lane] = step
        w[INVERSE + lane] = 1.0 / step


@kernel
def verdict(w, control):
    """Which lanes take their step, the size of the next, and which lanes ask for attention.

    Returns whether any lane asks, has an output due inside its step, or has lost a state that can multiply.
    """
    rtol, cap, fixed = control[RTOL], control[MAX_STEPS], control[FIXED_STEP]
    for lane in range(LANES):  # one loop of loads, choices and stores: only so is it vectorised
        tighter, h, before, planned = w[TIGHTER + lane], w[STEP + lane], w[TIME + lane], w[PLAN + lane]
        stop, due, largest, lowest = w[STOP + lane], w[DUE + lane], w[LARGEST + lane], w[LOWEST + lane]
        accepted, rejected, resolved = w[ACCEPTED + lane], w[REJECTED + lane], w[RESOLVED + lane]
        inverse, slowest, refused = w[INVERSE + lane], w[SLOWEST + lane], w[TAKEN + lane] == 0.0
        lost, regrew, faint = w[LOST + lane], w[REGREW + lane], w[FAINT + lane]
        error = w[ERROR + lane] / (STRICTER * rtol * tighter)
        fourth = np.sqrt(np.sqrt(error))
        if ORDER == 4:
            root = fourth
        else:  # error**(3/16), near enough to error**(1/5) for a step size and three square roots cheap
            eighth = np.sqrt(fourth)
            root = eighth * np.sqrt(eighth)
        wanted = 0.9 / root
        sound = (lowest >= -NEGATIVE_ALLOWED * rtol) & (w[PIVOT + lane] > SMALLEST_PIVOT)
        good = ((error <= 1.0) & sound) | ((fixed > 0.0) & (error == error))
        factor = 5.0 if wanted > 5.0 else wanted
        grown = h * (0.2 if factor < 0.2 else factor)
        # Where the estimate is steep, every other step may be refused: then no growth right after a refusal.
        often = rejected > OFTEN + SHARE_ALLOWED * accepted
        grown = h if often & refused & (grown > h) else grown
        # A step cut to hit a stop says nothing against the longer one that was planned.
        grown = planned if (h < planned) & (grown < planned) else grown
        less = wanted if (wanted > 0.1) & (wanted < 1.0) else 0.1
        next_plan = grown if good else h * (0.5 if error <= 1.0 else less)
        # The sum may round up to a stop that the step was not cut for.
        after = before + h
        at_stop = (h == stop - before) | (after >= stop)
        now = stop if at_stop else after
        now = now if good else before
        stuck = next_plan < 4e-16 * abs(before) + 1e-30
        capped = accepted + rejected + 1.0 >= cap
        speed, rise = (w[WAY + lane] + NO_MOVE) * inverse, w[RISE + lane] * inverse
        slowest = speed if good & (speed < slowest) else slowest
        restless = good & (rise * tighter > SPEED_UP * slowest) & (fixed <= 0.0)
        toils = (rejected > REJECTIONS_ALLOWED + SHARE_ALLOWED * accepted) & (error > 1.0)
        raised = 10.0 * resolved
        raised = 1.0 if raised > 1.0 else raised
        resolved = raised if toils else resolved
        asks = (good & at_stop) | (largest > RUNAWAY_LIMIT) | stuck | capped | restless | (regrew > 0.0)
        w[ERROR + lane] = error
        w[PLAN + lane] = next_plan
        w[NOW + lane] = now
        w[TAKEN + lane] = 1.0 if good else 0.0
        w[ASKS + lane] = 1.0 if asks else 0.0
        w[RESOLVED + lane] = resolved
        w[SLOWEST + lane] = slowest
        w[RESTLESS + lane] = 1.0 if restless else 0.0
        w[FAINT + lane] = 1.0 if (faint * resolved > FAINT_FROM) | (lowest < 0.0) | (lost > 0.0) else 0.0
        w[THETA + lane] = 1.0 if good & (due <= now) else 0.0
        w[ACCEPTED + lane] = accepted + (1.0 if good else 0.0)
        w[REJECTED + lane] = rejected + (0.0 if good else 1.0)
    asking, outputs_due, losing = 0.0, 0.0, 0.0
    for lane in range(LANES):
        asking += w[ASKS + lane]
        outputs_due += w[THETA + lane]
        losing += w[FAINT + lane]
    return asking > 0.0, outputs_due > 0.0, losing > 0.0


@kernel
def mind_the_lost(w):
    """Mark multiplying states that a good step leaves lost, and keep them afloat.

    REGREW is set when one comes back above its scale; REVIVAL is the fastest growth rate of those lost. Runs
    where a state is FAINT, lost or below zero.
    """
    for k in range(N_STATES * LANES):
        w[STAGE + k] = w[NEXT + k]
    for lane in range(LANES):
        w[STAGE_TIME + lane], w[REVIVAL + lane], w[LOST + lane] = w[NOW + lane], 0.0, 0.0
    rhs(w)
    for m in range(N_MULTIPLYING):
        at, scale, marks = MULTIPLYING[m] * LANES, MULTIPLYING_SCALE[m], MARKS + m * LANES
        for lane in range(LANES):
            old, value, level = w[STATE + at + lane], w[NEXT + at + lane], scale * w[RESOLVED + lane]
            if w[TAKEN + lane] > 0.0:
                # what was fed, or infused above its scale, is known again
                fed = old > scale or value > INFLOW * (old + level)
                mark = 0.0 if fed else w[marks + lane]
                if mark > 0.0 and value > scale:
                    w[REGREW + lane] = 1.0
                if old > 0.0 and value < LOST_BELOW * level:
                    mark = 1.0
                w[marks + lane] = mark
                if mark > 0.0:
                    value = max(value, LOST_BELOW * AFLOAT * level)
                    w[REVIVAL + lane] = max(w[REVIVAL + lane], w[F + at + lane] / value)
                w[NEXT + at + lane] = value
            w[LOST + lane] += w[marks + lane]


@kernel
def revive(w, control):
    """Shorten the next step where a lost state grows: its error is not judged, and a long step damps it."""
    for lane in range(LANES):
        if w[LOST + lane] > 0.0 and w[TAKEN + lane] > 0.0 and w[REVIVAL + lane] > 0.0:
            longest = max(1.0 / w[REVIVAL + lane], control[FIRST_STEP])  # what is fed grows at no finite rate
            w[PLAN + lane] = min(w[PLAN + lane], longest)
