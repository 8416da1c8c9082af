"""Forty simulated patients of the Stein model with an LLOQ of 50 copies/ug, for checks of population fits."""

import numpy as np
import pandas as pd

DAYS = np.array([1, 3, 5, 7, 9, 11, 14, 17, 21, 28, 42, 60, 90, 180, 270, 365], float)
MEDIAN = np.array([24_000.0, 9.3, 3_900.0, 0.16, 0.0079, 0.0032])
OMEGA = np.array([0.8, 0.35, 1.2, 0.6, 0.9, 0.7])
SIGMA, LLOQ = 0.56, 50.0


def stein(theta, time):
    """Closed form of Stein 2019, theta (n, 6) = Cmax, Tmax, foldx, alpha, FB, beta; time (t,) -> (n, t)."""
    cmax, tmax, fold, alpha, share, beta = (np.asarray(theta)[:, [k]] for k in range(6))
    after = np.maximum(time - tmax, 0.0)
    rise = cmax / fold * np.exp(np.log(fold) / tmax * np.minimum(time, tmax))
    return rise * ((1.0 - share) * np.exp(-alpha * after) + share * np.exp(-beta * after))


def draw(rng, size, median=MEDIAN, omega=OMEGA):
    """Parameters of `size` patients, float64 (size, 6)."""
    return median * np.exp(omega * rng.standard_normal((size, 6)))


def measured(rng, curves):
    return curves * np.exp(SIGMA * rng.standard_normal(curves.shape))


def observed(rng, patients=40):
    """A table as `vpc` takes it, dropping out at day 60, 90, 180 or 365."""
    values = measured(rng, stein(draw(rng, patients), DAYS))
    end = rng.choice([60.0, 90.0, 180.0, 365.0], size=patients, p=[0.15, 0.2, 0.3, 0.35])
    keep = end[:, None] >= DAYS
    who, when = np.nonzero(keep)
    value = values[keep]
    blq = value < LLOQ
    return pd.DataFrame(
        {
            "subject": [f"SIM-{k + 1:02d}" for k in who],
            "time": DAYS[when],
            "output": "car_transgene",
            "value": np.where(blq, np.nan, value),
            "censoring": blq.astype(int),
            "lower": np.where(blq, 0.0, value),
            "upper": np.where(blq, LLOQ, value),
            "lloq": LLOQ,
        }
    )


def simulated(rng, table, replicates=300, *, median=MEDIAN, omega=OMEGA):
    """New measurements on the design of `table`, float64 (replicates, rows)."""
    who = table["subject"].astype("category").cat.codes.to_numpy(int)
    when = np.searchsorted(DAYS, table["time"].to_numpy())
    patients = who.max() + 1
    curves = stein(draw(rng, replicates * patients, median, omega), DAYS).reshape(replicates, patients, -1)
    return measured(rng, curves[:, who, when])
