"""R's deSolve: lsoda with the model's equations printed as C; R runs beside and says its own CPU seconds."""

from __future__ import annotations

import os
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
    os.mkfifo(place / "asked")
    words = [str(place), *map(str, (len(case.parameters), stretches, width, size, length))]
    r = subprocess.Popen(
        ["Rscript", "--vanilla", str(SCRIPT), *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    # Opened for both ways, so that neither side waits for the other or sees an end between two lines.
    asked = os.fdopen(os.open(place / "asked", os.O_RDWR), "w")

    def solve(rtol: float, count: int) -> np.ndarray:
        print(rtol, count, file=asked, flush=True)
        answer = next((line.split() for line in r.stdout if line.startswith("done")), None)
        if answer is None:
            raise RuntimeError(f"R: {r.stderr.read().strip()[-200:]}")
        solve.seconds = float(answer[1])
        return np.fromfile(place / "states", dtype="<f8").reshape(count, length, size)

    solve.keeps = folder
    return solve
