"""How curves change with parameters: a patient and its neighbours in parameters, solved in step.

All take the steps of the patient itself, so the differences are derivatives of one and the same smooth
numerical solution, without the noise of step control (internal differentiation). Switch times that depend on
parameters move with them, so their jumps need no extra terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cartsim.errors import SolveError
from cartsim.kernels.methods import Method, default_method
from cartsim.regimen.events import EventTable
from cartsim.solve.batch import OUT_OF_STEP, batch
from cartsim.spec.model import Model

# Relative size of a neighbour's step: the truncation error of a forward difference and its rounding are alike
# small, about this relative to the curvature and 1e-9 of the value.
STEP = 1e-6
# Where neighbours cannot go in step: central differences of solves of their own, this wide and tighter.
WIDE, TIGHTER = 1e-4, 1e-2


@dataclass(frozen=True)
class Sensitivities:
    """Curves of n patients and their slopes.

    Attributes
    ----------
    names : the K parameters
    outputs : float64 (n, T, O), in the model's output units
    states : float64 (n, T, N)
    output_slopes : float64 (n, T, O, K), d output / d parameter, in their units
    state_slopes : float64 (n, T, N, K)
    status : int64 (n,), see `cartsim.solve.batch.STATUS`; slopes of a failed patient are NaN
    on_their_own : bool (n, K), where neighbours met their stops in another order than the patient (two stops
        at the same moment) and the slope is a central difference of separate solves, less exact
    """

    names: tuple[str, ...]
    outputs: np.ndarray
    states: np.ndarray
    output_slopes: np.ndarray
    state_slopes: np.ndarray
    status: np.ndarray
    on_their_own: np.ndarray


def neighbour_groups(directions: int, lanes: int) -> np.ndarray:
    """Which direction each lane goes in, int64 (G, lanes); lane 0 of every group and the rest stay (-1)."""
    if lanes < 2:
        raise SolveError("a patient and its neighbours need lanes", value=lanes, limit=">= 2")
    groups = -(-directions // (lanes - 1))
    plan = np.full((groups, lanes), -1)
    plan[:, 1:].flat[:directions] = np.arange(directions)
    return plan


def sensitivities(
    model: Model,
    parameters: np.ndarray,
    times: np.ndarray,
    wrt: Sequence[str],
    *,
    events: EventTable | None = None,
    start: float = 0.0,
    method: Method | None = None,
    threads: int = 1,
) -> Sensitivities:
    """Derivatives of all outputs and states with respect to parameters, by forward differences in step.

    Parameters
    ----------
    parameters : float64 (n, P), all parameters in the model's order
    times : float64 (T,), day
    wrt : names of the K parameters; they move by 1e-6 of their value (1e-6 where that is zero)
    events : doses of one subject, for all, or of n subjects
    method : Rodas4, Rodas5P … ; Rodas5P at 1e-6 by default. One lane is the patient: with 8 lanes seven
        parameters cost about as much as one patient alone

    Raises
    ------
    SolveError
        Where a regimen has rules (their moments do not move with the parameters), or for wrong shapes.
    """
    method = replace(method or default_method(), in_step=True)
    plan = neighbour_groups(len(wrt), method.lanes)
    moved = _Moved.of(model, parameters, wrt, times, events)
    base, slopes, status, apart = moved.in_step(plan, start, method, threads)
    for k in np.flatnonzero(apart.any(axis=0)):
        who = np.flatnonzero(apart[:, k])
        for slope, own in zip(slopes, moved.on_their_own(who, k, start, method, threads), strict=True):
            slope[who, :, :, k] = own
    return Sensitivities(tuple(wrt), *base, *slopes, status, apart)


@dataclass(frozen=True)
class _Moved:
    """Patients, the parameters that are moved, and by how much relative to STEP."""

    model: Model
    parameters: np.ndarray
    indices: tuple[int, ...]
    sizes: np.ndarray
    times: np.ndarray
    events: EventTable | None

    @classmethod
    def of(cls, model, parameters, wrt, times, events) -> _Moved:
        parameters = np.atleast_2d(np.asarray(parameters, dtype=np.float64))
        indices = tuple(model.index(name) for name in wrt)
        sizes = np.abs(parameters[:, indices])
        return cls(
            model, parameters, indices, np.where(sizes > 0.0, sizes, 1.0), np.atleast_1d(times), events
        )

    def solved(self, rows: np.ndarray, who: np.ndarray, start: float, method: Method, threads: int):
        """(Outputs, states) (n, …, T, O or N) and statuses of rows float64 (n, …, P) of patients `who`."""
        several = self.events is not None and self.events.subjects > 1
        each = rows[0, ..., 0].size
        found = batch(
            self.model,
            rows.reshape(-1, rows.shape[-1]),
            self.times,
            events=self.events,
            subject=np.repeat(who, each) if several else np.zeros(len(who) * each, dtype=np.int64),
            start=start,
            method=method,
            threads=threads,
        )
        shape = (*rows.shape[:-1], len(self.times), -1)
        curves = found.outputs.reshape(shape), found.states.reshape(shape)
        return curves, found.status.reshape(rows.shape[:-1])

    def in_step(self, plan: np.ndarray, start: float, method: Method, threads: int):
        """Curves, slopes and statuses of all patients, and whose neighbours fell out of step (n, K)."""
        count = len(self.parameters)
        rows = np.empty((count, *plan.shape, self.parameters.shape[1]))
        rows[:] = self.parameters[:, None, None]
        taken = plan >= 0
        group, lane = np.nonzero(taken)  # in the order of the parameters
        moved = np.array(self.indices)
        rows[:, group, lane, moved] += STEP * self.sizes
        # what was added, not what was meant: the sum rounds
        width = np.ones((count, *plan.shape))
        width[:, taken] = rows[:, group, lane, moved] - self.parameters[:, moved]
        curves, status = self.solved(rows, np.arange(count), start, method, threads)
        base = [values[:, 0, 0].copy() for values in curves]
        slopes = []
        for values in curves:  # in place: these arrays are large
            neighbours = values[:, :, 1:]
            neighbours -= values[:, :, :1]
            neighbours /= width[:, :, 1:, None, None]
            in_order = neighbours.reshape(count, -1, *values.shape[-2:])[:, : len(moved)]
            slopes.append(np.moveaxis(in_order, 1, -1))
        return base, slopes, status[:, 0, 0], status[:, taken] == OUT_OF_STEP

    def on_their_own(self, who: np.ndarray, k: int, start: float, method: Method, threads: int):
        """Slopes in parameter k of the patients `who` by central differences of separate, tighter solves."""
        tight = replace(method, in_step=False, rtol=max(TIGHTER * method.rtol, 1e-13))
        rows = np.repeat(self.parameters[who][:, None], 2, axis=1)
        width = WIDE * self.sizes[who, k]
        rows[:, :, self.indices[k]] += width[:, None] * np.array([1.0, -1.0])
        curves, _ = self.solved(rows, who, start, tight, threads)
        return [(values[:, 0] - values[:, 1]) / (2.0 * width[:, None, None]) for values in curves]
