"""Clones of virtual patients: how diverse each one's CAR-T cells are over time, and what goes with relapse.

Our own model, see `cartsim.clones.succession`: the clones of a product differ in fitness, nothing in a
patient is tuned to them, and they change nothing in the patient. What comes out is reported as it is; an
association with relapse can only come from what moves both, such as burden and expansion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.clones.course import step_ends
from cartsim.clones.diversity import clonality, sequenced, shannon, top_share
from cartsim.clones.drivers import course_grid, flagship_course
from cartsim.clones.succession import Fitness, product_shares, succession
from cartsim.cohort.associations import hazard_ratio, rank_correlation
from cartsim.cohort.outcomes import RTOL, outcome_table
from cartsim.cohort.products import TrialPopulation
from cartsim.errors import ModelError
from cartsim.kernels.methods import Method, Rodas5P
from cartsim.regimen.regimen import events_of
from cartsim.solve.batch import batch

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
CLONE_STREAM = 103  # beside those of `cartsim.cohort.products`
CHUNK = 64  # patients whose states exist at once; results do not depend on it
DAYS = (28.0, 90.0, 180.0)
EARLY, LANDMARK = 14.0, 28.0
INDICES = {"shannon": shannon, "clonality": clonality, "top_10": top_share}


def clonal_table(
    population: TrialPopulation,
    count: int,
    *,
    fitness: Fitness,
    clones: int = 2000,
    product_spread: float = 1.0,
    depth: int = 5000,
    days: Sequence[float] = DAYS,
    first: int = 0,
    method: Method | None = None,
    threads: int = 1,
) -> pd.DataFrame:
    """Diversity of the clones of patients first .. first + count - 1, one row each.

    Parameters
    ----------
    population : TrialPopulation of `bcma_myeloma`
    fitness : spreads of the clones' factors
    clones : of every product, with sizes spread by `product_spread` (sd of the logarithm)
    depth : cells sequenced in a sample; fewer than a tenth of it in blood are no sample
    days : of the samples after infusion (day); 14 and 28 are followed for exhaustion in any case

    Returns
    -------
    DataFrame
        `patient`, `shannon_day_0` (nats), `clonality_day_0`, `top_10_day_0` of the product as sequenced, the
        same for every day, and `exhausted_day_14`, `exhausted_day_28`: exhausted cells as a share of all
        CAR-T cells of the model, nobody sampling. NaN where there is no sample, or the solve failed. A
        patient's row is the same whoever else is asked for.

    Raises
    ------
    ModelError
        For another model, and for days that do not rise.
    """
    import pandas as pd

    days = np.asarray(days, float)
    if population.model.name != "bcma_myeloma":
        raise ModelError("clones of virtual patients need the flagship", value=population.model.name)
    if not (days.size and days[0] > 0 and (np.diff(days) > 0).all()):
        raise ModelError("days of samples must rise and be positive", value=list(days))
    seen = np.union1d(days, [EARLY, LANDMARK])
    until, rows = float(seen[-1]), []
    grid, ends = course_grid(until), step_ends(until)
    for begin in range(first, first + count, CHUNK):
        last = min(begin + CHUNK, first + count)
        treated = population.treated(begin, last)
        model = population.model
        solved = batch(
            model, treated.rows, grid, events=events_of(model, treated.regimens),
            method=method or Rodas5P(rtol=RTOL), threads=threads,
        )  # fmt: skip
        states = solved.states.reshape(last - begin, len(grid), -1)
        for k, patient in enumerate(range(begin, last)):
            if solved.status[k]:
                rows.append({"patient": patient})
                continue
            by_name = {name: states[k, :, j] for j, name in enumerate(model.state_names)}
            p = model.parameter_vector(*treated.rows[k])
            course = flagship_course(model, ends, grid, by_name, p, treated.regimens[k])
            rng = np.random.default_rng([population.seed, CLONE_STREAM, patient])
            shares = product_shares(clones, rng, spread=product_spread)
            found = succession(course, shares, fitness.draw(clones, rng), seen, rng=rng)
            rows.append({"patient": patient, **_measures(found.cells, shares, seen, days, depth, rng)})
    return pd.DataFrame(rows)


def _measures(
    cells: Array, shares: Array, seen: Array, days: Array, depth: int, rng: np.random.Generator
) -> dict[str, float]:
    """Indices of the product and of each day's sample; exhaustion."""
    found = {}
    for day in (0.0, *days):
        of_day = shares if day == 0.0 else cells[np.searchsorted(seen, day)].sum(axis=0)
        reach = depth if day == 0.0 else min(depth, int(of_day.sum()))
        sample = sequenced(of_day, reach, rng) if reach >= depth / 10 else None
        for name, index in INDICES.items():
            found[f"{name}_day_{day:g}"] = np.nan if sample is None else index(sample)
    for day in (EARLY, LANDMARK):
        total = cells[np.searchsorted(seen, day)].sum(axis=1)
        found[f"exhausted_day_{day:g}"] = total[4] / total.sum() if total.sum() > 0 else np.nan
    return found


def clonal_outcomes(
    population: TrialPopulation, count: int, *, threads: int = 1, **how: object
) -> pd.DataFrame:
    """`outcome_table` of the patients beside their `clonal_table` (`how`); nobody is sampled after death."""
    outcomes = outcome_table(population, count, first=int(how.get("first", 0)), threads=threads)
    table = outcomes.merge(clonal_table(population, count, threads=threads, **how), on="patient")
    for name in table.columns:
        stem, _, day = name.rpartition("_day_")
        if stem in (*INDICES, "exhausted"):
            gone = table["os_event"].astype(bool) & (table["os_day"].astype(float) < float(day))
            table.loc[gone, name] = np.nan
    return table


def clonal_associations(
    table: pd.DataFrame, *, measures: Sequence[str] | None = None, also: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Early clonality and exhaustion against progression or death, and against each other.

    Parameters
    ----------
    table : DataFrame of `clonal_outcomes`
    measures : columns; by default clonality and Shannon of day 28 and the exhausted share of days 14 and 28
    also : column -> name of further columns for the rank correlation, such as {"cmax_flow": "Cmax"}

    Returns
    -------
    DataFrame
        `measure`, `against`, `statistic`, `value`, `lower`, `upper` (95%), `patients`: hazard ratio of one sd
        for progression or death after day 28, among patients free of both until then (Cox), and Spearman's
        correlation. Nothing is adjusted for anything.
    """
    import pandas as pd

    measures = measures or (
        *(f"{name}_day_28" for name in ("clonality", "shannon", "top_10")),
        *("exhausted_day_14", "exhausted_day_28"),
    )
    at_risk = table[(table["status"] == 0) & (table["pfs_day"].astype(float) > LANDMARK)]
    time, event = at_risk["pfs_day"].astype(float) - LANDMARK, at_risk["pfs_event"].astype(float)
    others = {
        "depth": "depth of response (share left)",
        "shannon_day_180": "Shannon, month 6",
        **(also or {}),
    }
    rows = []
    for measure in measures:
        found = hazard_ratio(at_risk[measure], time, event)
        rows.append((measure, "progression or death after day 28", "hazard ratio of one sd", found))
        for column, name in others.items():
            if column in table and column != measure:
                found = rank_correlation(table[measure].astype(float), table[column].astype(float))
                rows.append((measure, name, "Spearman", found))
    return pd.DataFrame(
        [(*names, a.value, a.lower, a.upper, a.patients) for *names, a in rows],
        columns=["measure", "against", "statistic", "value", "lower", "upper", "patients"],
    )
