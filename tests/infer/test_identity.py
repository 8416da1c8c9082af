"""The digest of a user's function: the same for the same, another for anything it depends on."""

import numpy as np

from cartsim.infer.density import OneByOne
from cartsim.infer.identity import function_digest
from cartsim.spec.priors import Normal


def near(centre, power=2):
    def function(values):
        return -np.sum(np.abs(values - centre) ** power, axis=1)

    return function


def helper(x):
    return 2.0 * x


def calls_helper(values):
    return helper(values[:, 0])


def test_the_same_function_and_data_have_the_same_digest():
    assert function_digest(near(np.arange(3.0))) == function_digest(near(np.arange(3.0)))


def test_numbers_and_arrays_a_function_refers_to_count():
    digests = {function_digest(near(c, p)) for c in (0.0, 1.0, np.zeros(2), np.ones(2)) for p in (2, 3)}
    assert len(digests) == 8


def test_data_count():
    data = [
        None,
        1.0,
        np.arange(3),
        np.arange(3.0),
        {"a": 1},
        {"a": 2},
        [1, 2],
        (1, 2),
        Normal(0, 1),
        Normal(0, 2),
    ]
    assert len({function_digest(helper, item) for item in data}) == len(data)


def test_functions_it_calls_count(monkeypatch):
    before = function_digest(calls_helper)
    monkeypatch.setitem(globals(), "helper", lambda x: 3.0 * x)
    assert function_digest(calls_helper) != before


def test_calling_a_wrapped_function_does_not_change_it():
    wrapped = OneByOne(lambda x: float(x[0]))
    before = function_digest(wrapped)
    wrapped(np.zeros((2, 1)))
    assert function_digest(wrapped) == before
    assert function_digest(OneByOne(lambda x: float(x[0]) + 1.0)) != before
