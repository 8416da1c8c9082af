"""Eight patients in step: each lane has its own clock, step, doses and outputs, and is refilled when done.

Nothing here depends on a lane's neighbours, so a patient's result has the same bits in any cohort and with
any number of threads. A solve never raises; it ends with a status. The text of this file is compiled once per
model, below the model's own generated kernels (see `model_slot` for the names it uses).

What runs at every step (`plan`, `advance`, `verdict`, `take`) works on all lanes at once in the workspace;
what happens rarely (outputs due, doses, a new patient) is done lane by lane for lanes that ask for it.
"""

# <model slot>
from cartsim.kernels.jit import kernel
from cartsim.kernels.model_slot import (
    CLOCK,
    LANES,
    N_PARAMETERS,
    N_STATES,
    N_SWITCHES,
    ORDER,
    PARAMETER,
    RATE,
    RATE_SLOT,
    SIZE,
    STATE,
    SWITCH,
    SWITCH_TIME,
    VALUE,
    advance,
    dense,
    interpolate,
    np,
    prepare,
    take,
    watch,
)

# </model slot>

# Slots of the clock, one number a lane each; the generated kernels know the first seven.
TIME, STEP, INVERSE, ERROR, LARGEST, LOWEST, PIVOT = (CLOCK + k * LANES for k in range(7))
PLAN, STOP, DUE, END, NOW, TAKEN, ASKS, ACCEPTED, REJECTED, CLIPPED, THETA, NEGATIVES = (
    CLOCK + k * LANES for k in range(7, 19)
)
RESOLVED, FAINT, WATCHED, REGREW = (CLOCK + k * LANES for k in range(19, 23))
WAY, RISE, SLOWEST, TIGHTER, RESTLESS, REVIVAL = (CLOCK + k * LANES for k in range(23, 29))

FINE, STEP_CAP, NOT_FINITE, STEP_TOO_SMALL, RUNAWAY, REGROWN, SENSITIVE = 0, 1, 2, 3, 4, 5, 6
AGAIN = 100  # no end: the patient starts anew with a tighter tolerance
BOLUS, RATE_CHANGE = 1, 2
RUNAWAY_LIMIT = 1e100
# States that can multiply are solved to a relative tolerance down to this many scales, so that no product of
# one below it and another below the runaway limit matters.
DEEPEST = 1.0 / RUNAWAY_LIMIT
# Rounding in a model's own differences (1 - almost 1) can make that impossible: in a lane with more rejected
# steps than this, and than this share of the accepted ones, each further one raises the level tenfold, up to
# the scale itself.
REJECTIONS_ALLOWED, SHARE_ALLOWED, OFTEN = 100.0, 0.2, 10.0
# FAINT is scale / weight of the smallest multiplying state, 1 / (4 size + RESOLVED) with its size in scales;
# times RESOLVED it is 1 for nothing at all, and from here on the state may be lost (`spec.growth.LOST`).
FAINT_FROM = 0.96
# Where everything nearly stands still and cells then take off (CAR-T cells in balance with antigen), an error
# made in the lull is a shift in time, and grows as the speed does. From this growth of speed on a patient is
# solved anew at a tenth of the tolerance, from ten times it at a hundredth, then a thousandth; measured: such
# patients are few, and all others keep within 100 × rtol.
SPEED_UP, TIGHTEST, FINEST_RTOL = 12.0, 2e-3, 1e-12
NO_MOVE = 1e-12  # relative; less than this in a step is rounding
# A positive state may end a step this many absolute tolerances below zero; it is then zeroed and counted.
NEGATIVE_ALLOWED = 10.0
SMALLEST_PIVOT = 1e-12

# Columns of `index`: whole numbers of each lane.
PATIENT, NEXT_TIME, LAST_TIME, NEXT_EVENT, LAST_EVENT, ROW = range(6)
# Entries of `control`.
RTOL, START, FIRST_STEP, MAX_STEP, MAX_STEPS, FIXED_STEP = range(6)


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

    Returns whether any lane asks, has an output due inside its step, or has a state to be watched.
    """
    rtol, cap, fixed = control[RTOL], control[MAX_STEPS], control[FIXED_STEP] > 0.0
    asking, due, watching = 0.0, 0.0, 0.0
    for lane in range(LANES):
        error, h, before = w[ERROR + lane] / (rtol * w[TIGHTER + lane]), w[STEP + lane], w[TIME + lane]
        fourth = np.sqrt(np.sqrt(error))
        if ORDER == 4:
            root = fourth
        else:  # error**(3/16), near enough to error**(1/5) for a step size and three square roots cheap
            eighth = np.sqrt(fourth)
            root = eighth * np.sqrt(eighth)
        wanted = 0.9 / root
        sound = (w[LOWEST + lane] >= -NEGATIVE_ALLOWED * rtol) & (w[PIVOT + lane] > SMALLEST_PIVOT)
        good = ((error <= 1.0) & sound) | (fixed & (error == error))
        grown = h * (5.0 if wanted > 5.0 else (0.2 if wanted < 0.2 else wanted))
        # Where the estimate is steep, every other step may be refused: then no growth right after a refusal.
        often = w[REJECTED + lane] > OFTEN + SHARE_ALLOWED * w[ACCEPTED + lane]
        grown = h if often & (w[TAKEN + lane] == 0.0) & (grown > h) else grown
        # A step cut to hit a stop says nothing against the longer one that was planned.
        grown = w[PLAN + lane] if (h < w[PLAN + lane]) & (grown < w[PLAN + lane]) else grown
        shrunk = h * (0.5 if error <= 1.0 else (wanted if (wanted > 0.1) & (wanted < 1.0) else 0.1))
        next_plan = grown if good else shrunk
        # The sum may round up to a stop that the step was not cut for.
        at_stop = (h == w[STOP + lane] - before) | (before + h >= w[STOP + lane])
        now = w[STOP + lane] if at_stop else before + h
        steps = w[ACCEPTED + lane] + w[REJECTED + lane] + 1.0
        stuck = next_plan < 4e-16 * abs(before) + 1e-30
        inside = good & (w[DUE + lane] <= now)
        asks = inside | (good & at_stop) | (w[LARGEST + lane] > RUNAWAY_LIMIT) | stuck | (steps >= cap)
        speed, rise = (w[WAY + lane] + NO_MOVE) * w[INVERSE + lane], w[RISE + lane] * w[INVERSE + lane]
        slowest = speed if good & (speed < w[SLOWEST + lane]) else w[SLOWEST + lane]
        restless = good & (rise * w[TIGHTER + lane] > SPEED_UP * slowest) & (not fixed)
        w[SLOWEST + lane], w[RESTLESS + lane] = slowest, 1.0 if restless else 0.0
        asks = asks | (w[REGREW + lane] > 0.0) | restless
        toils = w[REJECTED + lane] > REJECTIONS_ALLOWED + SHARE_ALLOWED * w[ACCEPTED + lane]
        raised = min(10.0 * w[RESOLVED + lane], 1.0)
        w[RESOLVED + lane] = raised if toils & (not good) else w[RESOLVED + lane]
        w[ERROR + lane] = error
        w[PLAN + lane] = next_plan
        w[NOW + lane] = now if good else before
        w[TAKEN + lane] = 1.0 if good else 0.0
        w[ASKS + lane] = 1.0 if asks else 0.0
        w[ACCEPTED + lane] += 1.0 if good else 0.0
        w[REJECTED + lane] += 0.0 if good else 1.0
        asking += 1.0 if asks else 0.0
        due += 1.0 if inside else 0.0
        faint = (w[FAINT + lane] * w[RESOLVED + lane] > FAINT_FROM) | (w[LOWEST + lane] < 0.0)
        watching += 1.0 if faint | (w[WATCHED + lane] > 0.0) else 0.0
    return asking > 0.0, due > 0.0, watching > 0.0


@kernel
def revive(w, control):
    """Shorten the next step where a lost state grows: its error is not judged, and a long step damps it."""
    for lane in range(LANES):
        if w[WATCHED + lane] > 0.0 and w[TAKEN + lane] > 0.0 and w[REVIVAL + lane] > 0.0:
            longest = max(1.0 / w[REVIVAL + lane], control[FIRST_STEP])  # what is fed grows at no finite rate
            w[PLAN + lane] = min(w[PLAN + lane], longest)


@kernel
def outputs_inside(w, index, times, states):
    """Write the outputs due within the lanes' steps (at a step's end only where that is no stop).

    All lanes are interpolated at once, each at its own next output time, until none has one left.
    """
    dense(w)
    more = True
    while more:
        more = False
        for lane in range(LANES):
            w[THETA + lane] = (w[DUE + lane] - w[TIME + lane]) / w[STEP + lane]
        interpolate(w)
        for lane in range(LANES):
            due, now = w[DUE + lane], w[NOW + lane]
            if w[TAKEN + lane] == 0.0 or due > now or (due == now and now == w[STOP + lane]):
                continue
            row, position = index[lane, ROW], index[lane, NEXT_TIME] + 1
            for k in range(N_STATES):
                states[row, k] = w[VALUE + k * LANES + lane]
            w[CLIPPED + lane] += w[NEGATIVES + lane]
            index[lane, ROW], index[lane, NEXT_TIME] = row + 1, position
            following = times[position] if position < index[lane, LAST_TIME] else np.inf
            w[DUE + lane] = following
            more = more or following <= now


@kernel
def stop_here(w, lane, index, times, events, first_step, states):
    """At a stop: apply doses, raise switches, write outputs due now, and find the next stop."""
    now = w[TIME + lane]
    event, last_event = index[lane, NEXT_EVENT], index[lane, LAST_EVENT]
    while event < last_event and events[event, 0] <= now:
        target = int(events[event, 2])
        if events[event, 1] == BOLUS:
            w[STATE + target * LANES + lane] += events[event, 3]
        elif events[event, 1] == RATE_CHANGE and RATE_SLOT[target] >= 0:
            w[RATE + RATE_SLOT[target] * LANES + lane] += events[event, 3]
        event += 1
    index[lane, NEXT_EVENT] = event
    position, last_time = index[lane, NEXT_TIME], index[lane, LAST_TIME]
    while position < last_time and times[position] <= now:
        for k in range(N_STATES):
            states[index[lane, ROW], k] = w[STATE + k * LANES + lane]
        position += 1
        index[lane, ROW] += 1
    index[lane, NEXT_TIME] = position
    w[DUE + lane] = times[position] if position < last_time else np.inf
    stop = w[END + lane]
    if event < last_event:
        stop = min(stop, events[event, 0])
    for k in range(N_SWITCHES):
        switch = w[SWITCH_TIME + k * LANES + lane]
        w[SWITCH + k * LANES + lane] = 1.0 if switch <= now else 0.0
        if switch > now:
            stop = min(stop, switch)
    w[STOP + lane], w[SLOWEST + lane] = stop, np.inf
    w[PLAN + lane] = min(w[PLAN + lane], first_step)


@kernel
def load(
    w, lane, patient, index, parameters, subject, times, time_offsets, row_offsets, event_offsets, control
):
    """Put a patient into a lane at the start time."""
    who = subject[patient]
    index[lane, PATIENT] = patient
    index[lane, NEXT_TIME], index[lane, LAST_TIME] = time_offsets[who], time_offsets[who + 1]
    index[lane, NEXT_EVENT], index[lane, LAST_EVENT] = event_offsets[who], event_offsets[who + 1]
    index[lane, ROW] = row_offsets[patient]
    for k in range(N_PARAMETERS):
        w[PARAMETER + k * LANES + lane] = parameters[patient, k]
    for k in range(N_STATES):
        if RATE_SLOT[k] >= 0:
            w[RATE + RATE_SLOT[k] * LANES + lane] = 0.0
    prepare(w, lane)
    w[TIME + lane] = w[END + lane] = control[START]
    w[PLAN + lane] = control[FIRST_STEP]
    w[ACCEPTED + lane] = w[REJECTED + lane] = w[CLIPPED + lane] = w[REGREW + lane] = 0.0
    w[RESOLVED + lane], w[TAKEN + lane], w[TIGHTER + lane] = DEEPEST, 1.0, 1.0
    if index[lane, LAST_TIME] > index[lane, NEXT_TIME]:
        w[END + lane] = times[index[lane, LAST_TIME] - 1]


@kernel
def load_again(w, lane, index, parameters, subject, times, time_offsets, row_offsets, event_offsets, control):
    """Put a lane's patient at the start time again, with a tenth of the tolerance; its steps so far count."""
    tighter, accepted, rejected = w[TIGHTER + lane], w[ACCEPTED + lane], w[REJECTED + lane]
    who = index[lane, PATIENT]
    load(w, lane, who, index, parameters, subject, times, time_offsets, row_offsets, event_offsets, control)
    w[TIGHTER + lane], w[ACCEPTED + lane], w[REJECTED + lane] = 0.1 * tighter, accepted, rejected


@kernel
def finish(w, lane, code, index, states, status, counts):
    """Record how a patient ended; what a failed one did not reach is NaN. The lane becomes idle."""
    patient = index[lane, PATIENT]
    status[patient] = code
    counts[patient, 0] = int(w[ACCEPTED + lane])
    counts[patient, 1] = int(w[REJECTED + lane])
    counts[patient, 2] = int(w[CLIPPED + lane])
    for row in range(index[lane, ROW], index[lane, ROW] + index[lane, LAST_TIME] - index[lane, NEXT_TIME]):
        for k in range(N_STATES):
            states[row, k] = np.nan
    index[lane, PATIENT] = -1
    w[TIME + lane], w[PLAN + lane], w[STOP + lane] = 0.0, 1e-9, np.inf
    w[DUE + lane] = w[END + lane] = np.inf
    w[REGREW + lane] = w[WATCHED + lane] = 0.0


@kernel
def ended(w, lane, control):
    """Status of a lane that asked for attention, or -1 while it goes on."""
    if w[LARGEST + lane] > RUNAWAY_LIMIT and w[TAKEN + lane] > 0.0:
        return RUNAWAY
    if w[REGREW + lane] > 0.0:
        return REGROWN
    if w[RESTLESS + lane] > 0.0 and control[RTOL] * w[TIGHTER + lane] > FINEST_RTOL:
        return AGAIN if w[TIGHTER + lane] > TIGHTEST else SENSITIVE
    if w[TAKEN + lane] > 0.0 and w[TIME + lane] >= w[END + lane]:
        return FINE
    if w[TAKEN + lane] == 0.0 and w[PLAN + lane] < 4e-16 * abs(w[TIME + lane]) + 1e-30:
        if w[RESOLVED + lane] < 1.0:  # perhaps it only asked too much of tiny states
            w[RESOLVED + lane], w[PLAN + lane] = 1.0, control[FIRST_STEP]
            return -1
        return STEP_TOO_SMALL if w[ERROR + lane] == w[ERROR + lane] else NOT_FINITE
    if w[ACCEPTED + lane] + w[REJECTED + lane] >= control[MAX_STEPS]:
        return STEP_CAP
    return -1


@kernel
def solve(
    first,
    last,
    parameters,
    subject,
    times,
    time_offsets,
    row_offsets,
    event_offsets,
    events,
    control,
    states,
    status,
    counts,
):
    """Integrate patients first..last-1.

    Inputs: parameters[n, P], subject[n], times of each subject by time_offsets, first row of each patient,
    events[E, 4] = (time, kind, state, value) by event_offsets, control[6]. Written: states[rows, N],
    status[n], counts[n, 3] = (accepted, rejected, clipped).
    """
    # Vectors of eight numbers that cross a cache line cost twice: start the workspace on one.
    raw = np.zeros(SIZE + 8)
    shift = (8 - (raw.ctypes.data // 8) % 8) % 8
    w = raw[shift : shift + SIZE]
    index = np.full((LANES, 6), -1, dtype=np.int64)
    queue, busy = first, 0
    for lane in range(LANES):
        w[PLAN + lane], w[STOP + lane], w[DUE + lane], w[END + lane] = 1e-9, np.inf, np.inf, np.inf
        w[ASKS + lane], w[TAKEN + lane] = 1.0, 0.0
    asking = True
    while True:
        if asking:
            for lane in range(LANES):
                if w[ASKS + lane] == 0.0:
                    continue
                if index[lane, PATIENT] >= 0:
                    if w[TAKEN + lane] > 0.0 and w[TIME + lane] == w[STOP + lane]:
                        stop_here(w, lane, index, times, events, control[FIRST_STEP], states)
                    code = ended(w, lane, control)
                    if code == AGAIN:
                        load_again(
                            w,
                            lane,
                            index,
                            parameters,
                            subject,
                            times,
                            time_offsets,
                            row_offsets,
                            event_offsets,
                            control,
                        )
                        stop_here(w, lane, index, times, events, control[FIRST_STEP], states)
                    if code < 0 or code == AGAIN:
                        continue
                    finish(w, lane, code, index, states, status, counts)
                    busy -= 1
                while index[lane, PATIENT] < 0 and queue < last:
                    load(
                        w,
                        lane,
                        queue,
                        index,
                        parameters,
                        subject,
                        times,
                        time_offsets,
                        row_offsets,
                        event_offsets,
                        control,
                    )
                    queue += 1
                    stop_here(w, lane, index, times, events, control[FIRST_STEP], states)
                    if w[TIME + lane] < w[END + lane]:
                        busy += 1
                    else:
                        # np.int64: for a bare constant numba would compile `finish` a second time
                        finish(w, lane, np.int64(FINE), index, states, status, counts)
            if busy == 0:
                return
        plan(w, control)
        advance(w)
        asking, due, watching = verdict(w, control)
        if due:
            outputs_inside(w, index, times, states)
        if watching:
            watch(w)
            revive(w, control)
        take(w)
