"""The simulated Stein population of the population benchmarks: known truth, drop-out, LLOQ, one seed.

Transgene of N patients on 16 days, follow-up ending at day 60, 90, 180 or 365; natural-log residuals; values
below 50 copies/ug are known to be below only. Priors are those of the fits compared here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

DAYS = np.array([1, 3, 5, 7, 9, 11, 14, 17, 21, 28, 42, 60, 90, 180, 270, 365], dtype=float)
NAMES = ("cmax", "tmax", "foldx", "alpha", "fb", "beta")
MEDIANS = np.array([24_000.0, 9.3, 3_900.0, 0.16, 0.0079, 0.0032])
SPREADS = np.array([0.8, 0.35, 1.2, 0.6, 0.9, 0.7])
SIGMA, LLOQ = 0.56, 50.0
TYPICAL_SD = np.array([1.5, 0.5, 1.5, 1.0, 1.5, 1.0])  # of the normal priors of the typical values
SPREAD_SD = np.array([1.0, 0.5, 1.5, 1.0, 1.0, 1.0])  # of the half-normal priors of the spreads
SIGMA_SD = 1.0  # of the half-normal prior of the residual sd
SEED = 20


@dataclass(frozen=True)
class Toy:
    """Observations of N patients: `who`, `day`, `log_value` (the log limit where `below`), and the truth."""

    patients: int
    who: np.ndarray
    day: np.ndarray
    log_value: np.ndarray
    below: np.ndarray
    theta: np.ndarray

    def csv(self) -> str:
        """As a patient table for `cartsim.read_data`."""
        lines = ["subject,time_day,output,value,unit,lloq"]
        for who, day, value, below in zip(self.who, self.day, self.log_value, self.below, strict=True):
            shown = f"<{LLOQ:g}" if below else repr(float(np.exp(value)))
            lines.append(f"P{who + 1},{day:g},car_transgene,{shown},copies/ug,{LLOQ:g}")
        return "\n".join(lines) + "\n"


def centre() -> np.ndarray:
    """Typical values on the unconstrained scale: log, and logit of fb."""
    result = np.log(MEDIANS)
    result[4] -= np.log1p(-MEDIANS[4])
    return result


def log_transgene(theta: np.ndarray, day: np.ndarray) -> np.ndarray:
    """Stein's closed form, natural log of copies/ug, for rows of theta (n, 6) and days (n,)."""
    log_cmax, log_tmax, log_foldx, log_alpha, logit_fb, log_beta = theta.T
    since = day - np.exp(log_tmax)
    growth = log_cmax + log_foldx * (np.minimum(day / np.exp(log_tmax), 1.0) - 1.0)
    late = np.maximum(since, 0.0)
    log_fraction, log_rest = -np.logaddexp(0.0, -logit_fb), -np.logaddexp(0.0, logit_fb)
    return growth + np.logaddexp(log_rest - np.exp(log_alpha) * late, log_fraction - np.exp(log_beta) * late)


def toy(patients: int, seed: int = SEED) -> Toy:
    """Patients drawn from the population and measured."""
    rng = np.random.default_rng(seed)
    theta = centre() + SPREADS * rng.standard_normal((patients, 6))
    ends = rng.choice([60.0, 90.0, 180.0, 365.0], size=patients, p=[0.15, 0.2, 0.3, 0.35])
    who = np.repeat(np.arange(patients), [(end >= DAYS).sum() for end in ends])
    day = np.concatenate([DAYS[end >= DAYS] for end in ends])
    value = log_transgene(theta[who], day) + SIGMA * rng.standard_normal(len(day))
    below = value < np.log(LLOQ)
    return Toy(patients, who, day, np.where(below, np.log(LLOQ), value), below, theta)


def columns(patients: int) -> tuple[str, ...]:
    """Names of the scalars all samplers are compared on, unconstrained."""
    own = [f"{name}[P{i + 1}]" for i in range(patients) for name in NAMES]
    return (*NAMES, *(f"log_omega_{name}" for name in NAMES), "log_sigma", *own)
