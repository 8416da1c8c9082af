"""Formulas printed as Python: straight-line kernels over eight lanes, and scalar loops over rows.

A lane kernel is one loop over the lanes, or a few, with constant offsets into one workspace, so that LLVM
sees no aliasing and vectorises them; exp, log and powers are the branch-free ones of `kernels.elementary`,
which become part of the loop. What one loop hands to the next goes through scratch slots of the workspace.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from cartsim.errors import ModelError
from cartsim.spec.expression import LEAVES, TRANSCENDENTAL, Node, ordered, surely_positive

LANES = 8  # patients in step, unless a solver is built for another number
# LLVM's time grows faster than the length of a loop body; past this a kernel is cut into two loops.
LONGEST_LOOP = 400
# exp, log and powers are about 50 operations each; 40 of them in one loop still compile in 2 s.
CALL_WEIGHT = 10

_TEMPLATES = {
    "add": "({} + {})",
    "sub": "({} - {})",
    "mul": "({} * {})",
    "div": "({} / {})",
    "neg": "(-{})",
    "lt": "({} < {})",
    "le": "({} <= {})",
    # compared with 0 because a truth value that crosses from one loop to another is stored as a number
    "and": "(({} != 0) & ({} != 0))",
    "or": "(({} != 0) | ({} != 0))",
    "not": "(not {})",
    "exp": "np.exp({})",
    "log": "np.log({})",
    "sqrt": "np.sqrt({})",
    "pow": "({} ** {})",
    "where": "({1} if {0} else {2})",
    # written so that a NaN in either argument is never hidden
    "min": "({1} if ({1} < {0}) | ({1} != {1}) else {0})",
    "max": "({1} if ({1} > {0}) | ({1} != {1}) else {0})",
}


def operation(node: Node, arguments: Sequence[str]) -> str:
    """One operation as Python text."""
    if node.op not in _TEMPLATES:
        raise ModelError("an operation that cannot be printed", value=node.op)
    return _TEMPLATES[node.op].format(*arguments)


def number(value: float) -> str:
    """A float literal that reads back to the same bits."""
    if np.isnan(value):
        return "np.nan"
    if np.isinf(value):
        return "np.inf" if value > 0 else "(-np.inf)"
    return repr(float(value))


@dataclass
class Layout:
    """Named slots of the workspace; a slot is one number a lane, offsets are in numbers."""

    slots: dict[str, int] = field(default_factory=dict)
    used: int = 0
    lanes: int = LANES

    def take(self, name: str, count: int = 1) -> int:
        """Reserve `count` slots and return the offset of the first."""
        self.slots[name] = self.used
        self.used += count * self.lanes
        return self.slots[name]


Stores = Sequence[tuple[int, Node]]

Place = Callable[[Node], int | None]
"""Where a leaf (or a precomputed node) stands in the workspace: its offset, or None."""


def lane_kernel(
    name: str, stores: Sequence[tuple[int, Node]], place: Place, layout: Layout, known: Mapping[int, int]
) -> str:
    """Text of `name(w)`, which computes the nodes for every lane and stores each at its offset.

    `place` gives the offsets of leaves; `known` of precomputed nodes, by key. Outputs and inputs must not
    share slots.
    """
    at = dict(known)
    order = ordered([node for _, node in stores], known)
    for node in order:
        slot = place(node)
        if slot is not None:
            at[node.key] = slot
    work = [node for node in order if node.key not in at and node.op not in LEAVES]
    segment, count = _segments(work)
    for node in work:
        for arg in node.args:
            if arg.key in segment and arg.key not in at and segment[arg.key] != segment[node.key]:
                at[arg.key] = layout.take(f"{name} scratch {arg.key}")
    lines = ["@kernel", f"def {name}(w):"]
    for index in range(count):
        members = [node for node in work if segment[node.key] == index]
        lines += _loop(members, segment, at, stores, layout.lanes)
    leaves = [(offset, node) for offset, node in stores if node.key not in segment]
    if leaves:
        lines.append(f"    for lane in range({layout.lanes}):")
        for offset, node in leaves:
            lines.append(f"        w[{offset} + lane] = {_operand(node, at, set())}")
    return "\n".join(lines)


def _segments(work: Sequence[Node]) -> tuple[dict[int, int], int]:
    """Which loop computes each node: one, unless that would be too long to compile."""
    segment, index, filled = {}, 0, 0
    for node in work:
        weight = CALL_WEIGHT if node.op in TRANSCENDENTAL else 1
        if filled + weight > LONGEST_LOOP:
            index, filled = index + 1, 0
        filled += weight
        segment[node.key] = index
    return segment, index + 1 if work else 0


def _loop(
    members: Sequence[Node],
    segment: Mapping[int, int],
    at: Mapping[int, int],
    stores: Sequence[tuple[int, Node]],
    lanes: int,
) -> list[str]:
    """One loop over the lanes: loads, straight-line arithmetic, stores."""
    inside = {node.key for node in members}
    body, loaded, logarithms = [], set(), set()
    for node in members:
        for arg in node.args:
            if arg.key not in inside and arg.key in at and arg.key not in loaded:
                loaded.add(arg.key)
                body.append(f"v{arg.key} = w[{at[arg.key]} + lane]")
        arguments = [_operand(arg, at, inside | loaded) for arg in node.args]
        if node.op == "pow" and node.args[0].key not in logarithms:
            base = node.args[0].key
            logarithms.add(base)
            body.append(f"high{base}, low{base} = log_in_two_parts({arguments[0]})")
        body.append(f"v{node.key} = {_lane_operation(node, arguments)}")
        if node.key in at:
            body.append(f"w[{at[node.key]} + lane] = v{node.key}")
        body += [f"w[{offset} + lane] = v{node.key}" for offset, stored in stores if stored is node]
    return [f"    for lane in range({lanes}):", *(f"        {line}" for line in body)]


def _lane_operation(node: Node, arguments: Sequence[str]) -> str:
    """As `operation`, but exp, log and powers are vectorised; the log of a power's base is already there."""
    if node.op == "pow":
        parts = f"high{node.args[0].key}, low{node.args[0].key}"
        if surely_positive(node.args[0]):
            return f"power_of_positive({parts}, {arguments[1]})"
        return f"power({arguments[0]}, {parts}, {arguments[1]})"
    return f"{node.op}({arguments[0]})" if node.op in TRANSCENDENTAL else operation(node, arguments)


def _operand(node: Node, at: Mapping[int, int], named: set[int]) -> str:
    if node.op == "const":
        return number(node.value)
    return f"v{node.key}" if node.key in named else f"w[{at[node.key]} + lane]"


def scalar_lines(nodes: Sequence[Node], names: dict[int, str], indent: str) -> list[str]:
    """Assignments that compute the nodes one after the other; `names` (key → text) is extended."""
    lines = []
    for node in ordered(nodes, names):
        if node.key in names:
            continue
        if node.op == "const":
            names[node.key] = number(node.value)
            continue
        lines.append(f"{indent}v{node.key} = {operation(node, [names[arg.key] for arg in node.args])}")
        names[node.key] = f"v{node.key}"
    return lines
