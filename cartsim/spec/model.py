"""The nouns of a model file: source, states, parameters, inputs, outputs, and `Model` that checks itself."""

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
from cartsim.spec.terms import exp
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
    relative tolerance there; unless declared, the equations tell (`cartsim.spec.growth`). `carries` names
    the input whose logarithm the state holds; the model makes such states itself.
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
    carries: str = field(default="", kw_only=True)


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


@dataclass(frozen=True)
class Input:
    """A course over time that each patient brings along, such as measured CAR+ counts that drive cytokines.

    The equations read it as `y.name`. Between the patient's measurements it follows a straight line in its
    logarithm, before the first and after the last it is constant (`cartsim.regimen.forcing`). What was
    measured as zero or below `floor` (in `unit`) enters at the floor.
    """

    name: str
    unit: str
    meaning: str
    floor: float = field(kw_only=True)

    @property
    def carrier(self) -> State:
        """The state that holds its logarithm; nothing but the patient's series moves it."""
        # A scale of 1 is one e-fold; the state follows straight lines, which every method solves exactly.
        meaning = f"natural logarithm of the input {self.name}"
        return State(
            f"log_{self.name}", "1", meaning, positive=False, dosed=True, multiplies=False, carries=self.name
        )


@dataclass(frozen=True)
class Course:
    """A dosing as published: the whole `amount`, in the unit of the infused state, in `shares` on `days`."""

    amount: float
    days: tuple[float, ...] = (0.0,)
    shares: tuple[float, ...] = (1.0,)


ByName = Mapping[str, Any]


@dataclass(frozen=True)
class Model:
    """A mechanistic model: declarations, equations by name, and the published dose and scenarios.

    `rhs(t, y, p)` returns the derivatives of all states by name and `observe(t, y, p)` all outputs by name;
    `initial(p)` starts that depend on parameters; `solution(t, p)` the states in closed form, valid without
    doses. `infusion` names the state that receives the CAR-T cells, or several with the share of each, and
    `dose` the published dose in its unit; `courses` are the published dosings of scenarios ("" without one)
    where they are not the dose on day 0, and `horizon` the days that the published scenario lasts, `spans`
    those of single scenarios that are shorter. Each of `inputs` adds a last state, which holds its logarithm
    and is not written in `rhs`.
    """

    source: Source
    states: tuple[State, ...]
    parameters: tuple[Parameter, ...]
    outputs: tuple[Output, ...]
    rhs: Callable[[Any, Any, Any], ByName]
    observe: Callable[[Any, Any, Any], ByName]
    inputs: tuple[Input, ...] = field(default=(), kw_only=True)
    infusion: str | Mapping[str, float] | None = field(default=None, kw_only=True)
    dose: float | None = field(default=None, kw_only=True)
    courses: Mapping[str, Course] = field(default_factory=dict, kw_only=True)
    horizon: float = field(default=365.0, kw_only=True)
    spans: Mapping[str, float] = field(default_factory=dict, kw_only=True)
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
        own = tuple(state for state in self.states if not state.carries)
        object.__setattr__(self, "states", own + tuple(item.carrier for item in self.inputs))
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
    def own_states(self) -> tuple[State, ...]:
        """The states of `rhs`: all but those that carry an input."""
        return tuple(state for state in self.states if not state.carries)

    @cached_property
    def infused(self) -> dict[str, float]:
        """The states that receive an infusion, with the share of each; empty where the model takes none."""
        if self.infusion is None:
            return {}
        return {self.infusion: 1.0} if isinstance(self.infusion, str) else dict(self.infusion)

    def course(self, scenario: str | None = None) -> Course | None:
        """The published dosing of a scenario; None where the paper gave no dose."""
        plain = self.courses.get("", None if self.dose is None else Course(self.dose))
        return self.courses.get(scenario or "", plain)

    @cached_property
    def input_names(self) -> tuple[str, ...]:
        return tuple(item.name for item in self.inputs)

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
    def state_vector(self) -> Callable[..., Any]:
        """From the states in order, a named tuple of states and inputs: `y` of `rhs`, numbers or symbols."""
        own = len(self.own_states)
        vector = namedtuple("State", [*self.state_names[:own], *self.input_names])
        return lambda *y: vector(*y[:own], *(exp(value) for value in y[own:]))

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
        own = [rates[state.name] for state in self.own_states]
        return own + [0.0 * value for value in y[len(own) :]]


def _declaration_faults(model: Model) -> list[str]:
    """Everything wrong with the declarations, in words."""
    faults: list[str] = []
    declared = (
        ("state", model.states),
        ("parameter", model.parameters),
        ("output", model.outputs),
        ("input", model.inputs),
    )
    for kind, items in declared:
        names = [item.name for item in items]
        faults += [
            f"{kind} {name!r} declared twice" for name in sorted({n for n in names if names.count(n) > 1})
        ]
        faults += [f"{kind} name {name!r} is not snake_case" for name in names if not SNAKE.fullmatch(name)]
        faults += [
            f"{kind} {item.name!r} has no meaning in words" for item in items if not item.meaning.strip()
        ]
    if not model.own_states or not model.outputs:
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
    faults += _input_faults(model)
    state_names = [state.name for state in model.own_states]
    faults += _dosing_faults(model, state_names)
    parameter_names = {parameter.name for parameter in model.parameters}
    for scenario, values in model.scenarios.items():
        unknown = sorted(set(values) - parameter_names)
        faults += [f"scenario {scenario!r} sets unknown parameters {', '.join(unknown)}"] if unknown else []
    for scenario, days in model.spans.items():
        if scenario not in model.scenarios or not 0.0 < days <= model.horizon:
            faults.append(f"span of {scenario!r}: {days} days of no scenario, or not within 0 to the horizon")
    return faults


def _dosing_faults(model: Model, state_names: list[str]) -> list[str]:
    """What is wrong with the infusion and the published dosings."""
    unknown = [name for name in model.infused if name not in state_names]
    faults = [f"infusion goes into {name!r}, which is not a state" for name in unknown]
    if model.infused and not 0.0 < sum(model.infused.values()) < 1.0 + 1e-9:
        faults.append(f"the infusion's shares add up to {sum(model.infused.values()):g}, not to at most 1")
    if (model.dose is not None or model.courses) and not model.infused:
        faults.append("a dose is declared but no state to infuse into")
    for scenario, course in model.courses.items():
        if scenario and scenario not in model.scenarios:
            faults.append(f"a dosing is declared for {scenario!r}, which is not a scenario")
        if len(course.days) != len(course.shares) or abs(sum(course.shares) - 1.0) > 1e-9:
            faults.append(f"the dosing of {scenario!r} needs one share a day, adding up to 1: {course}")
    return faults


def _input_faults(model: Model) -> list[str]:
    """What is wrong with the inputs."""
    faults = [
        f"input {item.name!r} has floor {item.floor}; it must be positive and finite, it has a logarithm"
        for item in model.inputs
        if not (item.floor > 0 and np.isfinite(item.floor))
    ]
    taken = sorted(set(model.input_names) & {state.name for state in model.own_states})
    faults += [f"{name!r} is declared as a state and as an input" for name in taken]
    if model.inputs and model.solution is not None:
        faults.append("a closed form cannot follow an input; leave solution= out")
    return faults
