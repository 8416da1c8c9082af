"""Doses that depend on how the simulated patient does, such as tocilizumab 12 h after fever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from cartsim.errors import ModelError
from cartsim.regimen.doses import Dose, dose_rows
from cartsim.spec.model import Model

# Room for every firing is kept for every patient.
MOST_FIRINGS = 10_000


@dataclass(frozen=True)
class Rule:
    """Give doses when an output or state of the simulated patient is beyond a limit.

    The solver finds the moment inside its step and stops there; a signal at the limit counts as beyond it.
    The rule looks at the level: it also fires where the signal is beyond the limit from the start, and again
    after `refractory` days if it still is. A visit beyond the limit that is shorter than half a step of the
    solver may go unseen; a smaller `max_step` of the method finds shorter ones.

    Parameters
    ----------
    name : what the firings are reported under
    watch : name of an output or state of the model
    give : doses, their times counted in days from the moment the rule fires (a delay)
    above, below : the limit, one of the two, in the signal's unit
    start, until : day; the rule fires in this closed interval only
    refractory : days before it can fire again; required (> 0) where `at_most` > 1
    at_most : how often it can fire

    Raises
    ------
    ModelError
        Naming every fault of the rule at once.

    Examples
    --------
    Tocilizumab 12 h after fever, again if there still is fever 8 h after it was given, twice at most (a time
    to the next firing counts from the last one, not from the dose)::

        Rule("tocilizumab", "temperature", (Dose(8.0, 0.5, target="tocilizumab"),), above=38.5,
             refractory=20 / 24, at_most=2)
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
        object.__setattr__(self, "give", (self.give,) if isinstance(self.give, Dose) else tuple(self.give))
        faults = []
        if not self.name:
            faults.append("needs a name")
        if (self.above is None) == (self.below is None) or not np.isfinite(self.limit):
            faults.append("needs one finite limit, above or below")
        if not self.give or any(dose.time < 0.0 for dose in self.give):
            faults.append("needs at least one dose, none before it fires (time >= 0)")
        whole = 1 <= self.at_most <= MOST_FIRINGS and self.at_most == int(self.at_most)
        if not whole:
            faults.append(
                f"fires at_most {self.at_most} times; it must be a whole number from 1 to {MOST_FIRINGS}"
            )
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

    @property
    def identity(self) -> bytes:
        """The same bytes for the same rules, for fingerprints."""
        numbers = b"".join(part.tobytes() for part in (self.offsets, self.rules, self.actions))
        return numbers + repr((self.watched, self.labels)).encode()

    @property
    def firing_names(self) -> tuple[str, ...]:
        """One name a slot, such as day_of_tocilizumab_1; none where subjects have different rules."""
        if len(set(self.labels)) != 1:
            return ()
        names = self.labels[0]
        return tuple(f"day_of_{name}_{names[: k + 1].count(name)}" for k, name in enumerate(names))

    def named(self, firings: np.ndarray) -> tuple[tuple[tuple[str, float], ...], ...]:
        """For each patient (rule name, day) in the order of time, from firings float64 (n, K).

        The patients are the subjects, or all have the only subject's rules.
        """
        labels = self.labels * len(firings) if len(self.labels) == 1 else self.labels
        return tuple(
            tuple(
                sorted(
                    # a patient with fewer slots than the widest leaves columns over
                    ((name, float(day)) for name, day in zip(names, days, strict=False) if day == day),
                    key=lambda pair: pair[1],
                )
            )
            for names, days in zip(labels, firings, strict=True)
        )

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
        Naming every rule that watches what the model does not have or gives what it cannot take.
    """
    different = tuple(dict.fromkeys(rule for own in rules for rule in own))
    ordered = _actions(model, different)
    watched = tuple(sorted({rule.watch for rule in different}))
    ends = np.cumsum([len(ordered[rule]) for rule in different], dtype=np.int64)
    where = {rule: (end - len(ordered[rule]), end) for rule, end in zip(different, ends, strict=True)}
    lines, labels = [], []
    for own in rules:
        slot, names = 0, []
        for rule in own:
            side = 1.0 if rule.below is None else -1.0
            window = rule.start, rule.until, rule.refractory, rule.at_most
            lines.append((watched.index(rule.watch), side, rule.limit, *window, *where[rule], slot))
            slot += int(rule.at_most)
            names += [rule.name] * int(rule.at_most)
        labels.append(tuple(names))
    offsets = np.concatenate([[0], np.cumsum([len(own) for own in rules])]).astype(np.int64)
    return RuleTable(
        offsets,
        np.array(lines, dtype=np.float64).reshape(-1, 10),
        np.array([row for rule in different for row in ordered[rule]], dtype=np.float64).reshape(-1, 4),
        watched,
        tuple(labels),
    )


def _actions(model: Model, rules: Sequence[Rule]) -> dict[Rule, list[tuple[float, int, int, float]]]:
    """(delay, kind, state index, value) of what each rule gives; all faults of all rules at once."""
    known, faults, ordered = (*model.output_names, *model.state_names), [], {}
    for rule in rules:
        if rule.watch not in known:
            faults.append(f"rule {rule.name!r} watches no output or state: {rule.watch}")
        ordered[rule] = []
        for dose in rule.give:
            try:
                ordered[rule] += dose_rows(model, dose)
            except ModelError as error:
                faults.append(f"rule {rule.name!r}: {error}")
    if faults:
        raise ModelError(
            f"rules that {model.name} cannot follow\n  " + "\n  ".join(faults) + "\nknown to the model",
            limit=", ".join(known),
        )
    return ordered
