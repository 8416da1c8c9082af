"""The text of what follows a step: its error in units of each state's weight, and its being taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cartsim.spec.growth import INFLOW, SLACK
from cartsim.spec.model import Model, State
from cartsim.spec.printing import Layout, number

LARGER = "{0} if {0} > {1} else {1}"


def judge_kernel(
    model: Model, layout: Layout, multiplying: Mapping[int, int | None], stages: int, *, explicit: bool
) -> str:
    """Kernel `judge`: the largest error of a state in units of its weight, and a step's checks.

    Not the RMS: many quiet states would let one be wrong by the square root of their number. The weight is
    scale + max(|y|, |y1|); that of a state that is `multiplying` is relative, until the switch that ends its
    growth (by number, if any). Also the longest WAY of a state in this step and the largest RISE of one that
    multiplies, in the same units.
    """
    slot = layout.slots
    errors = slot["STAGE"] if explicit else slot[f"U{stages - 1}"]
    body = []
    for n, state in enumerate(model.states):
        offset = n * layout.lanes
        body += [
            f"new{n} = w[{slot['NEXT'] + offset} + lane]",
            f"size{n} = abs(new{n})",
            f"start{n} = w[{slot['STATE'] + offset} + lane]",
            f"old{n} = abs(start{n})",
            f"wrong{n} = abs(w[{errors + offset} + lane])",
        ]
        if n in multiplying:
            resolved, end = f"w[{slot['RESOLVED']} + lane]", multiplying[n]
            if end is not None:
                flag = f"w[{slot['SWITCH'] + end * layout.lanes} + lane]"
                body.append(f"resolved{n} = {resolved} if {flag} == 0.0 else 1.0")
                resolved = f"resolved{n}"
            body += _relative_parts(n, state, resolved)
        else:
            body += _absolute_parts(n, state)
        body += [f"move{n} = (new{n} - start{n}) * inverse{n}", f"way{n} = abs(move{n})"]
        body += [f"rise{n} = move{n} if new{n} > {number(state.scale)} else 0.0"] if n in multiplying else []
    every = range(len(model.states))
    positive = [n for n in every if model.states[n].positive]
    own = [n for n in every if not model.states[n].carries]  # an input that moves is not the patient's unrest
    for name, members, formula, target in (
        # written so that a NaN in either argument is never hidden
        ("part", every, "{0} if ({0} > {1}) | ({0} != {0}) else {1}", "ERROR"),
        ("size", every, LARGER, "LARGEST"),
        ("low", positive, "{0} if {0} < {1} else {1}", "LOWEST"),
        ("way", own, LARGER, "WAY"),
        ("rise", list(multiplying), LARGER, "RISE"),
        ("faint", list(multiplying), LARGER, "FAINT"),
    ):
        body += _reduced(name, members, formula, f"w[{slot[target]} + lane]")
    if explicit:
        body.append(f"w[{slot['PIVOT']} + lane] = 1.0")
    return _over_lanes("judge", layout, body)


def _absolute_parts(n: int, state: State) -> list[str]:
    """Error of a state that is only fed or cleared: below its scale it does not matter."""
    lines = [
        f"inverse{n} = 1.0 / ({number(state.scale)} + (old{n} if old{n} > size{n} else size{n}))",
        f"part{n} = wrong{n} * inverse{n}",
    ]
    return [*lines, f"low{n} = new{n} * {number(1.0 / state.scale)}"] if state.positive else lines


def _relative_parts(n: int, state: State, resolved: str) -> list[str]:
    """Error of a state that can multiply, relative to the new value alone.

    With the larger of both ends, a state that falls far within one step could end it wrong altogether, even
    below zero. Its size below zero counts in units of the weight too: a fraction of what is there.
    """
    scale = number(state.scale)
    return [
        f"slack{n} = {number(SLACK)} * size{n}",
        f"level{n} = {scale} * {resolved}",
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
        offset = n * layout.lanes
        body.append(f"value = w[{slot['NEXT'] + offset} + lane]")
        target = f"w[{slot['STATE'] + offset} + lane]"
        if state.positive:
            body.append("clipped += 1.0 if good & (value < 0.0) else 0.0")
            body.append("value = 0.0 if value < 0.0 else value")
        if state.extinct_below > 0.0:
            # Only what falls dies out: cells that an inflow brings up from nothing stay.
            dying = f"(value < {number(state.extinct_below)}) & (value < {target})"
            body.append(f"value = 0.0 if {dying} else value")
        body.append(f"{target} = value if good else {target}")
    body.append(f"w[{slot['CLIPPED']} + lane] = clipped")
    body.append(f"w[{slot['TIME']} + lane] = w[{slot['NOW']} + lane]")
    return _over_lanes("take", layout, body)


def _over_lanes(name: str, layout: Layout, body: Sequence[str]) -> str:
    """A kernel that does `body` in one loop over the lanes."""
    loop = [f"    for lane in range({layout.lanes}):", *(f"        {line}" for line in body)]
    return "\n".join(["@kernel", f"def {name}(w):", *loop])
