"""Which states can multiply: an error made in them while they are few grows with them, so it is never small.

In a state that is only fed or cleared, an error below its scale stays below its scale, and an absolute
tolerance is right. CAR-T cells that fall to a millionth of a cell while antigen is low, and multiply when it
is back, carry their error along: what was far below the scale becomes the whole population. Such states are
solved to a relative tolerance all the way down.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from cartsim.spec.check import plain_function
from cartsim.spec.model import Model

# Below scale / SLACK the error of a multiplying state is weighed by (1 + SLACK) |y|, which meets scale + |y|
# without a jump. Measured: 0 costs 6 % more steps than 3 on the 16-state timing model, 9 lets errors of
# regrown cells grow by half.
SLACK = 3.0
# A state that one step makes this much larger was fed, not grown: what there was before no longer matters,
# and demanding relative precision of a chain of cells that starts from nothing would stop the clock. No step
# can pretend to such growth: a stage multiplies by no more than about (rate x step)^4.
INFLOW = 1e12
SAMPLES, SEED = 256, 20_210_629
# Decades of a state's scale from which states are drawn, and the spread of parameters (natural log).
LOWEST_DECADE, HIGHEST_DECADE, LOG_SD = -3.0, 10.0, 1.0
LATEST_DAY = 100.0
# A sum that is zero by cancellation, k - k, is zero up to rounding.
ROUNDING = 1e-9


def multiplying(model: Model) -> dict[int, int | None]:
    """The positive states in which an error can grow by itself: index → switch that ends it, or None.

    States that feed on each other form a block. Where every column j of a block's Jacobian has
    J_jj + sum |J_ij| <= 0, errors in it cannot grow (its logarithmic 1-norm is not positive): decay,
    clearance, exchange between compartments. This is tried on random positive states and parameters, with
    every switch up or down. A state may declare the answer.
    """
    block = _blocks(len(model.states), model.traced.jacobian)
    slopes, flags = _slopes(model)
    own = np.einsum("kii->ki", slopes)
    others = np.where(block, np.abs(slopes), 0.0).sum(axis=1) - np.abs(own)
    # Written so that a slope that overflows or is not a number counts as growth: it proves nothing.
    grows = (~(own + others <= ROUNDING * np.abs(own)))[:, None, :] & block
    grows = grows.any(axis=2)  # [sample, state]: somewhere in its block
    found: dict[int, int | None] = {}
    for i, state in enumerate(model.states):
        if state.positive and (grows[:, i].any() if state.multiplies is None else state.multiplies):
            ends = [k for k, up in enumerate(flags.T) if not grows[up > 0.0, i].any()]
            found[i] = ends[0] if ends and state.multiplies is None else None
    return found


def _blocks(size: int, entries: Iterable[tuple[int, int]]) -> np.ndarray:
    """bool (N, N): which states depend on each other, directly or through others."""
    reached = np.eye(size, dtype=bool)
    for i, j in entries:
        reached[i, j] = True
    for k in range(size):
        reached |= reached[:, k : k + 1] & reached[k : k + 1]
    return reached & reached.T


def _slopes(model: Model) -> tuple[np.ndarray, np.ndarray]:
    """Jacobians at random positive states and parameters, float64 (SAMPLES, N, N), and flags (SAMPLES, K)."""
    rng = np.random.default_rng(SEED)
    entries = model.traced.jacobian
    jacobian = plain_function(list(entries.values()))
    rows, columns = np.array(list(entries), dtype=np.int64).reshape(-1, 2).T
    scales = np.array([state.scale for state in model.states])
    carried = np.array([bool(state.carries) for state in model.states])
    # A parameter that is zero by default may be set to something else by the user.
    values = np.where(model.values == 0.0, 1.0, model.values)
    found = np.zeros((SAMPLES, len(scales), len(scales)))
    flags = rng.integers(0, 2, (SAMPLES, len(model.traced.switches))).astype(np.float64)
    with np.errstate(all="ignore"):
        for k in range(SAMPLES):
            states = scales * 10.0 ** rng.uniform(LOWEST_DECADE, HIGHEST_DECADE, len(scales))
            states[carried] = np.log(states[carried])
            parameters = values * np.exp(LOG_SD * rng.standard_normal(len(values)))
            day = [rng.uniform(0.0, LATEST_DAY)]
            found[k, rows, columns] = jacobian(state=states, parameter=parameters, time=day, switch=flags[k])
    return found, flags
