"""One patient's observations checked against their error models, and as the tables the kernels read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.errors import FitError
from cartsim.observe.error_models import ErrorModel

if TYPE_CHECKING:
    from cartsim.data.dataset import ObservationArrays
    from cartsim.spec.model import Model

Array = NDArray[np.float64]
QUANTIFIED, LEFT = 0, 1


def check_observations(
    arrays: ObservationArrays, model: Model, errors: Mapping[str, ErrorModel], place: str
) -> None:
    """Raise FitError, naming `place` and row, for observations that their error model cannot take."""
    for index in np.unique(arrays.output):
        name = arrays.outputs[index]
        if name not in errors:
            raise FitError(f"{place}: no error model for an observed output", value=name)
        if name not in model.output_names:
            raise FitError(
                f"model {model.name} has no such output", value=name, limit=", ".join(model.output_names)
            )
    early = np.flatnonzero(arrays.time < 0.0)
    if early.size:
        raise FitError(
            f"{place}, row {arrays.row[early[0]]}: an observation before the start of the model",
            value=f"day {arrays.time[early[0]]:g}",
            limit=">= 0",
            remedy="leave samples taken before the infusion out of the fit",
        )
    on_log = np.array([errors[arrays.outputs[i]].log_scale for i in arrays.output], dtype=bool)
    bound = np.where(arrays.censoring == LEFT, arrays.upper, arrays.value)
    wrong = np.flatnonzero(on_log & (arrays.censoring <= LEFT) & ~(bound > 0.0))
    if wrong.size:
        raise FitError(
            f"{place}, row {arrays.row[wrong[0]]}: a value that has no logarithm under a log-scale error",
            value=bound[wrong[0]],
            limit="> 0",
            remedy="give the LLOQ so that the value counts as below it",
        )
    _check_counts(arrays, errors, place)


def _check_counts(arrays: ObservationArrays, errors: Mapping[str, ErrorModel], place: str) -> None:
    """Counts are whole numbers, none is censored, and no interval is empty."""
    counted = np.array([errors[arrays.outputs[i]].counts for i in arrays.output], dtype=bool)
    censored = np.flatnonzero(counted & (arrays.censoring != QUANTIFIED))
    if censored.size:
        raise FitError(
            f"{place}, row {arrays.row[censored[0]]}: a count cannot be below or above a limit",
            value=arrays.outputs[arrays.output[censored[0]]],
            remedy="leave limits of quantification out for counts; zeros stay numbers with signed=",
        )
    value = arrays.value
    wrong = np.flatnonzero(counted & ~((value >= 0.0) & (value == np.round(value)) & np.isfinite(value)))
    if wrong.size:
        raise FitError(
            f"{place}, row {arrays.row[wrong[0]]}: not a count",
            value=value[wrong[0]],
            limit="0, 1, 2, ...",
            remedy="give the number counted, not a rate or a mean",
        )
    for index in np.unique(arrays.output):
        if not errors[arrays.outputs[index]].of_intervals:
            continue
        rows = np.flatnonzero(arrays.output == index)
        empty = rows[arrays.time[rows] <= [_interval_start(arrays, row) for row in rows]]
        if empty.size or len(np.unique(arrays.time[rows])) < len(rows):
            at = empty[0] if empty.size else rows[np.argmin(np.diff(np.sort(arrays.time[rows]))) + 1]
            raise FitError(
                f"{place}, row {arrays.row[at]}: a count of an interval of no length",
                value=f"day {arrays.time[at]:g}",
                limit="after time 0 and after the count before it",
            )


def _interval_start(arrays: ObservationArrays, row: int) -> float:
    """When the interval of a count began: at the output's observation before it, or at time 0."""
    own = (arrays.output == arrays.output[row]) & (arrays.time < arrays.time[row])
    return float(arrays.time[own].max(initial=0.0))


def solve_times(arrays: ObservationArrays, errors: Mapping[str, ErrorModel]) -> Array:
    """Times at which the model is needed: those observed, and time 0 where counts are of intervals."""
    intervals = any(errors[arrays.outputs[i]].of_intervals for i in np.unique(arrays.output))
    return np.unique(np.append(arrays.time, 0.0)) if intervals else np.unique(arrays.time)


def observation_tables(
    arrays: ObservationArrays,
    errors: Mapping[str, ErrorModel],
    *,
    sigma_names: Sequence[str],
    output_names: Sequence[str],
    times: Array,
) -> tuple[NDArray[np.int64], Array]:
    """The observation tables of `kernels.residual`."""
    count = len(arrays.time)
    codes, numbers = np.zeros((count, 6), dtype=np.int64), np.zeros((count, 5))
    for r in range(count):
        output = arrays.outputs[arrays.output[r]]
        error = errors[output]
        own = [sigma_names.index(name) for name, _ in error.sigmas(output)] or [0]
        second = np.searchsorted(times, _interval_start(arrays, r)) if error.of_intervals else own[-1]
        time = np.searchsorted(times, arrays.time[r])
        codes[r] = time, output_names.index(output), arrays.censoring[r], error.kind, own[0], second
        numbers[r] = row_numbers(arrays, r, error)
    return codes, numbers


def row_numbers(arrays: ObservationArrays, r: int, error: ErrorModel) -> tuple[float, ...]:
    """Value, lower and upper end on the residual's scale, constant of the density, degrees of freedom."""
    from cartsim.kernels import residual

    ends = np.array([arrays.value[r], arrays.lower[r], arrays.upper[r]])
    offset = residual.log_constant(error.df)
    if error.log_scale:
        with np.errstate(divide="ignore", invalid="ignore"):
            ends = np.log(ends)
        offset -= ends[0] if arrays.censoring[r] == QUANTIFIED else 0.0
    return *ends, offset, error.df
