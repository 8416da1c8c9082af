"""The nouns of a model file: source, states, parameters, outputs and the `Model` that checks itself."""

from __future__ import annotations

import re
import sys
from collections import namedtuple
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from cartsim.errors import ModelError
from cartsim.spec.trace import Traced, trace

SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


@dataclass(frozen=True)
class Source:
    """Where a model or a number comes from: short citation, DOI, the place in it, the patients studied."""

    citation: str
    doi: str = ""
    where: str = ""
    population: str = ""

    def at(self, where: str) -> Source:
        """The same source with the table, figure or equation named."""
        return Source(self.citation, self.doi, where, self.population)

    def __str__(self) -> str:
        return ", ".join(part for part in (self.citation, self.where, self.doi and f"doi:{self.doi}") if part)


def assumed(why: str) -> Source:
    """A number that no publication gave, with the reason for the choice."""
    return Source("assumed", where=why)


@dataclass(frozen=True)
class State:
    """One dynamic variable.

    `initial` is its start unless the model's `initial(p)` names it; `scale` is the size below which it no
    longer matters (absolute tolerance = rtol × scale); `positive` forbids values below zero; falling below
    `extinct_below` it is set to zero (rising through it is not); `dosed` allows an infusion with a duration
    into it. `multiplies` says whether it can regrow from far below its scale, and is then solved to a
    relative tolerance there; unless declared, the equations tell (`cartsim.spec.growth`).
    """

    name: str
    unit: str
    meaning: str
    initial: float = 0.0
    scale: float = 1.0
    positive: bool = True
    extinct_below: float = 0.0
    dosed: bool = False
    multiplies: bool | None = None


@dataclass(frozen=True)
class Parameter:
    """One constant of a patient, with its prior in physical units; `value` is the prior's median unless said.

    `fixed` marks what the paper did not estimate; `default` is a value that differs from the prior's median.
    """

    name: str
    unit: str
    meaning: str
    prior: Any
    source: Source
    fixed: bool = field(default=False, kw_only=True)
    default: float | None = field(default=None, kw_only=True)

    @property
    def value(self) -> float:
        return float(self.prior.median if self.default is None else self.default)


@dataclass(frozen=True)
class Output:
    """One observable quantity computed from the states; `positive` ones are shown on a log axis."""

    name: str
    unit: str
    meaning: str
    positive: bool = True


ByName = Mapping[str, Any]


@dataclass(frozen=True)
class Model:
    """A mechanistic model: declarations, equations by name, and the published dose and scenarios.

    `rhs(t, y, p)` returns the derivatives of all states by name and `observe(t, y, p)` all outputs by name;
    `initial(p)` starts that depend on parameters; `solution(t, p)` the states in closed form, valid without
    doses. `infusion` names the state that receives the CAR-T cells, `dose` the published dose in its unit.
    """

    source: Source
    states: tuple[State, ...]
    parameters: tuple[Parameter, ...]
    outputs: tuple[Output, ...]
    rhs: Callable[[Any, Any, Any], ByName]
    observe: Callable[[Any, Any, Any], ByName]
    infusion: str | None = field(default=None, kw_only=True)
    dose: float | None = field(default=None, kw_only=True)
    initial: Callable[[Any], ByName] | None = field(default=None, kw_only=True)
    solution: Callable[[Any, Any], ByName] | None = field(default=None, kw_only=True)
    scenarios: Mapping[str, Mapping[str, float]] = field(default_factory=dict, kw_only=True)
    notes: str = field(default="", kw_only=True)
    name: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        module = sys.modules.get(self.rhs.__module__)
        origin = getattr(module, "__file__", None)
        if not self.name:
            object.__setattr__(
                self, "name", Path(origin).stem if origin else self.rhs.__module__.rpartition(".")[2]
            )
        faults = _declaration_faults(self)
        if faults:
            raise ModelError(f"model {self.name!r} is not well declared: " + "; ".join(faults))
        _ = self.traced
        frozen = {key: MappingProxyType(dict(value)) for key, value in self.scenarios.items()}
        object.__setattr__(self, "scenarios", MappingProxyType(frozen))

    @cached_property
    def state_names(self) -> tuple[str, ...]:
        return tuple(state.name for state in self.states)

    @cached_property
    def parameter_names(self) -> tuple[str, ...]:
        return tuple(parameter.name for parameter in self.parameters)

    @cached_property
    def output_names(self) -> tuple[str, ...]:
        return tuple(output.name for output in self.outputs)

    @cached_property
    def values(self) -> np.ndarray:
        """Default parameter values, float64 (P,), in declaration order; read-only."""
        values = np.array([parameter.value for parameter in self.parameters])
        values.setflags(write=False)
        return values

    @cached_property
    def state_vector(self) -> type:
        """A named tuple of the states, for calling `rhs` with numbers, arrays or symbols."""
        return namedtuple("State", self.state_names)

    @cached_property
    def parameter_vector(self) -> type:
        """A named tuple of the parameters."""
        return namedtuple("Parameters", self.parameter_names)

    def parameter(self, name: str) -> Parameter:
        """The declaration of one parameter."""
        return self.parameters[self.index(name)]

    def index(self, name: str) -> int:
        """Position of a parameter; ModelError with the known names otherwise."""
        if name not in self.parameter_names:
            raise ModelError(
                f"model {self.name} has no such parameter", value=name, limit=", ".join(self.parameter_names)
            )
        return self.parameter_names.index(name)

    def vector(self, *, scenario: str | None = None, **overrides: float) -> np.ndarray:
        """Parameter values, float64 (P,): defaults, then the scenario's, then `overrides` by name."""
        values = self.values.copy()
        if scenario is not None:
            if scenario not in self.scenarios:
                known = ", ".join(self.scenarios) or "none"
                raise ModelError(f"model {self.name} has no such scenario", value=scenario, limit=known)
            overrides = {**self.scenarios[scenario], **overrides}
        for name, value in overrides.items():
            values[self.index(name)] = value
        return values

    @cached_property
    def traced(self) -> Traced:
        """The equations as formulas; made when the model is built, which checks them."""
        return trace(self)

    def digest(self) -> str:
        """Identity of the equations and of the states' solver declarations (hex), for fingerprints."""
        return self.traced.digest

    def derivatives(self, t: Any, y: Any, p: Any) -> list[Any]:
        """`rhs` as a list in state order, from sequences in declaration order: what SciPy wants."""
        rates = self.rhs(t, self.state_vector(*y), self.parameter_vector(*p))
        return [rates[name] for name in self.state_names]


def _declaration_faults(model: Model) -> list[str]:
    """Everything wrong with the declarations, in words."""
    faults: list[str] = []
    for kind, items in (("state", model.states), ("parameter", model.parameters), ("output", model.outputs)):
        names = [item.name for item in items]
        faults += [
            f"{kind} {name!r} declared twice" for name in sorted({n for n in names if names.count(n) > 1})
        ]
        faults += [f"{kind} name {name!r} is not snake_case" for name in names if not SNAKE.fullmatch(name)]
        faults += [
            f"{kind} {item.name!r} has no meaning in words" for item in items if not item.meaning.strip()
        ]
    if not model.states or not model.outputs:
        faults.append("a model needs at least one state and one output")
    for state in model.states:
        if not (state.scale > 0 and np.isfinite(state.scale)):
            faults.append(f"state {state.name!r} has scale {state.scale}; it must be positive and finite")
        if state.extinct_below < 0 or (state.positive and state.initial < 0):
            faults.append(f"state {state.name!r} is declared positive but starts or dies out below zero")
        if state.extinct_below > 0 and not state.positive:
            faults.append(f"state {state.name!r} can only die out where it is declared positive")
    for parameter in model.parameters:
        if not isinstance(parameter.source, Source):
            faults.append(f"parameter {parameter.name!r} has no source; use SOURCE.at(where) or assumed(why)")
    state_names = [state.name for state in model.states]
    if model.infusion is not None and model.infusion not in state_names:
        faults.append(f"infusion goes into {model.infusion!r}, which is not a state")
    if model.dose is not None and model.infusion is None:
        faults.append("a dose is declared but no state to infuse into")
    parameter_names = {parameter.name for parameter in model.parameters}
    for scenario, values in model.scenarios.items():
        unknown = sorted(set(values) - parameter_names)
        faults += [f"scenario {scenario!r} sets unknown parameters {', '.join(unknown)}"] if unknown else []
    return faults
