"""Tisagenlecleucel expansion, contraction and persistence in blood (Stein 2019, doi:10.1002/psp4.12388).

Transgene in blood rises exponentially to Cmax at Tmax, then falls in two phases: effector cells fast, the
fraction FB that turned to memory slowly. There is no dose input: the baseline is Cmax / foldx. In the
equivalent ODE after Tmax a share k/alpha = FB (alpha - beta)/alpha of the effectors converts to memory.

Comedication: the paper multiplied the expansion rate by Ftoci = 1.2 from the first tocilizumab dose and by
Fster = 1.0 from the first corticosteroid dose while cells expand; neither effect was significant. How the
paper re-parameterises the peak then could not be read; here foldx and Tmax keep defining the untreated rate,
so a drug that speeds expansion raises the level reached at Tmax (assumed). Both are off unless a day is set.
"""

from cartsim.spec.model import Model, Output, Parameter, Source, State, assumed
from cartsim.spec.priors import Fixed, LogitNormal, LogNormal
from cartsim.spec.terms import NEVER, after, exp, log, maximum, minimum

SOURCE = Source(
    "Stein et al. 2019, CPT Pharmacometrics Syst Pharmacol",
    doi="10.1002/psp4.12388",
    population="90 children and young adults with B-ALL (ELIANA, ENSIGN), transgene by qPCR",
)
TABLE = SOURCE.at("Table 1, through nlmixr2lib Stein_2019_Tisagenlecleucel")

STATES = (
    State("effector", "copies/ug", "transgene carried by effector CAR-T cells"),
    # Negative when beta > alpha, which 0.1-0.2% of population draws have; the total stays positive.
    State("memory", "copies/ug", "transgene carried by memory CAR-T cells", positive=False),
)
# The random effects are read as standard deviations of the log parameter (Monolix convention); a
# re-implementation enters the same numbers as variances, which would put 5% of patients' Tmax beyond day 25.
PARAMETERS = (
    Parameter(
        "foldx", "1", "fold expansion from baseline to peak", LogNormal(median=3900.0, log_sd=2.4), TABLE
    ),
    Parameter("tmax", "day", "time of the peak, end of expansion", LogNormal(median=9.3, log_sd=0.38), TABLE),
    Parameter("cmax", "copies/ug", "peak transgene level", LogNormal(median=24_000.0, log_sd=0.65), TABLE),
    Parameter(
        "alpha", "1/day", "contraction rate after the peak", LogNormal(median=0.16, log_sd=0.91), TABLE
    ),
    Parameter(
        "fb", "1", "fraction of the peak that persists", LogitNormal(median=0.0079, logit_sd=0.80), TABLE
    ),
    Parameter(
        "beta", "1/day", "decline rate of persisting cells", LogNormal(median=0.0032, log_sd=0.86), TABLE
    ),
    Parameter("ftoci", "1", "factor on expansion after tocilizumab", Fixed(1.2), TABLE, fixed=True),
    Parameter("fster", "1", "factor on expansion after corticosteroids", Fixed(1.0), TABLE, fixed=True),
    Parameter(
        "tocilizumab_day",
        "day",
        "first tocilizumab dose",
        Fixed(NEVER),
        assumed("no tocilizumab"),
        fixed=True,
    ),
    Parameter(
        "steroid_day", "day", "first corticosteroid dose", Fixed(NEVER), assumed("no steroid"), fixed=True
    ),
)
OUTPUTS = (Output("car_transgene", "copies/ug", "CAR transgene per ug genomic DNA in blood"),)


def initial(p):
    return dict(effector=p.cmax / p.foldx)


def rhs(t, y, p):
    rho = log(p.foldx) / p.tmax
    contracting = after(t, p.tmax)
    treated = (1.0 + (p.ftoci - 1.0) * after(t, p.tocilizumab_day)) * (
        1.0 + (p.fster - 1.0) * after(t, p.steroid_day)
    )
    conversion = p.fb * (p.alpha - p.beta)
    return dict(
        effector=((1.0 - contracting) * rho * treated - contracting * p.alpha) * y.effector,
        memory=contracting * (conversion * y.effector - p.beta * y.memory),
    )


def outputs(t, y, p):
    return dict(car_transgene=y.effector + y.memory)


def solution(t, p):
    """Closed form of `rhs`; the integral of the expansion rate is exact with drugs too."""
    rho = log(p.foldx) / p.tmax
    grown = minimum(t, p.tmax)
    on_tocilizumab = maximum(grown - p.tocilizumab_day, 0.0)
    on_steroid = maximum(grown - p.steroid_day, 0.0)
    on_both = minimum(on_tocilizumab, on_steroid)
    both = (p.ftoci - 1.0) * (p.fster - 1.0)
    time = grown + (p.ftoci - 1.0) * on_tocilizumab + (p.fster - 1.0) * on_steroid + both * on_both
    peak = p.cmax / p.foldx * exp(rho * time)
    since = maximum(t - p.tmax, 0.0)
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
    scenarios={"typical": {}},  # the population values of Table 1, by name
)
