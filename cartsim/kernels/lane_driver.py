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
    ALIKE,
    ASKS,
    BOLUS,
    CLIPPED,
    DUE,
    END,
    ERROR,
    FINE,
    FIRST_RULE,
    FIRST_STEP,
    FIXED_STEP,
    INVERSE,
    LARGEST,
    LAST_EVENT,
    LAST_RULE,
    LAST_TIME,
    LOWEST,
    MAX_STEP,
    MAX_STEPS,
    NEGATIVE_ALLOWED,
    NEGATIVES,
    NEXT_EVENT,
    NEXT_TIME,
    NOT_FINITE,
    NOW,
    PATIENT,
    PIVOT,
    PLAN,
    RATE_CHANGE,
    REJECTED,
    ROW,
    RTOL,
    RUNAWAY,
    RUNAWAY_LIMIT,
    SMALLEST_PIVOT,
    START,
    STEP,
    STEP_CAP,
    STEP_TOO_SMALL,
    STOP,
    TAKEN,
    THETA,
    TIME,
    WATCHING,
)
from cartsim.kernels.in_step import ask_alike, judge_alike, mark_out_of_step, plan_alike
from cartsim.kernels.jit import kernel
from cartsim.kernels.model_slot import (
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
)
from cartsim.kernels.no_rules import arm, cut_at_crossings, memory_of_rules, obey

# </model slot>


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

    Returns whether any lane asks, and whether any has an output due inside its step.
    """
    rtol, cap, fixed = control[RTOL], control[MAX_STEPS], control[FIXED_STEP]
    for lane in range(LANES):  # one loop of loads, choices and stores: only so is it vectorised
        error, h, before, planned = w[ERROR + lane] / rtol, w[STEP + lane], w[TIME + lane], w[PLAN + lane]
        stop, due, largest = w[STOP + lane], w[DUE + lane], w[LARGEST + lane]
        accepted, rejected = w[ACCEPTED + lane], w[REJECTED + lane]
        fourth = np.sqrt(np.sqrt(error))
        if ORDER == 4:
            root = fourth
        else:  # error**(3/16), near enough to error**(1/5) for a step size and three square roots cheap
            eighth = np.sqrt(fourth)
            root = eighth * np.sqrt(eighth)
        wanted = 0.9 / root
        sound = (w[LOWEST + lane] >= -NEGATIVE_ALLOWED * rtol) & (w[PIVOT + lane] > SMALLEST_PIVOT)
        good = ((error <= 1.0) & sound) | ((fixed > 0.0) & (error == error))
        factor = 5.0 if wanted > 5.0 else wanted
        grown = h * (0.2 if factor < 0.2 else factor)
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
        w[ERROR + lane] = error
        w[PLAN + lane] = next_plan
        w[NOW + lane] = now
        w[TAKEN + lane] = 1.0 if good else 0.0
        w[ASKS + lane] = 1.0 if (good & at_stop) | (largest > RUNAWAY_LIMIT) | stuck | capped else 0.0
        w[THETA + lane] = 1.0 if good & (due <= now) else 0.0
        w[ACCEPTED + lane] = accepted + (1.0 if good else 0.0)
        w[REJECTED + lane] = rejected + (0.0 if good else 1.0)
    asking, outputs_due = 0.0, 0.0
    for lane in range(LANES):
        asking += w[ASKS + lane]
        outputs_due += w[THETA + lane]
    return asking > 0.0, outputs_due > 0.0


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
    w[STOP + lane] = stop
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
    w[ACCEPTED + lane] = w[REJECTED + lane] = w[CLIPPED + lane] = 0.0
    if index[lane, LAST_TIME] > index[lane, NEXT_TIME]:
        w[END + lane] = work.times[index[lane, LAST_TIME] - 1]


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
    w[WATCHING + lane] = 0.0


@kernel
def ended(w, lane, control):
    """Status of a lane that asked for attention, or -1 while it goes on."""
    if w[LARGEST + lane] > RUNAWAY_LIMIT and w[TAKEN + lane] > 0.0:
        return RUNAWAY
    if w[TAKEN + lane] > 0.0 and w[TIME + lane] >= w[END + lane]:
        return FINE
    if w[TAKEN + lane] == 0.0 and w[PLAN + lane] < 4e-16 * abs(w[TIME + lane]) + 1e-30:
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
            if code < 0:
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
        asking, due = verdict(w, control)
        if in_step:
            ask_alike(w)
        cut_at_crossings(w, memory)
        if due:
            outputs_inside(w, index, work.times, found.states)
        take(w)
