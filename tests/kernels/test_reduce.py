"""Numbers drawn from curves agree with an oracle in exact fractions, ties, jumps and odd windows included."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from cartsim.kernels.reduce import reduce_rows
from cartsim.solve.reductions import (
    Area,
    FirstAbove,
    FirstBelow,
    LastAbove,
    LowestShare,
    Peak,
    Reduction,
    TimeAbove,
    TimeOfPeak,
    TimeOfTrough,
    Trough,
    ValueAt,
    tables,
)
from tests.problems import WARD

PLAIN = (Peak, TimeOfPeak, Trough, TimeOfTrough, LowestShare, Area)
LIMITED = (FirstAbove, FirstBelow, LastAbove, TimeAbove)
# Fractions are exact, the kernel rounds a handful of operations a segment.
CLOSE = {"rel": 1e-13, "abs": 1e-13, "nan_ok": True}
Points = list[tuple[Fraction, Fraction]]


def numbers(
    reductions: Sequence[Reduction],
    times: np.ndarray,
    outputs: np.ndarray,
    states: np.ndarray | None = None,
    status: np.ndarray | None = None,
) -> np.ndarray:
    """Reductions (R) of ward curves: outputs (n, T, 2), states (n, T, 9), status (n,); float64 (n, R)."""
    count, length = outputs.shape[:2]
    table = tables(reductions, WARD, times)
    states = np.zeros((count, length, len(WARD.states))) if states is None else states
    status = np.zeros(count, dtype=np.int64) if status is None else status
    values = np.empty((count, len(reductions)))
    flat = (array.reshape(count * length, -1) for array in (outputs, states))
    arrays = (table.curves, table.days, table.weights, table.rules, table.limits)
    reduce_rows(count, length, *arrays, *flat, status, values)
    return values


def one(reduction: Reduction, times: list[float], curve: list[float]) -> float:
    """One number of one curve."""
    outputs = np.zeros((1, len(times), 2))
    outputs[0, :, 0] = curve
    return float(numbers([reduction], np.array(times), outputs)[0, 0])


def window_points(times: np.ndarray, curve: np.ndarray, start: float, end: float) -> Points:
    """The curve inside a window as exact points, its ends interpolated where they lie between grid times."""
    grid = [(Fraction(t), Fraction(v)) for t, v in zip(times, curve, strict=True)]
    inside = [point for point in grid if start <= point[0] <= end]

    def at(day: Fraction) -> list:
        if day in [t for t, _ in grid]:
            return []
        (x0, y0), (x1, y1) = next((a, b) for a, b in pairwise(grid) if a[0] < day < b[0])
        return [(day, y0 + (y1 - y0) * (day - x0) / (x1 - x0))]

    return at(Fraction(start)) + inside + at(Fraction(end))


def stays(points: Points, side: int, limit: float) -> list[tuple[Fraction, Fraction]]:
    """Intervals of days on which the line through the points is at or above (1) or below (-1) the limit."""
    bound, found = side * Fraction(limit), []
    for (x0, y0), (x1, y1) in pairwise([points[0], *points]):  # a window may be one point
        low, high = side * y0, side * y1
        if low >= bound and high >= bound:
            found.append((x0, x1))
        elif low >= bound or high >= bound:
            meets = x0 + (x1 - x0) * (bound - low) / (high - low)
            found.append((x0, meets) if low >= bound else (meets, x1))
    return found


def expected(reduction: Reduction, times: np.ndarray, curve: np.ndarray) -> float:
    """What the number should be, in exact arithmetic."""
    points = window_points(times, curve, *reduction.window(times))
    days, values = zip(*points, strict=True)
    limit = reduction.threshold
    above = [] if limit is None else stays(points, 1, limit)
    below = [] if limit is None else stays(points, -1, limit)
    answer = {
        Peak: lambda: max(values),
        TimeOfPeak: lambda: days[values.index(max(values))],
        Trough: lambda: min(values),
        TimeOfTrough: lambda: days[values.index(min(values))],
        LowestShare: lambda: min(values) / values[0] if values[0] else np.nan,
        Area: lambda: sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairwise(points)),
        ValueAt: lambda: values[-1],
        FirstAbove: lambda: above[0][0] if above else np.nan,
        FirstBelow: lambda: below[0][0] if below else np.nan,
        LastAbove: lambda: above[-1][1] if above else np.nan,
        TimeAbove: lambda: sum(b - a for a, b in above),
    }
    return float(answer[type(reduction)]())


def random_reductions(rng: np.random.Generator, times: np.ndarray) -> list[Reduction]:
    """Every kind on both outputs and a state, with windows on the grid, off it, in one cell, or none."""

    def window() -> dict[str, float]:
        pick = rng.integers(5)
        if pick == 0:
            return {}
        if pick == 1:
            return {"start": float(rng.choice(times))}
        if pick == 2:
            return {"end": float(rng.uniform(times[0], times[-1]))}
        if pick == 3:  # both ends in a cell, as a rule
            start = rng.uniform(times[0], times[-1])
            return {"start": start, "end": min(start + 0.01, float(times[-1]))}
        start, end = np.sort(rng.uniform(times[0], times[-1], 2))
        return {"start": start, "end": end}

    found: list[Reduction] = []
    for of in ("drug", "alarm", "state_lost"):
        found += [kind(of, **window()) for kind in PLAIN]
        found += [kind(of, float(rng.integers(-1, 4)), **window()) for kind in LIMITED]
        found += [ValueAt(of, float(rng.choice(times))), ValueAt(of, rng.uniform(times[0], times[-1]))]
    return found


def sample(seed: int = 3) -> tuple[np.ndarray, np.ndarray, list[Reduction], np.ndarray, np.ndarray]:
    """Random curves over few whole numbers (many ties) on a grid with repeated times; and their numbers."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.choice(np.arange(0.0, 12.0, 0.5), 14))
    outputs = rng.integers(-2, 4, (5, len(times), 2)).astype(float)
    states = rng.normal(size=(5, len(times), len(WARD.states)))
    reductions = random_reductions(rng, times)
    return times, numbers(reductions, times, outputs, states), reductions, outputs, states


@pytest.mark.parametrize("seed", range(20))
def test_every_number_of_random_curves_is_that_of_exact_fractions(seed):
    times, values, reductions, outputs, states = sample(seed)
    curves = {"drug": outputs[..., 0], "alarm": outputs[..., 1], "state_lost": states[..., 6]}
    for k, reduction in enumerate(reductions):
        should = [expected(reduction, times, curve) for curve in curves[reduction.of]]
        assert values[:, k] == pytest.approx(should, **CLOSE), reduction


def test_the_oracles_cases_are_a_real_test():
    times, values, reductions, *_ = sample()
    assert (np.diff(times) == 0.0).any(), "a grid time is repeated"
    kinds = {type(reduction) for reduction in reductions}
    assert kinds == {*PLAIN, *LIMITED, ValueAt}
    limited = np.array([reduction.threshold is not None for reduction in reductions])
    assert np.isnan(values[:, limited]).any(), "a limit is never reached"
    assert np.isfinite(values[:, limited]).any()


def test_a_failed_patient_is_nan_in_every_number_and_its_neighbours_are_not():
    outputs = np.ones((3, 4, 2))
    outputs[1, 2:] = np.nan
    reductions = [Peak("drug"), TimeAbove("drug", 0.5), ValueAt("drug", 0.0)]
    values = numbers(reductions, np.arange(4.0), outputs, status=np.array([0, 4, 0]))
    assert np.isnan(values[1]).all()
    assert values[[0, 2]].tolist() == [[1.0, 3.0, 1.0]] * 2


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_empties_the_windows_that_hold_or_touch_it_only(bad):
    times, curve = [0.0, 1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, bad, 5.0]
    for kind in PLAIN:
        assert np.isnan(one(kind("drug"), times, curve))
        assert np.isnan(one(kind("drug", end=2.5), times, curve)), (
            "its end is interpolated from the bad value"
        )
        assert np.isfinite(one(kind("drug", end=2.0), times, curve))
        assert np.isfinite(one(kind("drug", start=4.0), times, curve))


def test_a_limit_at_the_edge_counts_as_reached():
    times, curve = [0.0, 1.0, 2.0, 3.0], [0.0, 2.0, 1.0, 0.0]
    assert one(FirstAbove("drug", 2.0), times, curve) == 1.0
    assert one(LastAbove("drug", 2.0), times, curve) == 1.0
    assert one(TimeAbove("drug", 2.0), times, curve) == 0.0
    assert one(FirstBelow("drug", 0.0), times, curve) == 0.0
    assert one(FirstBelow("drug", 0.0, start=1.0), times, curve) == 3.0
    assert np.isnan(one(FirstAbove("drug", 2.1), times, curve))
    assert np.isnan(one(LastAbove("drug", 2.1), times, curve))


def test_still_above_at_the_end_is_the_windows_end():
    assert one(LastAbove("drug", 1.0), [0.0, 5.0], [0.0, 2.0]) == 5.0
    assert one(LastAbove("drug", 1.0, end=4.0), [0.0, 5.0], [0.0, 2.0]) == 4.0
    assert one(LastAbove("drug", 1.0, end=2.5), [0.0, 5.0], [0.0, 2.0]) == 2.5
    assert np.isnan(one(LastAbove("drug", 1.0, end=2.0), [0.0, 5.0], [0.0, 2.0]))


def test_of_equal_peaks_and_troughs_the_first_counts():
    times, curve = [0.0, 1.0, 2.0, 3.0], [1.0, 3.0, 1.0, 3.0]
    assert one(TimeOfPeak("drug"), times, curve) == 1.0
    assert one(TimeOfTrough("drug"), times, curve) == 0.0


def test_the_value_on_a_repeated_day_is_the_last_one():
    assert one(ValueAt("drug", 1.0), [0.0, 1.0, 1.0, 2.0], [0.0, 1.0, 7.0, 8.0]) == 7.0


def test_a_share_of_nothing_is_empty():
    assert np.isnan(one(LowestShare("drug"), [0.0, 1.0], [0.0, -1.0]))
    assert one(LowestShare("drug"), [0.0, 1.0, 2.0], [4.0, 1.0, 2.0]) == 0.25


def test_one_compiled_kernel_serves_all_tables():
    for seed in range(3):
        sample(seed)
    if hasattr(reduce_rows, "signatures"):
        assert len(reduce_rows.signatures) == 1
