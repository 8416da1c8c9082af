"""How a fit is run and when it may be believed: ensembles, walkers, proposals, step budget and gates."""

from __future__ import annotations

from dataclasses import dataclass, field

from cartsim.errors import FitError


@dataclass(frozen=True)
class MoveMix:
    """Shares of the proposals; they must add up to 1.

    `jumps` are differential-evolution steps of the full difference (gamma = 1), which swap modes; `leaps` are
    independence proposals fitted to the other half of the ensemble.
    """

    differential_evolution: float = 0.45
    jumps: float = 0.05
    stretch: float = 0.2
    leaps: float = 0.3

    def __post_init__(self) -> None:
        shares = (self.differential_evolution, self.jumps, self.stretch, self.leaps)
        if min(shares) < 0.0 or abs(sum(shares) - 1.0) > 1e-9:
            raise FitError("shares of the moves must be >= 0 and add up to 1", value=shares)


@dataclass(frozen=True)
class SamplerSettings:
    """The sampler of one patient.

    Parameters
    ----------
    ensembles : independent ensembles, the chains of R-hat; fewer than 4 never pass the gates
    walkers : walkers an ensemble, even, at least twice the number of estimated quantities
    burn_in : steps dropped at least; a quarter of the chain is dropped where that is more
    check_every : the gates are looked at after multiples of this many steps, ever further apart
    max_steps : step budget of an ensemble, burn-in included
    checkpoint_every : steps kept in memory before they are written to the checkpoint
    starts : Sobol starts of the search for optima
    widening : sds of the starting walkers over those of the normal approximation
    sweeps : sweeps of a population sampler that make one step; one patient's sampler has no sweeps
    moves : MoveMix
    """

    ensembles: int = 4
    walkers: int = 32
    burn_in: int = 1_000
    check_every: int = 1_000
    max_steps: int = 24_000
    checkpoint_every: int = 500
    starts: int = 64
    widening: float = 2.0
    sweeps: int = 1
    moves: MoveMix = field(default_factory=MoveMix)

    def __post_init__(self) -> None:
        for name, least in (
            ("ensembles", 1),
            ("walkers", 4),
            ("burn_in", 0),
            ("check_every", 2),
            ("checkpoint_every", 1),
            ("starts", 1),
            ("sweeps", 1),
        ):
            if getattr(self, name) < least:
                raise FitError(f"sampler setting {name}", value=getattr(self, name), limit=f">= {least}")
        if self.walkers % 2:
            raise FitError("sampler setting walkers", value=self.walkers, limit="an even number")
        if self.max_steps < self.burn_in + self.check_every:
            raise FitError(
                "sampler setting max_steps leaves nothing after the burn-in",
                value=self.max_steps,
                limit=f">= {self.burn_in + self.check_every}",
            )
        if not self.widening > 0.0:
            raise FitError("sampler setting widening", value=self.widening, limit="> 0")

    def checks(self) -> tuple[int, ...]:
        """Step counts at which the gates are looked at: a pure function of the settings, so a resumed run
        stops where the uninterrupted one does. Each is at least a quarter later than the one before."""
        at = [min(self.burn_in + 2 * self.check_every, self.max_steps)]
        while at[-1] < self.max_steps:
            later = -(-int(1.25 * at[-1]) // self.check_every) * self.check_every
            at.append(min(max(later, at[-1] + self.check_every), self.max_steps))
        return tuple(at)

    def discarded(self, steps: int) -> int:
        """Steps dropped from the front of a chain of `steps`."""
        return max(self.burn_in, steps // 4)

    def identity(self) -> dict[str, object]:
        """What decides the chain; the budget and the checkpoint interval do not."""
        mix = self.moves
        return {
            "ensembles": self.ensembles,
            "walkers": self.walkers,
            "starts": self.starts,
            "widening": self.widening,
            "sweeps": self.sweeps,
            "moves": [mix.differential_evolution, mix.jumps, mix.stretch, mix.leaps],
        }


@dataclass(frozen=True)
class Gates:
    """What a fit must reach before it may be believed.

    `r_hat` between ensembles below this; chains at least `tau_multiple` autocorrelation times long; bulk and
    tail effective sample size of every quantity at least `ess`; over at least `ensembles` ensembles.
    """

    r_hat: float = 1.01
    tau_multiple: float = 50.0
    ess: float = 400.0
    ensembles: int = 4


@dataclass(frozen=True)
class SolveCounts:
    """Model solves of a fit: how many, how many failed, how many points had no posterior at all."""

    solves: int = 0
    failed: int = 0
    impossible: int = 0

    def __add__(self, other: SolveCounts) -> SolveCounts:
        return SolveCounts(
            self.solves + other.solves, self.failed + other.failed, self.impossible + other.impossible
        )
