"""Eight patients in step: each lane has its own clock, step size, doses and outputs, and is refilled when done.

Nothing here depends on a lane's neighbours, so a patient's result has the same bits in any cohort and with any
number of threads. A solve never raises; it ends with a status. The text of this file is compiled once per
model, below the model's own generated kernels (see `model_slot` for the names it uses).
"""

# <model slot>
from cartsim.kernels.jit import kernel
from cartsim.kernels.model_slot import (
    ERROR,
    EXTINCT,
    INVERSE,
    LANES,
    LARGEST,
    LOWEST,
    N_PARAMETERS,
    N_STATES,
    N_SWITCHES,
    NEXT,
    ORDER,
    PARAMETER,
    PIVOT,
    POSITIVE,
    RATE,
    RATE_SLOT,
    SIZE,
    STATE,
    STEP,
    SWITCH,
    SWITCH_TIME,
    TIME,
    advance,
    interpolate,
    np,
    prepare,
)

# </model slot>

FINE, STEP_CAP, NOT_FINITE, STEP_TOO_SMALL, RUNAWAY = 0, 1, 2, 3, 4
BOLUS, RATE_CHANGE = 1, 2
RUNAWAY_LIMIT = 1e100
# A positive state may end a step this many absolute tolerances below zero; it is then set to zero and counted.
NEGATIVE_ALLOWED = 10.0
SMALLEST_PIVOT = 1e-12

# Columns of `lanes` (whole numbers of each lane) and of `clock` (its times).
PATIENT, NEXT_TIME, LAST_TIME, NEXT_EVENT, LAST_EVENT, ACCEPTED, REJECTED, CLIPPED, ROW = range(9)
STOP, PLAN, END = 0, 1, 2


@kernel
def write_state(w, lane, states, row):
    for k in range(N_STATES):
        states[row, k] = w[STATE + k * LANES + lane]


@kernel
def stop_here(w, lane, lanes, clock, problem, results):
    """At a stop: apply doses, raise switches, write outputs due now, and find the next stop."""
    parameters, subject, times, time_offsets, row_offsets, event_offsets, events, control = problem
    states, status, counts = results
    now = w[TIME + lane]
    while lanes[lane, NEXT_EVENT] < lanes[lane, LAST_EVENT] and events[lanes[lane, NEXT_EVENT], 0] <= now:
        event = lanes[lane, NEXT_EVENT]
        target = int(events[event, 2])
        if events[event, 1] == BOLUS:
            w[STATE + target * LANES + lane] += events[event, 3]
        elif events[event, 1] == RATE_CHANGE and RATE_SLOT[target] >= 0:
            w[RATE + RATE_SLOT[target] * LANES + lane] += events[event, 3]
        lanes[lane, NEXT_EVENT] += 1
    while lanes[lane, NEXT_TIME] < lanes[lane, LAST_TIME] and times[lanes[lane, NEXT_TIME]] <= now:
        write_state(w, lane, states, lanes[lane, ROW])
        lanes[lane, NEXT_TIME] += 1
        lanes[lane, ROW] += 1
    stop = clock[lane, END]
    if lanes[lane, NEXT_EVENT] < lanes[lane, LAST_EVENT]:
        stop = min(stop, events[lanes[lane, NEXT_EVENT], 0])
    for k in range(N_SWITCHES):
        switch = w[SWITCH_TIME + k * LANES + lane]
        w[SWITCH + k * LANES + lane] = 1.0 if switch <= now else 0.0
        if switch > now:
            stop = min(stop, switch)
    clock[lane, STOP] = stop
    clock[lane, PLAN] = min(clock[lane, PLAN], control[2])


@kernel
def load(w, lane, patient, lanes, clock, problem, results):
    """Put a patient into a lane, at the start time with the doses due then."""
    parameters, subject, times, time_offsets, row_offsets, event_offsets, events, control = problem
    who = subject[patient]
    lanes[lane, PATIENT] = patient
    lanes[lane, NEXT_TIME], lanes[lane, LAST_TIME] = time_offsets[who], time_offsets[who + 1]
    lanes[lane, NEXT_EVENT], lanes[lane, LAST_EVENT] = event_offsets[who], event_offsets[who + 1]
    lanes[lane, ACCEPTED] = lanes[lane, REJECTED] = lanes[lane, CLIPPED] = 0
    lanes[lane, ROW] = row_offsets[patient]
    for k in range(N_PARAMETERS):
        w[PARAMETER + k * LANES + lane] = parameters[patient, k]
    for k in range(N_STATES):
        if RATE_SLOT[k] >= 0:
            w[RATE + RATE_SLOT[k] * LANES + lane] = 0.0
    prepare(w, lane)
    w[TIME + lane] = control[1]
    clock[lane, PLAN] = control[2]
    clock[lane, END] = control[1]
    if lanes[lane, LAST_TIME] > lanes[lane, NEXT_TIME]:
        clock[lane, END] = times[lanes[lane, LAST_TIME] - 1]
    stop_here(w, lane, lanes, clock, problem, results)


@kernel
def finish(w, lane, code, lanes, results):
    """Record how a patient ended; what a failed one did not reach is NaN."""
    states, status, counts = results
    patient = lanes[lane, PATIENT]
    status[patient] = code
    counts[patient, 0] = lanes[lane, ACCEPTED]
    counts[patient, 1] = lanes[lane, REJECTED]
    counts[patient, 2] = lanes[lane, CLIPPED]
    while lanes[lane, NEXT_TIME] < lanes[lane, LAST_TIME]:
        for k in range(N_STATES):
            states[lanes[lane, ROW], k] = np.nan
        lanes[lane, NEXT_TIME] += 1
        lanes[lane, ROW] += 1
    lanes[lane, PATIENT] = -1


@kernel
def plan_steps(w, lanes, clock, control):
    """Each lane's next step, cut to hit its next stop exactly."""
    for lane in range(LANES):
        if lanes[lane, PATIENT] >= 0:
            planned = control[5] if control[5] > 0.0 else min(clock[lane, PLAN], control[3])
            left = clock[lane, STOP] - w[TIME + lane]
            w[STEP + lane] = left if planned >= left * (1.0 - 1e-10) else planned
        else:
            w[STEP + lane] = 1.0
        w[INVERSE + lane] = 1.0 / w[STEP + lane]


@kernel
def commit(w, lane, lanes, clock, problem, results):
    """Take a good step: outputs inside it, the new state, and the stop if it was reached."""
    parameters, subject, times, time_offsets, row_offsets, event_offsets, events, control = problem
    states, status, counts = results
    before, h = w[TIME + lane], w[STEP + lane]
    at_stop = h == clock[lane, STOP] - before
    now = clock[lane, STOP] if at_stop else before + h
    while lanes[lane, NEXT_TIME] < lanes[lane, LAST_TIME]:
        due = times[lanes[lane, NEXT_TIME]]
        if due > now or (at_stop and due >= now):
            break
        lanes[lane, CLIPPED] += interpolate(w, lane, (due - before) / h, states, lanes[lane, ROW])
        lanes[lane, NEXT_TIME] += 1
        lanes[lane, ROW] += 1
    for k in range(N_STATES):
        value = w[NEXT + k * LANES + lane]
        if POSITIVE[k] and value < 0.0:
            value = 0.0
            lanes[lane, CLIPPED] += 1
        if EXTINCT[k] > 0.0 and value < EXTINCT[k]:
            value = 0.0
        w[STATE + k * LANES + lane] = value
    w[TIME + lane] = now
    lanes[lane, ACCEPTED] += 1
    if at_stop:
        stop_here(w, lane, lanes, clock, problem, results)


@kernel
def settle(w, lane, lanes, clock, problem, results):
    """Judge a lane's step, take or refuse it and set the next size; returns a status, or -1 to go on."""
    control = problem[7]
    error, h = w[ERROR + lane] / control[0], w[STEP + lane]
    sound = w[LOWEST + lane] >= -NEGATIVE_ALLOWED * control[0] and w[PIVOT + lane] > SMALLEST_PIVOT
    fixed = control[5] > 0.0
    if lanes[lane, ACCEPTED] + lanes[lane, REJECTED] >= control[4]:
        return STEP_CAP
    if (error <= 1.0 and sound) or (fixed and error == error):
        if w[LARGEST + lane] > RUNAWAY_LIMIT:
            return RUNAWAY
        factor = 5.0 if error <= 0.0 else min(5.0, max(0.2, 0.9 * error ** (-1.0 / ORDER)))
        # A step cut to hit a stop says nothing against the longer one that was planned.
        clock[lane, PLAN] = max(h * factor, clock[lane, PLAN]) if h < clock[lane, PLAN] else h * factor
        commit(w, lane, lanes, clock, problem, results)
        return FINE if w[TIME + lane] >= clock[lane, END] else -1
    lanes[lane, REJECTED] += 1
    shrink = 0.1
    if error > 1.0 and error < np.inf:
        shrink = max(0.1, 0.9 * error ** (-1.0 / ORDER))
    elif error <= 1.0:
        shrink = 0.5
    clock[lane, PLAN] = h * shrink
    if clock[lane, PLAN] < 4e-16 * abs(w[TIME + lane]) + 1e-30:
        return STEP_TOO_SMALL if error == error else NOT_FINITE
    return -1


@kernel
def refill(w, lane, queue, last, busy, lanes, clock, problem, results):
    """Next patients into a lane until one needs a step; those with nothing to integrate end at once."""
    while queue < last:
        load(w, lane, queue, lanes, clock, problem, results)
        queue += 1
        if w[TIME + lane] < clock[lane, END]:
            return queue, busy + 1
        finish(w, lane, FINE, lanes, results)
    return queue, busy


@kernel
def solve(first, last, problem, results):
    """Integrate patients first..last-1.

    `problem` = (parameters[n, P], subject[n], times, time_offsets, row_offsets, event_offsets,
    events[E, 4] = (time, kind, state, value), control[6] = (rtol, start, first_step, max_step, max_steps,
    fixed_step)); `results` = (states[rows, N], status[n], counts[n, 3] = (accepted, rejected, clipped)).
    """
    w = np.zeros(SIZE)
    lanes = np.full((LANES, 9), -1, dtype=np.int64)
    clock = np.zeros((LANES, 3))
    queue, busy = first, 0
    for lane in range(LANES):
        queue, busy = refill(w, lane, queue, last, busy, lanes, clock, problem, results)
    while busy > 0:
        plan_steps(w, lanes, clock, problem[7])
        advance(w)
        for lane in range(LANES):
            if lanes[lane, PATIENT] >= 0:
                code = settle(w, lane, lanes, clock, problem, results)
                if code >= 0:
                    finish(w, lane, code, lanes, results)
                    queue, busy = refill(w, lane, queue, last, busy - 1, lanes, clock, problem, results)
