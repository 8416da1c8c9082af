"""Formulas of an SBML document as the Python of a model file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cartsim.interop.libsbml_door import libsbml

TIME = "t"


class Unreadable(Exception):
    """A construction that a model file has no words for."""


class Formulas:
    """Translates a document's formulas; `names` maps its ids to Python, `functions` its own functions."""

    def __init__(self, names: Mapping[str, str], functions: Mapping[str, str]) -> None:
        self.lib, self.names, self.functions = libsbml(), names, functions
        lib = self.lib
        self.plain = {
            lib.AST_FUNCTION_EXP: "exp({0})",
            lib.AST_FUNCTION_LN: "log({0})",
            lib.AST_FUNCTION_ABS: "maximum({0}, -({0}))",
            lib.AST_FUNCTION_POWER: "({0}) ** ({1})",
            lib.AST_POWER: "({0}) ** ({1})",
            lib.AST_DIVIDE: "({0}) / ({1})",
            lib.AST_RELATIONAL_LT: "({0}) < ({1})",
            lib.AST_RELATIONAL_LEQ: "({0}) <= ({1})",
            lib.AST_RELATIONAL_GT: "({0}) > ({1})",
            lib.AST_RELATIONAL_GEQ: "({0}) >= ({1})",
            lib.AST_LOGICAL_NOT: "~({0})",
        }
        self.joined = {
            lib.AST_PLUS: " + ",
            lib.AST_TIMES: " * ",
            lib.AST_LOGICAL_AND: " & ",
            lib.AST_LOGICAL_OR: " | ",
        }
        self.chained = {
            getattr(lib, "AST_FUNCTION_MIN", -1): "minimum",
            getattr(lib, "AST_FUNCTION_MAX", -1): "maximum",
        }

    def text(self, node: Any) -> str:
        """The formula; Unreadable with the reason where it has no translation."""
        lib, kind = self.lib, node.getType()
        if node.isNumber():
            return repr(float(node.getValue()))
        if kind == lib.AST_NAME_TIME:
            return TIME
        if kind == lib.AST_NAME:
            if node.getName() not in self.names:
                raise Unreadable(f"{node.getName()!r} is not declared")
            return self.names[node.getName()]
        if kind in (lib.AST_CONSTANT_E, lib.AST_CONSTANT_PI, lib.AST_NAME_AVOGADRO):
            return repr(float(node.getValue()))
        if kind == lib.AST_FUNCTION_PIECEWISE:
            return self._piecewise(node)
        parts = [self.text(node.getChild(k)) for k in range(node.getNumChildren())]
        if kind == lib.AST_MINUS:
            return f"-({parts[0]})" if len(parts) == 1 else f"({parts[0]}) - ({parts[1]})"
        if kind in self.joined and parts:
            return self.joined[kind].join(f"({part})" for part in parts)
        if kind in self.chained and parts:
            found = parts[0]
            for part in parts[1:]:
                found = f"{self.chained[kind]}({found}, {part})"
            return found
        if kind in self.plain:
            return self.plain[kind].format(*parts)
        if kind == lib.AST_FUNCTION_ROOT:
            return f"sqrt({parts[-1]})" if len(parts) == 1 else f"({parts[1]}) ** (1.0 / ({parts[0]}))"
        if kind == lib.AST_FUNCTION_LOG:
            base = parts[0] if len(parts) == 2 else "10.0"
            return f"log({parts[-1]}) / log({base})"
        if kind == lib.AST_FUNCTION and node.getName() in self.functions:
            return f"{self.functions[node.getName()]}({', '.join(parts)})"
        raise Unreadable(
            f"{lib.formulaToL3String(node)!r} uses {node.getName() or 'an operation'} not known here"
        )

    def _piecewise(self, node: Any) -> str:
        count = node.getNumChildren()
        found = self.text(node.getChild(count - 1)) if count % 2 else "0.0"
        for k in reversed(range(0, count - 1, 2)):
            value, condition = self.text(node.getChild(k)), node.getChild(k + 1)
            gate = self._gate(condition) if self._uses_time(condition) else None
            if gate is None:  # where time is mixed with other things the solver does not stop at the switch
                found = f"where({self.text(condition)}, {value}, {found})"
            else:
                found = f"({gate}) * ({value}) + (1.0 - ({gate})) * ({found})"
        return found

    def _uses_time(self, node: Any) -> bool:
        return node.getType() == self.lib.AST_NAME_TIME or any(
            self._uses_time(node.getChild(k)) for k in range(node.getNumChildren())
        )

    def _gate(self, node: Any) -> str | None:
        """A condition on time alone as a number, 1 where it holds: the solver stops there. Else None."""
        lib, kind = self.lib, node.getType()
        parts = [node.getChild(k) for k in range(node.getNumChildren())]
        if kind in (lib.AST_LOGICAL_AND, lib.AST_LOGICAL_OR, lib.AST_LOGICAL_NOT):
            gates = [self._gate(part) for part in parts]
            if None in gates:
                return None
            if kind == lib.AST_LOGICAL_AND:
                return " * ".join(f"({gate})" for gate in gates)
            none = " * ".join(f"(1.0 - ({gate}))" for gate in gates)
            return none if kind == lib.AST_LOGICAL_NOT else f"1.0 - {none}"
        later = {lib.AST_RELATIONAL_GEQ: True, lib.AST_RELATIONAL_GT: True}
        later |= {lib.AST_RELATIONAL_LEQ: False, lib.AST_RELATIONAL_LT: False}
        if kind in later and len(parts) == 2:
            left, right = (part.getType() == lib.AST_NAME_TIME for part in parts)
            moment = parts[1] if left else parts[0]
            text = self.text(moment)
            if left != right and not self._uses_time(moment) and "y." not in text:
                raised = f"after({TIME}, {text})"
                return raised if later[kind] == left else f"1.0 - {raised}"
        return None
