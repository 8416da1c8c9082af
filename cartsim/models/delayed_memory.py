"""CAR-T expansion and contraction in which effectors take time to become memory cells: our own form.

As `smooth_gate_expansion`, but converting cells pass through a chain of stages before they count as memory:
the delay is gamma-distributed with mean tau and, with eight stages, a coefficient of variation of 35%; a
longer chain comes ever closer to a fixed delay. Cells on their way do not die and still carry the
transgene: they are part of what the laboratory measures (assumed). published_models.md names a delay on
conversion as what a preprint supports (Li and Cheng 2026, equations not seen); form and priors are ours.

Known limits: without samples between the peak and about day 60 the delay cannot be told from a slower loss of
effectors.
"""

from cartsim.models.blocks.smooth_gate import gate
from cartsim.spec.model import Model, Output, Parameter, Source, State, assumed
from cartsim.spec.priors import LogNormal

SOURCE = Source(
    "own model: saturable expansion, delayed effector to memory conversion",
    population="none; priors are our own",
)
STEIN = assumed("centred on Stein 2019, own spread")
WIDE = assumed("own choice, wide; no published value was seen")
STAGES = 8

PARAMETERS = (
    Parameter("start", "copies/ug", "transgene from which expansion begins", LogNormal(6.15, 1.5), STEIN),
    Parameter("rho", "1/day", "expansion rate of few cells", LogNormal(0.89, 0.4), STEIN),
    Parameter(
        "km", "copies/ug", "transgene at which expansion per cell is halved", LogNormal(5e4, 1.5), WIDE
    ),
    Parameter("tmax", "day", "day on which the gate is half shut", LogNormal(9.3, 0.4), STEIN),
    Parameter("steepness", "1/day", "how sharply the gate shuts", LogNormal(3.0, 0.7), WIDE),
    Parameter("loss", "1/day", "death of effectors in contraction", LogNormal(0.159, 0.9), STEIN),
    Parameter(
        "conversion", "1/day", "effectors that set out to become memory", LogNormal(0.00124, 1.2), STEIN
    ),
    Parameter("tau", "day", "mean time from effector to memory cell", LogNormal(7.0, 0.7), WIDE),
    Parameter("beta", "1/day", "decline rate of memory cells", LogNormal(0.0032, 0.9), STEIN),
)
OUTPUTS = (
    Output("car_transgene", "copies/ug", "CAR transgene per ug genomic DNA in blood"),
    Output("memory_transgene", "copies/ug", "the part carried by memory cells"),
)


def initial(p):
    return dict(effector=p.start)


def with_stages(stages: int) -> Model:
    """The model with a chain of so many stages; the shipped one has eight."""
    chain = tuple(f"transit_{k}" for k in range(1, stages + 1))

    def rhs(t, y, p):
        open_gate = gate(t, p.tmax, p.steepness)
        contracting = (1.0 - open_gate) * y.effector
        step = stages / p.tau
        flow = p.conversion * contracting
        rates = dict(
            effector=open_gate * p.rho * y.effector / (1.0 + y.effector / p.km) - flow - p.loss * contracting
        )
        for name in chain:
            leaving = step * getattr(y, name)
            rates[name], flow = flow - leaving, leaving
        return rates | dict(memory=flow - p.beta * y.memory)

    def outputs(t, y, p):
        on_the_way = sum(getattr(y, name) for name in chain)
        return dict(car_transgene=y.effector + on_the_way + y.memory, memory_transgene=y.memory)

    states = (
        State("effector", "copies/ug", "transgene carried by effector CAR-T cells"),
        *(State(name, "copies/ug", f"cells becoming memory, stage {k}") for k, name in enumerate(chain, 1)),
        State("memory", "copies/ug", "transgene carried by memory CAR-T cells"),
    )
    return Model(
        SOURCE,
        states,
        PARAMETERS,
        OUTPUTS,
        rhs,
        outputs,
        initial=initial,
        notes="Our own form with our own priors; no published numbers exist for it.",
    )


MODEL = with_stages(STAGES)
