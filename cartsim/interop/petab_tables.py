"""The four tables and the model of a PEtab problem (version 1), and what the fit says that PEtab cannot."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cartsim.errors import FitError
from cartsim.infer.problem import FreeParameter
from cartsim.interop.petab_doses import doses_of, fresh
from cartsim.interop.petab_priors import Belief, belief_of
from cartsim.interop.petab_study import Study, study_of
from cartsim.interop.sbml_write import Replaced, document_text, parameter_ids
from cartsim.observe.error_models import COMBINED, LOG_SCALE, PROPORTIONAL, ErrorModel
from cartsim.spec.priors import Fixed

if TYPE_CHECKING:
    import pandas as pd

    from cartsim.data.dataset import Dataset
    from cartsim.study.plan import Plan

CENSORING = {1: "left", 2: "right", 3: "interval"}
POPULATION = "population"  # whose medians the shared quantities have
Medians = Mapping[tuple[str, str], float]


@dataclass(frozen=True)
class PetabProblem:
    """A fit in the words of PEtab.

    `left_out` are the samples that PEtab cannot hold; `likelihood` and `priors` say in sentences what the
    problem's likelihood and its priors lack against the fit's own.
    """

    sbml: str
    parameters: pd.DataFrame
    observables: pd.DataFrame
    measurements: pd.DataFrame
    conditions: pd.DataFrame
    left_out: pd.DataFrame
    likelihood: tuple[str, ...]
    priors: tuple[str, ...]


def petab_problem(plan: Plan, dataset: Dataset, *, medians: Medians | None = None) -> PetabProblem:
    """A fit as a PEtab problem: one condition a patient, patients' own quantities as `NAME_PATIENT`.

    Parameters
    ----------
    medians : (patient, quantity) -> nominal value, such as the posterior median; by default the prior's.
        The patient of what all share is "population".

    Raises
    ------
    ModelError
        For a model driven by measured series.
    FitError
        Where nothing that is measured can be said in PEtab, or the fit itself is impossible.
    """
    return _Tables(study_of(plan, dataset), medians or {}).problem()


class _Tables:
    """The tables while they are being made."""

    def __init__(self, study: Study, medians: Medians) -> None:
        self.study, self.medians = study, medians
        self.parameters: dict[str, dict[str, object]] = {}
        self.ids: dict[tuple[str, str], str] = {}  # (patient or all, quantity) -> id
        self.notes: dict[str, None] = {}  # in the order of their appearance, once
        model = study.model
        taken = {*model.state_names, *parameter_ids(model).values(), "body", "time"}
        self.columns, replaced = dict(parameter_ids(model)), {}
        for item, belief in (*study.own, *study.shared):
            if belief.ends is not None:
                identity = fresh(f"logit_{item.name}", taken)
                replaced[item.name] = _replaced(identity, item, belief)
                self.columns[item.name] = identity
        self.doses = doses_of(model, study.regimens, taken)
        middle = {item.name: item.prior.median for item, _ in (*study.own, *study.shared)}
        values = model.vector(**{**study.fixed, **middle})
        self.sbml = document_text(model, values, self.doses.given, replaced)
        self.taken = set(re.findall(r'\bid="(\w+)"', self.sbml))
        self.observable = {measured: fresh(f"obs_{measured}", self.taken) for measured in study.errors}

    def problem(self) -> PetabProblem:
        import pandas as pd

        study = self.study
        rows, left_out, conditions, used = [], [], [], {}
        for subject, samples in study.samples.items():
            condition, said = fresh(subject, self.taken), []
            for r in range(len(samples.time)):
                measured = samples.outputs[samples.output[r]]
                row = {
                    "observableId": self.observable[measured],
                    "simulationConditionId": condition,
                    "time": float(samples.time[r]),
                    "measurement": float(samples.value[r]),
                }
                censored = CENSORING.get(int(samples.censoring[r]), "")
                if censored or study.errors[measured].counts:
                    ends = {"lower": float(samples.lower[r]), "upper": float(samples.upper[r])}
                    left_out.append({**row, "censoring": censored, **ends})
                else:
                    said.append({**row, **self._own_words(measured, subject), "datasetId": subject})
                    used[measured] = None
            if said:
                rows += said
                conditions.append(self._condition(condition, subject))
        if not rows:
            raise FitError(
                "no sample of this fit can be said in PEtab",
                value=study.model.name,
                limit="numbers, no counts",
            )
        for item, belief in study.shared:
            self._estimate(item, belief, None, self.columns[item.name])
        observables = [self._observable(measured) for measured in study.errors if measured in used]
        missing = pd.DataFrame(left_out)
        return PetabProblem(
            self.sbml,
            pd.DataFrame(self.parameters.values()),
            pd.DataFrame(observables),
            pd.DataFrame(rows),
            pd.DataFrame(conditions),
            missing,
            (*self._lacking(missing, len(rows), conditions), *study.likelihood),
            (*study.priors, *self.notes),
        )

    def _own_words(self, measured: str, subject: str) -> dict[str, str]:
        """The factor and the sds of one sample that its observable leaves open."""
        study, words = self.study, {"observableParameters": "", "noiseParameters": ""}
        factor = study.factors.get((measured, subject))
        if factor is not None:
            belief = belief_of(factor.prior, replaceable=False)
            words["observableParameters"] = self._estimate(factor, belief, None)
        if study.own_sigmas:
            sds = [
                self._estimate(FreeParameter(name, prior), belief_of(prior, replaceable=False), subject)
                for name, prior in study.errors[measured].sigmas(measured)
                if not isinstance(prior, Fixed)
            ]
            words["noiseParameters"] = ";".join(sds)
        return words

    def _condition(self, condition: str, subject: str) -> dict[str, object]:
        own = {
            self.columns[item.name]: self._estimate(item, belief, subject, stem=self.columns[item.name])
            for item, belief in self.study.own
        }
        return {"conditionId": condition, "conditionName": subject, **own, **self.doses.values[subject]}

    def _observable(self, measured: str) -> dict[str, str]:
        study, identity = self.study, self.observable[measured]
        error, formula = study.errors[measured], f"out_{study.reads.get(measured, measured)}"
        if measured in study.reads:
            formula = f"observableParameter1_{identity} * {formula}"
        sds, own = [], 0
        for name, prior in error.sigmas(measured):
            if isinstance(prior, Fixed):
                sds.append(repr(prior.value))
            elif study.own_sigmas:
                own += 1
                sds.append(f"noiseParameter{own}_{identity}")
            else:
                belief = belief_of(prior, replaceable=False)
                sds.append(self._estimate(FreeParameter(name, prior), belief, None))
        return {
            "observableId": identity,
            "observableName": measured,
            "observableFormula": formula,
            "observableTransformation": "log" if error.kind == LOG_SCALE else "lin",
            "noiseFormula": _noise(error, formula, sds),
            "noiseDistribution": "normal",
        }

    def _estimate(
        self, item: FreeParameter, belief: Belief, subject: str | None, identity: str = "", stem: str = ""
    ) -> str:
        """The id of a quantity in the parameter table; it is entered at first sight."""
        key = subject or POPULATION, item.name
        if key in self.ids:
            return self.ids[key]
        stem = stem or item.name
        identity = identity or fresh(f"{stem}_{subject}" if subject else stem, self.taken)
        self.ids[key] = identity
        self.parameters[identity] = {
            "parameterId": identity,
            "parameterName": f"{item.name}, {subject}" if subject else item.name,
            "parameterScale": belief.scale,
            "lowerBound": belief.lower,
            "upperBound": belief.upper,
            "nominalValue": belief.value_of(self.medians.get(key, item.prior.median)),
            "estimate": 1,
            "objectivePriorType": belief.kind,
            "objectivePriorParameters": ";".join(repr(number) for number in belief.numbers),
        }
        if belief.unsaid:
            self.notes[f"{item.name}: {belief.unsaid}"] = None
        return identity

    def _lacking(self, left_out: pd.DataFrame, count: int, conditions: list) -> list[str]:
        """What the likelihood lacks, by measured output and by patient."""
        study, lines = self.study, []
        for measured, error in study.errors.items():
            if error.df:
                lines.append(
                    f"{measured}: residuals are Student-t with {error.df:g} degrees of freedom; here they "
                    "are normal, the scale being the sd"
                )
            own = left_out[left_out["observableId"] == self.observable[measured]] if len(left_out) else ()
            if len(own) and error.counts:
                lines.append(f"{measured}: samples left out, PEtab having no counts: all {len(own)}")
            elif len(own):
                kinds = own["censoring"].value_counts()
                found = ", ".join(f"{n} {kind}-censored" for kind, n in kinds.items())
                lines.append(
                    f"{measured}: samples left out, PEtab having no censored likelihood (M3): {found}"
                )
        if lines and len(left_out):
            lines.append(f"in all, {len(left_out)} of {count + len(left_out)} samples are left out")
        present = {row["conditionName"] for row in conditions}
        gone = [subject for subject in study.samples if subject not in present]
        if gone:
            lines.append(f"patients without a sample that can be said are left out: {', '.join(gone)}")
        return lines


def _replaced(identity: str, item: FreeParameter, belief: Belief) -> Replaced:
    low, high = belief.ends
    place = f"1 / (1 + exp(-{identity}))"
    formula = place if (low, high) == (0.0, 1.0) else f"{low!r} + {high - low!r} * {place}"
    middle = belief.value_of(item.prior.median)
    return Replaced(identity, middle, f"logit of {item.name} between {low:g} and {high:g}", formula)


def _noise(error: ErrorModel, formula: str, sds: list[str]) -> str:
    """The sd; it repeats the observable's formula, whose id version 1 does not allow here."""
    if error.kind == PROPORTIONAL:
        return f"{sds[0]} * abs({formula})"
    if error.kind == COMBINED:
        return f"sqrt({sds[0]}^2 + ({sds[1]} * {formula})^2)"
    return sds[0]
