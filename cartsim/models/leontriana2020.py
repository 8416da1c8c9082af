"""CAR-T 19 cells, leukaemia and healthy B cells in B-ALL (Leon-Triana 2020), three states.

CAR-T cells grow on leukaemic and on healthy B cells alike; leukaemia relapses within the year. Equations and
values from the SBML files BIOMD0000001011 and 1012 (the paper was not opened). The CAR-T cells are there
from day 0; a dose adds to them.

Left out: the four-state SBML file, whose antigen-independent term rho_C beta I0 / (1 + C/C50) has no factor C
(about 1e-5 cells a day: probably not what was meant).
"""

from cartsim.models.blocks.declare import fixed
from cartsim.spec.model import Model, Output, Source, State

SOURCE = Source("Leon-Triana et al. 2020 (B-ALL)", where="SBML BIOMD0000001011, BIOMD0000001012")

STATES = (
    State("car_t", "cells", "CAR-T cells"),
    State("leukemia", "cells", "leukaemic cells"),
    State("b_cells", "cells", "healthy B cells"),
)
PARAMETERS = (
    fixed("alpha", "1/cells/day", "leukaemic and B cells killed by a CAR-T cell", 4.5e-11, SOURCE),
    fixed("rho_c", "1/cells/day", "CAR-T expansion per target cell, a quarter of alpha", 1.125e-11, SOURCE),
    fixed("tau_c", "day", "mean life of CAR-T cells", 14.0, SOURCE),
    fixed("tau_l", "day", "time in which leukaemia grows e-fold", 30.0, SOURCE),
    fixed("tau_b", "day", "mean life of B cells", 60.0, SOURCE),
    fixed("car_t_start", "cells", "CAR-T cells on day 0", 1e7, SOURCE),
    fixed("leukemia_start", "cells", "leukaemic cells on day 0", 5e10, SOURCE),
    fixed("b_cells_start", "cells", "B cells on day 0", 2.5e10, SOURCE),
)
OUTPUTS = (
    Output("car_t", "cells", "CAR-T cells"),
    Output("leukemia", "cells", "leukaemic cells"),
    Output("b_cells", "cells", "healthy B cells"),
)


def initial(p):
    return dict(car_t=p.car_t_start, leukemia=p.leukemia_start, b_cells=p.b_cells_start)


def rhs(t, y, p):
    return dict(
        car_t=p.rho_c * (y.leukemia + y.b_cells) * y.car_t - y.car_t / p.tau_c,
        leukemia=y.leukemia / p.tau_l - p.alpha * y.leukemia * y.car_t,
        b_cells=-p.alpha * y.b_cells * y.car_t - y.b_cells / p.tau_b,
    )


def outputs(t, y, p):
    return dict(car_t=y.car_t, leukemia=y.leukemia, b_cells=y.b_cells)


MODEL = Model(SOURCE, STATES, PARAMETERS, OUTPUTS, rhs, outputs, initial=initial, infusion="car_t")
