"""Install the other solvers into this Python's environment, one by one, and say what failed.

python benchmarks/peers/install.py

Not from pip: gcc and the SUNDIALS library for CVODE from C (Debian: apt install gcc libsundials-dev),
gfortran where numbalsoda must be built (apt install gfortran cmake), R with deSolve (apt install
r-cran-desolve). The comparison runs without any of them and names who was missing.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

PACKAGES = {
    "numbalsoda": ["numbalsoda>=0.3.4"],
    "scikit-sundae": ["scikit-sundae>=1.2"],
    "diffrax": ["jax[cpu]", "diffrax>=0.7"],
    "libroadrunner": ["libroadrunner>=2.7", "antimony>=2.14"],
}
PROGRAMS = {"gcc": "CVODE from C, deSolve", "Rscript": "deSolve"}


def main() -> int:
    """Number of packages that could not be installed."""
    failed = 0
    for name, wanted in PACKAGES.items():
        answer = subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", *wanted], capture_output=True, text=True
        )
        faults = [line for line in answer.stderr.splitlines() if line.startswith("ERROR")]
        failed += bool(answer.returncode)
        print(f"{name}: {'installed' if not answer.returncode else 'FAILED: ' + ' '.join(faults[:2])}")
    for program, users in PROGRAMS.items():
        print(f"{program} (for {users}): {'found' if shutil.which(program) else 'MISSING'}")
    header = any(
        (Path(folder) / "cvode/cvode.h").exists() for folder in ("/usr/include", "/usr/local/include")
    )
    print(f"SUNDIALS headers (for CVODE from C): {'found' if header else 'MISSING'}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
