"""The work of a speed comparison: the same patients, cut into stretches between doses and switches.

Solvers without events get for every patient the stretches on which the equations are smooth, each with its
output times; their equations are printed from the model's own, so that all solve the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from cartsim.errors import CartsimError
from cartsim.regimen.doses import BOLUS
from cartsim.regimen.events import EventTable
from cartsim.regimen.regimen import Regimen, events_of
from cartsim.spec.expression import LEAVES, Node, ordered
from cartsim.spec.model import Model
from cartsim.spec.printing import scalar_lines


class Stretch(NamedTuple):
    """One patient between two stops: `knots` (day) start, outputs due, end; `rows` the output row of each
    knot or -1; `p` parameters, then switch flags; `jump` what is added to the states at the start."""

    knots: np.ndarray
    rows: np.ndarray
    p: np.ndarray
    jump: np.ndarray


@dataclass(frozen=True)
class Case:
    """Patients of one model to be solved: parameters float64 (n, P), times float64 (T,) in days, boluses."""

    name: str
    model: Model
    parameters: np.ndarray
    times: np.ndarray
    regimen: Regimen = field(default_factory=Regimen)

    def __post_init__(self) -> None:
        kinds = set(self.events.kind)
        late = self.events.time >= self.times[-1]
        if kinds - {BOLUS} or late.any() or self.times[0] < 0.0:
            raise CartsimError(
                "a speed comparison takes boluses before the last time only", value=self.regimen.doses
            )

    @property
    def events(self) -> EventTable:
        """The doses as the engine's event table."""
        return events_of(self.model, [self.regimen])

    @cached_property
    def scales(self) -> np.ndarray:
        """Absolute scale of every state, float64 (N,): atol = rtol × scale, and in the error."""
        return np.array([state.scale for state in self.model.states])

    @cached_property
    def starts(self) -> np.ndarray:
        """States at day 0 before doses, float64 (n, N)."""
        traced = self.model.traced
        return self._values(traced.initial)

    @cached_property
    def stops(self) -> np.ndarray:
        """Days where stretches begin and end, float64 (n, K + 1), the last one repeated where a patient has
        fewer."""
        switches, end = self._values(self.model.traced.switches), self.times[-1]
        days = [np.unique([0.0, end, *self.events.time, *row[(row > 0.0) & (row < end)]]) for row in switches]
        longest = max(len(row) for row in days)
        return np.array([np.pad(row, (0, longest - len(row)), mode="edge") for row in days])

    @cached_property
    def p(self) -> np.ndarray:
        """Parameters and switch flags of every stretch, float64 (n, K, P + S)."""
        switches, begins = self._values(self.model.traced.switches), self.stops[:, :-1]
        flags = (switches[:, None, :] <= begins[:, :, None]).astype(np.float64)
        repeated = np.repeat(self.parameters[:, None, :], begins.shape[1], axis=1)
        return np.ascontiguousarray(np.concatenate([repeated, flags], axis=2))

    @cached_property
    def jumps(self) -> np.ndarray:
        """What is added to the states at the start of every stretch, float64 (n, K, N)."""
        begins = self.stops[:, :-1]
        jumps = np.zeros((*begins.shape, len(self.model.states)))
        for time, target, value in zip(self.events.time, self.events.target, self.events.value, strict=True):
            first = np.argmax(begins == time, axis=1)
            jumps[np.arange(len(jumps)), first, target] += value
        return jumps

    @cached_property
    def knots(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """All knots as flat arrays: days, output rows or -1, offsets int64 (n K + 1,) of the stretches."""
        knots, rows, offsets, count = [], [], [0], len(self.times)
        for patient, days in enumerate(self.stops):
            for begin, end in pairwise(days):
                if end > begin:
                    closed = end == self.times[-1]
                    due = np.flatnonzero(
                        (self.times >= begin) & ((self.times < end) | (closed & (self.times == end)))
                    )
                    grid = np.unique([begin, *self.times[due], end])
                    row = np.full(len(grid), -1)
                    row[np.searchsorted(grid, self.times[due])] = patient * count + due
                    knots.append(grid)
                    rows.append(row)
                offsets.append(offsets[-1] + (len(knots[-1]) if end > begin else 0))
        return np.concatenate(knots), np.concatenate(rows).astype(np.int64), np.array(offsets, dtype=np.int64)

    def stretches(self, patient: int) -> Iterator[Stretch]:
        """The stretches of one patient, in order."""
        days, rows, offsets = self.knots
        count = self.stops.shape[1] - 1
        for s in range(count):
            first, last = offsets[patient * count + s : patient * count + s + 2]
            if last > first:
                p, jump = self.p[patient, s], self.jumps[patient, s]
                yield Stretch(days[first:last], rows[first:last], p, jump)

    def _values(self, nodes: tuple[Node, ...]) -> np.ndarray:
        """Formulas of the parameters alone for every patient, float64 (n, len(nodes))."""
        names = leaf_names(self.model, nodes)
        lines = scalar_lines(nodes, names, "    ")
        returned = ", ".join(names[node.key] for node in nodes)
        text = "\n".join(["def formulas(p):", *lines, f"    return [{returned}]"])
        scope: dict = {"np": np}
        exec(text, scope)
        found = [scope["formulas"](row) for row in self.parameters]
        return np.array(found, dtype=np.float64).reshape(len(self.parameters), len(nodes))


def leaf_names(
    model: Model, nodes: tuple[Node, ...], state: str = "y", parameter: str = "p"
) -> dict[int, str]:
    """Names of the leaves below the nodes: y[i], p[i], t; switch flags stand behind the parameters."""
    behind = len(model.parameters)
    spelled = {"state": f"{state}[{{}}]", "parameter": f"{parameter}[{{}}]", "time": "t"}
    names = {}
    for node in ordered(nodes):
        if node.op == "switch":
            names[node.key] = f"{parameter}[{behind + int(node.value)}]"
        elif node.op in LEAVES and node.op != "const":
            names[node.key] = spelled[node.op].format(int(node.value))
    return names


def rhs_text(model: Model) -> str:
    """Python text of `rhs(t, y, dy, p)`, which writes the derivatives into `dy`; plain or for numba."""
    return _function("rhs(t, y, dy, p)", model, {f"dy[{i}]": n for i, n in enumerate(model.traced.rhs)})


def jacobian_text(model: Model) -> str:
    """Python text of `jacobian(t, y, jac, p)`, which writes the non-zeros of d rhs_i / d y_j."""
    entries = {f"jac[{i}, {j}]": node for (i, j), node in model.traced.jacobian.items()}
    return _function("jacobian(t, y, jac, p)", model, entries)


def _function(head: str, model: Model, targets: Mapping[str, Node]) -> str:
    nodes = tuple(targets.values())
    names = leaf_names(model, nodes)
    lines = scalar_lines(nodes, names, "    ")
    stores = [f"    {target} = {names[node.key]}" for target, node in targets.items()]
    return "\n".join([f"def {head}:", *lines, *stores]) + "\n"
