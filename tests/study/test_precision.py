"""The Monte Carlo error of a quantile has the size that repeated sampling shows."""

import numpy as np
import pytest

from cartsim.study.precision import quantile_error


@pytest.mark.parametrize("probability", [0.05, 0.5, 0.95])
def test_the_stated_error_is_the_spread_over_repeated_samples(probability: float) -> None:
    rng = np.random.default_rng(1)
    samples = rng.lognormal(size=(400, 1000))
    spread = np.quantile(samples, probability, axis=1).std()
    stated = np.mean([quantile_error(sample, probability, 1000.0) for sample in samples])
    # 400 repetitions give the spread with 3.5% standard error.
    assert stated == pytest.approx(spread, rel=0.12)


def test_fewer_effective_draws_mean_a_larger_error() -> None:
    values = np.random.default_rng(2).normal(size=4000)
    assert quantile_error(values, 0.5, 400.0) == pytest.approx(
        2.0 * quantile_error(values, 0.5, 1600.0), rel=0.15
    )


def test_no_effective_draws_mean_no_knowledge() -> None:
    assert quantile_error(np.zeros(10), 0.5, 0.0) == float("inf")
