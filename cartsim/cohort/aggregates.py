"""What a publication reports of a trial, as evidence on a population: shares, medians, Kaplan-Meier points.

A draw of the population's hyper-parameters is weighted by how probable the published numbers are under it:
for draws from a prior this fits them to the aggregates, for draws of a posterior it joins both sources. Every
draw is simulated with the same random numbers. The likelihood has the sampling error of the published trial
and that of the simulation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.cohort.hyper_draws import HyperDraws
from cartsim.cohort.outcomes import outcome_table
from cartsim.cohort.products import TrialPopulation
from cartsim.cohort.trial_endpoints import ENDPOINTS, MONTH, CountEndpoint
from cartsim.errors import ModelError
from cartsim.spec.distribution import Prior
from cartsim.spec.model import Model

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
ASYMPTOTIC = np.sqrt(np.pi / 2.0)  # sd of a median over that of a mean, of a normal sample
FEWEST = 20.0  # effective draws below which weights say too little


@dataclass(frozen=True)
class Aggregate:
    """One published number.

    Parameters
    ----------
    endpoint : a name of `ENDPOINTS`, or "pfs", "os" for a Kaplan-Meier point
    value : patients with it (a counted endpoint), the median, or the survival share at `month`
    patients : behind it
    month : of a Kaplan-Meier point
    sd : standard error of a Kaplan-Meier share or of the log of a median where the publication has one; else
        the binomial one, or that of the median of a log-normal sample as wide as the simulated
    """

    endpoint: str
    value: float
    patients: int
    month: float | None = None
    sd: float | None = None

    def __post_init__(self) -> None:
        faults = []
        if self.survival:
            if self.month is None or not self.month > 0.0:
                faults.append("needs its month, above 0")
            if not 0.0 < self.value < 1.0:
                faults.append(f"value is {self.value:g}, a share between 0 and 1 is needed")
        elif self.endpoint not in ENDPOINTS:
            faults.append(f"unknown endpoint; allowed: pfs, os, {', '.join(ENDPOINTS)}")
        elif self.counted and not (float(self.value).is_integer() and 0 <= self.value <= self.patients):
            faults.append(f"value is {self.value:g}, a count from 0 to {self.patients} is needed")
        elif not self.counted and not self.value > 0.0:
            faults.append(f"value is {self.value:g}, a median above 0 is needed")
        if self.patients < 1:
            faults.append(f"patients is {self.patients}, at least 1 needed")
        if self.sd is not None and not self.sd > 0.0:
            faults.append(f"sd is {self.sd:g}, above 0 needed")
        if faults:
            raise ModelError(f"published {self.endpoint}: " + "; ".join(faults))

    @property
    def survival(self) -> bool:
        """Whether it is a Kaplan-Meier point."""
        return self.endpoint in ("pfs", "os")

    @property
    def counted(self) -> bool:
        """Whether patients with it are counted."""
        return isinstance(ENDPOINTS.get(self.endpoint), CountEndpoint)

    @property
    def name(self) -> str:
        """For tables, such as "pfs month 12"."""
        return f"{self.endpoint} month {self.month:g}" if self.survival else self.endpoint

    def log_likelihood(self, outcomes: pd.DataFrame) -> tuple[float, float]:
        """Log likelihood under a simulated population, up to a constant, and the population's own value.

        -inf where no patient was solved.
        """
        if self.survival:
            solved = outcomes[outcomes["status"] == 0]
            late = solved[f"{self.endpoint}_day"].to_numpy(float) > self.month * MONTH
            event = solved[f"{self.endpoint}_event"].to_numpy(bool)
            values = (late | ~event).astype(float)  # nobody is censored before the end of follow-up
        else:
            values = ENDPOINTS[self.endpoint].values(outcomes)
            values = values[np.isfinite(values)]
        if not len(values):
            return -np.inf, np.nan
        if self.counted:
            return self._count(values)
        return self._share(values) if self.survival else self._median(values)

    def _count(self, values: Array) -> tuple[float, float]:
        """Beta-binomial: the population's share is known from so many virtual patients (Jeffreys)."""
        from scipy.stats import betabinom

        hits = values.sum()
        law = betabinom(self.patients, hits + 0.5, len(values) - hits + 0.5)
        return float(law.logpmf(int(self.value))), float(hits / len(values))

    def _share(self, values: Array) -> tuple[float, float]:
        share = (values.sum() + 0.5) / (len(values) + 1.0)
        own = share * (1.0 - share)
        variance = (self.sd**2 if self.sd else own / self.patients) + own / len(values)
        return _normal(self.value - share, variance), float(values.mean())

    def _median(self, values: Array) -> tuple[float, float]:
        log = np.log(np.maximum(values, 1e-300))
        spread = ASYMPTOTIC * (np.subtract(*np.quantile(log, [0.75, 0.25])) / 1.349 + 1e-6)
        variance = (self.sd**2 if self.sd else spread**2 / self.patients) + spread**2 / len(log)
        return _normal(np.log(self.value) - np.median(log), variance), float(np.median(values))


def _normal(off: float, variance: float) -> float:
    return float(-0.5 * off**2 / variance - 0.5 * np.log(variance))


@dataclass(frozen=True)
class Weighed:
    """Draws of a population with the weights that published numbers give them.

    Attributes
    ----------
    draws : HyperDraws, those weighed
    log_likelihood : float64 (S,)
    weights : float64 (S,), Pareto-smoothed, sum 1
    effective : effective number of draws, 1 / sum of squared weights
    pareto_k : above 0.7 the weights cannot be trusted
    values : float64 (S, A), what each draw's own population has of each aggregate
    aggregates : the published numbers
    failed : virtual patients of all draws that could not be solved; they count in no number
    """

    draws: HyperDraws
    log_likelihood: Array
    weights: Array
    effective: float
    pareto_k: float
    values: Array
    aggregates: tuple[Aggregate, ...]
    failed: int

    @property
    def trusted(self) -> bool:
        """Whether the weights leave enough draws."""
        return self.pareto_k <= 0.7 and self.effective >= FEWEST

    def resampled(self, count: int, seed: int) -> HyperDraws:
        """`count` draws in the proportion of their weights, by systematic resampling."""
        at = (np.random.default_rng(seed).random() + np.arange(count)) / count
        ends = np.cumsum(self.weights)
        return self.draws.subset(np.minimum(np.searchsorted(ends, at), len(self.draws) - 1))

    def table(self) -> pd.DataFrame:
        """Published against expected, before and after weighing: `before` and `after` are medians, `low`,
        `high` the central 90 % after, over the draws."""
        import pandas as pd

        rows = []
        for k, item in enumerate(self.aggregates):
            share = item.counted or item.survival
            known = np.isfinite(self.values[:, k])
            low, middle, high = np.quantile(
                self.values[known, k], (0.05, 0.5, 0.95), weights=self.weights[known], method="inverted_cdf"
            )
            rows.append(
                {
                    "aggregate": item.name,
                    "patients": item.patients,
                    "published": item.value / item.patients if item.counted else item.value,
                    "kind": "share" if share else "median",
                    "before": float(np.median(self.values[known, k])),
                    "after": middle,
                    "low": low,
                    "high": high,
                }
            )
        return pd.DataFrame(rows)


def weigh(
    population: TrialPopulation,
    draws: HyperDraws,
    aggregates: Sequence[Aggregate],
    *,
    patients: int = 256,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Weighed:
    """Weights of draws of a population by published numbers.

    Parameters
    ----------
    population : product, model and seed; every draw has the same `patients`, so that draws differ by their
        hyper-parameters alone
    draws : from a fit (`from_population_fit`), or from priors (`prior_draws`); the patients of a fit must not
        be among those of the publication, or they count twice
    patients : virtual patients a draw

    Raises
    ------
    ModelError
        Without aggregates, or where every draw failed.
    """
    import arviz as az

    if not aggregates:
        raise ModelError("no published number to weigh a population by")
    values, log = np.full((len(draws), len(aggregates)), np.nan), np.zeros(len(draws))
    failed = 0
    for k in range(len(draws)):
        own = replace(population, hyper=draws.subset(np.array([k])), together=1)
        outcomes = outcome_table(own, patients, threads=threads)
        failed += int((outcomes["status"] != 0).sum())
        for a, item in enumerate(aggregates):
            term, values[k, a] = item.log_likelihood(outcomes)
            log[k] += term
        if progress is not None:
            progress(k + 1, len(draws))
    if not np.isfinite(log).any():
        raise ModelError("no draw of the population could be simulated", value=len(draws))
    smoothed, k_hat = az.psislw(np.where(np.isfinite(log), log, log[np.isfinite(log)].min() - 700.0))
    weights = np.exp(smoothed - smoothed.max())
    weights /= weights.sum()
    return Weighed(
        draws, log, weights, float(1.0 / np.sum(weights**2)), float(k_hat), values, tuple(aggregates), failed
    )


def prior_draws(
    model: Model, typical: Mapping[str, Prior], spread: Mapping[str, Prior], count: int, seed: int
) -> HyperDraws:
    """Scrambled Sobol draws of hyper-parameters from their priors; the same names in both mappings.

    Raises
    ------
    ModelError
        Where the names differ or are not parameters of the model.
    """
    from scipy.stats.qmc import Sobol

    if set(typical) != set(spread) or not typical:
        raise ModelError(
            "typical values and spreads of the same parameters are needed",
            value=", ".join(sorted(set(typical) ^ set(spread))) or "none",
        )
    names = tuple(typical)
    sobol = Sobol(2 * len(names), rng=np.random.default_rng(seed))
    unit = sobol.random_base2(int(np.ceil(np.log2(max(count, 2)))))[:count]
    unit = np.clip(unit, 1e-12, 1.0 - 1e-12)
    found = HyperDraws(
        names,
        np.column_stack([typical[n].quantile(unit[:, k]) for k, n in enumerate(names)]),
        np.column_stack([spread[n].quantile(unit[:, len(names) + k]) for k, n in enumerate(names)]),
    )
    if faults := found.faults(model):
        raise ModelError("hyper-parameters are not well described\n  " + "\n  ".join(faults))
    return found
