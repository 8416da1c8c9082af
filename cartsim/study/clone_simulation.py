"""A simulated patient's clones, named by product or published set, sampled at visits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from cartsim.clones.course import step_ends
from cartsim.clones.drivers import DRIVERS, rate_course
from cartsim.clones.succession import Fitness, Succession, product_shares, succession
from cartsim.clones.visits import sampled_table
from cartsim.data.clone_table import CloneTable
from cartsim.errors import CartsimError
from cartsim.models import load_model

DEPTH = 5000  # cells of a sample
DAILY, COARSE = 60.0, 5.0  # day; figures show every day up to it, then every fifth


def simulated_clones(
    patient: str,
    *,
    clones: int,
    spreads: Mapping[str, float],
    visits: Sequence[float],
    product_spread: float = 1.0,
    depth: int = DEPTH,
    seed: int = 1,
) -> tuple[CloneTable, Succession]:
    """The samples of a simulated patient, and all cells behind them.

    Parameters
    ----------
    patient : a model of `DRIVERS`, or one of their published sets, such as "slow" or "CR_1"
    clones : of the product, with sizes spread by `product_spread` (sd of the logarithm)
    spreads : of fitness, by factor, see `Fitness`
    visits : rising days after infusion; the nearest end of a step is sampled
    depth : cells of a sample

    Raises
    ------
    CartsimError
        For a patient that is none of these.
    """
    sets = {name: model for model in DRIVERS for name in load_model(model).scenarios}
    if patient not in {*sets, *DRIVERS}:
        limit = f"{', '.join(DRIVERS)}, {', '.join(sets)}"
        raise CartsimError("--simulate knows no such patient", value=patient, limit=limit)
    model, scenario = (patient, None) if patient in DRIVERS else (sets[patient], patient)
    last = visits[-1]
    course = rate_course(model=model, scenario=scenario, until=last)
    rng = np.random.default_rng(seed)
    shares = product_shares(clones, rng, spread=product_spread)
    ends = step_ends(last)
    at = np.array([ends[np.abs(ends - day).argmin()] for day in visits])
    shown = np.concatenate([np.arange(1.0, min(DAILY, last)), np.arange(DAILY, last, COARSE)])
    followed = succession(
        course, shares, Fitness(**spreads).draw(clones, rng), np.union1d(shown, at), rng=rng
    )
    return sampled_table(followed, at, depth, rng), followed
