"""CVODE driven from C: a program printed from the model, compiled with gcc against libsundials-dev.

Nothing generated is kept: the text and the library live in a temporary folder.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.peers.printers import c_jacobian, c_rhs
from cartsim.study.speed import Solver
from cartsim.study.speed_case import Case

FLAGS = ("-O3", "-march=native", "-shared", "-fPIC")
LIBRARIES = ("-lsundials_cvode", "-lsundials_nvecserial", "-lm")
DRIVER = Path(__file__).with_name("cvode_driver.c")


def c_program(case: Case) -> str:
    """The whole C text: sizes, the model's equations, then the driver shared by all models."""
    sizes = f"#define STATES {len(case.model.states)}\n#include <math.h>\n"
    return sizes + c_rhs(case.model) + c_jacobian(case.model) + DRIVER.read_text(encoding="utf-8")


def build(text: str, library: Path, flags: tuple[str, ...] = ()) -> None:
    """C text as a shared library; RuntimeError with the compiler's words where it does not build."""
    compiler = shutil.which("gcc")
    if compiler is None:
        raise RuntimeError("gcc is not installed")
    source = library.with_suffix(".c")
    source.write_text(text, encoding="utf-8")
    built = subprocess.run(
        [compiler, *FLAGS, source.name, "-o", library.name, *flags],
        capture_output=True,
        text=True,
        cwd=library.parent,
    )
    if built.returncode:
        raise RuntimeError(f"gcc: {built.stderr.strip().splitlines()[0]}")


def loaded(text: str, flags: tuple[str, ...] = ()) -> ctypes.CDLL:
    """C text compiled and loaded; nothing stays on disk."""
    with TemporaryDirectory(prefix="cartsim-peer-") as folder:
        build(text, Path(folder) / "peer.so", flags)
        return ctypes.CDLL(str(Path(folder) / "peer.so"))


def solver(case: Case) -> Solver:
    """BDF with a dense analytic Jacobian and an absolute tolerance for every state; one memory for all."""
    function = loaded(c_program(case), LIBRARIES).solve_cohort
    function.restype = ctypes.c_int
    size, length, stretches = len(case.model.states), len(case.times), case.p.shape[1]
    arrays = [np.ascontiguousarray(a) for a in (case.starts, case.p, case.jumps, *case.knots, case.scales)]
    pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in arrays]

    def solve(rtol: float, count: int) -> np.ndarray:
        states = np.full((count * length, size), np.nan)
        code = function(
            ctypes.c_int(count),
            ctypes.c_int(stretches),
            ctypes.c_int(case.p.shape[2]),
            *pointers,
            ctypes.c_double(rtol),
            states.ctypes.data_as(ctypes.c_void_p),
        )
        if code:
            raise RuntimeError("CVODE could not be set up")
        return states.reshape(count, length, size)

    solve.keeps = arrays  # the pointers need them alive
    return solve
