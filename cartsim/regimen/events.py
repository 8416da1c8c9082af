"""The event table: what happens to each patient, when, and to which state, as flat arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cartsim.errors import ModelError
from cartsim.regimen.doses import BOLUS, RATE_CHANGE
from cartsim.regimen.rules import RuleTable, no_rules
from cartsim.spec.model import Model


class SolverEvents(NamedTuple):
    """What happens to S subjects, as the solver reads it: `rows` float64 (E, 4) by `offsets`, and rules."""

    offsets: np.ndarray
    rows: np.ndarray
    rules: RuleTable

    def __bool__(self) -> bool:
        return bool(len(self.rows) or len(self.rules.rules))

    def part(self, first: int, last: int) -> SolverEvents:
        """What happens to subjects first .. last - 1."""
        own = self.offsets[first : last + 1]
        rows = np.ascontiguousarray(self.rows[own[0] : own[-1]])
        return SolverEvents(own - own[0], rows, self.rules.part(first, last))


@dataclass(frozen=True)
class EventTable:
    """Events of S subjects, sorted by time within each subject.

    Attributes
    ----------
    offsets : int64 (S + 1,)
        Subject s has events offsets[s] .. offsets[s + 1] - 1.
    time : float64 (E,), day
    kind : int64 (E,)
        1 adds `value` to a state; 2 changes the state's input rate by `value` per day.
    target : int64 (E,)
        Index of the state.
    value : float64 (E,)
        In the state's unit, or that unit per day.
    rules : RuleTable of the subjects, or None where nothing depends on how a patient does
    """

    offsets: np.ndarray
    time: np.ndarray
    kind: np.ndarray
    target: np.ndarray
    value: np.ndarray
    rules: RuleTable | None = None

    def __post_init__(self) -> None:
        count = len(self.time)
        if not (len(self.kind) == len(self.target) == len(self.value) == count == self.offsets[-1]):
            raise ModelError("event columns and offsets differ in length", value=count)
        for first, last in zip(self.offsets[:-1], self.offsets[1:], strict=True):
            if np.any(np.diff(self.time[first:last]) < 0):
                raise ModelError("events of a subject must be sorted by time", value=self.time[first:last])
        if not np.isfinite(self.time).all() or not np.isfinite(self.value).all():
            raise ModelError("event times and amounts must be finite numbers")
        if not np.isin(self.kind, (BOLUS, RATE_CHANGE)).all():
            raise ModelError("an event is of no known kind", value=self.kind, limit="1 bolus, 2 rate change")
        if self.rules is not None and len(self.rules.labels) != self.subjects:
            raise ModelError(
                "rules and doses are for different numbers of subjects",
                value=(len(self.rules.labels), self.subjects),
            )

    @property
    def subjects(self) -> int:
        return len(self.offsets) - 1

    def matrix(self) -> np.ndarray:
        """Columns time, kind, target, value; float64 (E, 4)."""
        return np.column_stack([self.time, self.kind, self.target, self.value]).astype(np.float64, order="C")

    @property
    def identity(self) -> bytes:
        """The same bytes for the same doses and rules, for fingerprints."""
        return self.matrix().tobytes() + (b"" if self.rules is None else self.rules.identity)

    def for_solver(self, model: Model, subjects: int) -> SolverEvents:
        """For S subjects; one subject's events and rules are repeated for all where only one is given.

        Raises
        ------
        ModelError
            For an event into a state that does not exist, or a rate into one that takes a bolus only; where
            an input of the model has no series.
        """
        takes_rate = np.array([state.dosed or state.name in model.infused for state in model.states])
        if len(self.target) and not (self.target.min() >= 0 and self.target.max() < len(model.states)):
            raise ModelError(
                f"an event goes into no state of {model.name}",
                value=self.target,
                limit=f"state index 0 to {len(model.states) - 1}",
            )
        if not takes_rate[self.target[self.kind == RATE_CHANGE]].all():
            raise ModelError(
                f"a rate goes into a state of {model.name} that takes a bolus only",
                remedy="declare State(…, dosed=True) in the model file",
            )
        self._check_inputs(model)
        rows = self.matrix()
        rules = no_rules(self.subjects) if self.rules is None else self.rules
        if self.subjects == subjects:
            return SolverEvents(
                np.require(self.offsets, np.int64, ("C_CONTIGUOUS", "WRITEABLE")), rows, rules
            )
        if self.subjects == 1:
            offsets = np.arange(subjects + 1, dtype=np.int64) * len(rows)
            return SolverEvents(offsets, np.tile(rows, (subjects, 1)), rules.repeated(subjects))
        raise ModelError(
            "events and times are for different numbers of subjects", value=(self.subjects, subjects)
        )

    def _check_inputs(self, model: Model) -> None:
        """Every subject sets every input, or the solver would start it from 1."""
        owner = np.repeat(np.arange(self.subjects), np.diff(self.offsets))
        for target, name in enumerate(model.input_names, len(model.own_states)):
            without = np.setdiff1d(
                np.arange(self.subjects), owner[(self.kind == BOLUS) & (self.target == target)]
            )
            if len(without):
                raise ModelError(
                    f"model {model.name} is driven by the input {name}, and patients come without a series",
                    value=f"{len(without)} of {self.subjects}",
                    remedy=f"Regimen(doses, inputs=(Forcing({name!r}, times, values),))",
                )


def no_events(subjects: int = 1) -> EventTable:
    """A table in which nothing happens."""
    return event_table([[] for _ in range(subjects)])


def event_table(rows: Sequence[Sequence[tuple[float, int, int, float]]]) -> EventTable:
    """From one list of (time, kind, target, value) a subject; sorts each list by time."""
    ordered = [sorted(events, key=lambda event: event[0]) for events in rows]
    flat = np.array([event for events in ordered for event in events], dtype=np.float64).reshape(-1, 4)
    offsets = np.concatenate([[0], np.cumsum([len(events) for events in ordered])]).astype(np.int64)
    return EventTable(
        offsets,
        flat[:, 0].copy(),
        flat[:, 1].astype(np.int64),
        flat[:, 2].astype(np.int64),
        flat[:, 3].copy(),
    )
