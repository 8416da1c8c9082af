"""What do counts, tocilizumab and correlations add to fits/car22_cytokines? Patients left out, fit by fit.

CARTSIM_REAL_DATA=... python -m benchmarks.car22_variants CHAINS [--ensembles 2] [--days 1]

CHAINS is a folder for the checkpoints; an interrupted run goes on from there. `recorded` is the fit itself,
the others have fewer ensembles: `counts` sets all CAR+ counts of all patients to 1,000 cells/uL;
`tocilizumab` gives 560 mg to those who were treated, `--days` after the onset of their CRS (the day is not in
the release: an assumption); `correlation` has a full covariance between the patients' parameters. Differences
are in expected log predictive density of unseen patients; no sample of a patient is written.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.record import RESULTS, head, setting, table, write
from cartsim.data.dataset import QUANTIFIED, Dataset
from cartsim.data.files import read_table
from cartsim.data.tidy import cells, path_of
from cartsim.infer.hierarchy import Correlation
from cartsim.infer.leave_out import LeaveOut, compare_left_out
from cartsim.infer.population_checks import LEFT_OUT_DRAWS, patients_left_out
from cartsim.infer.sampling import sample
from cartsim.study.inputs import read_dataset
from cartsim.study.plan import Plan, plan_of
from cartsim.study.settings import read_settings

FIT = Path(__file__).parents[1] / "fits" / "car22_cytokines"
OUTCOMES = "car22_lichtenstein2021_outcomes_dev.csv"
MANY, FULL_DOSE = 1_000.0, 560.0  # cells/uL; mg, 8 mg/kg of 70 kg
Given = tuple[Plan, Dataset]


def without_counts(plan: Plan, dataset: Dataset) -> Given:
    """The same many cells on all days in all patients."""
    seen = dataset.observations.copy()
    rows = seen["output"] == "car_t"
    seen.loc[rows, ["value", "censoring"]] = [MANY, QUANTIFIED]
    return plan, replace(dataset, observations=seen)


def with_tocilizumab(plan: Plan, dataset: Dataset, *, days: float) -> Given:
    """Treated patients dosed some days after the onset of CRS, which only the outcome table tells."""
    outcomes = read_table(path_of("car22_variants", None, OUTCOMES))
    onset = dict(zip(cells(outcomes, "patient"), cells(outcomes, "crs_onset_day"), strict=True))
    given = dataset.covariates["tocilizumab"] == "yes"
    treated = [subject for subject in dataset.subjects if given[subject] and onset[subject]]
    doses = [(s, float(onset[s]) + days, FULL_DOSE, "mg", 0.0, "toci_central", 0) for s in treated]
    return plan, replace(dataset, doses=pd.DataFrame(doses, columns=list(dataset.doses.columns)))


def with_correlation(plan: Plan, dataset: Dataset) -> Given:
    """A full covariance between the patients' parameters."""
    return replace(plan, population=replace(plan.population, correlation=Correlation(eta=2.0))), dataset


def left_out(plan: Plan, dataset: Dataset, chains: Path) -> tuple[LeaveOut, str]:
    """Sample (or go on) and leave out patient by patient; with the gates' line."""
    problem = plan.population_problem(dataset)
    chains.mkdir(parents=True, exist_ok=True)
    draws = sample(problem, plan.sampler, seed=plan.seed, folder=chains, gates=plan.gates, resume=True)
    u = problem.unconstrain(draws.flat(LEFT_OUT_DRAWS))
    return patients_left_out(problem, u, np.random.default_rng(1)), draws.gates.line


def main() -> None:
    """Run the four fits and write JSON and Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chains", type=Path)
    parser.add_argument("--ensembles", type=int, default=2)
    parser.add_argument("--days", type=float, default=1.0)
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    result = {"setting": setting(), "ensembles": given.ensembles, "days": given.days}
    settings = read_settings(FIT)
    plan, (dataset, _) = plan_of(settings, FIT), read_dataset(settings.data, FIT)
    shorter = replace(plan, sampler=replace(plan.sampler, ensembles=given.ensembles))
    variants: dict[str, Callable[[], Given]] = {
        "recorded": lambda: (plan, dataset),
        "counts": lambda: without_counts(shorter, dataset),
        "tocilizumab": lambda: with_tocilizumab(shorter, dataset, days=given.days),
        "correlation": lambda: with_correlation(shorter, dataset),
    }
    found = {name: left_out(*make(), given.chains / name) for name, make in variants.items()}
    treated = dataset.covariates["tocilizumab"] == "yes"
    result["variants"] = [compared(name, found, treated) for name in variants]
    print(pd.DataFrame(result["variants"]).to_string())
    write(given.out, "car22_variants", result, report(result))


def compared(name: str, found: dict[str, tuple[LeaveOut, str]], treated: pd.Series) -> dict:
    """One variant against the recorded fit, in all patients and in the treated."""
    (own, gates), (base, _) = found[name], found["recorded"]
    difference = compare_left_out(own, base)
    each = difference.table.set_index("subject")["difference"]
    inside = each[treated.reindex(each.index)]
    return {
        "name": name,
        "elpd": own.elpd,
        "difference": difference.difference,
        "se": difference.se,
        "unclear": difference.unclear,
        "better": int((each > 0.0).sum()),
        "treated": float(inside.sum()),
        "treated_better": int((inside > 0.0).sum()),
        "treated_patients": len(inside),
        "largest_k": float(own.table["pareto_k"].max()),
        "gates": gates,
    }


def report(result: dict) -> list[str]:
    """The result as Markdown."""
    columns = ("elpd", "difference", "se", "treated", "largest_k")
    rows = [
        (
            row["name"],
            *(f"{row[c]:.1f}" for c in columns),
            f"{row['treated_better']}/{row['treated_patients']}",
        )
        for row in result["variants"]
    ]
    said = [f"* {row['name']}: {row['gates']}" for row in result["variants"]]
    named = ("fit", "elpd", "minus recorded", "se", "in treated", "largest Pareto k", "treated better")
    lines = head("CD22 cytokines: what counts, tocilizumab and correlations add", result)
    return [*lines, *table(named, rows), *said, ""]


if __name__ == "__main__":
    main()
