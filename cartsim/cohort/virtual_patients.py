"""Virtual patients drawn from the spreads of a model's parameters, correlated by shared factors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from cartsim.cohort.hyper_draws import HyperDraws
from cartsim.errors import ModelError
from cartsim.spec.model import Model, Parameter

BLOCK = 1024  # patients of one random stream
POPULATION_STREAM = 104  # beside those of products


@dataclass(frozen=True)
class Subgroup:
    """A share of the patients that differs: values that are `set`, or multiplied (`times`)."""

    name: str
    share: float
    set: Mapping[str, float] = field(default_factory=dict)
    times: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0.0 <= self.share <= 1.0:
            raise ModelError(f"subgroup {self.name!r}: a share of patients", value=self.share, limit="0 to 1")


@dataclass(frozen=True)
class VirtualPatients:
    """Patients by number: called with (first, last) it draws patients first .. last - 1 alone.

    Each parameter varies as its prior says round the scenario's value: log-normal ones by a factor, bounded
    ones on their logit, all others by the prior's own quantiles. A patient is the same whatever is asked for.

    Parameters
    ----------
    model : Model
    seed : int; every block of patients has a stream of its own
    scenario : name of the model's scenario whose values are the medians; the model's own by default
    factors : for each shared factor the correlation of every parameter's normal score with it, such as
        {"tone": {"il6_gain": 0.81, "il8_gain": 0.81}}; a negative one turns it round
    subgroups : shares of the patients that differ, independent of each other
    held : values that do not vary, by name
    design : "random", or "sobol": every block of 1,024 is a scrambled Sobol set of its own, whose means have
        less error at the same size (patients of one block are then not independent)
    population : draws of the typical values and spreads of some parameters, from a fit or from published
        aggregates; they replace the scenario's medians and the priors' spreads
    together : that many patients in a row share one of these draws, as the patients of one trial do: what is
        not known of the population does not average out over them

    Raises
    ------
    ModelError
        Naming every unknown parameter, and where the correlations of one parameter exceed 1.
    """

    model: Model
    seed: int
    scenario: str | None = field(default=None, kw_only=True)
    factors: Mapping[str, Mapping[str, float]] = field(default_factory=dict, kw_only=True)
    subgroups: tuple[Subgroup, ...] = field(default=(), kw_only=True)
    held: Mapping[str, float] = field(default_factory=dict, kw_only=True)
    design: Literal["random", "sobol"] = field(default="random", kw_only=True)
    population: HyperDraws | None = field(default=None, kw_only=True)
    together: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        known, faults = self.model.parameter_names, []
        loadings = self.loadings_by_name()
        named = {*loadings, *self.held, *(n for g in self.subgroups for n in (*g.set, *g.times))}
        faults += [f"{self.model.name} has no parameter {name!r}" for name in sorted(named - set(known))]
        for name, own in loadings.items():
            if sum(value**2 for value in own.values()) > 1.0 + 1e-12:
                faults.append(f"the correlations of {name!r} with its factors square to more than 1: {own}")
        if self.population is not None:
            faults += self.population.faults(self.model)
        if self.together < 1:
            faults.append(f"together is {self.together}, at least 1 needed")
        if faults:
            raise ModelError("virtual patients are not well described\n  " + "\n  ".join(faults))

    def loadings_by_name(self) -> dict[str, dict[str, float]]:
        """For each parameter its correlation with every factor that it has one with."""
        found: dict[str, dict[str, float]] = {}
        for factor, loads in self.factors.items():
            for name, value in loads.items():
                found.setdefault(name, {})[factor] = float(value)
        return found

    def __call__(self, first: int, last: int) -> np.ndarray:
        """Parameter rows float64 (last - first, P), physical units."""
        if last <= first:
            return np.empty((0, len(self.model.parameters)))
        begin = first // BLOCK
        rows = np.vstack([self.block(k) for k in range(begin, -(-last // BLOCK))])
        return rows[first - begin * BLOCK : last - begin * BLOCK]

    def block(self, number: int) -> np.ndarray:
        """All rows of one block, float64 (BLOCK, P)."""
        rng = np.random.default_rng([self.seed, number])
        columns = len(self.model.parameters), len(self.factors), len(self.subgroups)
        if self.design == "sobol":
            from scipy.special import ndtri
            from scipy.stats.qmc import Sobol

            unit = Sobol(sum(columns), rng=rng).random(BLOCK)
            scores, shared, chosen = np.split(unit, np.cumsum(columns[:-1]), axis=1)
            scores, shared = ndtri(scores), ndtri(shared)
        else:
            scores = rng.standard_normal((BLOCK, columns[0]))
            shared = rng.standard_normal((BLOCK, columns[1]))
            chosen = rng.random((BLOCK, columns[2]))
        return self.placed(scores, shared, chosen, self._which(number))

    def _which(self, number: int) -> np.ndarray | None:
        """Which draw of the population each patient of a block belongs to, int64 (BLOCK,)."""
        if self.population is None:
            return None
        group = (number * BLOCK + np.arange(BLOCK)) // self.together
        chosen = {
            block: np.random.default_rng([self.seed, POPULATION_STREAM, block]).integers(
                len(self.population), size=BLOCK
            )
            for block in np.unique(group // BLOCK)
        }
        return np.array([chosen[g // BLOCK][g % BLOCK] for g in group])

    def placed(
        self, scores: np.ndarray, shared: np.ndarray, chosen: np.ndarray, which: np.ndarray | None = None
    ) -> np.ndarray:
        """Rows (n, P) of the patients with these random numbers.

        `scores` (n, P) and `shared` (n, factors) are standard normal, `chosen` (n, subgroups) in [0, 1),
        `which` int64 (n,) the draw of the population of each, where there are such draws.
        """
        model, scores, order = self.model, scores.copy(), list(self.factors)
        for name, own in self.loadings_by_name().items():
            k = model.index(name)
            common = sum(value * shared[:, order.index(factor)] for factor, value in own.items())
            scores[:, k] = common + np.sqrt(max(1.0 - sum(v**2 for v in own.values()), 0.0)) * scores[:, k]
        medians = model.vector(scenario=self.scenario)
        rows = np.column_stack([_varied(p, medians[k], scores[:, k]) for k, p in enumerate(model.parameters)])
        if self.population is not None and which is not None:
            columns = [model.index(name) for name in self.population.names]
            rows[:, columns] = self.population.placed(model, scores[:, columns], which)
        for name, value in self.held.items():
            rows[:, model.index(name)] = value
        for k, group in enumerate(self.subgroups):
            inside = chosen[:, k] < group.share
            for name, value in group.times.items():
                rows[inside, model.index(name)] *= value
            for name, value in group.set.items():
                rows[inside, model.index(name)] = value
        return rows


def _varied(parameter: Parameter, median: float, score: np.ndarray) -> np.ndarray:
    """Values of one parameter from normal scores."""
    prior = parameter.prior
    if parameter.fixed:
        return np.full(len(score), median)
    if prior.normal_on_line is None:
        from scipy.special import ndtr

        return prior.quantile(ndtr(score))
    return prior.constrain(prior.unconstrain(median) + prior.normal_on_line[1] * score)
