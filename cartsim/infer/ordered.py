"""Parameters constrained to increase, so that two that mean the same thing cannot swap places.

The first of a block walks on its own unconstrained scale; every later one is the one before plus exp(u). The
order holds on the unconstrained scale of the prior and so, that being monotone, on the physical one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from cartsim.errors import FitError
from cartsim.spec.distribution import Prior

Array = NDArray[np.float64]
Blocks = tuple[tuple[int, ...], ...]
GAP_SD = 1.0  # how far the search for starts looks in the log of a gap


def increasing(u: Array, blocks: Blocks) -> Array:
    """From what the sampler walks on, float64 (W, d), to the unconstrained scales of the priors."""
    if not blocks:
        return u
    line = u.copy()
    with np.errstate(over="ignore"):
        for block in blocks:
            for before, here in pairwise(block):
                line[:, here] = line[:, before] + np.exp(u[:, here])
    return line


def gaps(line: Array, blocks: Blocks) -> Array:
    """The inverse of `increasing`; NaN where values do not increase."""
    if not blocks:
        return line
    u = line.copy()
    with np.errstate(invalid="ignore", divide="ignore"):
        for block in blocks:
            for before, here in pairwise(block):
                u[:, here] = np.log(line[:, here] - line[:, before])
    return u


def log_slope(u: Array, blocks: Blocks) -> Array:
    """log |d increasing / d u|, float64 (W,): the sum of the logs of the gaps."""
    later = [column for block in blocks for column in block[1:]]
    return u[:, later].sum(axis=1)


def in_order(line: Array, blocks: Blocks) -> Array:
    """Every block sorted: starting points drawn from the priors one by one."""
    line = line.copy()
    for block in blocks:
        line[:, block] = np.sort(line[:, block], axis=1)
    return line


def block_columns(ordered: Sequence[Sequence[str]], names: Sequence[str], priors: Sequence[Prior]) -> Blocks:
    """Columns of blocks given by name.

    Raises
    ------
    FitError
        For names that are not estimated, named twice, or whose priors have different supports.
    """
    flat = [name for block in ordered for name in block]
    unknown = [name for name in flat if name not in names]
    if unknown:
        raise FitError(
            "an ordered block names what is not estimated", value=unknown[0], limit=", ".join(names)
        )
    if len(set(flat)) < len(flat) or any(len(block) < 2 for block in ordered):
        raise FitError("ordered blocks hold at least two parameters, each in one block", value=ordered)
    blocks = tuple(tuple(names.index(name) for name in block) for block in ordered)
    for block in blocks:
        scales = {(type(priors[k]).__name__ == "LogUniform", priors[k].support) for k in block}
        if len(scales) > 1:
            raise FitError(
                "parameters of an ordered block need priors on the same interval",
                value=", ".join(names[k] for k in block),
                limit="; ".join(str(support) for _, support in sorted(scales)),
            )
    return blocks
