"""A finished fit as a scenario to explore: each patient's posterior, its samples, another dose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cartsim.cohort.products import read_products
from cartsim.cohort.scenario import (
    CRS_NEEDS,
    RESPONSE_NEEDS,
    Array,
    Choice,
    Dial,
    Picture,
    Sample,
    Settings,
    crs_seen,
    curves_of,
    days_to,
    has,
    response_seen,
    started,
)
from cartsim.data.dataset import INTERVAL, LEFT, Dataset
from cartsim.endpoints.crs import THETA_2_CLASS
from cartsim.errors import FitError
from cartsim.infer.assemble import regimen_of
from cartsim.infer.driven import measured_inputs
from cartsim.kernels.methods import default_method
from cartsim.regimen.regimen import Regimen, events_of
from cartsim.solve.batch import STATUS, batch
from cartsim.study.diagnose import check_same, find
from cartsim.study.inputs import read_dataset
from cartsim.study.plan import Plan, plan_of
from cartsim.study.population_fit import POPULATION
from cartsim.study.rule_plan import rules_by_subject
from cartsim.study.settings import FitSettings, read_settings

if TYPE_CHECKING:
    import pandas as pd

DRAWS = 48  # curves behind a band: its edges are right to about 3 % in probability
DOSE_FACTOR = 30.0  # to either side of the doses given
LATER, LEAST = 4.0, 60.0  # the picture may last so many times the samples', at least so many days
RTOL = 1e-4  # as virtual patients are solved (cohort.outcomes)


def fit_scenario(path: Path, *, fit: Path | None = None, data: Path | None = None) -> FitScenario:
    """From the output folder of a finished run, or a fit folder with its committed result.

    Parameters
    ----------
    fit : the fit folder of a run that does not name it
    data : the patient table, where the fit folder does not hold it

    Raises
    ------
    CartsimError
        If there is no finished result, or it was made from other data, model or priors.
    """
    found = find(Path(path), fit=fit, out=None, name="explore")
    settings = read_settings(found.folder)
    plan = plan_of(settings, found.folder, seed=found.record["seed"])
    dataset, _ = read_dataset(settings.data, found.folder, path=data)
    check_same(found.record, plan, dataset)
    return FitScenario(settings, plan, dataset, found.draws)


class FitScenario:
    """The line is the median over posterior draws at every day, the band holds 90 % of their curves."""

    def __init__(self, settings: FitSettings, plan: Plan, dataset: Dataset, draws: pd.DataFrame) -> None:
        self.model, self.plan, self.dataset, self.settings = plan.loaded_model, plan, dataset, settings
        self.title = settings.title
        self.subtitle = f"Posterior of {self.model.name}" + (", SIMULATED data" if settings.simulated else "")
        self._tables = {str(name): part.reset_index(drop=True) for name, part in draws.groupby("subject")}
        self.patients = tuple(s for s in plan.subjects(dataset)[0] if s in self._tables)
        if not self.patients:
            raise FitError("no patient of the data has draws in this result")
        self._products = read_products()
        self._base = self.model.vector(**dict(plan.fixed))
        self._rules = rules_by_subject(plan.rules, dataset)
        self._series = measured_inputs(
            self.model, dataset.subset(self.patients), plan.inputs, fitted=plan.errors
        )
        self.rows = cache(self._rows)
        self.regimen = cache(self._regimen)

    def controls(self, settings: Settings) -> tuple[Dial | Choice, ...]:
        """Patient, dose, last day."""
        patient = str(settings.get("patient", self.patients[0]))
        options = {name: name for name in self.patients}
        found: list[Dial | Choice] = [
            Choice("patient", "Patient", options, patient, resets=True, about="Of the fit's own data.")
        ]
        known = patient if patient in options else self.patients[0]  # an unknown one is refused by `started`
        amounts = {name: self._amount(name) for name in self.patients}
        given = [amount for amount in amounts.values() if amount > 0.0]
        if given and amounts[known] > 0.0:
            ends = min(given) / DOSE_FACTOR, max(given) * DOSE_FACTOR
            unit = next(state.unit for state in self.model.states if state.name in self.model.infused)
            about = "All infusions together; the posterior is of the dose that was given."
            found.append(Dial("dose", "CAR-T dose", unit, *ends, amounts[known], about=about))
        last = max(float(self.dataset.observations["time"].max()), LEAST)
        found.append(Dial("until", "Last day shown", "day", 1.0, LATER * last, last))
        return tuple(found)

    def picture(self, settings: Settings) -> Picture:
        """The patient's posterior curves at these settings."""
        model, chosen = self.model, started(self, settings)
        patient, until = str(chosen["patient"]), float(chosen["until"])
        days = days_to(until)
        rows = self.rows(patient)
        regimen = self._at_dose(patient, chosen.get("dose"))
        closed = model.solution is not None and regimen is None
        method = None if closed else default_method(RTOL)
        events = None if regimen is None else events_of(model, [regimen] * len(rows))
        solved = batch(model, rows, days, events=events, method=method)
        good = solved.status == 0
        found = {
            "solved": len(good),
            "failed": int((~good).sum()),
            "reasons": Counter(STATUS[int(code)] for code in solved.status if code),
            "limits": {k: v for k, v in self.dataset.limits.items() if k in model.output_names},
            "samples": self._samples(patient),
            "remarks": self._remarks(chosen),
        }
        words = "posterior median", f"90 % of {int(good.sum())} posterior draws"
        if not good.any():
            return Picture(days, {}, *words, **found)
        values = solved.outputs.reshape(len(rows), len(days), -1)
        values = np.concatenate([np.median(values[good], axis=0)[None], values])
        return Picture(
            days, curves_of(model, values, np.append(True, good)), *words, **found,
            **self._outcomes(days, values, np.append(True, good), solved.firings, regimen),
        )  # fmt: skip

    def _outcomes(
        self, days: Array, values: Array, good: np.ndarray, firings: Array, regimen: Regimen | None
    ) -> dict[str, object]:
        """CRS and response where the model says something of them."""
        model, products = self.model, self._products
        by_name = {name: values[:, :, k] for k, name in enumerate(model.output_names)}
        found: dict[str, object] = {}
        if has(model, CRS_NEEDS) and days[-1] >= 1.0:
            therapy = np.append(np.nan, _first_drug(regimen, firings, len(good) - 1))
            therapy[0] = np.nan if np.isnan(therapy[1:]).all() else np.nanmedian(therapy[1:])
            product = products.products.get(self.settings.scenario or "")
            theta = product.grade_2 if product else THETA_2_CLASS
            found["crs"] = crs_seen(days, by_name, good, therapy=therapy, theta_2=theta)
        visits = np.array([day for day in products.observation.response_days if day <= days[-1]])
        if has(model, RESPONSE_NEEDS) and len(visits):
            fixation = products.observation.immunofixation
            found["response"] = response_seen(days, by_name, good, visits=visits, immunofixation=fixation)
        return found

    def _rows(self, patient: str) -> Array:
        """Parameter rows of evenly spaced draws, float64 (n, P); what all share is the population's."""
        table = self._tables[patient]
        which = np.linspace(0, len(table) - 1, min(DRAWS, len(table))).round().astype(int)
        rows = np.tile(self._base, (len(which), 1))
        common = self._tables.get(POPULATION)
        for k, name in enumerate(self.model.parameter_names):
            for source in (common, table):  # a patient's own value goes before the population's
                if source is None or name not in source.columns:
                    continue
                values = source[name].to_numpy(dtype=np.float64)[which % len(source)]
                rows[:, k] = np.where(np.isfinite(values), values, rows[:, k])
        return rows

    def _regimen(self, patient: str) -> Regimen | None:
        series, rules = self._series.get(patient, ()), self._rules.get(patient, ())
        return regimen_of(self.model, self.dataset, patient, series, rules)

    def _amount(self, patient: str) -> float:
        """CAR-T cells of all infusions."""
        regimen = self.regimen(patient)
        return 0.0 if regimen is None else sum(dose.amount for dose in regimen.doses if self._is_cells(dose))

    def _is_cells(self, dose) -> bool:
        return not dose.target or dose.target in self.model.infused

    def _at_dose(self, patient: str, amount: float | str | None) -> Regimen | None:
        regimen = self.regimen(patient)
        if regimen is None or amount is None:
            return regimen
        factor = float(amount) / self._amount(patient)
        doses = tuple(
            replace(dose, amount=dose.amount * factor) if self._is_cells(dose) else dose
            for dose in regimen.doses
        )
        return replace(regimen, doses=doses)

    def _samples(self, patient: str) -> Mapping[str, tuple[Sample, ...]]:
        """What was measured in a patient, by output of the model; nothing where it must not be shown."""
        if not self.settings.show_observations:
            return {}
        table = self.dataset.observations
        own = table[(table["subject"] == patient) & (table["time"] >= 0.0)]
        # An interval's count is not a concentration at its end.
        own = own[own["output"].isin(self.model.output_names) & (own["censoring"] != INTERVAL)]
        return {
            str(name): tuple(
                Sample(float(row.time), float(row.value), bool(row.censoring == LEFT))
                for row in part.itertuples()
            )
            for name, part in own.groupby("output")
        }

    def _remarks(self, chosen: Settings) -> tuple[str, ...]:
        said = []
        if self.settings.simulated:
            said.append("SIMULATED data: shaped by construction, validates nothing.")
        if not self.settings.show_observations:
            said.append("The fit folder says that single samples must not be shown.")
        dose = chosen.get("dose")
        if dose is None:
            said.append(
                f"Model {self.model.name} takes no dose: its curves begin at a baseline of their own."
            )
        elif not np.isclose(float(dose), self._amount(str(chosen["patient"])), rtol=1e-6):
            said.append("Another dose than the one given: what the model says, not what was observed.")
        return tuple(said)


def _first_drug(regimen: Regimen | None, firings: Array, count: int) -> Array:
    """Day of the first dose by a rule, float64 (count,), NaN = none."""
    first, slot = np.full(count, np.nan), 0
    for rule in () if regimen is None else regimen.rules:
        first = np.fmin(first, firings[:, slot] + min(dose.time for dose in rule.give))
        slot += rule.at_most
    return first
