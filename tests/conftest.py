"""What several tests share: the folder of real patient data, which never enters the project."""

import os
from pathlib import Path

import pytest

# Two test processes share the cores: the threads of BLAS would only wait for each other, and burn both cores.
# Before NumPy is imported, or it is too late.
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder named by CARTSIM_REAL_DATA; tests that need it skip on machines without the data."""
    named = os.environ.get("CARTSIM_REAL_DATA")
    if not named:
        pytest.skip("real patient data are not part of the project: set CARTSIM_REAL_DATA to their folder")
    folder = Path(named)
    assert folder.is_dir(), f"CARTSIM_REAL_DATA names {folder}, which is not a folder"
    return folder


@pytest.fixture(scope="session")
def project() -> Path:
    """The project's own folder, with fits/ and examples/."""
    return Path(__file__).resolve().parent.parent
