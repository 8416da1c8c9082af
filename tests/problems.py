"""Test problems for the solver, declared as any cartsim model: smooth, misbehaving, stiff."""

# ruff: noqa: C408 -- equations by name read as in a model file

from collections.abc import Callable, Sequence

import numpy as np

from cartsim.kernels.methods import Method
from cartsim.regimen.doses import Dose
from cartsim.regimen.events import EventTable
from cartsim.regimen.regimen import Regimen, events_of
from cartsim.regimen.rules import Rule
from cartsim.solve.batch import Batch, batch
from cartsim.spec.model import Model, Output, Parameter, Source, State, assumed
from cartsim.spec.priors import Fixed
from cartsim.spec.terms import NEVER, after, exp, log, power, sqrt, where

HAIRER = Source("Hairer & Wanner, Solving Ordinary Differential Equations II", where="IV.10 and its test set")
# Reference end values: Hairer & Wanner's test set; confirmed by SciPy Radau at rtol 1e-12 (test_stiff).
ROBERTSON_END = (0.2083340149701255e-7, 0.8333360770334713e-13, 0.9999999791665050)
VAN_DER_POL_END = (0.1706167732170483e1, -0.8928097010247975)
HIRES_END = (
    0.7371312573325668e-3,
    0.1442485726316185e-3,
    0.5888729740967575e-4,
    0.1175651343283149e-2,
    0.2386356198831331e-2,
    0.6238968252742796e-2,
    0.2849998395185769e-2,
    0.2850001604814231e-2,
)
OREGO_END = (0.1000814870318523e1, 0.1228178521549917e4, 0.1320554942846706e3)


def state(name: str, initial: float = 0.0, **options: object) -> State:
    """A dimensionless state."""
    return State(name, "1", f"test state {name}", initial=initial, **options)


def constants(**values: float) -> list[Parameter]:
    """Dimensionless constants by name."""
    return [
        Parameter(name, "1", f"test constant {name}", Fixed(value), assumed("test problem"), fixed=True)
        for name, value in values.items()
    ]


def problem(
    name: str, states: Sequence[State], parameters: Sequence[Parameter], rhs: Callable, **options: object
) -> Model:
    """A model whose outputs are its states, under the same names."""

    def outputs(t, y, p):
        return y._asdict()

    declared = tuple(Output(item.name, item.unit, item.meaning) for item in states)
    return Model(HAIRER, tuple(states), tuple(parameters), declared, rhs, outputs, name=name, **options)


def decay_rhs(t, y, p):
    return dict(amount=-p.rate * y.amount)


def decay() -> Model:
    """y' = -rate y from 1: the smallest model."""
    return problem("decay", [state("amount", 1.0)], constants(rate=0.7), decay_rhs)


def ward_rhs(t, y, p):
    """A smooth clock-driven problem (a to d), a drug in a closed system, and states that misbehave."""
    loss = p.loss * (1.0 + p.speed_up * after(t, p.switch_day)) * y.drug
    return dict(
        a=2.0 * p.pace * t * power(y.b, 0.2) * y.d,
        b=10.0 * p.pace * t * exp(5.0 * (y.c - 1.0)) * y.d,
        c=2.0 * p.pace * t * y.d,
        d=-2.0 * p.pace * t * log(y.a),
        depot=-p.uptake * y.depot,
        drug=p.uptake * y.depot - loss,
        lost=loss,
        wild=p.growth * y.wild + p.blow_up * y.wild * y.wild - p.drain + p.fault * log(p.defined_until - t),
        clone=-p.fading * y.clone,
    )


def ward_outputs(t, y, p):
    return dict(drug=y.drug, alarm=where(y.wild > 1.0, 1.0, 0.0))


WARD = Model(
    HAIRER,
    (
        state("a", 1.0),
        state("b", 1.0),
        state("c", 1.0),
        state("d", 1.0, positive=False),
        state("depot"),
        state("drug"),
        state("lost"),
        state("wild", 1.0),
        state("clone", 100.0, extinct_below=1.0),
    ),
    tuple(
        constants(
            pace=0.0,
            uptake=2.0,
            loss=0.3,
            speed_up=0.0,
            switch_day=NEVER,
            growth=0.0,
            blow_up=0.0,
            drain=0.0,
            fault=1e-300,
            defined_until=NEVER,
            fading=0.5,
        )
    ),
    (Output("drug", "1", "drug in blood"), Output("alarm", "1", "wild state above one")),
    ward_rhs,
    ward_outputs,
    infusion="depot",
    name="ward",
)


def smooth_solution(t: np.ndarray) -> np.ndarray:
    """States a to d of the ward at pace 1, float64 (T, 4)."""
    sine = np.sin(t * t)
    return np.column_stack([np.exp(sine), np.exp(5.0 * sine), sine + 1.0, np.cos(t * t)])


def bedside_outputs(t, y, p):
    """A signal put together by parameters, so that one compiled solver serves every test of rules."""
    jumps = p.by_switch * after(t, p.switch_day) + p.by_alarm * where(y.wild > 2.0, 1.0, 0.0)
    return dict(signal=p.by_wild * y.wild + p.by_day * t + jumps + p.by_root * sqrt(p.top - y.drug))


BEDSIDE = Model(
    HAIRER,
    WARD.states,
    (
        *WARD.parameters,
        *constants(by_wild=0.0, by_day=0.0, by_switch=0.0, by_alarm=0.0, by_root=0.0, top=1e9),
    ),
    (Output("signal", "1", "a signal of the test's own making"),),
    ward_rhs,
    bedside_outputs,
    infusion="depot",
    name="bedside",
)


def watched_by(*rules: Rule, doses: Sequence[Dose] = ()) -> Regimen:
    """A regimen of the bedside: the rules, then one on each other signal that never fires.

    All rules of a solver decide which signals are compiled into it; so there is one solver for all tests.
    """
    unused = {"clone", "d", "drug", "signal"} - {rule.watch for rule in rules}
    silent = tuple(Rule(f"silent {name}", name, (Dose(0.0),), above=1e300) for name in sorted(unused))
    return Regimen(tuple(doses), (*rules, *silent))


def watched(*rules: Rule, doses: Sequence[Dose] = ()) -> EventTable:
    """The events of one patient at the bedside."""
    return events_of(BEDSIDE, [watched_by(*rules, doses=doses)])


def fever_rhs(t, y, p):
    blocked = y.drug / (p.half + y.drug)
    return dict(
        cells=p.growth * y.cells * (1.0 - y.cells / p.room),
        il6=p.source * y.cells * (1.0 - 0.9 * blocked) - p.clearance * y.il6,
        drug=-p.elimination * y.drug,
    )


FEVER = problem(
    "fever",
    [state("cells", 0.01), state("il6"), state("drug", dosed=True)],
    constants(growth=1.1, room=5.0, source=40.0, clearance=3.0, half=0.5, elimination=0.4),
    fever_rhs,
)


def reacting() -> EventTable:
    """Two rules for the fever: a drug 12 h after it, up to three times, and more at a higher limit."""
    first = Rule("first", "il6", (Dose(2.0, 0.5, target="drug"),), above=5.0, refractory=1.0, at_most=3)
    return events_of(
        FEVER, [Regimen((), (first, Rule("more", "il6", (Dose(8.0, 0.25, 1.0, "drug"),), above=20.0)))]
    )


def robertson_rhs(t, y, p):
    first, second, third = p.slow * y.a, p.fast * y.b * y.b, p.back * y.b * y.c
    return dict(a=-first + third, b=first - second - third, c=second)


def robertson() -> Model:
    """Three reactions over eleven decades of time."""
    states = [state("a", 1.0, scale=1e-6), state("b", scale=1e-10), state("c")]
    return problem("robertson", states, constants(slow=0.04, fast=3e7, back=1e4), robertson_rhs)


def van_der_pol_rhs(t, y, p):
    return dict(x=y.v, v=((1.0 - y.x * y.x) * y.v - y.x) * p.mu)


def van_der_pol() -> Model:
    """Relaxation oscillator in scaled time, mu = 1e6."""
    states = [state("x", 2.0, positive=False), state("v", 0.0, positive=False)]
    return problem("van_der_pol", states, constants(mu=1e6), van_der_pol_rhs)


def hires_rhs(t, y, p):
    binding = p.binding * y.y6 * y.y8
    return dict(
        y1=-1.71 * y.y1 + 0.43 * y.y2 + 8.32 * y.y3 + 0.0007,
        y2=1.71 * y.y1 - 8.75 * y.y2,
        y3=-10.03 * y.y3 + 0.43 * y.y4 + 0.035 * y.y5,
        y4=8.32 * y.y2 + 1.71 * y.y3 - 1.12 * y.y4,
        y5=-1.745 * y.y5 + 0.43 * y.y6 + 0.43 * y.y7,
        y6=-binding + 0.69 * y.y4 + 1.71 * y.y5 - 0.43 * y.y6 + 0.69 * y.y7,
        y7=binding - 1.81 * y.y7,
        y8=-binding + 1.81 * y.y7,
    )


def hires() -> Model:
    """High irradiance responses of a plant: eight species."""
    starts = {"y1": 1.0, "y8": 0.0057}
    states = [state(f"y{i}", starts.get(f"y{i}", 0.0), scale=1e-3) for i in range(1, 9)]
    return problem("hires", states, constants(binding=280.0), hires_rhs)


def orego_rhs(t, y, p):
    return dict(
        x=p.s * (y.y + y.x * (1.0 - 8.375e-6 * y.x - y.y)),
        y=(y.z - (1.0 + y.x) * y.y) / p.s,
        z=p.w * (y.x - y.z),
    )


def orego() -> Model:
    """Belousov-Zhabotinsky oscillator: spikes over five decades."""
    states = [state("x", 1.0), state("y", 2.0), state("z", 3.0)]
    return problem("orego", states, constants(s=77.27, w=0.161), orego_rhs)


def solved(
    model: Model,
    times: object,
    method: Method,
    *,
    events: EventTable | None = None,
    table: np.ndarray | None = None,
    threads: int = 1,
    **values: float,
) -> Batch:
    """Solve one patient with parameter values by name, or a table of them."""
    rows = model.vector(**values)[None] if table is None else table
    return batch(model, rows, times, events=events, method=method, threads=threads)


def given(*doses: Dose) -> EventTable:
    """The ward's events for one patient."""
    return events_of(WARD, [Regimen(doses)])
