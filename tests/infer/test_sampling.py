"""Sampling: the right answer, the same bits again, a kill survived, changed inputs refused."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import emcee
import numpy as np
import pytest

from cartsim.errors import CartsimWarning, FitError, ResumeRefused
from cartsim.infer.sampling import _assert_taken, sample
from cartsim.infer.settings import Gates, SamplerSettings
from cartsim.observe.error_models import StudentTError
from cartsim.spec.priors import LogNormal
from tests.infer import small_fit

QUICK = SamplerSettings(walkers=32, burn_in=300, check_every=300, max_steps=4_000, starts=16)
TINY = SamplerSettings(ensembles=2, walkers=16, burn_in=10, check_every=10, max_steps=30, starts=8)


@pytest.fixture(scope="module")
def uninterrupted_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("uninterrupted")


@pytest.fixture(scope="module")
def uninterrupted(uninterrupted_folder):
    problem = small_fit.patient_problem()
    return sample(problem, small_fit.SETTINGS, seed=small_fit.SEED, folder=uninterrupted_folder)


def same(a, b):
    return np.array_equal(a.values, b.values) and np.array_equal(a.log_posterior, b.log_posterior)


def test_a_gaussian_is_recovered_and_passes_the_gates(gaussian, tmp_path):
    draws = sample(gaussian, QUICK, seed=1, folder=tmp_path)
    assert draws.gates.passed
    assert draws.values.shape[1] + draws.burn_in < QUICK.max_steps, "it stops when the gates are passed"
    flat = draws.flat()
    assert flat.mean(axis=0) == pytest.approx(0.0, abs=0.06)  # over 2,000 effective draws: error below 0.022
    assert flat.std(axis=0) == pytest.approx(1.0, abs=0.06)


def test_both_of_two_separated_modes_are_found_in_their_shares(two_modes, tmp_path):
    draws = sample(two_modes, replace(QUICK, max_steps=6_000), seed=2, folder=tmp_path)
    assert draws.gates.passed
    assert np.mean(draws.of("x0") > 0.0) == pytest.approx(0.5, abs=0.05)


def test_a_short_run_says_which_gates_it_missed(gaussian, tmp_path):
    draws = sample(gaussian, TINY, seed=1, folder=tmp_path)
    assert not draws.gates.passed
    assert any("n/tau" in miss for miss in draws.gates.misses)


def stored_chain(folder, discard):
    """The unconstrained draws of all ensembles, read from the checkpoints with stock emcee."""
    files = sorted(folder.glob("ensemble-*.h5"))
    return np.array([emcee.backends.HDFBackend(str(file)).get_chain(discard=discard) for file in files])


def test_the_stored_log_posterior_equals_a_direct_evaluation(uninterrupted, uninterrupted_folder):
    problem = small_fit.patient_problem()
    chain = stored_chain(uninterrupted_folder, uninterrupted.burn_in)
    direct = problem.log_posterior(chain.reshape(-1, problem.ndim))
    assert np.array_equal(direct, uninterrupted.log_posterior.ravel())


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(uninterrupted, tmp_path):
    problem = small_fit.patient_problem()
    np.random.seed(99)  # noqa: NPY002  the global generator must play no part
    again = sample(problem, small_fit.SETTINGS, seed=small_fit.SEED, folder=tmp_path / "again")
    other = sample(problem, small_fit.SETTINGS, seed=small_fit.SEED + 1, folder=tmp_path / "other")
    assert same(uninterrupted, again)
    assert not np.array_equal(uninterrupted.values, other.values)


def test_ensembles_and_subjects_have_streams_of_their_own(uninterrupted, tmp_path):
    assert not np.array_equal(uninterrupted.values[0], uninterrupted.values[1])
    named = sample(
        small_fit.patient_problem(subject="SIM-2"), small_fit.SETTINGS, seed=small_fit.SEED, folder=tmp_path
    )
    assert not np.array_equal(uninterrupted.values, named.values)


def test_the_checkpoint_interval_does_not_change_the_draws(uninterrupted, tmp_path):
    settings = replace(small_fit.SETTINGS, checkpoint_every=7)
    assert same(
        uninterrupted, sample(small_fit.patient_problem(), settings, seed=small_fit.SEED, folder=tmp_path)
    )


ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


def kill_at(folder: Path, steps: int, *flags: str, **environment: str) -> None:
    """Run the small fit in a process of its own that dies of kill -9 after `steps` steps."""
    command = [sys.executable, small_fit.__file__, str(folder), str(steps), *flags]
    assert subprocess.run(command, check=False, env=os.environ | environment).returncode == -9


def test_a_run_killed_twice_and_resumed_is_bit_identical_whatever_the_threads(uninterrupted, tmp_path):
    kill_at(tmp_path, 50, **ONE_THREAD)  # in the first ensemble, 20 steps after its last checkpoint
    kill_at(tmp_path, 250, "resume", **ONE_THREAD)
    resumed = sample(
        small_fit.patient_problem(), small_fit.SETTINGS, seed=small_fit.SEED, folder=tmp_path, resume=True
    )
    assert same(uninterrupted, resumed)
    assert resumed.solve_counts == uninterrupted.solve_counts
    assert np.array_equal(resumed.acceptance, uninterrupted.acceptance)
    assert resumed.gates == uninterrupted.gates


@pytest.mark.slow
def test_runs_killed_at_twenty_random_times_and_resumed_are_bit_identical(uninterrupted, tmp_path):
    rng, settings = np.random.default_rng(0), small_fit.SETTINGS
    command = [sys.executable, small_fit.__file__, str(tmp_path), "100000", "resume"]
    for _ in range(20):
        process = subprocess.Popen(command)
        try:
            process.wait(timeout=rng.uniform(1.0, 4.0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    resumed = sample(small_fit.patient_problem(), settings, seed=small_fit.SEED, folder=tmp_path, resume=True)
    assert same(uninterrupted, resumed)


def test_a_damaged_checkpoint_is_noticed_and_costs_no_number(uninterrupted, tmp_path):
    problem, settings = small_fit.patient_problem(), small_fit.SETTINGS
    sample(problem, settings, seed=small_fit.SEED, folder=tmp_path)
    backend = emcee.backends.HDFBackend(str(tmp_path / "ensemble-0.h5"))
    with backend.open("a") as file:
        file["mcmc"]["chain"][-1, 0, 0] += 1e-9
    (tmp_path / "ensemble-1.h5").write_bytes((tmp_path / "ensemble-1.h5").read_bytes()[:5_000])
    with pytest.warns(CartsimWarning, match="damaged") as caught:
        resumed = sample(problem, settings, seed=small_fit.SEED, folder=tmp_path, resume=True)
    assert len(caught) == 2
    assert same(uninterrupted, resumed)


def test_a_finished_run_can_go_on_with_a_larger_budget(tmp_path):
    problem = small_fit.patient_problem()
    sample(problem, TINY, seed=1, folder=tmp_path / "a")
    longer = replace(TINY, max_steps=60)
    went_on = sample(problem, longer, seed=1, folder=tmp_path / "a", resume=True)
    assert same(went_on, sample(problem, longer, seed=1, folder=tmp_path / "b"))
    with pytest.raises(FitError, match="more steps than the budget"):
        sample(problem, TINY, seed=1, folder=tmp_path / "a", resume=True)


def changed_prior(problem):
    first = replace(problem.parameters[0], prior=LogNormal(median=100.0, log_sd=1.0))
    return replace(problem, parameters=(first, *problem.parameters[1:]))


def changed_data(problem):
    value = problem.arrays.value.copy()
    value[4] *= 1.01
    return replace(problem, arrays=replace(problem.arrays, value=value))


def changed_limit(problem):
    upper = problem.arrays.upper.copy()
    upper[problem.arrays.censoring == 1] = 60.0
    return replace(problem, arrays=replace(problem.arrays, upper=upper))


def changed_model(problem):
    def rhs(t, y, p):
        return {name: 1.1 * rate for name, rate in problem.model.rhs(t, y, p).items()}

    return replace(problem, model=replace(problem.model, rhs=rhs))


def changed_error_model(problem):
    return replace(problem, errors={"car_transgene": StudentTError()})


def changed_fixed_value(problem):
    return replace(problem, fixed={"ftoci": 1.5})


def changed_subject(problem):
    return replace(problem, subject="SIM-9")


CHANGES = [
    ("data", changed_data),
    ("data", changed_limit),
    ("priors", changed_prior),
    ("error model", changed_error_model),
    ("model", changed_model),
    ("fixed values", changed_fixed_value),
    ("subject", changed_subject),
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    sample(small_fit.patient_problem(), TINY, seed=1, folder=folder)
    return folder


@pytest.mark.parametrize(("what", "change"), CHANGES, ids=lambda value: getattr(value, "__name__", value))
def test_resuming_with_changed_inputs_is_refused_and_names_what_changed(finished, what, change):
    with pytest.raises(ResumeRefused, match=f"changed: {what};"):
        sample(change(small_fit.patient_problem()), TINY, seed=1, folder=finished, resume=True)


def test_another_seed_or_sampler_is_refused(finished):
    problem = small_fit.patient_problem()
    with pytest.raises(ResumeRefused, match="changed: seed;"):
        sample(problem, TINY, seed=2, folder=finished, resume=True)
    with pytest.raises(ResumeRefused, match="changed: sampler;"):
        sample(problem, replace(TINY, widening=3.0), seed=1, folder=finished, resume=True)


def test_a_new_run_never_overwrites_an_earlier_one(finished):
    with pytest.raises(FitError, match="in the way"):
        sample(small_fit.patient_problem(), TINY, seed=1, folder=finished)


def test_too_few_walkers_for_the_dimension_are_refused(tmp_path):
    with pytest.raises(FitError, match=r"got: 8; allowed: >= 14"):
        sample(small_fit.patient_problem(), replace(TINY, walkers=8), seed=1, folder=tmp_path)


def test_a_random_state_that_emcee_ignores_is_noticed():
    sampler = emcee.EnsembleSampler(8, 2, lambda u: -np.sum(u * u, axis=1), vectorize=True)
    broken = (
        "MT19937",
        np.zeros(3, dtype=np.uint32),
        624,
        0,
        0.0,
    )  # emcee keeps its old state without a word
    with pytest.raises(FitError, match="did not take the random state"):
        _assert_taken(sampler, broken)


def test_failed_solves_are_counted_and_never_accepted(tmp_path):
    def solve(parameters, times):
        outputs = np.repeat(parameters[:, 2:3], len(times), axis=1)[..., None]
        failed = parameters[:, 1] > 12.0  # the solver gives up beyond Tmax 12 d
        outputs[failed] = np.nan
        return outputs, failed

    draws = sample(small_fit.patient_problem(solve=solve), TINY, seed=3, folder=tmp_path)
    assert draws.solve_counts.failed > 0
    assert draws.solve_counts.solves == 2 * 16 * 31  # every walker at its start and at each of 30 steps
    assert np.all(draws.of("tmax") <= 12.0)
    assert f"{draws.solve_counts.failed:,} ODE failures" in draws.gates.line


def test_progress_reaches_what_was_planned(gaussian, tmp_path):
    seen = []
    sample(
        gaussian, TINY, seed=1, folder=tmp_path, progress=lambda done, planned: seen.append((done, planned))
    )
    assert seen[-1] == (60, 60)
    assert all(done <= planned for done, planned in seen)


def test_looser_gates_stop_earlier(gaussian, tmp_path):
    loose = Gates(r_hat=2.0, tau_multiple=1.0, ess=10.0)
    draws = sample(gaussian, QUICK, seed=1, folder=tmp_path, gates=loose)
    assert draws.values.shape[1] + draws.burn_in == QUICK.checks()[0]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"walkers": 33}, "even"),
        ({"ensembles": 0}, "ensembles"),
        ({"max_steps": 500}, "max_steps"),
        ({"widening": 0.0}, "widening"),
    ],
)
def test_settings_that_cannot_work_are_refused(change, word):
    with pytest.raises(FitError, match=word):
        SamplerSettings(**change)


def test_the_gates_are_looked_at_ever_less_often_up_to_the_budget():
    checks = np.array(SamplerSettings().checks())
    assert checks[0] == 3_000
    assert checks[-1] == SamplerSettings().max_steps
    assert np.all(np.diff(checks) >= 1_000)
