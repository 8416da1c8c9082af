"""numbalsoda: LSODA called from a numba loop over patients, right-hand side as a compiled C callback."""

from __future__ import annotations

import numba
import numpy as np
from numbalsoda import lsoda, lsoda_sig

from benchmarks.cases import SCALAR_SCALE
from cartsim.study.speed import Solver
from cartsim.study.speed_case import Case, rhs_text


def solver(case: Case) -> Solver:
    """The loop over patients and stretches is compiled too: what its README shows for many solves."""
    scope: dict = {"np": np}
    exec(rhs_text(case.model), scope)
    inner = numba.njit(error_model="numpy")(scope["rhs"])

    @numba.cfunc(lsoda_sig)
    def callback(t, y, dy, p):
        inner(t, y, dy, p)

    address = callback.address
    length, size = len(case.times), len(case.model.states)

    @numba.njit
    def cohort(count, starts, p, jumps, knots, rows, offsets, rtol, atol):
        states = np.full((count * length, size), np.nan)
        stretches = p.shape[1]
        for patient in range(count):
            y = starts[patient].copy()
            for s in range(stretches):
                first, last = offsets[patient * stretches + s], offsets[patient * stretches + s + 1]
                if last == first:
                    continue
                found, success = lsoda(
                    address, y + jumps[patient, s], knots[first:last], p[patient, s], rtol, atol, 100_000
                )
                if not success:
                    break
                for k in range(first, last):
                    if rows[k] >= 0:
                        states[rows[k]] = found[k - first]
                y = found[-1].copy()
        return states

    arrays = (case.starts, case.p, case.jumps, *case.knots)
    scale = SCALAR_SCALE[case.name]

    def solve(rtol: float, count: int) -> np.ndarray:
        return cohort(count, *arrays, rtol, rtol * scale).reshape(count, length, size)

    return solve
