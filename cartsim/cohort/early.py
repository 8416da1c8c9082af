"""What becomes of one patient of `bcma_myeloma`, from many draws of what this patient may be.

CRS, response and progression. A draw is a parameter row. Its luck (grade given the IL-6 peak, day of death,
errors of later visits) is drawn afresh: shares of the draws are probabilities of this patient's outcomes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.cohort.outcomes import RTOL, Followed, followed_with, luck_columns
from cartsim.cohort.products import Treated, TrialPopulation
from cartsim.endpoints.imwg_rules import Response
from cartsim.endpoints.progression import progression_free
from cartsim.kernels.methods import Method, Rodas5P
from cartsim.regimen.regimen import Regimen

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
MONTHS = {"month 1": 30.0, "month 3": 90.0, "month 6": 180.0}
YEAR = 360.0  # the last visit: progression is seen up to it
# Not informed by two weeks of counts and cytokines, and held in the recorded fits: they vary as in the model.
LATER = ("growth", "escape_fraction", "hazard_burden", "m_protein_start", "flc_start", "iga")


def outcome_draws(
    population: TrialPopulation,
    rows: Array,
    regimens: Sequence[Regimen],
    rng: np.random.Generator,
    *,
    method: Method | None = None,
) -> pd.DataFrame:
    """Outcomes of draws of one patient (or of several patients).

    Parameters
    ----------
    rows : float64 (n, P), physical units
    regimens : n, what each is given

    Returns
    -------
    DataFrame
        One row a draw: `crs` (bool), `grade` (0 to 4; surrogate), `response month 1`, `... 3`, `... 6` (code
        of the best confirmed response so far, 0 from progression on, NaN after death), `pfs_day`, `event`
        (progression or death up to day 360), `therapy_day`. Draws that could not be solved are left out.
    """
    treated = Treated(rows, tuple(regimens), np.full(len(rows), np.nan))
    luck = rng.random((len(rows), luck_columns(population)))
    return read_outcomes(followed_with(population, treated, luck, method=method or Rodas5P(rtol=RTOL)))


def read_outcomes(seen: Followed) -> pd.DataFrame:
    """The table of `outcome_draws` from followed patients."""
    import pandas as pd

    response, free = seen.response, progression_free(seen.response)
    table = {"crs": seen.crs.crs, "grade": np.where(seen.crs.crs, seen.crs.surrogate_grade, 0)}
    for name, day in MONTHS.items():
        at = int(np.searchsorted(response.days, day))
        best = np.maximum.accumulate(response.confirmed, axis=1)[:, at].astype(float)
        best = np.where(response.progression_day <= day, float(Response.PD), best)
        table[f"response {name}"] = np.where(response.death_day <= day, np.nan, best)
    event = free.event & (free.time <= YEAR)
    table |= {"pfs_day": np.minimum(free.time, YEAR), "event": event, "therapy_day": seen.curves.therapy}
    return pd.DataFrame(table)[seen.curves.status == 0].reset_index(drop=True)


def probabilities(draws: pd.DataFrame) -> pd.DataFrame:
    """Shares of the draws: columns `outcome`, `probability`, `low`, `high` (95 % Monte Carlo, Wilson).

    Response is partial response or better without progression; who died before has none.
    """
    import pandas as pd
    from statsmodels.stats.proportion import proportion_confint

    events = {"CRS of any grade": draws["crs"]}
    events |= {f"CRS grade {k}": draws["grade"] == k for k in (1, 2)}
    events |= {"CRS grade 3 or more": draws["grade"] >= 3}
    for name in MONTHS:
        events[f"response (PR or better) at {name}"] = draws[f"response {name}"] >= Response.PR
        events[f"CR or better at {name}"] = draws[f"response {name}"] >= Response.CR
    events["no progression or death in 12 months"] = ~draws["event"].astype(bool)
    counts = {name: int(hit.sum()) for name, hit in events.items()}
    limits = [proportion_confint(count, len(draws), method="wilson") for count in counts.values()]
    return pd.DataFrame(
        {
            "outcome": list(counts),
            "probability": [count / len(draws) for count in counts.values()],
            "low": [low for low, _ in limits],
            "high": [high for _, high in limits],
        }
    )


def with_later(population: TrialPopulation, rows: Array, first: int = 0) -> Array:
    """Rows whose parameters that only decide the later course vary as between virtual patients."""
    drawn, result = population.patients(first, first + len(rows)), rows.copy()
    for name in LATER:
        k = population.model.index(name)
        result[:, k] = drawn[:, k]
    return result
