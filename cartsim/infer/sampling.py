"""Sampling a posterior: independent emcee ensembles, checkpointed, until the gates pass.

The whole schedule follows from the settings, the seed and what is stored: a run that is killed and resumed
makes the same draws, looks at the gates after the same steps and stops at the same one.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable
from importlib.metadata import version as package_version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.errors import CartsimWarning, FitError
from cartsim.infer.diagnose import diagnose, judge, long_enough
from cartsim.infer.draws import Draws
from cartsim.infer.settings import Gates, SamplerSettings, SolveCounts
from cartsim.infer.strategies import strategy_of
from cartsim.version import __version__

if TYPE_CHECKING:
    from emcee import EnsembleSampler

    from cartsim.infer.checkpoint import Checkpoint
    from cartsim.infer.problem import Problem

Array = NDArray[np.float64]
OPTIMA, START, STEPS = range(3)  # purposes of the random streams
LEFT = 1
REPORT_EVERY = 50  # steps between calls of the progress function


def sample(
    problem: Problem,
    settings: SamplerSettings | None = None,
    *,
    seed: int,
    folder: str | Path,
    gates: Gates | None = None,
    resume: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Draws:
    """Draw from a posterior: of one patient, of a population, or of a density of one's own.

    Parameters
    ----------
    problem : Problem
    settings, gates : defaults where not given
    seed : int; with the subject's name it decides every bit of the result
    folder : the checkpoints `ensemble-<k>.h5` go here, one patient a folder
    resume : go on from the checkpoints in `folder` (where there are none, start)
    progress : called with (steps done, steps planned until the next look at the gates), over all ensembles

    Raises
    ------
    FitError
        For too few walkers, checkpoints in the way, or no possible start.
    ResumeRefused
        For checkpoints of other inputs, naming what changed.
    """
    settings, gates, folder = settings or SamplerSettings(), gates or Gates(), Path(folder)
    strategy = strategy_of(problem, settings)
    if settings.walkers < strategy.least_walkers:
        raise FitError(
            "too few walkers",
            value=settings.walkers,
            limit=f">= {strategy.least_walkers} ({strategy.walkers_are})",
        )
    run = _Run(problem, settings, seed, folder, resume)
    if max(run.done()) > settings.max_steps:
        raise FitError(
            "the checkpoints hold more steps than the budget",
            value=max(run.done()),
            limit=f"max_steps {settings.max_steps}",
            remedy="raise max_steps, or start a new run in another folder",
        )
    for steps in settings.checks():
        if steps < max(run.done()):
            continue  # a run that went further had not passed here
        run.advance_to(steps, progress)
        chains = run.chains(steps)
        if steps == settings.checks()[-1] or long_enough(chains, gates):
            found = diagnose(chains, problem.names)
            censored = (int(np.sum(problem.arrays.censoring == LEFT)), len(problem.arrays.censoring))
            report = judge(found, gates, ensembles=settings.ensembles, counts=run.counts(), censored=censored)
            if report.passed:
                break
    size = problem.ndim
    return Draws(
        subject=problem.subject,
        names=problem.names,
        values=problem.constrain(chains.reshape(-1, size)).reshape(chains.shape),
        log_posterior=run.log_posterior(steps),
        seed=seed,
        burn_in=settings.discarded(steps),
        versions={name: package_version(name) for name in ("numpy", "scipy", "numba", "emcee")}
        | {"cartsim": __version__},
        fingerprint=problem.fingerprint(),
        diagnostics=found.table(),
        gates=report,
        solve_counts=run.counts(),
        acceptance=np.array([backend.accepted.mean() / backend.iteration for backend in run.backends]),
    )


class _Run:
    """The ensembles of one fit and their files."""

    def __init__(
        self, problem: Problem, settings: SamplerSettings, seed: int, folder: Path, resume: bool
    ) -> None:
        self.problem, self.settings, self.seed = problem, settings, seed
        self.strategy = strategy_of(problem, settings)
        paths = [folder / f"ensemble-{k}.h5" for k in range(settings.ensembles)]
        existing = [path for path in paths if path.exists()]
        if existing and not resume:
            raise FitError(
                "checkpoints of an earlier run are in the way",
                value=existing[0],
                remedy="resume that run, or give another folder",
            )
        self.backends = self._open(paths)
        self.samplers = [self._sampler(k) for k in range(settings.ensembles)]
        self.states = self._states()

    def _identity(self) -> dict[str, str]:
        chosen = json.dumps(self.settings.identity(), sort_keys=True)
        sampler = hashlib.sha256(chosen.encode()).hexdigest()
        own = {"subject": self.problem.subject, "sampler": sampler, "seed": str(self.seed)}
        return {**self.problem.fingerprint(), **own}

    def _open(self, paths: list[Path]) -> list[Checkpoint]:
        from cartsim.infer.checkpoint import create, reopen

        identity, every = self._identity(), self.settings.checkpoint_every
        shape = (self.settings.walkers, self.problem.ndim)
        backends = []
        for path in paths:
            backend = reopen(path, identity, every=every) if path.exists() else None
            if backend is None and path.exists():
                warnings.warn(
                    f"checkpoint {path} is damaged (killed while writing?); its ensemble starts again, "
                    "with the same result",
                    CartsimWarning,
                    stacklevel=4,
                )
                path.unlink()
            backends.append(backend or create(path, shape, identity, every=every))
        return backends

    def _sampler(self, k: int) -> EnsembleSampler:
        from emcee import EnsembleSampler

        backend = self.backends[k]

        def log_posterior(u: Array) -> Array:
            found = self.problem.evaluate(u)
            values = found.log_posterior
            told(len(u), int(found.failed.sum()), int(np.isneginf(values).sum()))
            return values

        def told(solves: int, failed: int, impossible: int) -> None:
            backend.counts += SolveCounts(solves, failed, impossible)

        return EnsembleSampler(
            self.settings.walkers,
            self.problem.ndim,
            log_posterior,
            moves=self.strategy.moves(told),
            backend=backend,
            vectorize=True,
        )

    def _states(self) -> list:
        """Where each ensemble stands: its last stored step, or fresh walkers around the optima."""
        from emcee import State

        states, optima = [], None
        for k, backend in enumerate(self.backends):
            if backend.iteration:
                state = backend.get_last_sample()
                state.random_state = tuple(state.random_state)
            else:
                optima = optima or self.strategy.search(self._generator(OPTIMA, 0))
                coords = self.strategy.start(optima, self._generator(START, k))
                state = State(coords, random_state=_mersenne(self._stream(STEPS, k)))
            _assert_taken(self.samplers[k], state.random_state)
            states.append(state)
        return states

    def _stream(self, purpose: int, k: int) -> np.random.SeedSequence:
        """A random stream of its own for every subject, purpose and ensemble."""
        subject = int.from_bytes(hashlib.sha256(self.problem.subject.encode()).digest()[:8], "little")
        return np.random.SeedSequence(self.seed, spawn_key=(subject, purpose, k))

    def _generator(self, purpose: int, k: int) -> np.random.Generator:
        return np.random.default_rng(self._stream(purpose, k))

    def done(self) -> list[int]:
        """Steps made by each ensemble."""
        return [backend.iteration for backend in self.backends]

    def counts(self) -> SolveCounts:
        """Solves of all ensembles together."""
        return sum((backend.counts for backend in self.backends), SolveCounts())

    def advance_to(self, steps: int, progress: Callable[[int, int], None] | None) -> None:
        """Run every ensemble to `steps` and write it down."""
        planned = steps * len(self.backends)
        for k, (sampler, backend) in enumerate(zip(self.samplers, self.backends, strict=True)):
            missing = steps - backend.iteration
            if missing <= 0:
                continue
            blocks = self.strategy.by_blocks
            for state in sampler.sample(self.states[k], iterations=missing, skip_initial_state_check=blocks):
                self.states[k] = state
                if progress is not None and backend.iteration % REPORT_EVERY == 0:
                    progress(sum(self.done()), planned)
            backend.write()
        if progress is not None:
            progress(sum(self.done()), planned)

    def chains(self, steps: int) -> Array:
        """float64 (ensembles, steps kept, walkers, d), unconstrained, burn-in removed."""
        first = self.settings.discarded(steps)
        return np.array([backend.get_chain(discard=first)[: steps - first] for backend in self.backends])

    def log_posterior(self, steps: int) -> Array:
        """float64 (ensembles, steps kept, walkers)."""
        first = self.settings.discarded(steps)
        return np.array([backend.get_log_prob(discard=first)[: steps - first] for backend in self.backends])


def _mersenne(stream: np.random.SeedSequence) -> tuple:
    """The state of a Mersenne Twister (emcee's generator) seeded from a stream."""
    inner = np.random.MT19937(stream).state["state"]
    return "MT19937", inner["key"], int(inner["pos"]), 0, 0.0


def _assert_taken(sampler: EnsembleSampler, random_state: tuple) -> None:
    """Set emcee's random state and check it: its setter fails silently."""
    sampler.random_state = random_state
    taken = sampler.random_state
    same = all(np.array_equal(a, b) for a, b in zip(taken, random_state, strict=True))
    if not same:
        raise FitError("emcee did not take the random state", value=random_state[0], limit="MT19937")
