"""R's deSolve: lsoda with the model's equations printed as C; R runs beside and says its own CPU seconds."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.peers.cvode_c import build
from benchmarks.peers.printers import c_rhs
from cartsim.study.speed import Solver
from cartsim.study.speed_case import Case

SCRIPT = Path(__file__).with_name("desolve.R")
INTERFACE = """
static double parms[WIDTH];
void initmod(void (*odeparms)(int *, double *)) { int width = WIDTH; odeparms(&width, parms); }
void derivs(int *neq, double *t, double *y, double *dy, double *out, int *ip) { model_rhs(*t, y, dy, parms); }
"""


def solver(case: Case) -> Solver:
    """One R process for all runs; arrays go through binary files in a temporary folder."""
    if shutil.which("Rscript") is None:
        raise RuntimeError("R is not installed (Rscript not found)")
    folder = TemporaryDirectory(prefix="cartsim-peer-")
    place, width = Path(folder.name), case.p.shape[2]
    build(f"#include <math.h>\n#define WIDTH {width}\n{c_rhs(case.model)}{INTERFACE}", place / "peer.so")
    knots, rows, offsets = case.knots
    arrays = {"starts": case.starts, "p": case.p, "jumps": case.jumps, "knots": knots, "scales": case.scales}
    for name, array in arrays.items():
        array.astype("<f8").tofile(place / name)
    for name, array in {"rows": rows, "offsets": offsets}.items():
        array.astype("<i4").tofile(place / name)
    size, length, stretches = len(case.model.states), len(case.times), case.p.shape[1]
    words = [str(place), *map(str, (len(case.parameters), stretches, width, size, length))]
    r = subprocess.Popen(
        ["Rscript", "--vanilla", str(SCRIPT), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    def solve(rtol: float, count: int) -> np.ndarray:
        r.stdin.write(f"{rtol!r} {count}\n")
        r.stdin.flush()
        answer = r.stdout.readline().split()
        if not answer or answer[0] != "done":
            raise RuntimeError(f"R: {r.stderr.read().strip().splitlines()[-1:] or 'ended'}")
        solve.seconds = float(answer[1])
        return np.fromfile(place / "states", dtype="<f8").reshape(count, length, size)

    solve.keeps = folder
    return solve
