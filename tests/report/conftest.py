"""Fabricated tables shaped like a six-patient BCMA trial, for the report's own tests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cartsim.report.contents import SIMULATED, ReportContents, Trace

LLOQ = 50.0
OUTPUT, UNIT = "car_transgene", "copies/ug"
DAYS = np.array([1, 3, 5, 7, 10, 14, 17, 21, 28, 60, 90, 180, 270, 365], float)
PARAMETERS = {
    "cmax": (60_000.0, 1.2, UNIT, "peak transgene level"),
    "tmax": (13.0, 0.5, "day", "time of the peak"),
    "foldx": (3_000.0, 1.5, "", "peak over starting level"),
    "alpha": (0.12, 0.7, "1/day", "contraction rate after the peak"),
    "beta": (0.01, 1.0, "1/day", "persistence (slow decline) rate"),
    "fb": (0.05, 1.0, "", "share of the peak that persists"),
    "sigma_car_transgene": (0.5, 0.4, "log", "residual error, SD on the log scale"),
}
NAMES = tuple(PARAMETERS)


def stein(theta: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Stein 2019 eq. 1-2: theta[n, 7] in the order of PARAMETERS, time[T] day -> copies/ug[n, T]."""
    c_max, t_max, fold, alpha, beta, share = (theta[:, [k]] for k in range(6))
    rise = c_max / fold * np.exp(np.log(fold) / t_max * np.minimum(time, t_max))
    after = np.maximum(time - t_max, 0.0)
    fall = (1 - share) * c_max * np.exp(-alpha * after) + share * c_max * np.exp(-beta * after)
    return np.where(time < t_max, rise, fall)


def fabricate(patients: int = 6, *, seed: int = 7, show: bool = True, days=DAYS) -> ReportContents:
    """Fabricate one run's tables from made-up posteriors around known curves."""
    rng = np.random.default_rng(seed)
    prior_log = np.log([PARAMETERS[name][0] for name in NAMES])
    prior_sd = np.array([PARAMETERS[name][1] for name in NAMES])
    observed, bands, gof, parameters, traces, draws, gates = [], [], [], [], {}, {}, []
    for k in range(patients):
        subject = f"SIM-{k + 1:02d}"
        truth = prior_log + 0.6 * prior_sd * rng.standard_normal(7)
        truth[4] = np.log([0.004, 0.006, 0.01, 0.03, 0.02, 0.12][k % 6])
        truth[1], truth[5], truth[6] = np.log(20) + 0.15 * rng.standard_normal(), np.log(0.03), np.log(0.35)
        times = days[: len(days) - (k % 3)]
        level = stein(np.exp(truth)[None], times)[0] * np.exp(0.35 * rng.standard_normal(len(times)))
        blq = level < LLOQ
        width = prior_sd * np.array([0.18, 0.15, 0.25, 0.3, 0.45 if k < 5 else 0.98, 0.4, 0.45])
        theta = np.exp(truth + 0.3 * width * rng.standard_normal(7) + width * rng.standard_normal((2000, 7)))
        theta[:, 5] = np.minimum(theta[:, 5], 0.9)
        grid = np.unique(np.concatenate([np.linspace(0, 28, 113), np.linspace(28, 365, 100)]))
        curves = stein(theta, grid)
        new = curves * np.exp(theta[:, [6]] * rng.standard_normal(curves.shape))
        predicted = np.median(stein(theta, times), axis=0)
        observed.append(
            pd.DataFrame(
                {
                    "subject": subject,
                    "time": times,
                    "output": OUTPUT,
                    "value": np.where(blq, LLOQ, level),
                    "censoring": blq.astype(int),
                    "lower": np.where(blq, 0.0, level),
                    "upper": np.where(blq, LLOQ, level),
                    "unit": UNIT,
                    "row": np.arange(len(times)) + 2,
                }
            )
        )
        low, middle, high = np.quantile(curves, [0.05, 0.5, 0.95], axis=0)
        new_low, new_high = np.quantile(new, [0.05, 0.95], axis=0)
        bands.append(
            pd.DataFrame(
                {
                    "subject": subject,
                    "output": OUTPUT,
                    "time": grid,
                    "median": middle,
                    "lower": low,
                    "upper": high,
                    "predictive_lower": new_low,
                    "predictive_upper": new_high,
                }
            )
        )
        residual = np.where(blq, np.nan, np.log(level / predicted) / 0.35)
        gof.append(
            pd.DataFrame(
                {
                    "subject": subject,
                    "output": OUTPUT,
                    "time": times,
                    "censoring": blq.astype(int),
                    "observed": np.where(blq, LLOQ, level),
                    "lower_limit": np.where(blq, 0.0, level),
                    "upper_limit": np.where(blq, LLOQ, level),
                    "predicted": predicted,
                    "residual": residual,
                }
            )
        )
        passed = k != 4
        lower, median, upper = np.quantile(theta, [0.05, 0.5, 0.95], axis=0)
        contraction = 1 - (np.std(np.log(theta), axis=0) / prior_sd) ** 2
        parameters.append(
            pd.DataFrame(
                {
                    "subject": subject,
                    "name": NAMES,
                    "meaning": [PARAMETERS[name][3] for name in NAMES],
                    "unit": [PARAMETERS[name][2] for name in NAMES],
                    "prior": [
                        f"log-normal, median {PARAMETERS[n][0]:g}, log-SD {PARAMETERS[n][1]:g}" for n in NAMES
                    ],
                    "median": median,
                    "lower": lower,
                    "upper": upper,
                    "mean": theta.mean(0),
                    "sd": theta.std(0),
                    "contraction": contraction,
                    "informed": contraction >= 0.1,
                    "r_hat": 1.0 + 0.004 * rng.random(7) + (0.012 if not passed else 0.0),
                    "ess_bulk": rng.uniform(900, 4000, 7) * (1.0 if passed else 0.2),
                    "ess_tail": rng.uniform(700, 3000, 7) * (1.0 if passed else 0.4),
                    "tau": rng.uniform(20, 60, 7),
                    "prior_lower": np.exp(prior_log - 1.645 * prior_sd),
                    "prior_upper": np.exp(prior_log + 1.645 * prior_sd),
                }
            )
        )
        draws[subject] = pd.DataFrame(theta, columns=list(NAMES))
        noise = np.zeros((4, 300, 7))
        for step in range(1, 300):
            noise[:, step] = 0.9 * noise[:, step - 1] + 0.12 * rng.standard_normal((4, 7))
        start = np.exp(-np.arange(300) / 15)[None, :, None] * rng.standard_normal((4, 1, 7)) * 3
        traces[subject] = Trace(
            NAMES, np.exp(truth + width * (noise + start)), steps=np.arange(300) * 20, burn_in=2000
        )
        line = (
            "every gate passed: R-hat at most 1.004, ESS at least 912, 61 autocorrelation times"
            if passed
            else "missed: R-hat 1.014 for beta (limit 1.01); ESS 231 (limit 400)"
        )
        gates.append({"subject": subject, "passed": passed, "line": line})
    pooled = pd.concat(gof, ignore_index=True)
    pooled["theoretical_quantile"] = _normal_scores(pooled["residual"].to_numpy())
    everyone = pd.concat(observed, ignore_index=True)
    return ReportContents(
        title="Six simulated BCMA patients, Stein 2019 model",
        description="Each patient was fitted alone with the model of Stein et al. "
        "(2019): exponential expansion up to the peak, then a fast and a slow decline.",
        labels=(SIMULATED,) if show else (),
        run={
            "command": "cartsim fit fits/six_patients --seed 20240607",
            "model": "stein2019_tisagenlecleucel",
            "seed": 20240607,
            "wall time": "1 min 42 s on 2 cores",
            "versions": {"cartsim": "0.1.0", "emcee": "3.1.6", "numpy": "2.3.1", "numba": "0.61"},
            "hashes": {"model": "9f31c0", "data": "c0ffee" * 10 + "abcd", "priors": "ab12", "errors": "77aa"},
        },
        gates=pd.DataFrame(gates),
        parameters=pd.concat(parameters, ignore_index=True),
        data_text=f"{len(everyone)} samples of {patients} patients; no row was dropped.",
        data_summary=_summary(everyone),
        nca=_nca(everyone),
        nca_summary=_nca_summary(patients),
        observations=everyone,
        bands=pd.concat(bands, ignore_index=True),
        gof=pooled,
        limits={OUTPUT: LLOQ},
        traces=traces,
        draws=draws,
        priors=pd.DataFrame(
            {
                n: np.exp(prior_log[i] + prior_sd[i] * _normal_scores(np.arange(2000.0)))
                for i, n in enumerate(NAMES)
            }
        ),
        warnings=(
            "SIM-05 missed a convergence gate: its intervals may change with a longer run.",
            "SIM-06: the data do not inform beta (contraction 4%); its interval repeats the prior.",
        ),
        show_observations=show,
    )


def _normal_scores(values: np.ndarray) -> np.ndarray:
    from scipy.special import ndtri
    from scipy.stats import rankdata

    scores = np.full(len(values), np.nan)
    there = np.isfinite(values)
    scores[there] = ndtri((rankdata(values[there], method="ordinal") - 0.5) / there.sum())
    return scores


def _summary(everyone: pd.DataFrame) -> pd.DataFrame:
    count, blq = len(everyone), int((everyone["censoring"] == 1).sum())
    return pd.DataFrame(
        {
            "output": [OUTPUT],
            "unit": [UNIT],
            "patients": [everyone["subject"].nunique()],
            "samples": [count],
            "BLQ": [blq],
            "% BLQ": [100 * blq / count],
            "LLOQ": [LLOQ],
        }
    )


def _nca(everyone: pd.DataFrame) -> pd.DataFrame:
    peak = everyone.sort_values("value").groupby("subject").last()
    table = pd.DataFrame(
        {"subject": peak.index, "cmax": peak["value"].to_numpy(), "tmax": peak["time"].to_numpy()}
    )
    return table.assign(auc_0_28=table["cmax"] * 9.7, half_life=[np.nan, *([123.4] * (len(table) - 1))])


def _nca_summary(patients: int) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "metric": ["cmax", "tmax", "detectable_month_1"],
            "description": ["highest observed value", "its day", "sample nearest to day 30.44 detected"],
            "unit": [UNIT, "day", ""],
            "statistic": ["geometric mean (CV %)", "median [range]", "patients (%)"],
            "text": ["6.12e+04 (84%)", "20.5 [14-28]", f"{patients}/{patients} (100%)"],
            "evaluable": patients,
            "subjects": patients,
            "truncated": 0,
            "center": [61200.0, 20.5, 100.0],
            "lower": [30000.0, 14.0, np.nan],
            "upper": [120000.0, 28.0, np.nan],
        }
    )


@pytest.fixture(scope="session")
def six() -> ReportContents:
    """Six simulated patients, one missed gate, one uninformed parameter."""
    return fabricate()


@pytest.fixture(scope="session")
def withheld() -> ReportContents:
    """Fourteen real-like patients whose samples must not be shown."""
    return fabricate(14, show=False)


@pytest.fixture(scope="session")
def alone() -> ReportContents:
    """One simulated patient, with two parameters in the corner plot to keep it quick."""
    contents = fabricate(1)
    subject = contents.subjects[0]
    return replace(contents, draws={subject: contents.draws[subject][["tmax", "beta"]]})
