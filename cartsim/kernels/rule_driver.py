"""Rules that react to the simulated patient: when a signal passes a limit, doses are ordered.

The moment is found on the dense output of a step; the step is then taken again up to just there, so that
every restart has a full step's accuracy. A rule looks at the level, not at the passing: it fires again
after its refractory time if the signal is still (or again) beyond the limit.

What runs at every step (`cut_at_crossings`, `look`) reads the workspace and `memory` alone: handing over the
tuples of arrays costs more than the step. Every day from which a rule may fire and the last one are stops,
so that within a step a rule is either ready throughout or not at all.
"""

# <model slot>
from cartsim.kernels.clock import (
    ABOVE,
    ACCEPTED,
    ASKS,
    AT_MOST,
    BELOW,
    BOLUS,
    EXCESS,
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
    RATE_CHANGE,
    REFRACTORY,
    REJECTED,
    SIDE,
    SIGNAL,
    SINCE,
    START,
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
    approach,
    np,
    watch,
)

# </model slot>

# Columns of `memory` [rule, column, lane]: the day from which the rule may fire (inf: never again), how often
# it has fired, whether its passing was just found; then the rule's signal, side, and side × limit.
READY, FIRED, CROSSED, WATCHED, TOWARDS, BOUND, COLUMNS = range(7)
# Inside a step a signal is looked at this many times; a shorter visit beyond the limit may be missed.
LOOKS = 2
# Share of a step to which a passing is located, and the shortest step that leads to one (day).
CLOSE, SHORTEST = 1e-12, 1e-12


@kernel
def memory_of_rules(first, last, work):
    """What lanes remember of the rules of patients first..last-1, and room for the doses that are ordered."""
    most, room, offsets = 0, 0, work.rule_offsets
    for patient in range(first, last):
        own, ordered = work.subject[patient], 0
        for r in range(offsets[own], offsets[own + 1]):
            doses = work.rules[r, LAST_ACTION] - work.rules[r, FIRST_ACTION]
            ordered += int(work.rules[r, AT_MOST] * doses)
        most, room = max(most, offsets[own + 1] - offsets[own]), max(room, ordered)
    return np.zeros((most, COLUMNS, LANES)), np.full((LANES, room, 4), np.inf)


@kernel
def arm(w, lane, index, work, memory, queue):
    """A new patient in the lane: its rules are ready from their first day on, and nothing is ordered."""
    first, rules = index[lane, FIRST_RULE], work.rules
    count = index[lane, LAST_RULE] - first
    for k in range(memory.shape[0]):
        memory[k, READY, lane] = np.inf
    for k in range(count):
        over = rules[first + k, UNTIL] < work.control[START]
        memory[k, READY, lane] = np.inf if over else rules[first + k, SINCE]
        memory[k, FIRED, lane] = memory[k, CROSSED, lane] = 0.0
        memory[k, WATCHED, lane] = rules[first + k, SIGNAL]
        memory[k, TOWARDS, lane] = rules[first + k, SIDE]
        memory[k, BOUND, lane] = rules[first + k, SIDE] * rules[first + k, LIMIT]
    w[WATCHING + lane] = 0.0
    for q in range(queue.shape[1]):
        queue[lane, q, 0] = np.inf


@kernel
def beyond(w, lane, k, memory):
    """Whether a rule may fire at TIME and its signal is beyond the limit; never where the signal is NaN."""
    signal = w[SIGNALS + int(memory[k, WATCHED, lane]) * LANES + lane]
    return memory[k, READY, lane] <= w[TIME + lane] and (
        memory[k, TOWARDS, lane] * signal - memory[k, BOUND, lane] >= 0.0
    )


@kernel
def give(w, lane, queue, now):
    """Carry out what was ordered for now or before; returns whether that was anything."""
    given = False
    for q in range(queue.shape[1]):
        if queue[lane, q, 0] <= now:
            target, given = int(queue[lane, q, 2]), True
            if queue[lane, q, 1] == BOLUS:
                w[STATE + target * LANES + lane] += queue[lane, q, 3]
            elif queue[lane, q, 1] == RATE_CHANGE and RATE_SLOT[target] >= 0:
                w[RATE + RATE_SLOT[target] * LANES + lane] += queue[lane, q, 3]
            queue[lane, q, 0] = np.inf
    return given


@kernel
def order(lane, rule, now, work, queue):
    """Put the actions of a rule (its row) into the lane's queue."""
    q = 0
    for a in range(int(work.rules[rule, FIRST_ACTION]), int(work.rules[rule, LAST_ACTION])):
        while queue[lane, q, 0] < np.inf:  # there is room for all that can ever be ordered
            q += 1
        queue[lane, q, 0] = now + work.actions[a, 0]
        for column in range(1, 4):
            queue[lane, q, column] = work.actions[a, column]


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
    """At a stop: give what is due and fire the rules whose time has come.

    Returns when to stop next for rules and what they ordered, and whether something was given.
    """
    now, patient, first = w[TIME + lane], index[lane, PATIENT], index[lane, FIRST_RULE]
    count, rules = index[lane, LAST_RULE] - first, work.rules
    again, given = count > 0, False
    while again:  # a dose given at once may call for another rule; each fires a bounded number of times
        again = False
        if give(w, lane, queue, now):
            given = True
        look_at_states(w)
        for k in range(count):
            if memory[k, CROSSED, lane] > 0.0 or beyond(w, lane, k, memory):
                firings[patient, int(rules[first + k, FIRST_SLOT] + memory[k, FIRED, lane])] = now
                order(lane, first + k, now, work, queue)
                memory[k, FIRED, lane] += 1.0
                ready = now + rules[first + k, REFRACTORY]
                over = memory[k, FIRED, lane] >= rules[first + k, AT_MOST] or ready > rules[first + k, UNTIL]
                memory[k, READY, lane], memory[k, CROSSED, lane] = np.inf if over else ready, 0.0
                again = True
    following, watching = np.inf, 0.0
    for k in range(count):
        last_day = rules[first + k, UNTIL]
        if now >= last_day:
            memory[k, READY, lane] = np.inf
        ready = memory[k, READY, lane]
        if ready <= now:
            watching = 1.0
        following = min(following, last_day if ready <= now else ready)
    for q in range(queue.shape[1]):
        following = min(following, queue[lane, q, 0])
    w[WATCHING + lane] = watching
    return following, given


@kernel
def look(w, memory):
    """At THETA of the steps just made: how far signals are beyond the limit of a rule that is ready.

    The largest over the rules goes to EXCESS, -inf where none is ready; a NaN counts as before the limit.
    """
    for lane in range(LANES):
        w[WATCH_TIME + lane] = w[TIME + lane] + w[THETA + lane] * w[STEP + lane]
        w[EXCESS + lane] = -np.inf
    approach(w)
    watch(w)
    for k in range(memory.shape[0]):
        for lane in range(LANES):
            signal = w[SIGNALS + int(memory[k, WATCHED, lane]) * LANES + lane]
            over = memory[k, TOWARDS, lane] * signal - memory[k, BOUND, lane]
            if memory[k, READY, lane] <= w[TIME + lane] and over > w[EXCESS + lane]:
                w[EXCESS + lane] = over


@kernel
def cut_at_crossings(w, memory):
    """Where a rule starts to hold inside a step just taken: take it back and stop at that moment instead."""
    watching = 0.0
    for lane in range(LANES):
        watching += w[WATCHING + lane] * w[TAKEN + lane]
    if watching == 0.0:
        return
    for lane in range(LANES):
        w[LOW + lane] = w[HIGH + lane] = 0.0
        w[BELOW + lane] = -np.inf  # not known at the start of the step, where no rule holds
    searching = False
    for part in range(LOOKS):
        for lane in range(LANES):
            w[THETA + lane] = (part + 1.0) / LOOKS
        look(w, memory)
        for lane in range(LANES):
            if w[HIGH + lane] == 0.0 and w[WATCHING + lane] * w[TAKEN + lane] > 0.0:
                if w[EXCESS + lane] >= 0.0:
                    w[HIGH + lane], w[ABOVE + lane], searching = w[THETA + lane], w[EXCESS + lane], True
                else:
                    w[LOW + lane], w[BELOW + lane] = w[THETA + lane], w[EXCESS + lane]
    if searching:
        locate(w, memory)
        stop_at_crossings(w, memory)


@kernel
def locate(w, memory):
    """Narrow LOW to HIGH round each lane's passing: two false positions, then a halving, and so on."""
    turn, wide = 0, True
    while wide:
        turn, wide = turn + 1, False
        for lane in range(LANES):
            low, high, below = w[LOW + lane], w[HIGH + lane], w[BELOW + lane]
            theta = 0.5 * (low + high)
            guess = low + (high - low) * below / (below - w[ABOVE + lane])
            if turn % 3 > 0 and low <= guess <= high and high - low > CLOSE:  # no guess from infinities, NaN
                # At least half the width aimed at from both ends: a good hit is then closed in as well.
                theta = min(max(guess, low + 0.5 * CLOSE), high - 0.5 * CLOSE)
            w[THETA + lane] = theta
        look(w, memory)
        for lane in range(LANES):
            if w[HIGH + lane] - w[LOW + lane] > CLOSE:
                if w[EXCESS + lane] >= 0.0:
                    w[HIGH + lane], w[ABOVE + lane] = w[THETA + lane], w[EXCESS + lane]
                else:
                    w[LOW + lane], w[BELOW + lane] = w[THETA + lane], w[EXCESS + lane]
                wide = wide or w[HIGH + lane] - w[LOW + lane] > CLOSE


@kernel
def stop_at_crossings(w, memory):
    """Plan a stop at HIGH of the lanes that found a passing, and take their step back."""
    for lane in range(LANES):
        w[THETA + lane] = w[HIGH + lane]
    look(w, memory)
    for lane in range(LANES):
        if w[HIGH + lane] > 0.0:
            for k in range(memory.shape[0]):
                if beyond(w, lane, k, memory):
                    memory[k, CROSSED, lane] = 1.0
            shortest = SHORTEST * (1.0 + abs(w[TIME + lane]))
            moment = w[TIME + lane] + max(w[HIGH + lane] * w[STEP + lane], shortest)
            w[STOP + lane] = min(w[STOP + lane], moment)
            # Nothing is looked for on the way there: the level may come out just short of the limit.
            w[WATCHING + lane] = 0.0
            w[TAKEN + lane], w[ASKS + lane], w[NOW + lane] = 0.0, 0.0, w[TIME + lane]
            w[ACCEPTED + lane] -= 1.0
            w[REJECTED + lane] += 1.0
