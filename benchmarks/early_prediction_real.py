"""Early prediction on real patients (Fandrei 2024): month-3 response and PFS from 14 days, each left out.

CARTSIM_REAL_DATA=... python -m benchmarks.early_prediction_real --ciltacel FIT --idecel FIT

Each patient is predicted from its own samples up to day 14 (transgene, flow, soluble BCMA, CRP, IL-6) and the
recorded population fit of its product WITHOUT it: the fit's draws are weighted by one over the probability of
all its samples, its parameters integrated out, Pareto-smoothed (k in the table; above 0.7 the patient is not
reliably left out). No fit was run again. Response and progression come from the model's virtual course: the
fits saw no M-protein and no outcome. Whether tocilizumab was given is known, its day is not. Base rate and
logistic regression on log AUC0-14 of the transgene are those of all other patients with a known outcome, both
products together. Censored Brier at day 180: few are followed longer. Intervals resample patients.

Read with care: this is NOT a test on new data. The model's parameters were calibrated on medians of this
very release, and soluble BCMA was made a decoy in the model because baseline soluble BCMA and response went
together in its ide-cel patients (design notes of the model: Spearman -0.63). The outcomes scored here so
helped to shape the model; leaving a patient out of the fit does not undo that. Two rows show how much hangs
on it: cartsim without any soluble BCMA sample (the decoy stays in the model), and a regression on log
baseline soluble BCMA. Patients who are not reliably left out are in. Month-3 response is reported for few
who progressed before it, which flatters any prediction: counted as no response they are the second row.
Later samples are not scored.

Only the 100 draws of each fit that are committed are used. The regression of PFS is trained on patients whose
state at the day is known.

The regression on log AUC0-14 of both products together is a weak opponent: transgene per response differs
about tenfold between the products. It is therefore also made with the product as a second term, and in ide-
cel alone.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.early_scores import area, brier_rows, frame, free_at, logistic, printed, survival_rows
from benchmarks.record import RESULTS, head, setting, table, write
from cartsim.data.files import read_table
from cartsim.data.sources import path_of
from cartsim.endpoints.imwg_rules import Response
from cartsim.endpoints.scores import reliability
from cartsim.infer.leave_out import marginal_log_likelihood
from cartsim.infer.new_patient import Effort, new_patient, smoothed
from cartsim.infer.population_checks import _likelihood
from cartsim.infer.population_tables import centres
from cartsim.study.diagnose import check_same, find
from cartsim.study.inputs import read_dataset
from cartsim.study.plan import plan_of
from cartsim.study.predict import belief_of, outcomes_of
from cartsim.study.settings import read_settings
from cartsim.study.vpc import joined_draws

UNTIL, DAY, SEED, POINTS = 14.0, 180.0, 4001, 60
EFFORT = Effort(points=2_000, kept=600)
OUTCOMES = "fandrei2024_outcomes_dev.csv"
PROGRESSED = "month 3, progression before it counted"


def left_out_weights(
    population, values: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (N, S) of the fit's draws without each patient, and their Pareto k (N,)."""
    u = population.unconstrain(values)
    spread = np.exp(u[:, population.columns.log_spread])
    roots = spread[:, :, None] * np.eye(spread.shape[1])
    found = marginal_log_likelihood(
        _likelihood(population, u),
        population.columns.individual(u),
        (centres(population, u), roots),
        generator=rng,
        points=POINTS,
    )
    both = [smoothed(-column) for column in found.log_likelihood.T]
    return np.array([weight for weight, _ in both]), np.array([k for _, k in both])


def predict_fit(folder: Path, fit: Path | None) -> list[dict]:
    """One row a patient of a fit with an early transgene: probabilities, log AUC0-14, k of leaving it out."""
    found = find(folder, fit=fit, out=Path("unused"))
    settings = read_settings(found.folder)
    plan = plan_of(settings, found.folder, seed=found.record["seed"])
    dataset, _ = read_dataset(settings.data, found.folder)
    check_same(found.record, plan, dataset)
    population = plan.population_problem(dataset)
    rng = np.random.default_rng(SEED)
    values = joined_draws(found.draws, population)
    values = values[np.linspace(0, len(values) - 1, min(100, len(values))).astype(int)]
    weights, ks = left_out_weights(population, values, rng)
    # By name: a patient without IL-6 asks for fewer columns than the fit has.
    names, rows = population.names[: population.columns.population], []
    hyper = pd.DataFrame(values[:, : len(names)], columns=list(names)).assign(subject="population")
    table_ = dataset.observations
    early = replace(dataset, observations=table_[table_["time"].between(0.0, UNTIL)].reset_index(drop=True))
    for k, subject in enumerate(population.subjects):
        own = early.observations.query("subject == @subject and output == 'car_transgene'")
        if own.empty:
            continue
        at = rng.choice(len(hyper), size=400, p=weights[k])
        belief = belief_of(plan, early.subset([subject]), hyper.iloc[at])
        patient = new_patient(belief, rng, effort=EFFORT)
        draws = outcomes_of(settings, belief, patient.scores, patient.which, rng)
        seen = early.subset([subject])
        others_ = seen.observations[seen.observations["output"] != "sbcma"].reset_index(drop=True)
        blind = belief_of(plan, replace(seen, observations=others_), hyper.iloc[at])
        patient_ = new_patient(blind, rng, effort=EFFORT)
        draws_ = outcomes_of(settings, blind, patient_.scores, patient_.which, rng)
        marker = seen.observations.query("output == 'sbcma'").sort_values("time")["value"]
        values_ = np.where(own["censoring"] == 1, 0.0, own["value"])
        rows.append(
            {
                "subject": subject,
                "response_1": float((draws["response month 1"] >= Response.PR).mean()),
                "response_3": float((draws["response month 3"] >= Response.PR).mean()),
                "blind_1": float((draws_["response month 1"] >= Response.PR).mean()),
                "blind_3": float((draws_["response month 3"] >= Response.PR).mean()),
                "ciltacel": float(settings.scenario == "slow"),
                "log_sbcma": float(np.log(marker.iloc[0])) if len(marker) else np.nan,
                "free": 1.0 - float((draws["event"] & (draws["pfs_day"] <= DAY)).mean()),
                "log_area": area(own["time"].to_numpy(), values_, 50.0),
                "left_out_k": float(ks[k]),
                "pareto_k": patient.pareto_k,
            }
        )
        print(f"{settings.scenario}: {subject} done", flush=True)
    return rows


def outcomes() -> pd.DataFrame:
    """The release's outcomes by patient: response at month 3 (NaN = not reported), PFS."""
    text = read_table(path_of("fandrei2024", None, OUTCOMES))
    whole = pd.DataFrame(text.cells, columns=text.header)
    good = {"PR", "VGPR", "CR", "sCR"}
    table_ = pd.DataFrame({"subject": whole["patient"], "time": whole["pfs_day"].astype(float)})
    table_["event"] = whole["progression_event"].astype(float).astype(bool)
    for name, column in (("month 1", "response_d30"), ("month 3", "response_m3")):
        reported = whole[column].fillna("").astype(str)
        table_[name] = [float(word in good) if word else np.nan for word in reported]
    early = table_["event"] & (table_["time"] < 90.0) & table_["month 3"].isna()
    table_[PROGRESSED] = table_["month 3"].mask(early, 0.0)
    return table_


def others(
    rows: pd.DataFrame, label: str, known: np.ndarray, by: tuple[str, ...] = ("log_area",)
) -> tuple[np.ndarray, np.ndarray]:
    """Base rate and logistic regression for every patient, from the others with a known outcome."""
    rate, fitted = np.empty(len(rows)), np.empty(len(rows))
    x, y = rows[list(by)].fillna(rows[list(by)].mean()).to_numpy(float), rows[label].to_numpy(float)
    for i in range(len(rows)):
        rest = known & (np.arange(len(rows)) != i)
        rate[i] = y[rest].mean()
        fitted[i] = logistic(x[rest], y[rest], x[[i]])[0]
    return rate, fitted


def scores(rows: pd.DataFrame, rng: np.random.Generator) -> tuple[list[dict], list[dict]]:
    """Scores, and the reliability table of month-3 response."""
    found, tables = [], []
    for label in ("month 3", PROGRESSED, "month 1"):
        told = rows.dropna(subset=label).reset_index(drop=True)
        rate, fitted = others(told, label, np.ones(len(told), bool))
        month = label[len("month ")]
        own = told[f"response_{month}"].to_numpy()
        _, marker = others(told, label, np.ones(len(told), bool), ("log_sbcma",))
        _, product = others(told, label, np.ones(len(told), bool), ("log_area", "ciltacel"))
        predictions = {"cartsim": own, "base rate": rate, "logistic": fitted}
        predictions |= {"logistic with product": product, "logistic on soluble BCMA": marker}
        blind = {"cartsim without soluble BCMA": told[f"blind_{month}"].to_numpy()}
        blind |= {"base rate": rate, "logistic": fitted, "logistic with product": product}
        found += [
            row
            for row in brier_rows(f"response {label}", told[label].to_numpy(), blind, rng)
            if row["prediction"] in blind and row["prediction"].startswith("cartsim")
        ]
        found += brier_rows(f"response {label}", told[label].to_numpy(), predictions, rng)
        tables += [{"outcome": label, **row} for row in frame(reliability(own, told[label], groups=3))]
    for label in ("month 3", PROGRESSED, "month 1"):
        told = rows[rows["ciltacel"] == 0.0].dropna(subset=label).reset_index(drop=True)
        rate, fitted = others(told, label, np.ones(len(told), bool))
        own = {"cartsim": told[f"response_{label[len('month ')]}"].to_numpy()}
        own |= {"base rate of ide-cel": rate, "logistic of ide-cel": fitted}
        found += brier_rows(f"ide-cel, response {label}", told[label].to_numpy(), own, rng)
    time, event = rows["time"].to_numpy(), rows["event"].to_numpy()
    hit = event & (time <= DAY)
    rows = rows.assign(still=np.where(hit, 0.0, 1.0))
    _, fitted = others(rows, "still", hit | (time >= DAY))
    rest = [np.arange(len(rows)) != i for i in range(len(rows))]
    rate = np.array([free_at(time[keep], event[keep], DAY) for keep in rest])
    _, product = others(rows, "still", hit | (time >= DAY), ("log_area", "ciltacel"))
    free = {"cartsim": rows["free"].to_numpy(), "base rate": rate, "logistic": fitted}
    free["logistic with product"] = product
    found += survival_rows(time, event, free, rng, day=DAY)
    # A rate that leaves the patient out is lower for who stays free: its concordance is an artefact.
    found = [r for r in found if not (r["score"] == "Harrell's C" and r["prediction"] == "base rate")]
    return found, tables


def verdict(found: list[dict]) -> list[str]:
    """Plain words on whether the model beats what it is compared with."""
    lines = []
    for row in found:
        if " minus " in row["score"]:
            other = row["score"].split(" minus that of ")[1]
            clear = row["low"] > 0 or row["high"] < 0
            word = "better" if row["value"] < 0 else "worse"
            end = "" if clear else ", but the interval contains no difference"
            lines.append(f"* {row['outcome']}: {row['prediction']} is {word} than the {other}{end}.")
    return lines


def page(result: dict) -> list[str]:
    """The Markdown of a result."""
    lines = head("Early prediction: real patients, each left out", result)
    for paragraph in __doc__.strip().split("\n\n")[2:]:
        lines += [*paragraph.splitlines(), ""]
    words = f"{result['patients']} patients with a transgene sample up to day 14; "
    words += f"Pareto k of leaving out above 0.7 in {result['not_reliably_left_out']}."
    lines += [
        words,
        "",
        *verdict(result["scores"]),
        "",
    ]
    lines += table(("outcome", "score", "prediction", "patients", "value (95 %)"), printed(result["scores"]))
    lines += table(
        ("response", "group", "patients", "predicted", "observed (95 %)"),
        [
            (r["outcome"], r["group"], r["patients"], f"{r['predicted']:.2f}",
             f"{r['observed']:.2f} ({r['lower']:.2f} to {r['upper']:.2f})")
            for r in result["reliability"]
        ],
    )  # fmt: skip
    return lines


def main() -> None:
    """Predict, score and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    fits = Path("fits")
    parser.add_argument("--ciltacel", type=Path, default=fits / "fandrei2024_bcma_myeloma_ciltacel")
    parser.add_argument("--idecel", type=Path, default=fits / "fandrei2024_bcma_myeloma_idecel")
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    result = {"setting": setting(["statsmodels", "arviz"])}
    rows = predict_fit(given.ciltacel, fits / "fandrei2024_bcma_myeloma_ciltacel")
    rows += predict_fit(given.idecel, fits / "fandrei2024_bcma_myeloma_idecel")
    joined = pd.DataFrame(rows).merge(outcomes(), on="subject")
    result["patients"] = len(joined)
    result["not_reliably_left_out"] = int((joined["left_out_k"] > 0.7).sum())
    result["scores"], result["reliability"] = scores(joined, np.random.default_rng(SEED))
    lines = page(result)
    write(given.out, "early_prediction_real", result, lines)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
