"""Priors in PEtab's parameter table: the density is the same; one without a word is named."""

import numpy as np
import pytest
from scipy.stats import laplace, norm

from cartsim.interop.petab_priors import EDGE, belief_of
from cartsim.spec import priors

POINTS = {
    "LogNormal": {"median": 3.0, "log_sd": 0.7},
    "Normal": {"mean": -1.0, "sd": 2.0},
    "HalfNormal": {"sd": 0.6},
    "TruncatedNormal": {"mean": 1.0, "sd": 2.0, "lower": 0.5, "upper": 4.0},
    "Exponential": {"rate": 0.3},
    "Uniform": {"lower": -1.0, "upper": 3.0},
    "LogUniform": {"lower": 0.1, "upper": 30.0},
    "LogitNormal": {"median": 0.3, "logit_sd": 1.2, "lower": 0.1, "upper": 0.9},
}


@pytest.mark.parametrize("kind", POINTS)
def test_a_prior_keeps_its_density_up_to_a_constant(kind):
    prior = priors.prior_from_mapping({kind: POINTS[kind]})
    belief = belief_of(prior, replaceable=True)
    x = prior.quantile([0.02, 0.2, 0.5, 0.9, 0.99])
    place = np.array([belief.value_of(v) for v in x])
    scaled = np.log(place) if belief.scale == "log" else place
    theirs = {
        "parameterScaleNormal": lambda: norm.logpdf(scaled, *belief.numbers),
        "parameterScaleUniform": lambda: np.zeros(5),
        "normal": lambda: norm.logpdf(place, *belief.numbers),
        "laplace": lambda: laplace.logpdf(place, *belief.numbers),
        "uniform": lambda: np.zeros(5),
    }[belief.kind]()
    if belief.scale == "log":  # what a sampler on the log meets
        ours = prior.log_density(x) + np.log(x)
    else:
        ours = prior.log_density_unconstrained(scaled) if belief.ends else prior.log_density(x)
    np.testing.assert_allclose(np.diff(theirs), np.diff(ours), atol=1e-9)
    assert not belief.unsaid
    assert belief.lower < place[0]
    assert place[-1] < belief.upper
    if belief.scale == "log" or kind in {"HalfNormal", "Exponential"}:
        assert belief.lower > 0.0, "no sd of zero, no log of it"


@pytest.mark.parametrize(
    ("prior", "scale"),
    [(priors.Gamma(2.0, 1.0), "log"), (priors.HalfCauchy(1.0), "log"), (priors.Beta(2.0, 3.0), "lin")],
)
def test_a_prior_without_a_word_is_named_and_bounded(prior, scale):
    belief = belief_of(prior, replaceable=True)
    assert (belief.kind, belief.scale) == ("", scale)
    assert "uniform between the bounds" in belief.unsaid
    assert belief.lower == prior.quantile(EDGE)
    assert belief.upper == (1.0 if prior.support[1] == 1.0 else prior.quantile(1.0 - EDGE))
