"""Drugs whose day the data do not tell: given by a rule, in the patients whose covariates say so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from cartsim.data.dataset import Dataset
from cartsim.errors import FitError
from cartsim.regimen.protocols import HOUR, tocilizumab_rule
from cartsim.regimen.rules import Rule
from cartsim.study.settings import RuleSettings

DRUGS: Mapping[str, Callable[..., Rule]] = {"tocilizumab": tocilizumab_rule}
"""Drugs a fit.toml may give by a rule."""


@dataclass(frozen=True)
class RulePlan:
    """A rule, and the covariate values of the patients it holds for (all, where none is named)."""

    rule: Rule
    where: Mapping[str, str | float] = field(default_factory=dict)

    def to_mapping(self) -> dict[str, Any]:
        """As plain data, for result.json; what is at its default is left out."""
        rule = {name: value for name, value in asdict(self.rule).items() if name != "give"}
        doses = [[dose.amount, dose.time, dose.duration, dose.target] for dose in self.rule.give]
        finite = {name: value for name, value in rule.items() if value not in (None, float("inf"))}
        return {**finite, "give": doses, "where": dict(self.where)}

    @property
    def words(self) -> str:
        """What a reader of the report must know: the day is an assumption."""
        rule, dose = self.rule, self.rule.give[0]
        who = " and ".join(f"{name} = {value}" for name, value in self.where.items())
        return (
            f"Assumed: {rule.name} ({dose.amount:g} mg) {dose.time / HOUR:.0f} h after the model's "
            f"{rule.watch} first goes above {rule.limit:g}, "
            + (f"in patients with {who}." if who else "in all patients.")
        )


def rule_plan(settings: RuleSettings) -> RulePlan:
    """The rule that one of the [[rules]] of a fit.toml states; CartsimError for an unknown drug."""
    if settings.drug not in DRUGS:
        raise FitError("no such drug can be given by a rule", value=settings.drug, limit=", ".join(DRUGS))
    rule = DRUGS[settings.drug](
        settings.above, weight=settings.weight, watch=settings.watch, delay=settings.after_hours * HOUR
    )
    return RulePlan(rule, dict(settings.where))


def rules_by_subject(plans: Sequence[RulePlan], dataset: Dataset) -> dict[str, tuple[Rule, ...]]:
    """The rules of every subject that has any; FitError for covariates that the data lack."""
    found: dict[str, tuple[Rule, ...]] = {}
    for plan in plans:
        for subject in _matching(dataset, plan.where, f"rule {plan.rule.name!r}"):
            found[subject] = (*found.get(subject, ()), plan.rule)
    return found


def check_rules(plans: Sequence[RulePlan], dataset: Dataset) -> None:
    """FitError for a rule that holds for none of the study's patients, such as a value misspelt."""
    for plan in plans:
        subjects_where(dataset, plan.where, f"rule {plan.rule.name!r}")


def subjects_where(dataset: Dataset, where: Mapping[str, str | float], what: str) -> tuple[str, ...]:
    """Subjects whose covariates have these values; FitError where there is none."""
    kept = _matching(dataset, where, what)
    if not kept:
        values = {name: sorted(map(str, set(dataset.covariates[name]))) for name in where}
        raise FitError(f"{what} holds for no patient", value=dict(where), limit=values)
    return kept


def _matching(dataset: Dataset, where: Mapping[str, str | float], what: str) -> tuple[str, ...]:
    table = dataset.covariates
    unknown = [name for name in where if name not in table.columns]
    if unknown:
        known = ", ".join(table.columns) or "none"
        raise FitError(f"{what}: the data have no such covariate", value=", ".join(unknown), limit=known)
    return tuple(s for s in dataset.subjects if all(table.at[s, name] == v for name, v in where.items()))
