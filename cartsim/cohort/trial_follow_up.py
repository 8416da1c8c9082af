"""How long a trial sees its patients: accrual, data cut, dropout; survival and log-rank as it sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cartsim.cohort.trial import TrialDesign
from cartsim.cohort.trial_endpoints import MONTH
from cartsim.endpoints.shares import exact_share
from cartsim.endpoints.survival import follow_up as reverse_kaplan_meier
from cartsim.endpoints.survival import kaplan_meier
from cartsim.errors import ModelError

if TYPE_CHECKING:
    import pandas as pd

FOLLOW_UP_STREAM = 302
KINDS = ("pfs", "os")
MONTHS = (3.0, 6.0, 9.0, 12.0)
VISIT = 14.0  # day; progression is seen at visits, and that of month 12 is on day 360
LEVEL = 0.95


@dataclass(frozen=True)
class FollowUp:
    """What ends a patient's follow-up beside the event itself; what is None ends nothing.

    Parameters
    ----------
    dropout_per_year : share of patients lost within a year, at a constant rate, independent of the course
    accrual_per_month : patients infused a month in each arm, uniformly from the day the trial opens
    data_cut_months : months of 365/12 days from that day to the data cut; needs the accrual

    Raises
    ------
    ModelError
        For shares outside 0 to 1, values of 0 or less, one of accrual and data cut without the other.
    """

    dropout_per_year: float = 0.0
    accrual_per_month: float | None = None
    data_cut_months: float | None = None

    def __post_init__(self) -> None:
        faults = []
        if not 0.0 <= self.dropout_per_year < 1.0:
            faults.append(f"dropout_per_year is {self.dropout_per_year:g}; 0 to below 1 is needed")
        for name in ("accrual_per_month", "data_cut_months"):
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value > 0):
                faults.append(f"{name} is {value:g}; more than 0 is needed")
        if (self.accrual_per_month is None) != (self.data_cut_months is None):
            faults.append("accrual_per_month and data_cut_months are needed together")
        if faults:
            raise ModelError("this follow-up is not possible\n  " + "\n  ".join(faults))

    def accrual_days(self, patients: int) -> float:
        """Days in which so many patients of an arm are infused; 0 where all are at once."""
        return 0.0 if self.accrual_per_month is None else patients / self.accrual_per_month * MONTH

    def last_day(self, luck: np.ndarray, patients: int) -> np.ndarray:
        """Day after infusion on which each patient is last seen, (n,), from uniform numbers (n, 2)."""
        yearly = -np.log1p(-self.dropout_per_year) / 365.0
        with np.errstate(divide="ignore"):
            lost = -np.log1p(-luck[:, 0]) / yearly if yearly > 0.0 else np.full(len(luck), np.inf)
        if self.data_cut_months is None:
            return lost
        entered = luck[:, 1] * self.accrual_days(patients)
        return np.minimum(lost, self.data_cut_months * MONTH - entered)


def as_followed(
    design: TrialDesign, outcomes: Mapping[str, pd.DataFrame], follow_up: FollowUp
) -> dict[str, pd.DataFrame]:
    """Outcomes with PFS and OS as the trial sees them; patient k is last seen on the same day in every arm.

    Death is censored on the day last seen, progression at the last response visit before it, where it was
    looked for. Everything else in the tables stays as it was: it is what full follow-up would have shown.
    """
    return {arm: _censored(rows, *_last_days(design, arm, rows, follow_up)) for arm, rows in outcomes.items()}


def _last_days(
    design: TrialDesign, arm: str, rows: pd.DataFrame, follow_up: FollowUp
) -> tuple[np.ndarray, np.ndarray]:
    """Day last seen and day of the last response visit up to it."""
    population = design.arms[arm]
    luck = population.uniform(FOLLOW_UP_STREAM, 0, len(rows), 2)
    last = np.maximum(follow_up.last_day(luck, design.patients), 0.0)
    visits = np.array([0.0, *population.products.observation.response_days])
    return last, visits[np.searchsorted(visits, last, side="right") - 1]


def _censored(rows: pd.DataFrame, last: np.ndarray, visit: np.ndarray) -> pd.DataFrame:
    solved = (rows["status"] == 0).to_numpy()
    found = {}
    for kind, end in (("pfs", visit), ("os", last)):
        day = rows[f"{kind}_day"].to_numpy(float)
        event = np.zeros(len(rows), dtype=bool)
        event[solved] = rows[f"{kind}_event"][solved].to_numpy(bool)
        seen = event & (day <= last)
        found |= {f"{kind}_day": np.where(seen, day, np.minimum(day, end)), f"{kind}_event": seen}
    return rows.assign(**found)


def survival_table(design: TrialDesign, followed: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Kaplan-Meier of the large cohort as followed.

    Returns
    -------
    DataFrame
        kind (pfs, os), arm, month (of 365/12 days, or the last visit up to 14 days before), `at_risk`,
        `survival` with log-log 95 % limits (NaN beyond the follow-up), `events` and the median
        `follow_up_days` by reverse Kaplan-Meier (NaN where fewer than half were censored), the last two over
        the whole time.
    """
    import pandas as pd

    parts = []
    for kind in KINDS:
        for arm, rows in followed.items():
            some = _solved(rows.iloc[: design.cohort])
            if not len(some):
                continue
            day, event = some[f"{kind}_day"].to_numpy(float), some[f"{kind}_event"].to_numpy(bool)
            curve = kaplan_meier(day, event, level=LEVEL)
            part = curve.at(_asked(day, event)).drop(columns="time")
            for place, (name, value) in enumerate((("kind", kind), ("arm", arm), ("month", MONTHS))):
                part.insert(place, name, value)
            parts.append(part.assign(events=curve.events, follow_up_days=_middle(day, event)))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _asked(day: np.ndarray, event: np.ndarray) -> np.ndarray:
    """Days of the months; one just after the last visit is read at that visit, not beyond the follow-up."""
    days, last = np.array(MONTHS) * MONTH, day[~event].max(initial=0.0)
    return np.where((days > last) & (days - last < VISIT), last, days)


def _middle(day: np.ndarray, event: np.ndarray) -> float:
    return reverse_kaplan_meier(day, event).median.value


def log_rank_table(
    design: TrialDesign, followed: Mapping[str, pd.DataFrame], *, alpha: float = 0.05
) -> pd.DataFrame:
    """How often replicate trials of the real size find two arms different by the log-rank test.

    Every arm against the first, with different patients in the two arms (replicate r against r - 1), as a
    real trial has; whoever was not solved leaves both replicates out. Days are whole ones begun.

    Returns
    -------
    DataFrame
        kind, arm, against, patients of an arm, replicates, `power` (share with a two-sided p < alpha) with
        its exact 95 % interval of simulation, `favours_arm` (those in which this arm has fewer events than
        expected), `undefined`: replicates without any event, which count as not significant.
    """
    import pandas as pd

    (first, reference), *others = followed.items()
    rows = []
    for kind in KINDS:
        for arm, table in others:
            score, p, undefined = _log_ranks(design, kind, reference, table)
            met = p < alpha
            share = exact_share(int(met.sum()), len(met), level=LEVEL)
            better = float((met & (score > 0)).mean()) if len(met) else np.nan
            rows.append(
                {"kind": kind, "arm": arm, "against": first, "patients": design.patients}
                | {"replicates": len(met), "power": share.share, "lower": share.lower}
                | {"upper": share.upper, "favours_arm": better, "undefined": undefined}
            )
    return pd.DataFrame(rows)


def _log_ranks(
    design: TrialDesign, kind: str, reference: pd.DataFrame, table: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray, int]:
    """Statistic (positive: the reference has more events than expected) and p of each usable pair."""
    from scipy.stats import CensoredData, logrank

    arms = []
    for rows, turn in ((reference, 0), (table, 1)):
        columns = (np.ceil(rows[f"{kind}_day"].to_numpy(float)), rows[f"{kind}_event"].to_numpy(bool))
        lost = (rows["status"] != 0).to_numpy()
        arms.append([np.roll(design.in_replicates(c), turn, axis=0) for c in (*columns, lost)])
    scores, chances, undefined = [], [], 0
    for day_a, event_a, lost_a, day_b, event_b, lost_b in zip(*arms[0], *arms[1], strict=True):
        if lost_a.any() or lost_b.any():
            continue
        if not _informative(day_a, event_a, day_b, event_b):
            scores, chances, undefined = [*scores, 0.0], [*chances, 1.0], undefined + 1
            continue
        found = logrank(
            CensoredData.right_censored(day_a, ~event_a), CensoredData.right_censored(day_b, ~event_b)
        )
        scores.append(float(found.statistic))
        chances.append(float(found.pvalue))
    return np.array(scores), np.array(chances), undefined


def _informative(day_a: np.ndarray, event_a: np.ndarray, day_b: np.ndarray, event_b: np.ndarray) -> bool:
    """Whether some event happens while both arms have patients at risk: else the variance is 0."""
    days = np.concatenate([day_a[event_a], day_b[event_b]])
    return bool((days <= min(day_a.max(), day_b.max())).any())


def _solved(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["status"] == 0]
