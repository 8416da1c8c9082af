"""cartsim's own engine as one of the solvers."""

from cartsim.kernels.methods import DormandPrince, Rodas4, Rodas5P
from cartsim.study.speed import Solver, engine
from cartsim.study.speed_case import Case

METHODS = {"Rodas4": Rodas4, "Rodas5P": Rodas5P, "DormandPrince": DormandPrince}


def solver(case: Case, method: str) -> Solver:
    """The batched engine with a step method by name."""
    return engine(case, METHODS[method])
