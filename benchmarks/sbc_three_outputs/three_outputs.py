"""Effector and memory CAR-T cells against a tumour: a small model with three outputs for calibration runs."""

# ruff: noqa: C408 -- equations by name read as in a model file

from cartsim.spec.model import Model, Output, Parameter, Source, State, assumed
from cartsim.spec.priors import Fixed, LogNormal

SOURCE = Source("own test model", where="benchmarks/sbc_three_outputs")
OWN = assumed("made for calibration: prior draws can be solved and ten visits inform them")
STATES = (
    State("effector", "cells/uL", "circulating effector CAR-T cells", initial=1.0, scale=1.0),
    State("memory", "cells/uL", "circulating memory CAR-T cells", scale=1.0),
    State("tumour", "1", "burden relative to the start", initial=1.0, scale=0.01),
)
PARAMETERS = (
    Parameter("k_exp", "1/day", "expansion rate", LogNormal(median=1.0, log_sd=0.2), OWN),
    Parameter("d_e", "1/day", "loss of effector cells", LogNormal(median=0.15, log_sd=0.3), OWN),
    Parameter("k_m", "1/day", "conversion to memory", LogNormal(median=0.05, log_sd=0.4), OWN),
    Parameter("d_m", "1/day", "loss of memory cells", LogNormal(median=0.02, log_sd=0.4), OWN),
    Parameter("k_kill", "uL/cells/day", "killing rate", LogNormal(median=0.01, log_sd=0.5), OWN),
    Parameter("growth", "1/day", "growth of the tumour", Fixed(0.02), OWN, fixed=True),
    Parameter("half", "1", "burden at half the expansion rate", Fixed(0.1), OWN, fixed=True),
)
OUTPUTS = (
    Output("car_t", "cells/uL", "all circulating CAR-T cells"),
    Output("memory_t", "cells/uL", "memory CAR-T cells"),
    Output("burden", "1", "burden relative to the start"),
)


def rhs(t, y, p):
    expansion = p.k_exp * y.effector * y.tumour / (y.tumour + p.half)
    return dict(
        effector=expansion - (p.d_e + p.k_m) * y.effector,
        memory=p.k_m * y.effector - p.d_m * y.memory,
        tumour=p.growth * y.tumour - p.k_kill * y.effector * y.tumour,
    )


def outputs(t, y, p):
    return dict(car_t=y.effector + y.memory, memory_t=y.memory, burden=y.tumour)


MODEL = Model(SOURCE, STATES, PARAMETERS, OUTPUTS, rhs, outputs)
