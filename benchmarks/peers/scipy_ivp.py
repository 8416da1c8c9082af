"""SciPy's solvers with the right-hand side in plain Python, Python floats or numba."""

from cartsim.study.speed import Solver, compiled_equations, float_equations, plain_equations, scipy_solver
from cartsim.study.speed_case import Case

EQUATIONS = {"numba": compiled_equations, "floats": float_equations, "python": plain_equations}


def solver(case: Case, method: str, rhs: str) -> Solver:
    """`solve_ivp` with a method and a kind of right-hand side."""
    return scipy_solver(case, method, EQUATIONS[rhs])
