"""Scalar kernels: what is prepared once a patient, and outputs or closed forms evaluated row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cartsim.spec.expression import LEAVES, Node, leaves_below, ordered
from cartsim.spec.printing import Layout, scalar_lines
from cartsim.spec.trace import Traced


def prepare_kernel(traced: Traced, hoisted: Sequence[Node], known: Mapping[int, int], layout: Layout) -> str:
    """Kernel `prepare(w, lane)`: start states, switch times and parameter-only subexpressions of one lane."""
    roots = [*hoisted, *traced.initial, *traced.switches]
    names: dict[int, str] = {}
    for node in ordered(roots):
        if node.op == "parameter":
            names[node.key] = _slot(layout, "PARAMETER", int(node.value))
    lines = scalar_lines(roots, names, "    ")
    for node in hoisted:
        lines.append(f"    w[{known[node.key]} + lane] = {names[node.key]}")
    for i, node in enumerate(traced.initial):
        lines.append(f"    {_slot(layout, 'STATE', i)} = {names[node.key]}")
    for i, node in enumerate(traced.switches):
        lines.append(f"    {_slot(layout, 'SWITCH_TIME', i)} = {names[node.key]}")
    return "\n".join(["@kernel", "def prepare(w, lane):", *lines])


def _slot(layout: Layout, name: str, index: int) -> str:
    return f"w[{layout.slots[name] + index * layout.lanes} + lane]"


def observe_kernel(traced: Traced) -> str:
    """Kernel `observe`: outputs of every row from its states, time and the patient's parameters."""
    return _row_kernel("observe", "states, outputs", "outputs", traced, traced.outputs)


def closed_form_kernel(traced: Traced) -> str:
    """Kernel `closed_form`: states of every row from its time and the patient's parameters."""
    return _row_kernel("closed_form", "states", "states", traced, traced.solution)


def _row_kernel(name: str, arrays: str, written: str, traced: Traced, roots: Sequence[Node]) -> str:
    """A loop over patients (parameter-only subexpressions first) and over the rows of each."""
    flags = [traced.switches[int(n.value)] for n in ordered(roots) if n.op == "switch"]
    every = [*roots, *flags]
    below = leaves_below(every)
    names: dict[int, str] = {}
    for node in ordered(every):
        if node.op == "parameter":
            names[node.key] = f"parameters[patient, {int(node.value)}]"
    once = [n for n in ordered(every) if n.op not in LEAVES and {k for k, _ in below[n.key]} <= {"parameter"}]
    before = scalar_lines([*once, *flags], names, " " * 8)
    for node in ordered(roots):
        if node.op == "state":
            names[node.key] = f"states[row, {int(node.value)}]"
        elif node.op == "time":
            names[node.key] = "time"
        elif node.op == "switch":
            reached = names[traced.switches[int(node.value)].key]
            names[node.key] = f"(1.0 if time >= {reached} else 0.0)"
    lines = scalar_lines(roots, names, " " * 12)
    lines += [f"            {written}[row, {i}] = {names[node.key]}" for i, node in enumerate(roots)]
    return "\n".join(
        [
            "@kernel",
            f"def {name}(",
            f"    first, last, parameters, subject, times, time_offsets, row_offsets, {arrays}",
            "):",
            "    for patient in range(first, last):",
            *before,
            "        shift = time_offsets[subject[patient]] - row_offsets[patient]",
            "        for row in range(row_offsets[patient], row_offsets[patient + 1]):",
            "            time = times[row + shift]",
            *lines,
        ]
    )
