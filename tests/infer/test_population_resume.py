"""A population fit that is killed goes on as if nothing had happened, and refuses other inputs."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cartsim.errors import ResumeRefused
from tests.infer import small_population
from tests.infer.population_toy import toy

SHORT = replace(small_population.SETTINGS, burn_in=2, check_every=2, max_steps=6, checkpoint_every=2)


@pytest.mark.slow
def test_twenty_random_kills_change_no_bit(tmp_path):
    whole = small_population.fitted(tmp_path / "whole")
    rng, root = np.random.default_rng(1), Path("pyproject.toml").resolve().parent
    command = [sys.executable, "-m", "tests.infer.small_population", str(tmp_path / "killed"), "resume"]
    for _ in range(20):
        process = subprocess.Popen(command, cwd=root)
        with pytest.raises(subprocess.TimeoutExpired):  # else it was done, and not killed
            process.wait(timeout=rng.uniform(1.2, 3.0))
        process.kill()
        process.wait()
    resumed = small_population.fitted(tmp_path / "killed", resume=True)
    np.testing.assert_array_equal(whole.values, resumed.values)
    np.testing.assert_array_equal(whole.log_posterior, resumed.log_posterior)
    assert whole.solve_counts == resumed.solve_counts


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 2}, "data"),
        ({"shared": ["foldx"]}, "roles of parameters"),
    ],
)
def test_other_data_or_roles_are_refused_by_name(tmp_path, change, named):
    small_population.fitted(tmp_path / "fit", settings=SHORT)
    with pytest.raises(ResumeRefused, match=named):
        small_population.fitted(tmp_path / "fit", settings=SHORT, resume=True, **change)


def test_fingerprints_name_priors_error_model_and_solver(tmp_path):
    from cartsim.infer.hierarchy import RandomEffect
    from cartsim.kernels.methods import Rodas4
    from cartsim.observe.error_models import StudentTError
    from cartsim.spec.priors import HalfNormal

    population = toy(tmp_path, 4)
    wider = tuple(RandomEffect(e.parameter, HalfNormal(sd=2.0)) for e in population.effects)
    for change, named in (
        ({"effects": wider}, {"priors"}),
        ({"errors": {"car_transgene": StudentTError(sigma=HalfNormal(sd=1.0))}}, {"error model"}),
        ({"method": Rodas4(rtol=1e-5)}, {"solver"}),
    ):
        other = replace(population, **change).fingerprint()
        assert {k for k, v in population.fingerprint().items() if other[k] != v} == named
