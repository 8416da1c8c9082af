"""Rules that react to the simulated patient: when a signal passes a limit, doses are ordered.

The moment is found on the dense output of a step; the step is then taken again up to just there, so that
every restart has a full step's accuracy. A rule looks at the level, not at the passing: it fires again
after its refractory time if the signal is still (or again) beyond the limit.
"""

# <model slot>
from cartsim.kernels.clock import (
    ACCEPTED,
    ASKS,
    AT_MOST,
    BOLUS,
    FIRST_ACTION,
    FIRST_RULE,
    FIRST_SLOT,
    HIGH,
    LAST_ACTION,
    LAST_RULE,
    LIMIT,
    LOW,
    NOW,
    PATIENT,
    PENDING,
    RATE_CHANGE,
    REFRACTORY,
    REJECTED,
    SIDE,
    SIGNAL,
    SINCE,
    STEP,
    STOP,
    TAKEN,
    THETA,
    TIME,
    UNTIL,
    WATCH_TIME,
    WATCHING,
)
from cartsim.kernels.jit import kernel
from cartsim.kernels.model_slot import (
    LANES,
    N_STATES,
    RATE,
    RATE_SLOT,
    SIGNALS,
    STATE,
    VALUE,
    dense,
    interpolate,
    np,
    watch,
)

# </model slot>

# Columns of a lane's memory of a rule.
ARMED, FIRED, CROSSED = range(3)
# Inside a step a signal is looked at this many times; a shorter visit beyond the limit may be missed.
LOOKS = 2
# Share of a step to which a passing is located, and the shortest step that leads to one (day).
CLOSE, SHORTEST = 1e-12, 1e-12


@kernel
def arm(w, lane, index, work, memory):
    """A new patient in the lane: all rules ready from their first day on."""
    rules = work.rules
    for k in range(index[lane, LAST_RULE] - index[lane, FIRST_RULE]):
        memory[lane, k, ARMED] = rules[index[lane, FIRST_RULE] + k, SINCE]
        memory[lane, k, FIRED] = memory[lane, k, CROSSED] = 0.0
    w[WATCHING + lane] = 1.0 if index[lane, LAST_RULE] > index[lane, FIRST_RULE] else 0.0
    w[PENDING + lane] = 0.0


@kernel
def beyond(w, lane, k, day, index, work, memory):
    """Whether a rule may fire on this day and its signal is beyond the limit."""
    rule = work.rules[index[lane, FIRST_RULE] + k]
    ready = memory[lane, k, FIRED] < rule[AT_MOST] and memory[lane, k, ARMED] <= day <= rule[UNTIL]
    return ready and rule[SIDE] * (w[SIGNALS + int(rule[SIGNAL]) * LANES + lane] - rule[LIMIT]) >= 0.0


@kernel
def any_beyond(w, lane, index, work, memory):
    """Whether a rule of the lane fires at WATCH_TIME."""
    for k in range(index[lane, LAST_RULE] - index[lane, FIRST_RULE]):
        if beyond(w, lane, k, w[WATCH_TIME + lane], index, work, memory):
            return True
    return False


@kernel
def give(w, lane, queue, now):
    """Carry out what was ordered for now or before."""
    for q in range(queue.shape[1]):
        if queue[lane, q, 0] <= now:
            target = int(queue[lane, q, 2])
            if queue[lane, q, 1] == BOLUS:
                w[STATE + target * LANES + lane] += queue[lane, q, 3]
            elif queue[lane, q, 1] == RATE_CHANGE and RATE_SLOT[target] >= 0:
                w[RATE + RATE_SLOT[target] * LANES + lane] += queue[lane, q, 3]
            queue[lane, q, 0] = np.inf


@kernel
def order(lane, rule, now, work, queue):
    """Put a rule's actions into the lane's queue."""
    for a in range(int(rule[FIRST_ACTION]), int(rule[LAST_ACTION])):
        for q in range(queue.shape[1]):
            if queue[lane, q, 0] == np.inf:
                queue[lane, q, 0] = now + work.actions[a, 0]
                queue[lane, q, 1:] = work.actions[a, 1:]
                break


@kernel
def look_at_states(w):
    """Signals of all lanes at their present states."""
    for k in range(N_STATES * LANES):
        w[VALUE + k] = w[STATE + k]
    for lane in range(LANES):
        w[WATCH_TIME + lane] = w[TIME + lane]
    watch(w)


@kernel
def obey(w, lane, index, work, memory, queue, firings):
    """At a stop: give what is due, fire the rules whose time has come, and say when to stop next for them."""
    now, patient, first = w[TIME + lane], index[lane, PATIENT], index[lane, FIRST_RULE]
    count = index[lane, LAST_RULE] - first
    again = count > 0
    while again:  # a dose given at once may call for another rule; each fires a bounded number of times
        again = False
        give(w, lane, queue, now)
        look_at_states(w)
        for k in range(count):
            rule, own = work.rules[first + k], memory[lane, k]
            if own[CROSSED] > 0.0 or beyond(w, lane, k, now, index, work, memory):
                firings[patient, int(rule[FIRST_SLOT] + own[FIRED])] = now
                own[FIRED] += 1.0
                own[ARMED], own[CROSSED] = now + rule[REFRACTORY], 0.0
                order(lane, rule, now, work, queue)
                again = True
    w[PENDING + lane] = 0.0
    following, watching = np.inf, 0.0
    for q in range(queue.shape[1]):
        following = min(following, queue[lane, q, 0])
    for k in range(count):
        rule, own = work.rules[first + k], memory[lane, k]
        if own[FIRED] < rule[AT_MOST] and now <= rule[UNTIL]:
            watching = 1.0
            if now < own[ARMED] <= rule[UNTIL]:
                following = min(following, own[ARMED])
    w[WATCHING + lane] = watching
    return following


@kernel
def look_inside(w):
    """Signals of all lanes at THETA of their step just made."""
    for lane in range(LANES):
        w[WATCH_TIME + lane] = w[TIME + lane] + w[THETA + lane] * w[STEP + lane]
    interpolate(w)
    watch(w)


@kernel
def cut_at_crossings(w, index, work, memory):
    """Where a rule starts to hold inside a step just taken: take it back and stop at that moment instead."""
    any_watching, searching = 0.0, False
    for lane in range(LANES):
        any_watching += w[WATCHING + lane] * w[TAKEN + lane]
        w[LOW + lane], w[HIGH + lane] = 0.0, 0.0
    if any_watching == 0.0:
        return
    dense(w)
    for part in range(LOOKS):
        for lane in range(LANES):
            w[THETA + lane] = (part + 1.0) / LOOKS
        look_inside(w)
        for lane in range(LANES):
            free = w[WATCHING + lane] * w[TAKEN + lane] > 0.0 and w[PENDING + lane] == 0.0
            if free and w[HIGH + lane] == 0.0 and any_beyond(w, lane, index, work, memory):
                w[LOW + lane], w[HIGH + lane] = part / LOOKS, w[THETA + lane]
                searching = True
    if searching:
        locate(w, index, work, memory)


@kernel
def locate(w, index, work, memory):
    """Halve the interval of every lane that found a passing, then plan the stop there."""
    wide = True
    while wide:
        wide = False
        for lane in range(LANES):
            w[THETA + lane] = 0.5 * (w[LOW + lane] + w[HIGH + lane])
        look_inside(w)
        for lane in range(LANES):
            if w[HIGH + lane] - w[LOW + lane] > CLOSE:
                side = HIGH if any_beyond(w, lane, index, work, memory) else LOW
                w[side + lane] = w[THETA + lane]
                wide = wide or w[HIGH + lane] - w[LOW + lane] > CLOSE
    for lane in range(LANES):
        w[THETA + lane] = w[HIGH + lane]
    look_inside(w)
    for lane in range(LANES):
        if w[HIGH + lane] > 0.0:
            for k in range(index[lane, LAST_RULE] - index[lane, FIRST_RULE]):
                if beyond(w, lane, k, w[WATCH_TIME + lane], index, work, memory):
                    memory[lane, k, CROSSED] = 1.0
            shortest = SHORTEST * (1.0 + abs(w[TIME + lane]))
            moment = w[TIME + lane] + max(w[HIGH + lane] * w[STEP + lane], shortest)
            w[STOP + lane] = min(w[STOP + lane], moment)
            w[PENDING + lane] = 1.0
            w[TAKEN + lane], w[ASKS + lane], w[NOW + lane] = 0.0, 0.0, w[TIME + lane]
            w[ACCEPTED + lane] -= 1.0
            w[REJECTED + lane] += 1.0
