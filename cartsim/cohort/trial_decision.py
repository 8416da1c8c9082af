"""How often a virtual trial meets its decision rule, in one stage or in two as Simon's designs have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cartsim.cohort.trial import TrialDesign
from cartsim.cohort.trial_endpoints import CountEndpoint
from cartsim.cohort.trial_tables import LEVEL
from cartsim.endpoints.shares import exact_share

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class FirstStage:
    """The trial stops where fewer than `at_least` of its first `patients` have the endpoint."""

    patients: int
    at_least: int


@dataclass(frozen=True)
class DecisionRule:
    """Met where at least `at_least` patients of a trial have the endpoint, and it was not stopped before.

    With a first stage it is a two-stage design of Simon 1989 (doi:10.1016/0197-2456(89)90015-9); his r1 and r
    are the largest counts that still end the trial, one less than `at_least` here.
    """

    endpoint: CountEndpoint
    at_least: int
    first_stage: FirstStage | None = None

    def text(self, patients: int) -> str:
        """The rule in words."""
        whole = f"{self.endpoint.meaning}: at least {self.at_least} of {patients}"
        first = self.first_stage
        return whole if first is None else f"{whole}, and {first.at_least} of the first {first.patients}"

    def met(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Whether each replicate meets the rule and whether it stops early, (R,) each, from values (R, n)."""
        stops = np.zeros(len(values), dtype=bool)
        if (first := self.first_stage) is not None:
            stops = values[:, : first.patients].sum(axis=1) < first.at_least
        return (values.sum(axis=1) >= self.at_least) & ~stops, stops

    def probability(self, share: float, patients: int) -> float:
        """The same by the binomial formula, where each patient has the endpoint with probability `share`."""
        from scipy.stats import binom

        first = self.first_stage or FirstStage(0, 0)
        begun = np.arange(first.at_least, first.patients + 1)
        later = binom.sf(self.at_least - 1 - begun, patients - first.patients, share)
        return float(np.sum(binom.pmf(begun, first.patients, share) * later))


def decision_table(
    design: TrialDesign, outcomes: Mapping[str, pd.DataFrame], rule: DecisionRule
) -> pd.DataFrame:
    """How often the rule is met, by arm.

    Returns
    -------
    DataFrame
        arm, rule, replicates (those in which every patient was solved), `probability` with its exact 95 %
        interval of simulation, `binomial`, the same from the large cohort's share and the binomial formula,
        the share `stopped_early` and the mean number of patients treated.
    """
    import pandas as pd

    rows = []
    for arm, table in outcomes.items():
        values = design.in_replicates(rule.endpoint.values(table))
        values = values[np.isfinite(values).all(axis=1)]
        met, stops = rule.met(values)
        found = exact_share(int(met.sum()), len(met), level=LEVEL)
        cohort = rule.endpoint.values(table.iloc[: design.cohort])
        cohort = cohort[np.isfinite(cohort)]
        early = float(stops.mean()) if len(stops) else np.nan
        begun = rule.first_stage.patients if rule.first_stage else design.patients
        rows.append(
            {
                "arm": arm,
                "rule": rule.text(design.patients),
                "replicates": len(met),
                "probability": found.share,
                "lower": found.lower,
                "upper": found.upper,
                "binomial": rule.probability(cohort.mean(), design.patients) if len(cohort) else np.nan,
                "stopped_early": early,
                "mean_patients": design.patients - early * (design.patients - begun),
            }
        )
    return pd.DataFrame(rows)
