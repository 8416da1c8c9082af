"""Doses that depend on how the simulated patient does: tocilizumab 12 h after fever, again after 8 h."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from cartsim.errors import ModelError
from cartsim.regimen.doses import Dose, dose_rows
from cartsim.spec.model import Model


@dataclass(frozen=True)
class Rule:
    """Give doses when an output or state of the simulated patient is beyond a limit.

    The solver finds the moment inside its step and stops there. The rule looks at the level: it also fires
    where the signal is beyond the limit from the start, and again after `refractory` days if it still is.

    Parameters
    ----------
    name : what the firings are reported under
    watch : name of an output or state of the model
    above, below : the limit, one of the two, in the signal's unit
    give : doses, their times counted in days from the moment the rule fires (a delay)
    start, until : day; the rule fires in this closed interval only
    refractory : days before it can fire again; required (> 0) where `at_most` > 1
    at_most : how often it can fire
    """

    name: str
    watch: str
    give: tuple[Dose, ...]
    above: float | None = field(default=None, kw_only=True)
    below: float | None = field(default=None, kw_only=True)
    start: float = field(default=0.0, kw_only=True)
    until: float = field(default=np.inf, kw_only=True)
    refractory: float = field(default=0.0, kw_only=True)
    at_most: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        faults = []
        if (self.above is None) == (self.below is None) or not np.isfinite(self.limit):
            faults.append("needs one finite limit, above or below")
        if not self.give or any(dose.time < 0.0 for dose in self.give):
            faults.append("needs at least one dose, none before it fires (time >= 0)")
        if self.at_most < 1 or self.at_most != int(self.at_most):
            faults.append(f"fires at_most {self.at_most} times; it must be a whole number >= 1")
        if not (np.isfinite(self.refractory) and self.refractory >= 0.0):
            faults.append(f"is refractory for {self.refractory} day; it must be >= 0")
        if self.at_most > 1 and self.refractory == 0.0:
            faults.append("may fire again and needs refractory > 0, or it would fire all at once")
        if not (np.isfinite(self.start) and self.start <= self.until):
            faults.append(f"is active from day {self.start} to {self.until}")
        if faults:
            raise ModelError(f"rule {self.name!r} " + "; it ".join(faults))

    @property
    def limit(self) -> float:
        """The limit, whichever side it is on."""
        return float(self.below if self.above is None else self.above)


class RuleTable(NamedTuple):
    """Rules of S subjects as the solver reads them.

    offsets : int64 (S + 1,), subject s has rules offsets[s] .. offsets[s + 1] - 1
    rules : float64 (R, 10), columns signal, side, limit, start, until, refractory, at most, first and last
        action, first slot of its firings
    actions : float64 (A, 4), columns delay, kind, state, value
    watched : names of the signals, by index
    labels : for each subject the rule's name of every firing slot
    """

    offsets: np.ndarray
    rules: np.ndarray
    actions: np.ndarray
    watched: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]

    @property
    def slots(self) -> int:
        """Largest number of firings that a subject can have."""
        return max((len(names) for names in self.labels), default=0)

    def part(self, first: int, last: int) -> RuleTable:
        """The rules of subjects first .. last - 1."""
        own = self.offsets[first : last + 1]
        rules = np.ascontiguousarray(self.rules[own[0] : own[-1]])
        return self._replace(offsets=own - own[0], rules=rules, labels=self.labels[first:last])

    def repeated(self, subjects: int) -> RuleTable:
        """One subject's rules for all."""
        return self._replace(
            offsets=np.arange(subjects + 1, dtype=np.int64) * len(self.rules),
            rules=np.tile(self.rules, (subjects, 1)),
            labels=self.labels * subjects,
        )


def no_rules(subjects: int) -> RuleTable:
    """A table without rules."""
    nothing = np.empty((0, 10)), np.empty((0, 4))
    return RuleTable(np.zeros(subjects + 1, dtype=np.int64), *nothing, (), ((),) * subjects)


def rule_table(model: Model, rules: Sequence[Sequence[Rule]]) -> RuleTable:
    """From the rules of each subject.

    Raises
    ------
    ModelError
        For a signal or a state to dose that the model does not have.
    """
    known = (*model.output_names, *model.state_names)
    missing = sorted({rule.watch for own in rules for rule in own} - set(known))
    if missing:
        raise ModelError(
            f"model {model.name} has no such output or state to watch",
            value=", ".join(missing),
            limit=", ".join(known),
        )
    watched = tuple(sorted({rule.watch for own in rules for rule in own}))
    lines, actions, labels, done = [], [], [], {}
    for own in rules:
        slot, names = 0, []
        for rule in own:
            if rule not in done:
                ordered = [row for dose in rule.give for row in dose_rows(model, dose)]
                done[rule] = len(actions), len(actions) + len(ordered)
                actions += ordered
            lines.append(
                (
                    watched.index(rule.watch),
                    1.0 if rule.below is None else -1.0,
                    rule.limit,
                    rule.start,
                    rule.until,
                    rule.refractory,
                    rule.at_most,
                    *done[rule],
                    slot,
                )
            )
            slot += rule.at_most
            names += [rule.name] * rule.at_most
        labels.append(tuple(names))
    offsets = np.concatenate([[0], np.cumsum([len(own) for own in rules])]).astype(np.int64)
    return RuleTable(
        offsets,
        np.array(lines, dtype=np.float64).reshape(-1, 10),
        np.array(actions, dtype=np.float64).reshape(-1, 4),
        watched,
        tuple(labels),
    )
