"""A population from patients fitted one by one: a second road to the same posterior, as a cross-check.

Stage 1 samples every patient alone under a known individual prior. Stage 2 is Metropolis within Gibbs over
the population, whose proposals for a patient are its stage-1 draws: the likelihood, which is in both,
cancels, and the stage-1 prior is weighted out. So stage 2 needs no solve and shares no patient move with the
block sampler (the exact update of the population is shared). It cannot share a residual sd, an assay factor
or a structural parameter between patients. Lunn, Barrett, Sweeting & Thompson 2013, J R Stat Soc C.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.errors import FitError
from cartsim.infer.block_move import redraw_population
from cartsim.infer.population import Population
from cartsim.infer.problem import Problem
from cartsim.infer.sampling import sample
from cartsim.spec.distribution import Prior
from cartsim.spec.priors import HalfNormal

if TYPE_CHECKING:
    import pandas as pd

    from cartsim.infer.draws import Draws
    from cartsim.infer.hierarchy import RandomEffect
    from cartsim.infer.settings import Gates, SamplerSettings
    from cartsim.regimen.events import EventTable

Array = NDArray[np.float64]


@dataclass(frozen=True)
class StageOne:
    """Every patient's own posterior, and the prior under which it was sampled.

    Attributes
    ----------
    draws : tuple of float64 (n, p), one a patient, unconstrained scale
    prior : float64 (p, 2), mean and sd of the individual prior on that scale
    missed : patients whose stage-1 fit missed a gate
    """

    draws: tuple[Array, ...]
    prior: Array
    missed: tuple[str, ...] = ()

    def log_prior(self, theta: Array) -> Array:
        """Log density (up to a constant) of individual parameters (..., p) under the stage-1 prior."""
        return -0.5 * (((theta - self.prior[:, 0]) / self.prior[:, 1]) ** 2).sum(axis=-1)


@dataclass(frozen=True)
class TwoStage:
    """What the second stage found.

    Attributes
    ----------
    names : columns, as in the population's points
    chains : float64 (chains, steps, d), unconstrained scale; the chains are independent
    acceptance : float64 (N,), share of stage-1 draws accepted, patient by patient
    """

    names: tuple[str, ...]
    chains: Array
    acceptance: Array


def individual_priors(population: Population) -> dict[str, Prior]:
    """Stage-1 prior of each varying parameter: the population's prior for a patient, made normal.

    Its mean is that of the typical value, its variance that of the typical value plus the mean square of the
    spread; on the unconstrained scale.
    """
    return {effect.name: _widened(effect) for effect in population.effects}


def _widened(effect: RandomEffect) -> Prior:
    prior, spread = effect.parameter.prior, effect.spread
    if isinstance(spread, HalfNormal):
        square = spread.sd**2
    else:
        mean, sd = spread.normal_on_line
        square = np.exp(2.0 * (mean + sd**2))
    sd = float(np.sqrt(prior.normal_on_line[1] ** 2 + square))
    return replace(prior, **{fields(prior)[1].name: sd})


def individual_problems(
    population: Population, priors: Mapping[str, Prior] | None = None
) -> tuple[Problem, ...]:
    """The stage-1 problem of every patient, in the order of the data.

    `priors` replace those of `individual_priors`; they must be normal on the same unconstrained scale.

    Raises
    ------
    FitError
        With everything that patients share, or for priors that cannot be weighted out.
    """
    _refuse_what_is_shared(population)
    chosen = individual_priors(population) | dict(priors or {})
    _check_priors(population, chosen)
    arrays, names = population.arrays, population.model.output_names
    column = np.array([names.index(name) for name in arrays.outputs], dtype=np.int64)
    parameters = tuple(replace(e.parameter, prior=chosen[e.name]) for e in population.effects)
    problems = []
    for subject in population.subjects:
        own = arrays.of(subject)
        problems.append(
            Problem(
                population.model,
                subject,
                replace(own, outputs=names, output=column[own.output]),
                parameters,
                population.errors,
                population.fixed,
                _events(population, subject),
                population.method,
            )
        )
    return tuple(problems)


def _events(population: Population, subject: str) -> EventTable | None:
    from cartsim.regimen.regimen import events_of

    regimen = population.regimens.get(subject)
    return None if regimen is None else events_of(population.model, [regimen])


def _refuse_what_is_shared(population: Population) -> None:
    shared = [f"parameter {item.name}" for item in population.shared]
    shared += [f"residual sd {item.name}" for item in population.observed.sigmas]
    shared += [f"assay factor {item.name}" for item in population.observed.factors]
    if shared:
        raise FitError(
            "two stages cannot share what is estimated between patients",
            value=", ".join(shared),
            remedy="hold it at a value (Fixed), or use the block sampler alone",
        )


def _check_priors(population: Population, chosen: Mapping[str, Prior]) -> None:
    own = {effect.name: effect.parameter.prior for effect in population.effects}
    faults = [name for name in chosen if name not in own]
    faults += [
        name
        for name, prior in own.items()
        if type(chosen[name]) is not type(prior) or chosen[name].support != prior.support
    ]
    if faults:
        raise FitError(
            "stage-1 priors that cannot be weighted out",
            value=", ".join(faults),
            limit="varying parameters, the same kind of prior as their typical value",
        )


def first_stage(
    population: Population,
    settings: SamplerSettings | None = None,
    *,
    seed: int,
    folder: str | Path,
    priors: Mapping[str, Prior] | None = None,
    gates: Gates | None = None,
) -> StageOne:
    """Sample every patient alone; arguments as in `infer.sampling.sample` and `individual_problems`."""
    draws, missed = [], []
    problems = individual_problems(population, priors)
    for k, problem in enumerate(problems):
        found = sample(problem, settings, seed=seed, folder=Path(folder) / str(k), gates=gates)
        draws.append(problem.unconstrain(found.flat()))
        if not found.gates.passed:
            missed.append(problem.subject)
    prior = np.array([item.prior.normal_on_line for item in problems[0].parameters])
    return StageOne(tuple(draws), prior, tuple(missed))


def second_stage(
    population: Population,
    first: StageOne,
    rng: np.random.Generator,
    *,
    steps: int = 4_000,
    chains: int = 32,
    patient_steps: int = 5,
) -> TwoStage:
    """The population from the patients' own posteriors, without a solve.

    `patient_steps` proposals for every patient make one step with one update of the population; the first
    fifth of the steps is dropped.
    """
    _refuse_what_is_shared(population)
    at, random = population.columns, np.random.RandomState(rng.bit_generator)
    u = _starts(population, first, rng, chains)
    kept, burn_in = np.empty((steps, chains, population.ndim)), steps // 5
    accepted = np.zeros(len(population.subjects))
    for step in range(burn_in + steps):
        for _ in range(patient_steps):
            theta, there = at.individual(u), u.copy()
            proposed = _drawn(first, rng, chains)
            there[:, at.theta] = proposed.reshape(chains, -1)
            gain = population.log_patients(there) - population.log_patients(u)
            gain -= first.log_prior(proposed) - first.log_prior(theta)
            moved = gain > np.log(rng.random(gain.shape))
            u[:, at.theta] = np.where(moved[:, :, None], proposed, theta).reshape(chains, -1)
            accepted += moved.mean(axis=0) if step >= burn_in else 0.0
        redraw_population(population, u, random)
        if step >= burn_in:
            kept[step - burn_in] = u
    return TwoStage(population.names, kept.swapaxes(0, 1).copy(), accepted / (steps * patient_steps))


def _drawn(first: StageOne, rng: np.random.Generator, chains: int) -> Array:
    """One stage-1 draw for every chain and patient, float64 (chains, N, p)."""
    return np.stack([own[rng.integers(len(own), size=chains)] for own in first.draws], axis=1)


def _starts(population: Population, first: StageOne, rng: np.random.Generator, chains: int) -> Array:
    """Points (chains, d): patients at stage-1 draws, the population at their mean and sd, no effects."""
    at, theta = population.columns, _drawn(first, rng, chains)
    u = np.zeros((chains, population.ndim))
    u[:, at.theta] = theta.reshape(chains, -1)
    u[:, : at.effects] = theta.mean(axis=1)
    u[:, at.log_spread] = np.log(theta.std(axis=1) + 1e-3)
    return u


def stages_compared(draws: Draws, population: Population, second: TwoStage) -> pd.DataFrame:
    """The one-stage posterior beside the two-stage one, the largest difference first.

    One row a typical value or effect (unconstrained scale: log, logit), spread (as an sd: its log has a long
    tail towards zero that says little) and correlation. Columns: one_stage_mean, one_stage_sd,
    two_stage_mean, two_stage_sd, difference (of the means, in one-stage sds), sd_ratio (two over one),
    monte_carlo_error (standard error of the two-stage mean in the same sds, from the spread of its
    independent chains; the error of the finite stage-1 draws, which all chains share, comes on top).
    """
    import pandas as pd

    one = _shown(population, population.unconstrain(draws.flat()))
    chains = np.stack([_shown(population, chain) for chain in second.chains])
    mean, sd = one.mean(axis=0), one.std(axis=0, ddof=1)
    two = chains.reshape(-1, chains.shape[-1])
    error = chains.mean(axis=1).std(axis=0, ddof=1) / np.sqrt(len(chains))
    table = pd.DataFrame(
        {
            "name": second.names[: one.shape[1]],
            "one_stage_mean": mean,
            "one_stage_sd": sd,
            "two_stage_mean": two.mean(axis=0),
            "two_stage_sd": two.std(axis=0, ddof=1),
            "difference": (two.mean(axis=0) - mean) / sd,
            "sd_ratio": two.std(axis=0, ddof=1) / sd,
            "monte_carlo_error": error / sd,
        }
    )
    return table.sort_values("difference", key=np.abs, ascending=False, ignore_index=True)


def _shown(population: Population, u: Array) -> Array:
    """Coefficients unconstrained, spreads and correlations as such, (n, columns), of points (n, d)."""
    at = population.columns
    physical = population.constrain(u)
    return np.hstack([u[:, at.coefficients], physical[:, at.log_spread], physical[:, at.correlation]])
