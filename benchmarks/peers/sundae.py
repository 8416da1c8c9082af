"""CVODE through scikit-sundae: BDF, right-hand side and Jacobian compiled by numba, called through Python."""

from __future__ import annotations

import numba
import numpy as np
from sksundae.cvode import CVODE

from cartsim.study.speed import Solver
from cartsim.study.speed_case import Case, jacobian_text, rhs_text


def solver(case: Case) -> Solver:
    """One solver object a tolerance, reused for all patients; the parameters are its user data."""
    scope: dict = {"np": np}
    exec(rhs_text(case.model) + jacobian_text(case.model), scope)
    rhs, jac = (numba.njit(error_model="numpy")(scope[name]) for name in ("rhs", "jacobian"))
    length, size = len(case.times), len(case.model.states)
    p = np.empty(case.p.shape[2])

    def derivatives(t, y, dy, userdata):
        rhs(t, y, dy, userdata[0])

    def jacobian(t, y, dy, matrix, userdata):
        jac(t, y, matrix, userdata[0])

    def solve(rtol: float, count: int) -> np.ndarray:
        cvode = CVODE(
            derivatives,
            method="BDF",
            jacfn=jacobian,
            userdata=(p,),  # an array itself would be asked for its truth value
            rtol=rtol,
            atol=rtol * case.scales,
            max_num_steps=100_000,
        )
        states = np.full((count * length, size), np.nan)
        for patient in range(count):
            y = case.starts[patient]
            for knots, rows, values, jump in case.stretches(patient):
                p[:] = values
                # Two points alone would mean "save every step", so a stretch without outputs gets a third.
                grid = knots if len(knots) > 2 else np.array([knots[0], knots.mean(), knots[1]])
                try:
                    found = cvode.solve(grid, y + jump)
                except RuntimeError:
                    break
                if not found.success:
                    break
                ends = found.y if grid is knots else found.y[[0, -1]]
                states[rows[rows >= 0]] = ends[rows >= 0]
                y = ends[-1]
        return states.reshape(count, length, size)

    return solve
