"""CAR-T cells in blood: a lag, exponential expansion, then a fall in two phases. Our own form.

The shape is Stein 2019 with a flat piece in front, as several lymphoma and myeloma products show it; it has
a closed form. Published lag models were not read in full (peak, persisting share and spread between
patients are missing): the priors are ours. The peak comes at lag + growth_days, so that the lag can never
exceed it; a lag of 0 gives Stein's curve with tmax = growth_days.
"""

from cartsim.spec.model import Model, Output, Parameter, Source, State, assumed
from cartsim.spec.priors import LogitNormal, LogNormal
from cartsim.spec.terms import after, exp, log, maximum, minimum

SOURCE = Source("own model: lag, expansion and biexponential decline", population="none; priors are our own")
STEIN = assumed("centred on Stein 2019, own spread")

STATES = (
    State("effector", "copies/ug", "transgene carried by effector CAR-T cells"),
    # Negative when beta > alpha; the total stays positive, as in Stein 2019.
    State("memory", "copies/ug", "transgene carried by memory CAR-T cells", positive=False),
)
PARAMETERS = (
    Parameter(
        "lag", "day", "days without change after the infusion", LogNormal(3.0, 0.5), assumed("own choice")
    ),
    Parameter(
        "growth_days",
        "day",
        "days of expansion, from the lag to the peak",
        LogNormal(6.3, 0.4),
        assumed("so that the typical peak is that of Stein 2019, day 9.3"),
    ),
    Parameter("foldx", "1", "fold expansion from baseline to peak", LogNormal(3900.0, 1.5), STEIN),
    Parameter("cmax", "copies/ug", "peak transgene level", LogNormal(24_000.0, 1.2), STEIN),
    Parameter("alpha", "1/day", "contraction rate after the peak", LogNormal(0.16, 0.9), STEIN),
    Parameter("fb", "1", "fraction of the peak that persists", LogitNormal(0.0079, 1.2), STEIN),
    Parameter("beta", "1/day", "decline rate of persisting cells", LogNormal(0.0032, 0.9), STEIN),
)
OUTPUTS = (Output("car_transgene", "copies/ug", "CAR transgene per ug genomic DNA in blood"),)


def initial(p):
    return dict(effector=p.cmax / p.foldx)


def rhs(t, y, p):
    rho = log(p.foldx) / p.growth_days
    contracting = after(t, p.lag + p.growth_days)
    expanding = after(t, p.lag) - contracting
    conversion = p.fb * (p.alpha - p.beta)
    return dict(
        effector=(expanding * rho - contracting * p.alpha) * y.effector,
        memory=contracting * (conversion * y.effector - p.beta * y.memory),
    )


def outputs(t, y, p):
    return dict(car_transgene=y.effector + y.memory)


def solution(t, p):
    grown = minimum(maximum(t - p.lag, 0.0), p.growth_days)
    peak = p.cmax / p.foldx * exp(log(p.foldx) / p.growth_days * grown)
    since = maximum(t - p.lag - p.growth_days, 0.0)
    slow, fast = exp(-p.beta * since), exp(-p.alpha * since)
    return dict(effector=peak * fast, memory=peak * p.fb * (slow - fast))


MODEL = Model(
    SOURCE,
    STATES,
    PARAMETERS,
    OUTPUTS,
    rhs,
    outputs,
    initial=initial,
    solution=solution,
    notes="Our own form with our own priors; no published numbers exist for it.",
)
