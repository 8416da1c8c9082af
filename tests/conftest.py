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


# Compiling a model takes the time: files that need the same large kernels go to one worker, which makes
# them once. Every other file is a group of its own.
FLAGSHIP = {
    *(
        f"tests/cohort/test_{name}.py"
        for name in (
            *("swim_lanes", "patient_course", "outcomes", "fan", "trial", "trial_tables"),
            "myeloma_scenario",
        )
    ),
    *("tests/models/test_bcma_myeloma.py", "tests/cli/test_recipe.py", "tests/infer/test_composition.py"),
    *("tests/benchmarks/test_six_patients_information.py", "tests/study/test_rule_plan.py"),
    *("tests/kernels/test_robustness.py", "tests/study/test_virtual_recipe.py"),
    *("tests/study/test_recipe.py", "tests/test_examples.py", "tests/cli/test_trial.py"),
    "tests/explore/test_browser.py",
}

FEVER = {"tests/kernels/test_rules.py", "tests/kernels/test_rule_limits.py", "tests/regimen/test_rules.py"}


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Share the files out as `--dist loadfile` does, those of one model's kernels as one."""
    from xdist.scheduler import LoadFileScheduling

    class ByModel(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return "flagship" if file in FLAGSHIP else "fever" if file in FEVER else file

    return ByModel(config, log)
