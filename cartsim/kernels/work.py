"""What a solver reads and writes, as named tuples of arrays: `Work` goes in, `Found` comes out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Work(NamedTuple):
    """Patients, their output times, doses and rules.

    parameters : float64 [n, P]
    subject : int64 [n], whose times, doses and rules each patient has
    times : float64, output times of subject s are times[time_offsets[s] : time_offsets[s + 1]]
    row_offsets : int64 [n + 1], first row of each patient in the results
    events : float64 [E, 4], columns time, kind, state, value; by event_offsets
    rules : float64 [R, 10], columns SIGNAL … FIRST_SLOT of `clock`; by rule_offsets
    actions : float64 [A, 4], columns delay, kind, state, value
    control : float64 [7], entries RTOL … ALIKE of `clock`
    """

    parameters: np.ndarray
    subject: np.ndarray
    times: np.ndarray
    time_offsets: np.ndarray
    row_offsets: np.ndarray
    event_offsets: np.ndarray
    events: np.ndarray
    rule_offsets: np.ndarray
    rules: np.ndarray
    actions: np.ndarray
    control: np.ndarray


class Found(NamedTuple):
    """Results: states float64 [rows, N], status int64 [n], counts int64 [n, 3] = accepted steps, rejected
    steps, negatives set to zero; firings float64 [n, K] = when each rule fired, NaN where it did not."""

    states: np.ndarray
    status: np.ndarray
    counts: np.ndarray
    firings: np.ndarray
