"""CAR-T cells against a solid tumour with one target (Leon-Triana 2021): the two oscillate for years.

Equations and values from the SBML files BIOMD0000001013 and 1014 (the paper was not opened). The CAR-T cells
are there from day 0; a dose adds to them.
"""

from cartsim.models.blocks.declare import fixed
from cartsim.spec.model import Model, Output, Source, State

SOURCE = Source("Leon-Triana et al. 2021 (solid tumours)", where="SBML BIOMD0000001013, BIOMD0000001014")

STATES = (
    State("car_t", "cells", "CAR-T cells"),
    State("tumor", "cells", "tumour cells"),
)
PARAMETERS = (
    fixed("rho_c", "1/day", "maximal CAR-T expansion on tumour cells", 0.9, SOURCE),
    fixed("g_t", "cells", "tumour cells at half-maximal expansion", 1e10, SOURCE),
    fixed("alpha_1", "1/day", "maximal loss of CAR-T cells to the tumour", 0.04, SOURCE),
    fixed("g_c", "cells", "CAR-T cells at half that loss", 2e9, SOURCE),
    fixed("tau_c", "day", "mean life of CAR-T cells", 7.0, SOURCE),
    fixed("rho_t", "1/day", "tumour growth", 0.02, SOURCE),
    fixed("alpha_2", "1/cells/day", "tumour cells killed by a CAR-T cell", 2.5e-10, SOURCE),
    fixed("car_t_start", "cells", "CAR-T cells on day 0", 4e8, SOURCE),
    fixed("tumor_start", "cells", "tumour cells on day 0", 6.7e9, SOURCE),
)
OUTPUTS = (
    Output("car_t", "cells", "CAR-T cells"),
    Output("tumor", "cells", "tumour cells"),
)


def initial(p):
    return dict(car_t=p.car_t_start, tumor=p.tumor_start)


def rhs(t, y, p):
    return dict(
        car_t=p.rho_c * y.car_t * y.tumor / (p.g_t + y.tumor)
        - p.alpha_1 * y.car_t * y.tumor / (p.g_c + y.car_t)
        - y.car_t / p.tau_c,
        tumor=p.rho_t * y.tumor - p.alpha_2 * y.car_t * y.tumor,
    )


def outputs(t, y, p):
    return dict(car_t=y.car_t, tumor=y.tumor)


MODEL = Model(SOURCE, STATES, PARAMETERS, OUTPUTS, rhs, outputs, initial=initial, infusion="car_t")
