"""The compiled transforms and their plain-Python twins give the same numbers, to the ends of the line."""

import math

import numpy as np
import pytest

from cartsim.kernels import unconstrained

KINDS = [
    unconstrained.IDENTITY,
    unconstrained.ABOVE,
    unconstrained.BETWEEN,
    unconstrained.BELOW,
    unconstrained.LOG_BETWEEN,
]


@pytest.mark.parametrize("kind", KINDS)
def test_the_plain_python_twin_gives_the_same_value(kind):
    plain = getattr(unconstrained.physical, "py_func", unconstrained.physical)
    for u in (-800.0, -30.0, -1.0, 0.0, 2.5, 30.0, 800.0):
        assert unconstrained.physical(u, kind, 0.5, 4.0) == pytest.approx(plain(u, kind, 0.5, 4.0), rel=1e-13)


@pytest.mark.parametrize("kind", [unconstrained.BETWEEN, unconstrained.LOG_BETWEEN])
def test_values_in_an_interval_never_leave_it(kind):
    for u in (-800.0, -5.0, 0.0, 5.0, 800.0):
        assert 0.5 <= unconstrained.physical(u, kind, 0.5, 4.0) <= 4.0 * (1.0 + 1e-15)


def test_a_value_that_overflows_makes_the_walker_impossible_and_keeps_what_was_there():
    codes = np.array(
        [[unconstrained.ABOVE, 0, unconstrained.NORMAL], [unconstrained.ABOVE, 1, unconstrained.OTHER]]
    )
    numbers = np.array([[0.0, math.inf, 0.0, 1.0], [0.0, math.inf, 0.0, 0.0]])
    parameters, sigma, log_prior = np.full((2, 1), 7.0), np.full((2, 1), 3.0), np.empty(2)
    unconstrained.place(np.array([[800.0, 0.0], [0.0, 0.0]]), codes, numbers, parameters, sigma, log_prior)
    assert parameters[:, 0].tolist() == [7.0, 1.0]
    assert sigma[:, 0].tolist() == [1.0, 1.0]
    assert log_prior[0] == -math.inf
    assert log_prior[1] == pytest.approx(-0.5 * math.log(2.0 * math.pi))
