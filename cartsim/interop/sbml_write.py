"""A model as SBML (level 3 version 1 core), for every tool that reads it.

States become species of one compartment with rate rules, in amounts; parameters constants; outputs parameters
`out_NAME` with assignment rules, so do formulas that are used more than once (`v_K`). The published dosing is
in it: what is given on day 0 in the start, later doses as events. Extinction is an event. Time is in days.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cartsim.errors import ModelError
from cartsim.interop.libsbml_door import libsbml
from cartsim.spec.expression import Node, ordered
from cartsim.spec.model import Course, Model

LEAVES = frozenset({"const", "state", "parameter", "time", "switch"})
DOSE = "dose_total"
_INFIX = {
    "add": "({0} + {1})",
    "sub": "({0} - {1})",
    "mul": "({0} * {1})",
    "div": "({0} / {1})",
    "neg": "(-{0})",
    "pow": "({0} ^ {1})",
    "exp": "exp({0})",
    "log": "ln({0})",
    "sqrt": "sqrt({0})",
    "lt": "({0} < {1})",
    "le": "({0} <= {1})",
    "and": "({0} && {1})",
    "or": "({0} || {1})",
    "not": "(!{0})",
    "where": "piecewise({1}, {0}, {2})",
    "min": "piecewise({1}, {1} < {0}, {0})",
    "max": "piecewise({1}, {1} > {0}, {0})",
}
TRUTHS = frozenset({"lt", "le", "and", "or", "not"})


@dataclass(frozen=True)
class Given:
    """What the patient is given, in SBML's formulas.

    Parameters
    ----------
    constants : id -> value and meaning
    starts, rates : state -> what is added to its start, or to its rate
    events : id, trigger, and state -> what it becomes
    """

    constants: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    starts: Mapping[str, str] = field(default_factory=dict)
    rates: Mapping[str, str] = field(default_factory=dict)
    events: Sequence[tuple[str, str, Mapping[str, str]]] = ()


@dataclass(frozen=True)
class Replaced:
    """A constant that stands in for a parameter, which becomes a formula of it."""

    identity: str
    value: float
    meaning: str
    formula: str


def sbml_text(model: Model, *, scenario: str | None = None, dose: float | None = None) -> str:
    """The model as an SBML document, with the values of a scenario and its dosing (or `dose` by its course).

    Raises
    ------
    ModelError
        For a model driven by measured series, which SBML core cannot hold.
    CartsimError
        Where python-libsbml is not installed.
    """
    course = model.course(scenario)
    if course is not None and dose is not None:
        course = Course(dose, course.days, course.shares)
    return document_text(model, model.vector(scenario=scenario), _course_given(model, course))


def document_text(
    model: Model, values: np.ndarray, given: Given, replaced: Mapping[str, Replaced] | None = None
) -> str:
    """The model with parameter values, float64 (P,), and what is given; raises as `sbml_text`.

    `replaced` maps a parameter's name to the constant that stands in for it.
    """
    if model.inputs:
        raise ModelError(
            f"model {model.name} follows measured series, which SBML core has no words for",
            value=", ".join(model.input_names),
        )
    return _Writer(model, values, given, replaced or {}).text()


def parameter_ids(model: Model) -> dict[str, str]:
    """Parameter name -> its id in the document, in the model's order."""
    taken = set(model.state_names) | {"body", "time", DOSE}
    return {name: f"p_{name}" if name in taken else name for name in model.parameter_names}


def _course_given(model: Model, course: Course | None) -> Given:
    """A published dosing: what falls on day 0 in the starts, the rest as events, of one whole dose."""
    if course is None:
        return Given()

    def received(name: str, day: float) -> str:
        shares = zip(course.days, course.shares, strict=True)
        return " + ".join(f"{DOSE} * {model.infused[name] * part!r}" for when, part in shares if when == day)

    events = []
    for day in sorted({day for day in course.days if day > 0.0}):
        becomes = {n: f"{n} + {received(n, day)}" for n, share in model.infused.items() if share}
        events.append((f"dose_on_day_{str(day).replace('.', '_')}", f"time >= {day!r}", becomes))
    starts = {n: received(n, 0.0) for n, share in model.infused.items() if share and 0.0 in course.days}
    return Given({DOSE: (course.amount, "the whole dose")}, starts, events=events)


class _Writer:
    """One document while it is being built."""

    def __init__(
        self, model: Model, values: np.ndarray, given: Given, replaced: Mapping[str, Replaced]
    ) -> None:
        self.lib = libsbml()
        self.model, self.values, self.given, self.replaced = model, values, given, replaced
        self.ids = parameter_ids(model)
        self.parameter_ids = list(self.ids.values())
        self.document = self.lib.SBMLDocument(3, 1)
        self.sbml = self.document.createModel()
        self.known: dict[int, str] = {}

    def text(self) -> str:
        self._head()
        traced = self.model.traced
        roots = [*traced.rhs, *traced.outputs]
        self._shared(roots)
        for state, start, rate in zip(self.model.states, traced.initial, traced.rhs, strict=True):
            self._species(state.name, start)
            added = self.given.rates.get(state.name)
            text = self._formula(rate) + (f" + {added}" if added else "")
            self._rule(self.sbml.createRateRule(), state.name, text)
        for output, node in zip(self.model.outputs, traced.outputs, strict=True):
            self._parameter(f"out_{output.name}", None, f"{output.meaning} [{output.unit}]")
            self._rule(self.sbml.createAssignmentRule(), f"out_{output.name}", self._formula(node))
        self._events()
        return self.lib.writeSBMLToString(self.document)

    def _head(self) -> None:
        self.sbml.setId(self.model.name)
        self.sbml.setName(str(self.model.source))
        body = self.sbml.createCompartment()
        body.setId("body")
        body.setConstant(True)
        body.setSize(1.0)
        body.setSpatialDimensions(3)
        for identity, value, item in zip(self.parameter_ids, self.values, self.model.parameters, strict=True):
            instead, words = self.replaced.get(item.name), f"{item.meaning} [{item.unit}]"
            if instead is not None:
                self._parameter(instead.identity, instead.value, instead.meaning)
                self._parameter(identity, None, words)
                self._rule(self.sbml.createAssignmentRule(), identity, instead.formula)
            else:
                self._parameter(identity, float(value), words)
        for identity, (value, words) in self.given.constants.items():
            self._parameter(identity, value, words)

    def _parameter(self, identity: str, value: float | None, words: str) -> None:
        item = self.sbml.createParameter()
        item.setId(identity)
        item.setName(words)
        item.setConstant(value is not None)
        if value is not None:
            item.setValue(value)

    def _species(self, name: str, start: Node) -> None:
        item = self.sbml.createSpecies()
        item.setId(name)
        item.setCompartment("body")
        item.setHasOnlySubstanceUnits(True)
        item.setBoundaryCondition(False)
        item.setConstant(False)
        first = self.given.starts.get(name)
        text = self._formula(start, shared=False) + (f" + {first}" if first else "")
        given = self.sbml.createInitialAssignment()
        given.setSymbol(name)
        given.setMath(self._math(text))

    def _events(self) -> None:
        for identity, trigger, becomes in self.given.events:
            self._event(identity, trigger, becomes)
        for state in self.model.states:
            if state.extinct_below > 0.0:
                below = f"{state.name} < {state.extinct_below!r}"
                self._event(f"{state.name}_dies_out", below, {state.name: "0"})

    def _event(self, identity: str, trigger: str, becomes: Mapping[str, str]) -> None:
        event = self.sbml.createEvent()
        event.setId(identity)
        event.setUseValuesFromTriggerTime(True)
        condition = event.createTrigger()
        condition.setInitialValue(True)  # what holds at the start is no event
        condition.setPersistent(True)
        condition.setMath(self._math(trigger))
        for name, formula in becomes.items():
            assignment = event.createEventAssignment()
            assignment.setVariable(name)
            assignment.setMath(self._math(formula))

    def _shared(self, roots: Sequence[Node]) -> None:
        """Formulas that are used more than once get a name, so that the document stays small."""
        used: dict[int, int] = {}
        order = ordered(roots)
        for node in order:
            for argument in node.args:
                used[argument.key] = used.get(argument.key, 0) + 1
        for node in order:
            if used.get(node.key, 0) > 1 and node.op not in LEAVES | TRUTHS:
                identity = f"v_{len(self.known) + 1}"
                formula = self._formula(node)
                self._parameter(identity, None, "used more than once")
                self._rule(self.sbml.createAssignmentRule(), identity, formula)
                self.known[node.key] = identity

    def _formula(self, node: Node, *, shared: bool = True) -> str:
        if shared and node.key in self.known:
            return self.known[node.key]
        if node.op in LEAVES:
            return self._leaf(node)
        if node.op not in _INFIX:
            raise ModelError("an operation that SBML has no words for", value=node.op)
        return _INFIX[node.op].format(*(self._formula(arg, shared=shared) for arg in node.args))

    def _leaf(self, node: Node) -> str:
        if node.op == "const":
            return f"({node.value!r})"
        if node.op == "state":
            return self.model.state_names[int(node.value)]
        if node.op == "parameter":
            return self.parameter_ids[int(node.value)]
        if node.op == "switch":
            moment = self._formula(self.model.traced.switches[int(node.value)], shared=False)
            return f"piecewise(1, time >= {moment}, 0)"
        return "time"

    def _rule(self, rule: Any, variable: str, formula: str) -> None:
        rule.setVariable(variable)
        rule.setMath(self._math(formula))

    def _math(self, formula: str) -> Any:
        found = self.lib.parseL3Formula(formula)
        if found is None:
            raise ModelError("a formula that libsbml cannot read", value=self.lib.getLastParseL3Error())
        return found
