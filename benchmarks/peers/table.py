"""Who takes part in the comparison: name, where its solver is made, package and the form that was chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

from cartsim.study.speed import Solver
from cartsim.study.speed_case import Case

TIGHT = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)


@dataclass(frozen=True)
class Peer:
    """One solver: `make` = "module:function" below benchmarks.peers, called with the case and `options`.

    `least` is the smallest number of patients a run takes (a batch for vectorised solvers); `package` names
    the distribution whose version is reported.
    """

    name: str
    make: str
    package: str
    form: str
    options: tuple[str, ...] = ()
    tolerances: tuple[float, ...] = TIGHT
    least: int = 4
    models: tuple[str, ...] = ()

    def solver(self, case: Case) -> Solver:
        """Import, compile and return its solver; ImportError and the like where it cannot take part."""
        module, name = self.make.split(":")
        make: Callable[..., Solver] = getattr(import_module(f"benchmarks.peers.{module}"), name)
        return make(case, *self.options)

    def version(self) -> str:
        """Version of its package, or of what it says itself."""
        try:
            return version(self.package)
        except PackageNotFoundError:
            return "not a Python package"


def _scipy(method: str, rhs: str, least: int) -> Peer:
    words = {
        "numba": "numba rhs",
        "floats": "Python rhs, plain floats",
        "python": "Python rhs",
    }[rhs]
    jacobian = "its own differences" if method == "LSODA" else "analytic Jacobian"
    return Peer(
        f"scipy {method}, {words}",
        "scipy_ivp:solver",
        "scipy",
        f"solve_ivp, t_eval, atol a state, {jacobian}",
        (method, rhs),
        TIGHT[:5] if rhs == "numba" or method == "LSODA" else TIGHT[:4],
        least,
    )


PEERS = (
    Peer("cartsim Rodas4", "cartsim_engine:solver", "cartsim", "batch, 8 lanes", ("Rodas4",), least=64),
    Peer("cartsim Rodas5P", "cartsim_engine:solver", "cartsim", "batch, 8 lanes", ("Rodas5P",), least=64),
    Peer(
        "cartsim DormandPrince",
        "cartsim_engine:solver",
        "cartsim",
        "batch, 8 lanes, explicit",
        ("DormandPrince",),
        least=64,
        models=("stein_ode",),
    ),
    Peer(
        "numbalsoda", "numbalsoda_lsoda:solver", "numbalsoda", "lsoda in a numba loop, cfunc rhs, scalar atol"
    ),
    Peer(
        "CVODE from C",
        "cvode_c:solver",
        "libsundials-dev",
        "BDF, dense, analytic Jacobian, atol a state, memory reused, gcc -O3",
    ),
    Peer(
        "scikit-sundae CVODE",
        "sundae:solver",
        "scikit-sundae",
        "BDF, dense, numba rhs and Jacobian, atol a state",
        tolerances=TIGHT[:6],
    ),
    Peer(
        "libroadrunner",
        "roadrunner:solver",
        "libroadrunner",
        "CVODE, LLVM, SBML from Antimony, output times given, atol a state",
    ),
    Peer(
        "diffrax Tsit5",
        "diffrax_vmap:solver",
        "diffrax",
        "jit + vmap 64, float64, CPU",
        ("Tsit5",),
        TIGHT[:5],
        64,
    ),
    Peer(
        "diffrax Kvaerno5",
        "diffrax_vmap:solver",
        "diffrax",
        "jit + vmap 64, float64, CPU",
        ("Kvaerno5",),
        TIGHT[:4],
        64,
    ),
    Peer("deSolve lsoda", "desolve:solver", "R deSolve", "compiled C rhs, lsoda, atol a state"),
    _scipy("LSODA", "numba", 8),
    _scipy("LSODA", "floats", 8),
    _scipy("LSODA", "python", 8),
    _scipy("BDF", "numba", 4),
    _scipy("BDF", "python", 4),
    _scipy("Radau", "numba", 4),
    _scipy("Radau", "python", 4),
)
BY_NAME = {peer.name: peer for peer in PEERS}
