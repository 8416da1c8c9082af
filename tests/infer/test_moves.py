"""Every move samples the right distribution; a wrong one is caught by the same test."""

import emcee
import numpy as np
import pytest

from cartsim.errors import FitError
from cartsim.infer.moves import DifferentialEvolution, IndependentStudentT, Stretch, weighted_moves
from cartsim.infer.settings import MoveMix

WALKERS = 120


def log_gaussian(u):
    return -0.5 * np.sum(u * u, axis=1)


def run(moves, size, steps, *, seed=1, start=1.0, walkers=WALKERS):
    """Chain (steps, walkers, size) of a standard normal, and the share of accepted proposals."""
    rng = np.random.default_rng(seed)
    sampler = emcee.EnsembleSampler(walkers, size, log_gaussian, moves=moves, vectorize=True)
    random_state = ("MT19937", np.random.MT19937(seed).state["state"]["key"], 624, 0, 0.0)
    state = emcee.State(start * rng.standard_normal((walkers, size)), random_state=random_state)
    sampler.run_mcmc(state, steps)
    return sampler.get_chain(), sampler.acceptance_fraction.mean()


MOVES = {
    "stretch": (Stretch, 0.1),
    "differential evolution": (DifferentialEvolution, 0.1),
    "leap": (IndependentStudentT, 0.05),
    "default mix": (lambda: weighted_moves(MoveMix()), 0.1),
}
# Enough steps for a Monte Carlo error of the variance (mean over dimensions) of at most 0.01 (over seeds:
# 0.005), and for a wrong target to show (the two tests below that must fail).
STEPS = {4: 1_000, 8: 1_200, 20: 1_500}


@pytest.mark.parametrize("size", [4, 8, 20])
@pytest.mark.parametrize("name", list(MOVES))
def test_a_move_keeps_the_variance_of_a_gaussian(name, size):
    build, least = MOVES[name]
    chain, accepted = run(build(), size, STEPS[size])
    assert accepted > least, "a move that never moves would pass"
    assert np.mean(chain**2) == pytest.approx(1.0, abs=0.03)


def test_full_difference_jumps_keep_the_variance_of_a_gaussian():
    chain, accepted = run(DifferentialEvolution(gamma0=1.0), 4, 2_000)
    assert accepted > 0.01
    assert np.mean(chain**2) == pytest.approx(1.0, abs=0.03)


def test_the_default_mix_forgets_a_wide_start():
    chain, _ = run(weighted_moves(MoveMix()), 8, 1_800, start=5.0)
    assert np.mean(chain[500:] ** 2) == pytest.approx(1.0, abs=0.03)


def test_emcees_snooker_move_fails_the_same_test():
    mix = [(emcee.moves.DEMove(), 0.8), (emcee.moves.DESnookerMove(), 0.2)]
    chain, _ = run(mix, 20, 800, walkers=80)
    assert np.mean(chain[300:] ** 2) < 0.97  # 0.82 in the long run


def test_a_stretch_with_the_wrong_exponent_fails_the_same_test():
    class WrongStretch(Stretch):
        def get_proposal(self, sample, complement, random):
            proposed, factors = super().get_proposal(sample, complement, random)
            return proposed, factors * 20.0 / 19.0  # the power d instead of d - 1

    chain, _ = run(WrongStretch(), 20, STEPS[20])
    assert abs(np.mean(chain**2) - 1.0) > 0.03


def test_the_snooker_move_is_never_among_ours():
    names = [type(move).__mro__ for move, _ in weighted_moves(MoveMix())]
    assert all(emcee.moves.DESnookerMove not in classes for classes in names)


@pytest.mark.parametrize(
    ("ours", "theirs"), [(Stretch, emcee.moves.StretchMove), (DifferentialEvolution, emcee.moves.DEMove)]
)
def test_the_vectorised_update_makes_emcees_own_chain(ours, theirs):
    assert np.array_equal(run(ours(), 5, 50, walkers=20)[0], run(theirs(), 5, 50, walkers=20)[0])


def test_the_leap_brings_a_stray_walker_home():
    rng = np.random.default_rng(2)
    sampler = emcee.EnsembleSampler(40, 4, log_gaussian, moves=IndependentStudentT(), vectorize=True)
    start = rng.standard_normal((40, 4))
    start[0] = 30.0
    sampler.run_mcmc(start, 300)
    assert np.all(np.abs(sampler.get_last_sample().coords) < 7.0)


def test_too_few_walkers_are_refused():
    with pytest.raises(FitError, match=r"got: 8; allowed: >= 2 x dimensions = 10"):
        run(Stretch(), 5, 1, walkers=8)


@pytest.mark.parametrize("shares", [(0.5, 0.5, 0.5, 0.0), (1.2, -0.2, 0.0, 0.0)])
def test_shares_of_moves_add_up_to_one(shares):
    with pytest.raises(FitError, match="add up to 1"):
        MoveMix(*shares)
