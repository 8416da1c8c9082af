"""A tiny model driven by measured CAR+ counts, and the same equations for SciPy with the exact course."""

# ruff: noqa: C408 -- equations by name read as in a model file

from collections.abc import Sequence

import numpy as np
from scipy.integrate import solve_ivp

from cartsim.kernels.methods import Rodas5P
from cartsim.regimen.forcing import Forcing
from cartsim.spec.model import Input, Model, Output, Parameter, Source, State, assumed
from cartsim.spec.priors import LogNormal
from cartsim.spec.terms import hill

SOURCE = Source("test problem", doi="10.0/0", where="made up")
FLOOR = 0.05
METHOD = Rodas5P(rtol=1e-10)
COUNTS = Forcing("car_t_measured", (-2.0, 3.0, 7.0, 8.5, 14.0), (0.0, 4.0, 900.0, 850.0, 12.0))
DAYS = np.array([0.0, 0.7, 3.0, 5.0, 7.0, 7.01, 8.5, 10.0, 14.0, 21.0])


def rhs(t, y, p):
    made = p.made * hill(y.car_t_measured, p.half)
    return dict(tissue=made - p.clear * y.tissue, il6=p.clear * y.tissue - p.loss * y.il6)


def outputs(t, y, p):
    return dict(il6=y.il6, car_t=y.car_t_measured)


def parameter(name: str, value: float, unit: str) -> Parameter:
    return Parameter(name, unit, f"test rate {name}", LogNormal(value, 0.5), assumed("test problem"))


CYTOKINE = Model(
    SOURCE,
    (State("tissue", "pg/mL", "cytokine in the tissue"), State("il6", "pg/mL", "IL-6", initial=5.0)),
    (
        parameter("made", 200.0, "pg/mL/day"),
        parameter("half", 60.0, "cells/uL"),
        parameter("clear", 1.3, "1/day"),
        parameter("loss", 0.8, "1/day"),
    ),
    (Output("il6", "pg/mL", "IL-6"), Output("car_t", "cells/uL", "CAR+ cells that drive it")),
    rhs,
    outputs,
    inputs=(Input("car_t_measured", "cells/uL", "measured CAR+ cells", floor=FLOOR),),
    name="driven_cytokine",
)


def course(series: Forcing, day: float) -> float:
    """The input by definition: a straight line in the logarithm, constant outside, raised to the floor."""
    days, values = series.times, [max(value, FLOOR) for value in series.values]
    if day <= days[0]:
        return values[0]
    for k in range(1, len(days)):
        if day <= days[k]:
            share = (day - days[k - 1]) / (days[k] - days[k - 1])
            return values[k - 1] ** (1.0 - share) * values[k] ** share
    return values[-1]


def by_scipy(series: Forcing, days: Sequence[float], p: np.ndarray) -> np.ndarray:
    """tissue and il6, float64 (T, 2), restarted at every measurement so that no kink lies inside a step."""
    made, half, clear, loss = p

    def slope(t, y):
        x = course(series, t)
        return [made * x / (half + x) - clear * y[0], clear * y[0] - loss * y[1]]

    y, now, found = np.array([0.0, 5.0]), 0.0, {0.0: np.array([0.0, 5.0])}
    for stop in sorted({*days, *(day for day in series.times if day > 0.0)} - {0.0}):
        y = solve_ivp(slope, (now, stop), y, method="DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
        found[stop], now = y, stop
    return np.array([found[day] for day in days])
