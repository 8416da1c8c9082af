"""CD19 CAR-T cells and host T cells competing in the whole body, against lymphoma (Kimmel 2021).

After lymphodepletion host T cells regrow (Gompertz); CAR-T cells grow fast while T cells in all are few and
towards a smaller ceiling of their own, so that they are crowded out as the host recovers. They kill tumour
cells, whose number they do not feel. Fitted to the medians of ZUMA-1. doi:10.1098/rspb.2021.0229.

Counts are whole-body cells as in Table 1; outputs per microlitre divide by the 5e8 uL that relate the
paper's cells to the cells/uL of its SBML file (BIOMD0000001041). That file rounds K_C to 139 and k_B to
4.05 cells/uL: scenario "SBML".

Cure is a matter of chance: the last tumour cell dies or not. The equations give the expected number only
(it falls below one cell and grows back); `cartsim.endpoints.extinction` gives the probability that the tumour
is gone and exact random courses, from the outputs tumor_birth and tumor_death. The split of the tumour's net
growth into births and deaths stands in a supplement nobody here could read: births = r_B, deaths = killing
is assumed.

Known limits: the printed quartiles of a (0.100-0.302) leave its fitted 0.423 out; k_B and r_B, k_B and
gamma_B cannot be told apart by the data (correlations 0.94 and -0.96). The paper's virtual patients perturb
the parameters in a way not read; the spreads here are its printed quartiles read as those of a log-normal.
"""

from cartsim.spec.model import Model, Output, Parameter, Source, State, assumed
from cartsim.spec.priors import Fixed, LogNormal, Uniform
from cartsim.spec.terms import log, maximum

SOURCE = Source(
    "Kimmel, Locke and Altrock 2021, Proc R Soc B",
    doi="10.1098/rspb.2021.0229",
    population="large B-cell lymphoma, medians of ZUMA-1 (101 CAR-T courses, 55 lymphocyte counts)",
)
TABLE = SOURCE.at("Table 1")
QUARTILES = SOURCE.at("Table 1; spread from the printed quartiles, log sd = ln(q3/q1) / 1.349")
FEW_CELLS = 1e-30  # below this the logarithm of the T-cell count stops falling, so that zero cells stay zero

STATES = (
    State("normal_t_cells", "cells", "host T cells in the body"),
    State("car_t_cells", "cells", "CAR-T cells in the body"),
    State("tumor", "cells", "CD19+ lymphoma cells in the body"),
)
PARAMETERS = (
    Parameter("k_n", "cells", "carrying capacity of all T cells", Fixed(2.5e11), TABLE, fixed=True),
    Parameter(
        "k_c", "cells", "T cells at which CAR-T cells stop growing", LogNormal(6.96e10, 0.334), QUARTILES
    ),
    Parameter("r_n", "1/day", "growth rate of host T cells", LogNormal(0.17, 0.022), QUARTILES),
    Parameter("rho_c", "1/day", "lowest CAR-T growth rate", LogNormal(0.0251, 0.394), QUARTILES),
    Parameter("a", "1", "how soon T-cell recovery slows CAR-T growth", LogNormal(0.423, 0.819), QUARTILES),
    Parameter("b", "1/day", "CAR-T growth rate added by lymphodepletion", LogNormal(0.525, 0.083), QUARTILES),
    Parameter("gamma_b", "1/day", "maximal killing rate", LogNormal(1.15, 0.553), QUARTILES),
    Parameter("k_b", "cells", "CAR-T cells for half-maximal killing", LogNormal(2.024e9, 0.595), QUARTILES),
    Parameter(
        "r_b",
        "1/day",
        "net growth rate of the tumour",
        Uniform(0.01, 0.50),
        SOURCE.at("Table 1, range; the value is the SBML file's"),
        default=0.01,
    ),
    Parameter("normal_t0", "cells", "host T cells at infusion", Fixed(3e9), TABLE, fixed=True),
    Parameter("tumor0", "cells", "tumour cells at infusion", Fixed(9.486e10), TABLE, fixed=True),
    Parameter(
        "volume",
        "uL",
        "whole-body T cells per T cell in a microlitre of blood",
        Fixed(5e8),
        assumed("ratio of Table 1 (cells) to the SBML file (cells/uL): 2.5e11 / 500"),
        fixed=True,
    ),
)
OUTPUTS = (
    Output("car_t", "cells/uL", "CAR-T cells in blood"),
    Output("normal_t", "cells/uL", "host T cells in blood"),
    Output("tumor", "cells", "tumour cells in the body, expected number"),
    Output("tumor_change", "percent", "change of the tumour from infusion", positive=False),
    Output("tumor_birth", "1/day", "births per tumour cell"),
    Output("tumor_death", "1/day", "deaths per tumour cell, by killing"),
)


def initial(p):
    return dict(normal_t_cells=p.normal_t0, tumor=p.tumor0)


def killing(y, p):
    return p.gamma_b * y.car_t_cells / (p.k_b + y.car_t_cells)


def rhs(t, y, p):
    t_cells = y.normal_t_cells + y.car_t_cells
    missing = (t_cells - p.k_n) * (t_cells - p.k_n)
    growth = p.rho_c + p.b * missing / (p.a * t_cells * t_cells + missing)
    counted = maximum(t_cells, FEW_CELLS)
    return dict(
        normal_t_cells=-p.r_n * y.normal_t_cells * log(counted / p.k_n),
        car_t_cells=-growth * y.car_t_cells * log(counted / p.k_c),
        tumor=(p.r_b - killing(y, p)) * y.tumor,
    )


def outputs(t, y, p):
    return dict(
        car_t=y.car_t_cells / p.volume,
        normal_t=y.normal_t_cells / p.volume,
        tumor=y.tumor,
        tumor_change=100.0 * (y.tumor / p.tumor0 - 1.0),
        tumor_birth=p.r_b,
        tumor_death=killing(y, p),
    )


MODEL = Model(
    SOURCE,
    STATES,
    PARAMETERS,
    OUTPUTS,
    rhs,
    outputs,
    initial=initial,
    infusion="car_t_cells",
    dose=1.8e8,
    horizon=400.0,
    scenarios={"SBML": {"k_c": 139.0 * 5e8, "k_b": 4.05 * 5e8}},
    notes="Births and deaths of the tumour: only their difference is published; births = r_B is assumed.",
)
