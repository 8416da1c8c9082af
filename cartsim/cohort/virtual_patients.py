"""Virtual patients drawn from the spreads of a model's parameters, correlated by shared factors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from cartsim.errors import ModelError
from cartsim.spec.model import Model, Parameter

BLOCK = 1024  # patients of one random stream


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

    def __post_init__(self) -> None:
        known, faults = self.model.parameter_names, []
        loadings = self.loadings_by_name()
        named = {*loadings, *self.held, *(n for g in self.subgroups for n in (*g.set, *g.times))}
        faults += [f"{self.model.name} has no parameter {name!r}" for name in sorted(named - set(known))]
        for name, own in loadings.items():
            if sum(value**2 for value in own.values()) > 1.0 + 1e-12:
                faults.append(f"the correlations of {name!r} with its factors square to more than 1: {own}")
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
        scores = rng.standard_normal((BLOCK, len(self.model.parameters)))
        shared = rng.standard_normal((BLOCK, len(self.factors)))
        chosen = rng.random((BLOCK, len(self.subgroups)))
        return self.placed(scores, shared, chosen)

    def placed(self, scores: np.ndarray, shared: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """Rows (n, P) of the patients with these random numbers.

        `scores` (n, P) and `shared` (n, factors) are standard normal, `chosen` (n, subgroups) in [0, 1).
        """
        model, scores, order = self.model, scores.copy(), list(self.factors)
        for name, own in self.loadings_by_name().items():
            k = model.index(name)
            common = sum(value * shared[:, order.index(factor)] for factor, value in own.items())
            scores[:, k] = common + np.sqrt(max(1.0 - sum(v**2 for v in own.values()), 0.0)) * scores[:, k]
        medians = model.vector(scenario=self.scenario)
        rows = np.column_stack([_varied(p, medians[k], scores[:, k]) for k, p in enumerate(model.parameters)])
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
