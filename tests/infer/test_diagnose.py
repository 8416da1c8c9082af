"""Diagnostics: known autocorrelation, R-hat as arviz computes it, gates that say no when they should."""

import warnings

import emcee
import numpy as np
import pytest

from cartsim.infer.diagnose import (
    Diagnostics,
    autocorrelation_time,
    diagnose,
    effective_size,
    judge,
    long_enough,
    rank_split_r_hat,
)
from cartsim.infer.settings import Gates, SolveCounts


def autoregressive(phi, steps, walkers, *, seed=1):
    """AR(1) series with tau = (1 + phi) / (1 - phi), started in its own distribution."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((steps, walkers)) * np.sqrt(1.0 - phi**2)
    x = np.empty((steps, walkers))
    x[0] = rng.standard_normal(walkers)
    for t in range(1, steps):
        x[t] = phi * x[t - 1] + noise[t]
    return x


def test_tau_of_an_autoregressive_series_is_the_known_one():
    assert autocorrelation_time(autoregressive(0.8, 20_000, 8)) == pytest.approx(9.0, rel=0.05)


def test_tau_is_emcees_estimate():
    x = autoregressive(0.9, 3_000, 10)
    assert autocorrelation_time(x) == pytest.approx(emcee.autocorr.integrated_time(x)[0], rel=1e-9)


def test_a_stuck_walker_shows_in_tau():
    x = autoregressive(0.5, 2_000, 10)
    x[:, 0] = 1.0
    assert autocorrelation_time(x) > 20.0 * autocorrelation_time(x[:, 1:])
    assert autocorrelation_time(np.ones((50, 4))) == np.inf


def test_a_walker_that_never_visits_the_tail_does_not_spoil_its_autocorrelation():
    inside = (autoregressive(0.8, 4_000, 10) < -1.645).astype(float)
    silent = inside.copy()
    silent[:, 0] = 0.0
    assert autocorrelation_time(silent, weighted=True) == pytest.approx(
        autocorrelation_time(inside[:, 1:], weighted=True), rel=1e-9
    )


def test_effective_size_adds_up_over_ensembles():
    assert effective_size([10.0, 20.0], steps=1_000, walkers=8) == 1_200.0
    assert effective_size([10.0, np.inf], steps=1_000, walkers=8) == 800.0


@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_r_hat_is_that_of_arviz(shift):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        import arviz
    chains = np.random.default_rng(3).standard_t(3, (4, 501))
    chains[0] += shift
    assert rank_split_r_hat(chains) == pytest.approx(arviz.rhat(chains, method="rank"), rel=1e-12)


def test_r_hat_sees_ensembles_apart_and_chains_that_drift():
    rng = np.random.default_rng(4)
    alike = rng.standard_normal((4, 1_000))
    assert rank_split_r_hat(alike) < 1.01
    assert rank_split_r_hat(alike + np.array([[0.0], [0.0], [0.0], [0.5]])) > 1.02
    assert rank_split_r_hat(alike + np.linspace(0.0, 1.0, 1_000)) > 1.02
    assert rank_split_r_hat(alike * np.array([[1.0], [1.0], [1.0], [2.0]])) > 1.02, "same centre, wider"


def chains(steps, *, phi=0.8, size=2):
    draws = [[autoregressive(phi, steps, 16, seed=10 * e + k) for k in range(size)] for e in range(4)]
    return np.moveaxis(np.array(draws), 1, 3)


def test_diagnostics_of_independent_ensembles_are_the_known_ones():
    found = diagnose(chains(3_000), ("a", "b"))
    assert found.tau == pytest.approx(9.0, rel=0.15)
    assert found.ess_bulk == pytest.approx(4 * 16 * 3_000 / 9.0, rel=0.1)
    assert np.all(found.ess_tail > found.ess_bulk)  # indicators of a tail forget faster
    assert np.all(found.r_hat < 1.01)
    assert found.table().columns.tolist() == ["name", "r_hat", "ess_bulk", "ess_tail", "tau", "n_over_tau"]


def test_a_long_run_of_independent_ensembles_passes():
    found = diagnose(chains(3_000), ("a", "b"))
    report = judge(found, Gates(), ensembles=4, counts=SolveCounts(100, 0, 0), censored=(15, 84))
    assert report.passed
    assert report.line.startswith("R-hat 1.00")
    assert "(4 ensembles) | n/tau 3" in report.line
    assert report.line.endswith("| 0 ODE failures | BLQ 15/84 M3")


def test_a_short_chain_is_refused():
    short = chains(200)
    report = judge(diagnose(short, ("a", "b")), Gates(), ensembles=4, counts=SolveCounts())
    assert not report.passed
    assert any(miss.startswith("n/tau") and "below 50" in miss for miss in report.misses)
    assert not long_enough(short, Gates())


def test_ensembles_in_different_places_are_refused():
    apart = chains(3_000)
    apart[3, ..., 1] += 1.0
    report = judge(diagnose(apart, ("a", "b")), Gates(), ensembles=4, counts=SolveCounts())
    assert not report.passed
    assert any("R-hat" in miss and "of b" in miss for miss in report.misses)


def test_fewer_than_four_ensembles_never_pass():
    found = diagnose(chains(3_000)[:3], ("a", "b"))
    report = judge(found, Gates(), ensembles=3, counts=SolveCounts())
    assert report.misses == ("3 ensembles, 4 needed",)


def test_a_quantity_without_a_finite_r_hat_is_refused():
    fine = np.array([1.0])
    found = Diagnostics(("a",), np.array([np.nan]), fine * 1e4, fine * 1e4, fine, fine * 1e3)
    report = judge(found, Gates(), ensembles=4, counts=SolveCounts())
    assert not report.passed
    assert "R-hat nan of a" in report.misses[0]


def test_small_effective_sizes_are_refused_bulk_and_tail_alike():
    fine = np.array([1.0])
    found = Diagnostics(("a",), fine, fine * 399.0, fine * 10.0, fine, fine * 1e3)
    misses = judge(found, Gates(), ensembles=4, counts=SolveCounts()).misses
    assert misses == ("bulk ESS 399 of a, below 400", "tail ESS 10 of a, below 400")
