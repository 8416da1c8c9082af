"""`cartsim predict`: new patients' first days and a population fit in; what to expect of each one out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cartsim.data.dataset import Dataset
from cartsim.data.write import replace_text
from cartsim.errors import CartsimError, FitError
from cartsim.infer.new_patient import Effort, NewPatient, new_patient
from cartsim.infer.new_patient_fit import FittedBelief, population_values
from cartsim.infer.new_patient_tables import band_rows, kinetics_rows
from cartsim.study.diagnose import check_same, find
from cartsim.study.inputs import read_dataset
from cartsim.study.plan import Plan, plan_of
from cartsim.study.predict_contents import prediction_contents
from cartsim.study.result import versions
from cartsim.study.settings import FitSettings, read_settings

if TYPE_CHECKING:
    import pandas as pd

FOLDER = "prediction"
WITH_OUTCOMES = "bcma_myeloma"
Say = Callable[[str], None]


@dataclass(frozen=True)
class PredictOptions:
    """What the command line adds; see `cartsim predict --help`."""

    data: Path
    until: float = 14.0
    out: Path | None = None
    fit: Path | None = None
    horizon: float = 180.0
    seed: int = 0
    effort: Effort = field(default_factory=Effort)


@dataclass(frozen=True)
class Prediction:
    """All that is said of the new patients, one row a patient (and output, outcome ...) in each table.

    `quality`: samples used, effective points and Pareto k of the weights, temperatures, seconds.
    `outcomes` is empty where the model has none.
    """

    title: str
    until: float
    samples: pd.DataFrame
    quality: pd.DataFrame
    kinetics: pd.DataFrame
    bands: pd.DataFrame
    parameters: pd.DataFrame
    outcomes: pd.DataFrame
    units: dict[str, str]

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """By the name of their file."""
        named = ("samples", "quality", "kinetics", "bands", "parameters", "outcomes")
        return {name: getattr(self, name) for name in named if len(getattr(self, name))}


def run_predict(path: Path, options: PredictOptions, *, say: Say = print) -> Prediction:
    """Predict the patients of a table from a finished run (its output folder) or a fit folder.

    Raises
    ------
    CartsimError
        For a fit that is not one population, or data unlike those of the fit.
    """
    from cartsim.report.trial_page import write_trial_page

    found = find(Path(path), fit=options.fit, out=options.out, name=FOLDER)
    settings = read_settings(found.folder)
    plan = plan_of(settings, found.folder, seed=found.record["seed"])
    _check(plan, found.record)
    dataset = new_data(settings, found.folder, options.data)
    prediction = predict_patients(settings, plan, dataset, found.draws, options, say=say)
    found.out.mkdir(parents=True, exist_ok=True)
    for name, table in prediction.tables.items():
        text = table.to_csv(index=False, lineterminator="\n", float_format="%.8g")
        replace_text(found.out / f"{name}.csv", text)
    run = _run(path, plan, dataset, found, options)
    record = run | {"patients": _by_patient(prediction)}
    replace_text(found.out / "prediction.json", json.dumps(record, indent=2) + "\n")
    write_trial_page(found.out, prediction_contents(prediction, run, simulated=settings.simulated))
    say(f"written to {found.out}: report.html, CSV tables, prediction.json, figures")
    return prediction


def _check(plan: Plan, record: dict) -> None:
    if plan.population is None:
        raise CartsimError(
            "a new patient can be predicted from a population fit only",
            value="patients fitted one by one",
            remedy="give a fit with a [population] table, such as fits/fandrei2024_population",
        )
    check_same(record, plan, None)
    unset = [c.name for c in plan.population.covariates if c.level is None and c.reference is None]
    if unset:
        raise CartsimError("covariates without a reference of their own", value=", ".join(unset))


def new_data(settings: FitSettings, folder: Path, data: Path) -> Dataset:
    """The new patients' table, read with the limits of the fit."""
    read = settings.data.read
    if settings.data.loader is None:
        changed = settings.data.model_copy(update={"sha256": None, "where": {}, "subjects": None})
        return read_dataset(changed, folder, path=data)[0]
    lloq = {name: value for name, value in dict(read.get("others", {})).items() if value is not None}
    if "lloq" in read:
        lloq["car_transgene"] = read["lloq"]
    plain = settings.data.model_copy(
        update={"loader": None, "file": data.name, "sha256": None, "where": {}, "subjects": None}
        | {"read": {"lloq": lloq} if lloq else {}}
    )
    return read_dataset(plain, folder, path=data)[0]


def predict_patients(
    settings: FitSettings,
    plan: Plan,
    dataset: Dataset,
    draws: pd.DataFrame,
    options: PredictOptions,
    *,
    say: Say = print,
) -> Prediction:
    """The prediction of every patient of a dataset from its samples of day 0 to `until`."""
    import pandas as pd

    table = dataset.observations
    table = table[table["output"].isin(list(plan.errors)) & (table["time"] >= 0.0)]
    table = table.assign(used=table["time"] <= options.until).reset_index(drop=True)
    early = replace(dataset, observations=table[table["used"]].drop(columns="used").reset_index(drop=True))
    without = [s for s in dataset.subjects if s not in set(early.observations["subject"])]
    if without:
        raise FitError(f"no sample up to day {options.until:g}", value=", ".join(without))
    parts: list[dict[str, pd.DataFrame]] = []
    for number, subject in enumerate(dataset.subjects):
        begin = time.perf_counter()
        rng = np.random.default_rng([options.seed, number])
        belief = belief_of(plan, early.subset([subject]), draws)
        found = new_patient(belief, rng, effort=options.effort)
        own = _tables(belief, found, options, rng)
        own["outcomes"] = _outcomes(settings, belief, found, options.effort, rng)
        seconds = time.perf_counter() - begin
        own["quality"] = _quality(subject, early, found, seconds)
        parts.append(own)
        say(_line(subject, own))
    whole = {name: pd.concat([part[name] for part in parts], ignore_index=True) for name in parts[0]}
    units = dict(zip(table["output"], table["unit"], strict=True))
    known = {output.name: output.unit for output in plan.loaded_model.outputs}
    return Prediction(settings.title, options.until, table, units=known | units, **whole)


def belief_of(plan: Plan, one: Dataset, draws: pd.DataFrame) -> FittedBelief:
    """What the fit says of one new patient; a covariate's level that it does not have adds nothing."""
    covariates = one.covariates
    kept = tuple(
        effect
        for effect in plan.population.covariates
        if effect.level is None or str(covariates[effect.covariate].iloc[0]) == effect.level
    )
    own = replace(plan, population=replace(plan.population, covariates=kept))
    population = own.population_problem(one, fewest=1)
    return FittedBelief(population, one.subjects[0], population_values(draws, population))


def _days(horizon: float) -> np.ndarray:
    fine = np.arange(0.0, min(30.0, horizon) + 0.01, 0.5)
    return np.unique(
        np.concatenate([fine, np.arange(30.0, horizon + 0.1, 3.0), [min(28.0, horizon), horizon]])
    )


def _tables(
    belief: FittedBelief, found: NewPatient, options: PredictOptions, rng: np.random.Generator
) -> dict[str, pd.DataFrame]:
    import pandas as pd

    days = _days(options.horizon)
    measured = belief.measured(found.scores, found.which, days, rng)
    theta = belief.theta(found.scores, found.which)
    rows = []
    for k, effect in enumerate(belief.population.effects):
        low, middle, high = np.quantile(effect.parameter.prior.constrain(theta[:, k]), [0.05, 0.5, 0.95])
        rows.append(
            {
                "subject": belief.subject,
                "name": effect.name,
                "unit": effect.parameter.unit,
                "median": middle,
                "lower": low,
                "upper": high,
            }
        )
    return {
        "kinetics": kinetics_rows(belief.subject, days, measured),
        "bands": band_rows(belief.subject, days, measured),
        "parameters": pd.DataFrame(rows),
    }


def _outcomes(
    settings: FitSettings, belief: FittedBelief, found: NewPatient, effort: Effort, rng: np.random.Generator
) -> pd.DataFrame:
    """Probabilities before and after the samples, where the model has outcomes."""
    import pandas as pd

    if belief.population.model.name != WITH_OUTCOMES:
        return pd.DataFrame()
    from cartsim.cohort.early import probabilities

    after = outcomes_of(settings, belief, found.scores, found.which, rng)
    scores = rng.standard_normal((effort.kept, belief.size))
    before = outcomes_of(settings, belief, scores, rng.integers(belief.populations, size=effort.kept), rng)
    table = probabilities(after)
    table.insert(0, "subject", belief.subject)
    table.insert(2, "before", probabilities(before)["probability"])
    return table


def outcomes_of(
    settings: FitSettings,
    belief: FittedBelief,
    scores: np.ndarray,
    which: np.ndarray,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """`cohort.early.outcome_draws` of one patient of a fit of `bcma_myeloma`."""
    from cartsim.cohort.early import outcome_draws, with_later
    from cartsim.cohort.products import TrialPopulation, read_products
    from cartsim.regimen.regimen import Regimen

    model = belief.population.model
    product = settings.scenario or "fast"
    trial = TrialPopulation(model, product, read_products(), int(rng.integers(2**31)))
    rows = with_later(trial, belief.parameters(scores, which))
    regimen = belief.population.regimens.get(belief.subject, Regimen(()))
    return outcome_draws(trial, rows, [regimen] * len(rows), rng)


def _quality(subject: str, early: Dataset, found: NewPatient, seconds: float) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "subject": subject,
                "samples_used": int((early.observations["subject"] == subject).sum()),
                "effective_points": found.effective,
                "pareto_k": found.pareto_k,
                "temperatures": found.temperatures,
                "acceptance": found.acceptance,
                "distinct_draws": found.distinct,
                "seconds": round(seconds, 2),
            }
        ]
    )


def _line(subject: str, own: dict[str, pd.DataFrame]) -> str:
    quality = own["quality"].iloc[0]
    words = f"{subject}: {quality['samples_used']} samples, {quality['seconds']:.1f} s"
    if len(own["outcomes"]):
        table = own["outcomes"].set_index("outcome")["probability"]
        chosen = ("response (PR or better) at month 3", "no progression or death in 12 months")
        words += "; " + "; ".join(f"{name} {100 * table[name]:.0f} %" for name in chosen)
    return words


def _by_patient(prediction: Prediction) -> dict[str, dict]:
    """Each patient's quality, outcomes and kinetics as plain data."""
    found = {}
    for row in prediction.quality.to_dict("records"):
        subject = row.pop("subject")
        row["acceptance"] = None if np.isnan(row["acceptance"]) else row["acceptance"]
        found[subject] = {"quality": row}
        for name in ("outcomes", "kinetics", "parameters"):
            table = getattr(prediction, name)
            if len(table):
                own = table[table["subject"] == subject].drop(columns="subject")
                found[subject][name] = own.to_dict("records")
    return found


def _run(path: Path, plan: Plan, dataset: Dataset, found, options: PredictOptions) -> dict[str, object]:
    """What decides the numbers."""
    population = found.draws[found.draws["subject"] == "population"]
    return {
        "fit": path.name,
        "fit_gates_passed": bool(found.record["gates"]["passed"]),
        "population_draws": len(population),
        "model": plan.loaded_model.name,
        "data": dataset.source if not Path(dataset.source).is_absolute() else Path(dataset.source).name,
        "data_sha256": dataset.sha256,
        "until_day": options.until,
        "seed": options.seed,
        "draws_weighted": options.effort.points,
        "draws_kept": options.effort.kept,
        "versions": versions(),
    }
