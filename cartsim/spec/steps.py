"""The text of one integration step: stage combinations as contiguous loops, then the error of each lane."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from cartsim.kernels.tableaus import ExplicitTableau, RosenbrockTableau
from cartsim.spec.growth import AFLOAT, INFLOW, LOST, SLACK
from cartsim.spec.model import Model, State
from cartsim.spec.printing import LANES, Layout, number


def _combination(layout: Layout, weights: Sequence[float], names: Sequence[str], start: str = "") -> str:
    """start + sum of weight × slot, zeros left out, as text over the index k."""
    terms = [start] if start else []
    for weight, name in zip(weights, names, strict=False):
        if weight != 0.0:
            slot = f"w[{layout.slots[name]} + k]"
            terms.append(slot if weight == 1.0 else f"{number(weight)} * {slot}")
    return " + ".join(terms) or "0.0"


def _over_all(size: int, lines: Iterable[str]) -> list[str]:
    return [f"    for k in range({size * LANES}):", *(f"        {line}" for line in lines)]


def _stage_time(layout: Layout, fraction: float) -> list[str]:
    time, step, stage = (layout.slots[name] for name in ("TIME", "STEP", "STAGE_TIME"))
    return [
        f"    for lane in range({LANES}):",
        f"        w[{stage} + lane] = w[{time} + lane] + {number(fraction)} * w[{step} + lane]",
    ]


def rosenbrock_step(
    model: Model, tableau: RosenbrockTableau, layout: Layout, slopes: Sequence[int], reads_time: bool
) -> list[str]:
    """Kernels `advance` (one step of all lanes), `dense` and `interpolate` (its dense output)."""
    size = len(model.states)
    layout.take("INVERSE_ALL", size)
    layout.take("SLOPE_ALL", size if slopes else 0)
    slot = layout.slots
    stages = [f"U{i}" for i in range(tableau.stages)]
    lines = [
        "@kernel",
        "def advance(w):",
        f"    for lane in range({LANES}):",
        f"        w[{slot['SHIFT']} + lane] = w[{slot['INVERSE']} + lane] / {number(tableau.gamma)}",
        "    factor(w)",
        f"    for n in range({size}):",
        f"        for lane in range({LANES}):",
        f"            w[{slot['INVERSE_ALL']} + n * {LANES} + lane] = w[{slot['INVERSE']} + lane]",
    ]
    for i in slopes:
        target = slot["SLOPE_ALL"] + i * LANES
        lines.append(f"    for lane in range({LANES}):")
        lines.append(
            f"        w[{target} + lane] = w[{slot[f'slope {i}']} + lane] * w[{slot['STEP']} + lane]"
        )
    for i, stage in enumerate(stages):
        if i > 0:
            text = _argument(layout, tableau, i, stages)
            lines += _over_all(size, [f"w[{slot['STAGE']} + k] = {text}"])
            lines += _stage_time(layout, tableau.c[i]) if reads_time else []
            lines.append("    rhs(w)")
        right = f"w[{slot['F']} + k]"
        if any(tableau.C[i]):
            right += f" + ({_combination(layout, tableau.C[i], stages)}) * w[{slot['INVERSE_ALL']} + k]"
        if slopes and tableau.d[i] != 0.0:
            right += f" + {number(tableau.d[i])} * w[{slot['SLOPE_ALL']} + k]"
        lines += _over_all(size, [f"w[{slot['B']} + k] = {right}"])
        lines.append("    backsolve(w)")
        lines += _over_all(size, [f"w[{slot[stage]} + k] = w[{slot['X']} + k]"])
    # Stiffly accurate: y1 is the last stage's argument plus U_s.
    lines += _over_all(size, [f"w[{slot['NEXT']} + k] = w[{slot['STAGE']} + k] + w[{slot[stages[-1]]} + k]"])
    lines.append("    judge(w)")
    return ["\n".join(lines), *_rosenbrock_dense(model, tableau, layout, stages)]


def _argument(layout: Layout, tableau: RosenbrockTableau, i: int, stages: Sequence[str]) -> str:
    """y + sum a_ij U_j; where row i only adds to row i - 1, from the argument that is already there."""
    row, before = tableau.a[i], tableau.a[i - 1]
    if i > 1 and row[: len(before)] == before:
        weights = (0.0,) * len(before) + row[len(before) :]
        return _combination(layout, weights, stages, f"w[{layout.slots['STAGE']} + k]")
    return _combination(layout, row, stages, f"w[{layout.slots['STATE']} + k]")


def _rosenbrock_dense(
    model: Model, tableau: RosenbrockTableau, layout: Layout, stages: Sequence[str]
) -> list[str]:
    """Kernels `dense` (the K_q of all lanes) and `interpolate`."""
    size = len(model.states)
    names = [f"K{q}" for q in range(len(tableau.dense))]
    lines = [
        f"w[{layout.take(name, size)} + k] = {_combination(layout, row, stages)}"
        for name, row in zip(names, tableau.dense, strict=True)
    ]

    def formula(offset: int) -> str:
        slots = (layout.slots[name] + offset for name in ("STATE", "NEXT", *names))
        before, after, *bends = (f"w[{slot} + lane]" for slot in slots)
        polynomial = bends[-1]
        for bend in reversed(bends[:-1]):
            polynomial = f"({bend} + theta * {polynomial})"
        return f"(1.0 - theta) * {before} + theta * ({after} + (1.0 - theta) * {polynomial})"

    dense = "\n".join(["@kernel", "def dense(w):", *_over_all(size, lines)])
    return [dense, _interpolate_kernel(model, layout, formula)]


def _interpolate_kernel(model: Model, layout: Layout, formula: Callable[[int], str]) -> str:
    """Kernel `interpolate`: states of every lane at its own THETA into VALUE, tiny negatives counted."""
    slot = layout.slots
    body = [f"theta = w[{slot['THETA']} + lane]", "negatives = 0.0"]
    for n, state in enumerate(model.states):
        body.append(f"value = {formula(n * LANES)}")
        if state.positive:
            body += ["negatives += 1.0 if value < 0.0 else 0.0", "value = 0.0 if value < 0.0 else value"]
        body.append(f"w[{slot['VALUE'] + n * LANES} + lane] = value")
    body.append(f"w[{slot['NEGATIVES']} + lane] = negatives")
    loop = [f"    for lane in range({LANES}):", *(f"        {line}" for line in body)]
    return "\n".join(["@kernel", "def interpolate(w):", *loop])


def explicit_step(model: Model, tableau: ExplicitTableau, layout: Layout, *, autonomous: bool) -> list[str]:
    """Kernels `advance` and `interpolate` of an explicit Runge-Kutta pair; stages are slopes k_i."""
    size = len(model.states)
    layout.take("STEP_ALL", size)
    slot = layout.slots
    stages = [f"U{i}" for i in range(tableau.stages)]
    step = f"w[{slot['STEP_ALL']} + k]"
    lines = [
        "@kernel",
        "def advance(w):",
        f"    for n in range({size}):",
        f"        for lane in range({LANES}):",
        f"            w[{slot['STEP_ALL']} + n * {LANES} + lane] = w[{slot['STEP']} + lane]",
    ]
    for i, stage in enumerate(stages):
        increment = f" + {step} * ({_combination(layout, tableau.a[i], stages)})" if i else ""
        lines += _over_all(size, [f"w[{slot['STAGE']} + k] = w[{slot['STATE']} + k]{increment}"])
        lines += [] if autonomous else _stage_time(layout, tableau.c[i])
        lines.append("    rhs(w)")
        lines += _over_all(size, [f"w[{slot[stage]} + k] = w[{slot['F']} + k]"])
    error = _combination(layout, tableau.error, stages)
    lines += _over_all(
        size,
        [f"w[{slot['NEXT']} + k] = w[{slot['STAGE']} + k]", f"w[{slot['STAGE']} + k] = {step} * ({error})"],
    )
    lines.append("    judge(w)")
    return ["\n".join(lines), *_explicit_dense(model, tableau, layout, stages)]


def _explicit_dense(
    model: Model, tableau: ExplicitTableau, layout: Layout, stages: Sequence[str]
) -> list[str]:
    """Kernels `dense` and `interpolate` in Hairer's form of the continuous extension."""
    size = len(model.states)
    step = f"w[{layout.slots['STEP_ALL']} + k]"
    state, after = f"w[{layout.slots['STATE']} + k]", f"w[{layout.slots['NEXT']} + k]"
    r3, r4, r5 = (f"w[{layout.take(name, size)} + k]" for name in ("R3", "R4", "R5"))
    first, last = (f"w[{layout.slots[stages[i]]} + k]" for i in (0, -1))
    lines = [
        f"{r3} = {step} * {first} - ({after} - {state})",
        f"{r4} = ({after} - {state}) - {step} * {last} - {r3}",
        f"{r5} = {step} * ({_combination(layout, tableau.dense, stages)})",
    ]

    def formula(offset: int) -> str:
        slots = (layout.slots[name] + offset for name in ("STATE", "NEXT", "R3", "R4", "R5"))
        before, after, c3, c4, c5 = (f"w[{slot} + lane]" for slot in slots)
        bend = f"(1.0 - theta) * ({c3} + theta * ({c4} + (1.0 - theta) * {c5}))"
        return f"{before} + theta * (({after} - {before}) + {bend})"

    dense = "\n".join(["@kernel", "def dense(w):", *_over_all(size, lines)])
    return [dense, _interpolate_kernel(model, layout, formula)]


def judge_kernel(
    model: Model, layout: Layout, lost: Mapping[int, int], stages: int, *, explicit: bool
) -> str:
    """Kernel `judge`: the largest error of a state in units of its weight, and a step's checks.

    Not the RMS: many quiet states would let one be wrong by the square root of their number. The weight is
    scale + max(|y|, |y1|); that of a state that can multiply (those with a slot in `lost`) is relative. Also
    the longest WAY of a state in this step and the largest RISE of one that multiplies, in the same units.
    """
    slot = layout.slots
    errors = slot["STAGE"] if explicit else slot[f"U{stages - 1}"]
    body = []
    for n, state in enumerate(model.states):
        offset = n * LANES
        body += [
            f"new{n} = w[{slot['NEXT'] + offset} + lane]",
            f"size{n} = abs(new{n})",
            f"start{n} = w[{slot['STATE'] + offset} + lane]",
            f"old{n} = abs(start{n})",
            f"wrong{n} = abs(w[{errors + offset} + lane])",
        ]
        body += _relative_parts(n, state, slot["RESOLVED"]) if n in lost else _absolute_parts(n, state)
        body += [f"move{n} = (new{n} - start{n}) * inverse{n}", f"way{n} = abs(move{n})"]
        body += [f"rise{n} = move{n} if new{n} > {number(state.scale)} else 0.0"] if n in lost else []
    every = range(len(model.states))
    positive = [n for n in every if model.states[n].positive]
    # written so that a NaN in either argument is never hidden
    body += _reduced(
        "part", every, "{0} if ({0} > {1}) | ({0} != {0}) else {1}", f"w[{slot['ERROR']} + lane]"
    )
    body += _reduced("size", every, "{0} if {0} > {1} else {1}", f"w[{slot['LARGEST']} + lane]")
    body += _reduced("low", positive, "{0} if {0} < {1} else {1}", f"w[{slot['LOWEST']} + lane]")
    body += _reduced("way", every, "{0} if {0} > {1} else {1}", f"w[{slot['WAY']} + lane]")
    body += _reduced("rise", list(lost), "{0} if {0} > {1} else {1}", f"w[{slot['RISE']} + lane]")
    body += _reduced("faint", list(lost), "{0} if {0} > {1} else {1}", f"w[{slot['FAINT']} + lane]")
    if explicit:
        body.append(f"w[{slot['PIVOT']} + lane] = 1.0")
    return "\n".join(
        [
            "@kernel",
            "def judge(w):",
            f"    for lane in range({LANES}):",
            *(f"        {line}" for line in body),
        ]
    )


def _absolute_parts(n: int, state: State) -> list[str]:
    """Error of a state that is only fed or cleared: below its scale it does not matter."""
    lines = [
        f"inverse{n} = 1.0 / ({number(state.scale)} + (old{n} if old{n} > size{n} else size{n}))",
        f"part{n} = wrong{n} * inverse{n}",
    ]
    return [*lines, f"low{n} = new{n} * {number(1.0 / state.scale)}"] if state.positive else lines


def _relative_parts(n: int, state: State, resolved: int) -> list[str]:
    """Error of a state that can multiply, relative to the new value alone.

    With the larger of both ends, a state that falls far within one step could end it wrong altogether, even
    below zero. Its size below zero counts in units of the weight too: a fraction of what is there.
    """
    scale = number(state.scale)
    return [
        f"slack{n} = {number(SLACK)} * size{n}",
        f"level{n} = {scale} * w[{resolved} + lane]",
        f"fed{n} = size{n} > {number(INFLOW)} * (old{n} + level{n})",
        f"slack{n} = {scale} if (slack{n} > {scale}) | fed{n} else slack{n}",
        f"inverse{n} = 1.0 / (size{n} + slack{n} + level{n})",
        f"part{n} = wrong{n} * inverse{n}",
        f"low{n} = new{n} * inverse{n}",
        f"faint{n} = {scale} * inverse{n}",
    ]


def _reduced(name: str, members: Sequence[int], formula: str, target: str) -> list[str]:
    """Pairwise reduction of name0, name1, … into `target`: a tree, so that no long chain of waits arises."""
    left, lines = [f"{name}{n}" for n in members], []
    while len(left) > 1:
        pairs = [left[k : k + 2] for k in range(0, len(left), 2)]
        lines += [
            f"{first} = {formula.format(first, other)}" for first, other in (p for p in pairs if len(p) == 2)
        ]
        left = [pair[0] for pair in pairs]
    return [*lines, f"{target} = {left[0] if left else '0.0'}"]


def take_kernel(model: Model, layout: Layout) -> str:
    """Kernel `take`: lanes whose step was good move to its end; tiny negatives and extinct cells become 0."""
    slot = layout.slots
    body = [f"good = w[{slot['TAKEN']} + lane] > 0.0", f"clipped = w[{slot['CLIPPED']} + lane]"]
    for n, state in enumerate(model.states):
        offset = n * LANES
        body.append(f"value = w[{slot['NEXT'] + offset} + lane]")
        if state.positive:
            body.append("clipped += 1.0 if good & (value < 0.0) else 0.0")
            body.append(f"value = 0.0 if value < {number(state.extinct_below)} else value")
        target = f"w[{slot['STATE'] + offset} + lane]"
        body.append(f"{target} = value if good else {target}")
    body.append(f"w[{slot['CLIPPED']} + lane] = clipped")
    body.append(f"w[{slot['TIME']} + lane] = w[{slot['NOW']} + lane]")
    loop = [f"    for lane in range({LANES}):", *(f"        {line}" for line in body)]
    return "\n".join(["@kernel", "def take(w):", *loop])


def watch_kernel(model: Model, layout: Layout, lost: Mapping[int, int]) -> str:
    """Kernel `watch`: mark multiplying states that a good step leaves lost, and keep them afloat.

    REGREW is set when one comes back above its scale; REVIVAL is the fastest growth rate of those lost. Runs
    where a state is FAINT, WATCHED or below zero.
    """
    slot = layout.slots
    head = [
        *_over_all(len(model.states), [f"w[{slot['STAGE']} + k] = w[{slot['NEXT']} + k]"]),
        f"    for lane in range({LANES}):",
        f"        w[{slot['STAGE_TIME']} + lane] = w[{slot['NOW']} + lane]",
        "    rhs(w)",
    ]
    body = [
        f"good = w[{slot['TAKEN']} + lane] > 0.0",
        f"resolved = w[{slot['RESOLVED']} + lane]",
        f"regrew, watched, revival = w[{slot['REGREW']} + lane], 0.0, 0.0",
    ]
    for n, place in lost.items():
        scale = number(model.states[n].scale)
        new = f"w[{slot['NEXT'] + n * LANES} + lane]"
        body += [
            f"old, value, level = w[{slot['STATE'] + n * LANES} + lane], {new}, {scale} * resolved",
            f"least, afloat = {number(LOST)} * level, {number(LOST * AFLOAT)} * level",
            # what was fed, or infused above its scale, is known again
            f"fed = (old > {scale}) | (value > {number(INFLOW)} * (old + level))",
            f"mark = 0.0 if fed else w[{place} + lane]",
            f"regrew = 1.0 if good & (mark > 0.0) & (value > {scale}) else regrew",
            "mark = 1.0 if (old > 0.0) & (value < least) else mark",
            f"w[{place} + lane] = mark if good else w[{place} + lane]",
            f"watched += w[{place} + lane]",
            "value = afloat if good & (mark > 0.0) & (value < afloat) else value",
            f"rate = w[{slot['F'] + n * LANES} + lane] / value",
            "revival = rate if (mark > 0.0) & (rate > revival) else revival",
            f"{new} = value",
        ]
    body += [f"w[{slot[name]} + lane] = {name.lower()}" for name in ("REGREW", "WATCHED", "REVIVAL")]
    loop = [f"    for lane in range({LANES}):", *(f"        {line}" for line in body)]
    return "\n".join(["@kernel", "def watch(w):", *head, *loop])
