"""The hierarchical block move: exact bookkeeping, exact targets, the same bits again."""

import numpy as np
import pytest
from emcee import EnsembleSampler

from cartsim.infer.block_move import HierarchicalBlock
from cartsim.infer.hierarchy import Correlation
from cartsim.infer.population_start import starting_points, weigh_prior_points
from cartsim.infer.sampling import sample
from cartsim.infer.settings import Gates, MoveMix, SamplerSettings
from tests.infer.population_toy import toy

MIX = MoveMix(differential_evolution=0.54, jumps=0.06, stretch=0.25, leaps=0.15)
SHORT = SamplerSettings(
    ensembles=1, walkers=32, burn_in=2, check_every=2, max_steps=6, checkpoint_every=2, moves=MIX
)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return toy(tmp_path_factory.mktemp("toy"), 4)


def run(population, steps, seed, settings=SHORT):
    found = weigh_prior_points(population, np.random.default_rng(seed))
    start = starting_points(population, found, np.random.default_rng(seed + 1), settings)
    move = HierarchicalBlock(population, mix=MIX)
    sampler = EnsembleSampler(
        len(start), population.ndim, population.log_posterior, moves=move, vectorize=True
    )
    sampler.random_state = np.random.RandomState(seed).get_state()
    sampler.run_mcmc(start, steps, skip_initial_state_check=True)
    return sampler


def test_the_stored_log_probability_is_a_direct_evaluation(small):
    sampler = run(small, 5, seed=3)
    for coords, stored in zip(sampler.get_chain(), sampler.get_log_prob(), strict=True):
        np.testing.assert_array_equal(small.log_posterior(coords), stored)


def test_the_same_with_a_full_covariance_and_a_shared_parameter(tmp_path):
    population = toy(tmp_path, 20, correlation=Correlation(), shared=["foldx"])
    sampler = run(population, 3, seed=4)
    last = sampler.get_chain()[-1]
    np.testing.assert_array_equal(population.log_posterior(last), sampler.get_log_prob()[-1])
    assert not np.array_equal(last, sampler.get_chain()[0])


def test_any_number_of_threads_gives_the_same_bits(small):
    from dataclasses import replace

    one, two = run(small, 3, seed=5), run(replace(small, threads=2), 3, seed=5)
    np.testing.assert_array_equal(one.get_chain(), two.get_chain())


def test_a_resumed_run_is_bit_identical(small, tmp_path):
    from dataclasses import replace

    gates = Gates(ensembles=1)
    whole = sample(small, SHORT, seed=6, folder=tmp_path / "whole", gates=gates)
    sample(small, replace(SHORT, max_steps=4), seed=6, folder=tmp_path / "halves", gates=gates)
    halves = sample(small, SHORT, seed=6, folder=tmp_path / "halves", gates=gates, resume=True)
    np.testing.assert_array_equal(whole.values, halves.values)
    np.testing.assert_array_equal(whole.log_posterior, halves.log_posterior)
