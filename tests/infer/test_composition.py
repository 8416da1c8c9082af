"""Phenotype counts: the density against scipy, recovery of a known composition, what is refused."""

import numpy as np
import pytest
from scipy.stats import dirichlet_multinomial as scipy_form
from scipy.stats import multinomial

from cartsim.errors import FitError
from cartsim.infer.assemble import likelihood_problem
from cartsim.infer.composition import PhenotypeCounts, dirichlet_multinomial
from cartsim.models import load_model
from cartsim.regimen.regimen import Regimen
from cartsim.simulate import simulate
from cartsim.spec.priors import Fixed

MODEL = load_model("bcma_myeloma")
KINDS = ("tem", "effector_1", "effector_2", "exhausted")
DAYS = np.array([7.0, 14.0, 28.0])


def test_the_density_is_scipys():
    rng = np.random.default_rng(1)
    counts = rng.integers(0, 40, (6, 4)).astype(float)
    shares = rng.dirichlet(np.ones(4), 6)
    spread = rng.uniform(0.5, 500, 6)
    ours = dirichlet_multinomial(counts, shares, spread)
    theirs = [
        scipy_form.logpmf(c.astype(int), s * q, int(c.sum()))
        for c, s, q in zip(counts, shares, spread, strict=True)
    ]
    assert np.allclose(ours, theirs, rtol=1e-10)


def test_a_large_concentration_is_the_multinomial():
    counts, shares = np.array([[12.0, 3.0, 5.0]]), np.array([[0.5, 0.2, 0.3]])
    ours = dirichlet_multinomial(counts, shares, np.array([1e9]))
    assert ours[0] == pytest.approx(multinomial.logpmf([12, 3, 5], 20, [0.5, 0.2, 0.3]), abs=1e-5)


def true_shares() -> np.ndarray:
    run = simulate(MODEL, times=DAYS, dose=450e6, scenario="fast")
    cells = np.column_stack([run.output(kind)[0] for kind in KINDS])
    return cells / cells.sum(axis=1, keepdims=True)


@pytest.mark.slow  # the flagship at this tolerance: a compile of its own
def test_the_likelihood_peaks_at_the_differentiation_rate_that_made_the_counts():
    """500 cells a sample; the density over a grid of rates is highest within 10 % of the truth."""
    counts = np.round(500 * true_shares())
    seen = PhenotypeCounts(KINDS, DAYS, counts)
    held = {
        p.name: MODEL.vector(scenario="fast")[k]
        for k, p in enumerate(MODEL.parameters)
        if p.name != "differentiation"
    }
    problem = likelihood_problem(
        MODEL, seen.likelihood(MODEL, concentration=Fixed(1000.0)), fixed=held, regimen=Regimen.single(450e6)
    )
    truth = MODEL.parameter("differentiation").value
    grid = truth * np.linspace(0.6, 1.6, 41)
    density = problem.log_posterior(problem.unconstrain(grid[:, None]))
    assert grid[density.argmax()] == pytest.approx(truth, rel=0.1)
    assert density.max() > density[0] + 5.0
    assert density.max() > density[-1] + 5.0


def test_everything_wrong_with_counts_is_said_at_once():
    with pytest.raises(FitError) as caught:
        PhenotypeCounts(("tem", "tem"), DAYS, [[1.0, 2.0], [0.0, 0.0], [0.5, 1.0]])
    for part in ("different kinds", "whole numbers"):
        assert part in str(caught.value)
    with pytest.raises(FitError, match=r"no cell was counted on day \[14.0\]"):
        PhenotypeCounts(("tem", "effector_1"), DAYS, [[1, 2], [0, 0], [1, 1]])
    with pytest.raises(FitError, match="no such output"):
        PhenotypeCounts(("tem", "naive"), DAYS, np.ones((3, 2))).likelihood(MODEL)
