"""Whether a fit may be believed: autocorrelation time, effective sample size, R-hat between ensembles, gates.

Walkers of one ensemble depend on each other and are never chains. Autocorrelation is averaged over the
walkers of an ensemble (emcee's estimator); R-hat compares the ensembles. All on the sampled scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.infer.settings import Gates, SolveCounts

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
WINDOW = 5.0  # emcee's c: the sum is cut at the first lag beyond 5 tau (Sokal)


@dataclass(frozen=True)
class GateReport:
    """Whether the gates are passed, the line that says so, and what was missed in words."""

    passed: bool
    line: str
    misses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Diagnostics:
    """Per quantity, each float64 (d,): R-hat, bulk and tail ESS, tau (steps) and chain length over tau."""

    names: tuple[str, ...]
    r_hat: Array
    ess_bulk: Array
    ess_tail: Array
    tau: Array
    n_over_tau: Array

    def table(self) -> pd.DataFrame:
        """One row a quantity."""
        import pandas as pd

        return pd.DataFrame(
            {
                "name": list(self.names),
                "r_hat": self.r_hat,
                "ess_bulk": self.ess_bulk,
                "ess_tail": self.ess_tail,
                "tau": self.tau,
                "n_over_tau": self.n_over_tau,
            }
        )


def autocorrelation_time(x: Array, *, weighted: bool = False) -> float:
    """Integrated autocorrelation time, in steps, of one scalar over the walkers of an ensemble.

    Parameters
    ----------
    x : float64 (steps, walkers)
    weighted : bool
        Weight the walkers by their variance instead of alike. For 0/1 indicators of a tail, where a walker
        that never went there has no autocorrelation to average.

    Returns
    -------
    float, at least 1; infinite where nothing moved
    """
    from scipy.fft import irfft, next_fast_len, rfft

    steps = len(x)
    centred = x - x.mean(axis=0)
    variance = np.einsum("ij,ij->j", centred, centred)
    if not variance.any():
        return np.inf
    size = next_fast_len(2 * steps - 1, real=True)
    power = np.abs(rfft(centred, size, axis=0)) ** 2
    if weighted:
        rho = irfft(power.sum(axis=1), size)[:steps] / variance.sum()
    else:
        moving = variance > 0.0
        stuck = np.count_nonzero(~moving) / len(variance)  # a stuck walker is correlated with itself forever
        rho = irfft((power[:, moving] / variance[moving]).sum(axis=1), size)[:steps] / len(variance) + stuck
    taus = 2.0 * np.cumsum(rho) - 1.0
    beyond = np.flatnonzero(np.arange(steps) >= WINDOW * taus)
    return max(1.0, float(taus[beyond[0] if beyond.size else steps - 1]))


def effective_size(taus: Sequence[float], steps: int, walkers: int) -> float:
    """Sum over ensembles of walkers x steps / tau."""
    return float(sum(walkers * steps / tau for tau in taus))


def rank_split_r_hat(chains: Array) -> float:
    """Rank-normalised split R-hat (Vehtari et al. 2021, eq. 14), the larger of bulk and folded.

    Equal to `arviz.rhat(method="rank")` (tested); own code because importing arviz costs each worker seconds.

    Parameters
    ----------
    chains : float64 (chains, draws)
    """
    half = chains.shape[1] // 2
    if half < 2 or len(chains) < 2 or not np.isfinite(chains).all():
        return np.nan
    halves = np.concatenate([chains[:, :half], chains[:, -half:]])
    return max(_r_hat(_rank_normal(halves)), _r_hat(_rank_normal(np.abs(halves - np.median(halves)))))


def _rank_normal(values: Array) -> Array:
    from scipy.special import ndtri
    from scipy.stats import rankdata

    return ndtri((rankdata(values).reshape(values.shape) - 0.375) / (values.size + 0.25))


def _r_hat(chains: Array) -> float:
    length = chains.shape[1]
    within = chains.var(axis=1, ddof=1).mean()
    between = length * chains.mean(axis=1).var(ddof=1)
    if within <= 0.0:
        return np.inf if between > 0.0 else np.nan
    return float(np.sqrt((between / within + length - 1) / length))


def diagnose(chains: Array, names: Sequence[str]) -> Diagnostics:
    """All diagnostics of a fit.

    Parameters
    ----------
    chains : float64 (ensembles, steps, walkers, d), burn-in removed, unconstrained scale
    names : the d names
    """
    rows = [_scalar(chains[..., k]) for k in range(chains.shape[3])]
    return Diagnostics(tuple(names), *(np.array(column) for column in zip(*rows, strict=True)))


def _scalar(x: Array) -> tuple[float, float, float, float, float]:
    """R-hat, bulk ESS, tail ESS, tau, steps over tau of one quantity, x (ensembles, steps, walkers)."""
    _, steps, walkers = x.shape
    taus = [autocorrelation_time(chain) for chain in x]
    tau = max(taus)
    tails = [
        effective_size([autocorrelation_time(chain, weighted=True) for chain in inside], steps, walkers)
        for inside in ((x <= edge).astype(float) for edge in np.quantile(x, [0.05, 0.95]))
    ]
    thin = int(min(max(1, round(tau)), max(1, steps // 4))) if np.isfinite(tau) else 1
    r_hat = rank_split_r_hat(x[:, ::thin].reshape(len(x), -1))
    return r_hat, effective_size(taus, steps, walkers), min(tails), tau, steps / tau


def long_enough(chains: Array, gates: Gates) -> bool:
    """The cheap half of the gates (length over tau), looked at first while a fit runs."""
    steps = chains.shape[1]
    return all(
        steps >= gates.tau_multiple * autocorrelation_time(chain[..., k])
        for chain in chains
        for k in range(chains.shape[3])
    )


def judge(
    found: Diagnostics,
    gates: Gates,
    *,
    ensembles: int,
    counts: SolveCounts,
    censored: tuple[int, int] = (0, 0),
) -> GateReport:
    """Compare diagnostics with the gates.

    Parameters
    ----------
    censored : how many observations are left-censored, and how many there are
    """
    worst = {
        "R-hat": float(np.max(found.r_hat)) if np.isfinite(found.r_hat).all() else np.nan,
        "n/tau": float(np.min(found.n_over_tau)),
        "ESS bulk": float(np.min(found.ess_bulk)),
        "ESS tail": float(np.min(found.ess_tail)),
    }
    checks = [
        (ensembles >= gates.ensembles, f"{ensembles} ensembles, {gates.ensembles} needed"),
        (worst["R-hat"] < gates.r_hat, _miss(found, found.r_hat, "R-hat", f"not below {gates.r_hat:g}", 3)),
        (
            worst["n/tau"] >= gates.tau_multiple,
            _miss(found, -found.n_over_tau, "n/tau", f"below {gates.tau_multiple:g}", 1),
        ),
        (
            worst["ESS bulk"] >= gates.ess,
            _miss(found, -found.ess_bulk, "bulk ESS", f"below {gates.ess:g}", 0),
        ),
        (
            worst["ESS tail"] >= gates.ess,
            _miss(found, -found.ess_tail, "tail ESS", f"below {gates.ess:g}", 0),
        ),
    ]
    misses = tuple(text for fine, text in checks if not fine)
    line = (
        f"R-hat {worst['R-hat']:.3f} ({ensembles} ensembles) | n/tau {worst['n/tau']:.0f} | "
        f"ESS bulk/tail {worst['ESS bulk']:,.0f}/{worst['ESS tail']:,.0f} | "
    )
    line += (
        f"{counts.failed:,} ODE failures | BLQ {censored[0]}/{censored[1]} M3"
        if censored[1]
        else f"{counts.failed:,} failed evaluations"
    )
    return GateReport(not misses, line, misses)


def _miss(found: Diagnostics, badness: Array, label: str, limit: str, digits: int) -> str:
    """The worst quantity of one gate, in words."""
    worst = int(np.argmax(np.where(np.isnan(badness), np.inf, badness)))
    value = abs(float(badness[worst]))
    return f"{label} {value:,.{digits}f} of {found.names[worst]}, {limit}"
