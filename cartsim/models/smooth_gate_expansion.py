"""CAR-T expansion that saturates and gives way smoothly to contraction and memory: our own form.

Effector cells expand at the rate rho E / (1 + E / km), at most Vmax = rho km, while a gate is open that
shuts around tmax; as it shuts they die and turn into memory cells, which decline slowly. Nobody published
this model or its numbers: published_models.md names saturable expansion and smooth gates as what a preprint
supports (Li and Cheng 2026, equations not seen). The priors are ours, centred so that without saturation
and with a steep gate the typical patient is that of Stein 2019.

Known limits: rho and km are told apart only where samples show growth slowing before the peak; samples days
apart do not show how steep the gate is.
"""

from cartsim.models.blocks.smooth_gate import gate
from cartsim.spec.model import Model, Output, Parameter, Source, State, assumed
from cartsim.spec.priors import LogNormal

SOURCE = Source("own model: saturable expansion with a smooth gate", population="none; priors are our own")
STEIN = assumed("centred on Stein 2019, own spread")
WIDE = assumed("own choice, wide; no published value was seen")

STATES = (
    State("effector", "copies/ug", "transgene carried by effector CAR-T cells"),
    State("memory", "copies/ug", "transgene carried by memory CAR-T cells"),
)
PARAMETERS = (
    Parameter("start", "copies/ug", "transgene from which expansion begins", LogNormal(6.15, 1.5), STEIN),
    Parameter("rho", "1/day", "expansion rate of few cells", LogNormal(0.89, 0.4), STEIN),
    Parameter(
        "km", "copies/ug", "transgene at which expansion per cell is halved", LogNormal(5e4, 1.5), WIDE
    ),
    Parameter("tmax", "day", "day on which the gate is half shut", LogNormal(9.3, 0.4), STEIN),
    Parameter("steepness", "1/day", "how sharply the gate shuts", LogNormal(3.0, 0.7), WIDE),
    Parameter("loss", "1/day", "death of effectors in contraction", LogNormal(0.159, 0.9), STEIN),
    Parameter("conversion", "1/day", "effectors that become memory cells", LogNormal(0.00124, 1.2), STEIN),
    Parameter("beta", "1/day", "decline rate of memory cells", LogNormal(0.0032, 0.9), STEIN),
)
OUTPUTS = (Output("car_transgene", "copies/ug", "CAR transgene per ug genomic DNA in blood"),)


def initial(p):
    return dict(effector=p.start)


def rhs(t, y, p):
    open_gate = gate(t, p.tmax, p.steepness)
    contracting = (1.0 - open_gate) * y.effector
    return dict(
        effector=open_gate * p.rho * y.effector / (1.0 + y.effector / p.km)
        - (p.conversion + p.loss) * contracting,
        memory=p.conversion * contracting - p.beta * y.memory,
    )


def outputs(t, y, p):
    return dict(car_transgene=y.effector + y.memory)


MODEL = Model(
    SOURCE,
    STATES,
    PARAMETERS,
    OUTPUTS,
    rhs,
    outputs,
    initial=initial,
    notes="Our own form with our own priors; no published numbers exist for it.",
)
