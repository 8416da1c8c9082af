"""Eight patients in step: each lane has its own clock, step, doses and outputs, and is refilled when done.

Nothing here depends on a lane's neighbours, so a patient's result has the same bits in any cohort and with
any number of threads. A solve never raises; it ends with a status. The text of this file and of those beside
it is compiled once per model, below the model's own generated kernels (see `model_slot` for their names).

What runs at every step (`plan`, `advance`, `verdict`, `take`) works on all lanes at once in the workspace;
what happens rarely (outputs due, doses, a new patient) is done lane by lane for lanes that ask for it.
Rules that react to the simulated patient are in `rule_driver`; a solver without any has empty hooks.
"""

# <model slot>
from cartsim.kernels.clock import (
    ACCEPTED,
    AGAIN,
    ALIKE,
    ASKS,
    BOLUS,
    CLIPPED,
    DEEPEST,
    DUE,
    END,
    ERROR,
    FINE,
    FINEST_RTOL,
    FIRST_RULE,
    FIRST_STEP,
    LARGEST,
    LAST_EVENT,
    LAST_RULE,
    LAST_TIME,
    LOST,
    MAX_STEPS,
    NEGATIVES,
    NEXT_EVENT,
    NEXT_TIME,
    NOT_FINITE,
    NOW,
    PATIENT,
    PLAN,
    RATE_CHANGE,
    REGREW,
    REGROWN,
    REJECTED,
    RESOLVED,
    RESTLESS,
    ROW,
    RTOL,
    RUNAWAY,
    RUNAWAY_LIMIT,
    SENSITIVE,
    SLOWEST,
    START,
    STEP,
    STEP_CAP,
    STEP_TOO_SMALL,
    STOP,
    TAKEN,
    THETA,
    TIGHTER,
    TIGHTEST,
    TIME,
    WATCHING,
)
from cartsim.kernels.in_step import ask_alike, judge_alike, mark_out_of_step, plan_alike
from cartsim.kernels.jit import kernel
from cartsim.kernels.model_slot import (
    LANES,
    MARKS,
    N_MULTIPLYING,
    N_PARAMETERS,
    N_STATES,
    N_SWITCHES,
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
)
from cartsim.kernels.no_rules import arm, cut_at_crossings, memory_of_rules, obey
from cartsim.kernels.step_control import mind_the_lost, plan, revive, verdict

# </model slot>


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
def stop_here(w, lane, index, work, memory, queue, found):
    """At a stop: apply doses, raise switches, obey rules, write outputs due now, and find the next stop."""
    now, times, events, states = w[TIME + lane], work.times, work.events, found.states
    event, last_event = index[lane, NEXT_EVENT], index[lane, LAST_EVENT]
    while event < last_event and events[event, 0] <= now:
        target = int(events[event, 2])
        if events[event, 1] == BOLUS:
            w[STATE + target * LANES + lane] += events[event, 3]
        elif events[event, 1] == RATE_CHANGE and RATE_SLOT[target] >= 0:
            w[RATE + RATE_SLOT[target] * LANES + lane] += events[event, 3]
        event += 1
    jump = event > index[lane, NEXT_EVENT]
    index[lane, NEXT_EVENT] = event
    stop = w[END + lane]
    for k in range(N_SWITCHES):
        switch = w[SWITCH_TIME + k * LANES + lane]
        w[SWITCH + k * LANES + lane] = 1.0 if switch <= now else 0.0
        if switch > now:
            stop = min(stop, switch)
        elif switch == now:
            jump = True
    following, given = obey(w, lane, index, work, memory, queue, found.firings)
    stop = min(stop, following)
    if event < last_event:
        stop = min(stop, events[event, 0])
    w[STOP + lane], w[SLOWEST + lane] = stop, np.inf
    if jump or given:  # other stops, such as the first day of a rule, leave the solution smooth
        w[PLAN + lane] = min(w[PLAN + lane], work.control[FIRST_STEP])
    position, last_time = index[lane, NEXT_TIME], index[lane, LAST_TIME]
    while position < last_time and times[position] <= now:
        for k in range(N_STATES):
            states[index[lane, ROW], k] = w[STATE + k * LANES + lane]
        position += 1
        index[lane, ROW] += 1
    index[lane, NEXT_TIME] = position
    w[DUE + lane] = times[position] if position < last_time else np.inf


@kernel
def load(w, lane, patient, index, work, memory, queue):
    """Put a patient into a lane at the start time."""
    who = work.subject[patient]
    index[lane, PATIENT], index[lane, ROW] = patient, work.row_offsets[patient]
    index[lane, NEXT_TIME], index[lane, LAST_TIME] = work.time_offsets[who], work.time_offsets[who + 1]
    index[lane, NEXT_EVENT], index[lane, LAST_EVENT] = work.event_offsets[who], work.event_offsets[who + 1]
    index[lane, FIRST_RULE], index[lane, LAST_RULE] = work.rule_offsets[who], work.rule_offsets[who + 1]
    for k in range(N_PARAMETERS):
        w[PARAMETER + k * LANES + lane] = work.parameters[patient, k]
    for k in range(N_STATES):
        if RATE_SLOT[k] >= 0:
            w[RATE + RATE_SLOT[k] * LANES + lane] = 0.0
    prepare(w, lane)
    arm(w, lane, index, work, memory, queue)
    w[TIME + lane] = w[END + lane] = work.control[START]
    w[PLAN + lane] = work.control[FIRST_STEP]
    w[ACCEPTED + lane] = w[REJECTED + lane] = w[CLIPPED + lane] = w[REGREW + lane] = 0.0
    w[RESOLVED + lane], w[TAKEN + lane], w[TIGHTER + lane] = DEEPEST, 1.0, 1.0
    w[LOST + lane] = 0.0
    for k in range(N_MULTIPLYING):
        w[MARKS + k * LANES + lane] = 0.0
    if index[lane, LAST_TIME] > index[lane, NEXT_TIME]:
        w[END + lane] = work.times[index[lane, LAST_TIME] - 1]


@kernel
def load_again(w, lane, index, work, memory, queue, firings):
    """Put a lane's patient at the start time again, with a tenth of the tolerance; its steps so far count."""
    tighter, accepted, rejected = w[TIGHTER + lane], w[ACCEPTED + lane], w[REJECTED + lane]
    patient = index[lane, PATIENT]
    firings[patient] = np.nan
    load(w, lane, patient, index, work, memory, queue)
    w[TIGHTER + lane], w[ACCEPTED + lane], w[REJECTED + lane] = 0.1 * tighter, accepted, rejected


@kernel
def finish(w, lane, code, index, found):
    """Record how a patient ended; what a failed one did not reach is NaN. The lane becomes idle."""
    patient, counts, states = index[lane, PATIENT], found.counts, found.states
    found.status[patient] = max(code, found.status[patient])  # out of step is worse than fine
    counts[patient, 0] = int(w[ACCEPTED + lane])
    counts[patient, 1] = int(w[REJECTED + lane])
    counts[patient, 2] = int(w[CLIPPED + lane])
    for row in range(index[lane, ROW], index[lane, ROW] + index[lane, LAST_TIME] - index[lane, NEXT_TIME]):
        for k in range(N_STATES):
            states[row, k] = np.nan
    index[lane, PATIENT] = -1
    w[TIME + lane], w[PLAN + lane], w[STOP + lane] = 0.0, 1e-9, np.inf
    w[DUE + lane] = w[END + lane] = np.inf
    w[WATCHING + lane] = w[REGREW + lane] = w[LOST + lane] = 0.0


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
def serve(w, index, first_waiting, last, work, found, memory, queue):
    """Everything lanes ask for: stops, ends, new patients. Returns who waits next and how many lanes work."""
    waiting, common = first_waiting, -1
    for lane in range(LANES):
        if w[ASKS + lane] == 0.0:
            continue
        if index[lane, PATIENT] >= 0:
            if w[TAKEN + lane] > 0.0 and w[TIME + lane] == w[STOP + lane]:
                stop_here(w, lane, index, work, memory, queue, found)
            code = ended(w, lane, work.control)
            if work.control[ALIKE] > 0.0:
                common = code if lane == 0 else common
                code = common
            if code == AGAIN:
                load_again(w, lane, index, work, memory, queue, found.firings)
                stop_here(w, lane, index, work, memory, queue, found)
            if code < 0 or code == AGAIN:
                continue
            finish(w, lane, code, index, found)
        while index[lane, PATIENT] < 0 and waiting < last:
            load(w, lane, waiting, index, work, memory, queue)
            waiting += 1
            stop_here(w, lane, index, work, memory, queue, found)
            if w[TIME + lane] >= w[END + lane]:
                # np.int64: for a bare constant numba would compile `finish` a second time
                finish(w, lane, np.int64(FINE), index, found)
    busy = 0
    for lane in range(LANES):
        busy += 1 if index[lane, PATIENT] >= 0 else 0
    return waiting, busy


@kernel
def solve(first, last, work, found):
    """Integrate patients first..last-1 of `work` and write what is found, see `cartsim.kernels.work`.

    With control[ALIKE] the lanes are one patient and its neighbours in parameters, LANES rows each; all take
    the steps of the first.
    """
    # Vectors of eight numbers that cross a cache line cost twice: start the workspace on one.
    raw = np.zeros(SIZE + 8)
    shift = (8 - (raw.ctypes.data // 8) % 8) % 8
    w = raw[shift : shift + SIZE]
    control, in_step = work.control, work.control[ALIKE] > 0.0
    index = np.full((LANES, 8), -1, dtype=np.int64)
    memory, queue = memory_of_rules(first, last, work)
    for lane in range(LANES):
        w[PLAN + lane], w[STOP + lane], w[DUE + lane], w[END + lane] = 1e-9, np.inf, np.inf, np.inf
        w[ASKS + lane], w[TAKEN + lane] = 1.0, 0.0
    waiting, asking = first, True
    while True:
        if asking:
            waiting, busy = serve(w, index, waiting, last, work, found, memory, queue)
            if busy == 0:
                return
            if in_step:
                mark_out_of_step(w, index, found.status)
        plan(w, control)
        if in_step:
            plan_alike(w)
        advance(w)
        if in_step:
            judge_alike(w)
        asking, due, losing = verdict(w, control)
        if in_step:
            ask_alike(w)
        cut_at_crossings(w, memory)
        if due:
            outputs_inside(w, index, work.times, found.states)
        if losing:
            mind_the_lost(w)
            revive(w, control)
        take(w)
