"""An SBML document (core, levels 2 and 3) as the text of a model file.

Reactions, rate, assignment and initial-assignment rules, function definitions, local parameters, events at a
time that add to a species (doses) or set a parameter, and events by which a species dies out. Everything that
has no words in a model file is named at once. SBML's time is taken for days and its quantities have unit "1":
put the right units into the file that is written, then `cartsim check-models` tells whether they fit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cartsim.errors import ModelError
from cartsim.interop.libsbml_door import libsbml
from cartsim.interop.sbml_math import Formulas, Unreadable

OUT = "out_"  # how `sbml_write` marks what is observed


@dataclass
class Found:
    """What a document declares, by Python name."""

    states: dict[str, float] = field(default_factory=dict)
    ends: dict[str, float] = field(default_factory=dict)  # extinct below
    rates: dict[str, list[str]] = field(default_factory=dict)
    starts: dict[str, str] = field(default_factory=dict)
    constants: dict[str, tuple[float, str]] = field(default_factory=dict)
    assigned: dict[str, str] = field(default_factory=dict)
    functions: list[str] = field(default_factory=list)
    doses: list[tuple[float, str, float]] = field(default_factory=list)


def read_sbml(path: Path) -> tuple[str, str, Found]:
    """Identity, title and declarations of a document.

    Raises
    ------
    ModelError
        Where the file is no SBML, or with everything at once that has no words in a model file.
    """
    if not path.is_file():
        raise ModelError("no such file", value=str(path))
    lib = libsbml()
    document = lib.readSBML(str(path))
    errors = [document.getError(k) for k in range(document.getNumErrors())]
    serious = [e.getMessage().strip() for e in errors if e.getSeverity() >= lib.LIBSBML_SEV_ERROR]
    if serious or document.getModel() is None:
        raise ModelError(f"{path.name} is not valid SBML", value="; ".join(serious) or "no model in it")
    return _Reader(document.getModel(), path.name).read()


class _Reader:
    """One document while it is being read."""

    def __init__(self, sbml: Any, file: str) -> None:
        self.lib, self.sbml, self.file = libsbml(), sbml, file
        self.found, self.faults = Found(), []
        self.python: dict[str, str] = {}  # id -> name
        self.dynamic, self.ruled = self._kinds()

    def read(self) -> tuple[str, str, Found]:
        for item in (
            *self.sbml.getListOfCompartments(),
            *self.sbml.getListOfSpecies(),
            *self.sbml.getListOfParameters(),
        ):
            self._name(item.getId())
        self.names = {i: self._place(i) for i in self.python}
        self.formulas = Formulas(self.names, self._functions())
        self._declared()
        for reaction in self.sbml.getListOfReactions():
            self._reaction(reaction)
        for rule in self.sbml.getListOfRules():
            self._rule(rule)
        for given in self.sbml.getListOfInitialAssignments():
            self._start(given)
        for event in self.sbml.getListOfEvents():
            self._event(event)
        if not self.dynamic:
            self.faults.append("nothing in it changes with time")
        if self.faults:
            raise ModelError(
                f"{self.file} cannot become a model file", value="; ".join(dict.fromkeys(self.faults))
            )
        title = self.sbml.getName() or self.sbml.getId() or self.file
        return _snake(self.sbml.getId() or Path(self.file).stem), title, self.found

    def _kinds(self) -> tuple[set[str], set[str]]:
        """Ids that have a derivative, and ids that an assignment rule gives."""
        rules = list(self.sbml.getListOfRules())
        dynamic = {rule.getVariable() for rule in rules if rule.isRate()}
        ruled = {rule.getVariable() for rule in rules if rule.isAssignment()}
        for reaction in self.sbml.getListOfReactions():
            for side in (reaction.getListOfReactants(), reaction.getListOfProducts()):
                for reference in side:
                    species = self.sbml.getSpecies(reference.getSpecies())
                    if not (species.getBoundaryCondition() or species.getConstant()):
                        dynamic.add(species.getId())
        return dynamic, ruled

    def _name(self, identity: str) -> str:
        """A name of its own in snake case."""
        name, number = _snake(identity), 1
        while name in self.python.values():
            number += 1
            name = f"{_snake(identity)}_{number}"
        self.python[identity] = name
        return name

    def _place(self, identity: str) -> str:
        name = self.python[identity]
        if identity in self.ruled:
            return name
        return f"y.{name}" if identity in self.dynamic else f"p.{name}"

    def _functions(self) -> dict[str, str]:
        known: dict[str, str] = {}
        for item in self.sbml.getListOfFunctionDefinitions():
            name = "f_" + _snake(item.getId())
            arguments = [item.getArgument(k).getName() for k in range(item.getNumArguments())]
            inside = {a: f"a_{_snake(a)}" for a in arguments}
            try:
                body = Formulas(inside, known).text(item.getBody())
            except Unreadable as error:
                self.faults.append(f"function {item.getId()}: {error}")
                continue
            known[item.getId()] = name
            self.found.functions.append(f"def {name}({', '.join(inside.values())}):\n    return {body}")
        return known

    def _declared(self) -> None:
        for item in self.sbml.getListOfCompartments():
            if not item.getConstant() or item.getId() in self.dynamic | self.ruled:
                self.faults.append(f"compartment {item.getId()} changes its size")
            size = item.getSize() if item.isSetSize() else 1.0
            self.found.constants[self.python[item.getId()]] = (size, "size of the compartment")
        for item in self.sbml.getListOfSpecies():
            if item.isSetConversionFactor():
                self.faults.append(f"species {item.getId()} has a conversion factor")
            self._value(item, self._species_start(item))
        for item in self.sbml.getListOfParameters():
            self._value(item, item.getValue() if item.isSetValue() else 0.0)

    def _species_start(self, item: Any) -> float:
        size = self.sbml.getCompartment(item.getCompartment()).getSize()
        size = 1.0 if size != size else size
        if item.getHasOnlySubstanceUnits():
            amount = item.getInitialAmount() if item.isSetInitialAmount() else None
            return (
                amount
                if amount is not None
                else (item.getInitialConcentration() * size if item.isSetInitialConcentration() else 0.0)
            )
        if item.isSetInitialConcentration():
            return item.getInitialConcentration()
        return item.getInitialAmount() / size if item.isSetInitialAmount() else 0.0

    def _value(self, item: Any, value: float) -> None:
        name, words = self.python[item.getId()], item.getName() or item.getId()
        if item.getId() in self.dynamic:
            self.found.states[name] = float(value)
            self.found.rates[name] = []
        elif item.getId() not in self.ruled:
            self.found.constants[name] = (float(value), words)

    def _text(self, node: Any, where: str, names: dict[str, str] | None = None) -> str:
        formulas = self.formulas if names is None else Formulas(self.names | names, self.formulas.functions)
        try:
            return formulas.text(node)
        except Unreadable as error:
            self.faults.append(f"{where}: {error}")
            return "0.0"

    def _reaction(self, reaction: Any) -> None:
        where, law = f"reaction {reaction.getId()}", reaction.getKineticLaw()
        if law is None or law.getMath() is None:
            self.faults.append(f"{where} has no kinetic law")
            return
        if self.sbml.getLevel() < 3 and reaction.isSetFast() and reaction.getFast():
            self.faults.append(f"{where} is fast: that is an equilibrium, not a rate")
        own = law.getListOfLocalParameters() if self.sbml.getLevel() > 2 else law.getListOfParameters()
        local = {}
        for item in own:
            name = self._name(f"{reaction.getId()}_{item.getId()}")
            self.found.constants[name] = (item.getValue(), f"{item.getId()} of reaction {reaction.getId()}")
            local[item.getId()] = f"p.{name}"
        rate = self._text(law.getMath(), where, local)
        velocity = f"v_{_snake(reaction.getId())}"
        self.found.assigned[velocity] = rate
        for sign, side in ((-1.0, reaction.getListOfReactants()), (1.0, reaction.getListOfProducts())):
            for reference in side:
                self._change(reference, sign, velocity, where)

    def _change(self, reference: Any, sign: float, velocity: str, where: str) -> None:
        if self.sbml.getLevel() < 3 and reference.isSetStoichiometryMath():
            self.faults.append(f"{where} has a stoichiometry that is a formula")
            return
        species = self.sbml.getSpecies(reference.getSpecies())
        if species.getId() not in self.dynamic:
            return
        count = sign * (
            reference.getStoichiometry()
            if reference.getStoichiometry() == reference.getStoichiometry()
            else 1.0
        )
        text = f"{count!r} * {velocity}"
        if not species.getHasOnlySubstanceUnits():
            text += f" / p.{self.python[species.getCompartment()]}"
        self.found.rates[self.python[species.getId()]].append(text)

    def _rule(self, rule: Any) -> None:
        where = f"rule of {rule.getVariable()}"
        if rule.isAlgebraic():
            self.faults.append("an algebraic rule")
        elif rule.getVariable() not in self.python:
            self.faults.append(f"{where}: it changes no species or parameter")
        elif rule.isRate():
            self.found.rates[self.python[rule.getVariable()]].append(self._text(rule.getMath(), where))
        else:
            self.found.assigned[self.python[rule.getVariable()]] = self._text(rule.getMath(), where)

    def _start(self, given: Any) -> None:
        identity, text = given.getSymbol(), self._text(given.getMath(), f"start of {given.getSymbol()}")
        if identity not in self.python:
            self.faults.append(f"start of {identity}: it is no species or parameter")
        elif identity in self.dynamic:
            self.found.starts[self.python[identity]] = text
        else:
            self.found.constants.pop(self.python[identity], None)
            self.found.assigned[self.python[identity]] = text
            self.names[identity] = self.python[identity]

    def _event(self, event: Any) -> None:
        where, trigger = f"event {event.getId() or '?'}", event.getTrigger().getMath()
        if event.getDelay() is not None or (self.sbml.getLevel() > 2 and event.getPriority() is not None):
            self.faults.append(f"{where} has a delay or a priority")
            return
        given = [(a.getVariable(), a.getMath()) for a in event.getListOfEventAssignments()]
        lib, kind = self.lib, trigger.getType()
        left, right = (
            (trigger.getChild(0), trigger.getChild(1)) if trigger.getNumChildren() == 2 else (None, None)
        )
        below = kind in (lib.AST_RELATIONAL_LT, lib.AST_RELATIONAL_LEQ) and left is not None
        if below and right.isNumber() and self._dies(left.getName(), given):
            self.found.ends[self.python[left.getName()]] = right.getValue()
            return
        at_time = kind in (lib.AST_RELATIONAL_GEQ, lib.AST_RELATIONAL_GT) and left is not None
        day = self._number(right) if at_time and left.getType() == lib.AST_NAME_TIME else None
        if day is None:
            self.faults.append(f"{where} is triggered by {lib.formulaToL3String(trigger)!r}, not at a time")
            return
        for identity, formula in given:
            self._set(where, day, identity, formula)

    def _dies(self, identity: str, given: list[tuple[str, Any]]) -> bool:
        """Whether an event does nothing but set this species to zero."""
        if identity not in self.dynamic or [name for name, _ in given] != [identity]:
            return False
        return given[0][1].isNumber() and given[0][1].getValue() == 0

    def _set(self, where: str, day: float, identity: str, formula: Any) -> None:
        """`S := S + amount` is a dose, `k := value` a switch of a constant."""
        name = self.python.get(identity)
        if (
            identity in self.dynamic
            and formula.getType() == self.lib.AST_PLUS
            and formula.getNumChildren() == 2
        ):
            parts = [formula.getChild(0), formula.getChild(1)]
            amounts = [self._number(p) for p in parts if p.getName() != identity]
            if len(amounts) == 1 and amounts[0] is not None:
                self.found.doses.append((day, name, amounts[0]))
                return
        elif name in self.found.constants:
            first, _ = self.found.constants[name]
            value = self._number(formula)
            if value is not None:
                self.found.constants[f"{name}_before"] = (first, f"{identity} before day {day:g}")
                del self.found.constants[name]
                self.found.assigned[name] = (
                    f"p.{name}_before + after(t, {day!r}) * ({value!r} - p.{name}_before)"
                )
                self._renamed(f"p.{name}", name)
                return
        formula_text = self.lib.formulaToL3String(formula)
        self.faults.append(
            f"{where} sets {identity} to {formula_text!r}: neither a dose nor a constant's new value"
        )

    def _renamed(self, old: str, new: str) -> None:
        pattern = re.compile(re.escape(old) + r"\b")
        for table in (self.found.assigned, self.found.starts):
            for key in table:
                table[key] = table[key] if key == new else pattern.sub(new, table[key])
        for key, parts in self.found.rates.items():
            self.found.rates[key] = [pattern.sub(new, part) for part in parts]

    def _number(self, node: Any) -> float | None:
        """The value of a formula of constants, or None."""
        text = self._text(node, "an event")
        values = {name: value for name, (value, _) in self.found.constants.items()}
        try:
            return float(
                eval(re.sub(r"\bp\.(\w+)", lambda m: repr(values[m[1]]), text), {"__builtins__": {}}, {})
            )
        except (NameError, KeyError, SyntaxError, TypeError, ZeroDivisionError):
            return None


def _snake(identity: str) -> str:
    """An id as a name that a model file accepts."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", identity).lower()
    name = re.sub(r"_+", "_", re.sub(r"[^a-z0-9]+", "_", name)).strip("_") or "x"
    return name if name[0].isalpha() else f"x_{name}"
