"""CAR-T cells with two targets, tumour and healthy B cells (Leon-Triana 2021): B cells feed the CAR-T cells.

CAR-T cells outside the tumour grow on B cells and move into it, where they kill and are lost. Equations and
values from the SBML files BIOMD0000001013 and 1014 (the paper was not opened). The tumour falls to a tenth
of a cell on day 54 and regrows: as in the source nothing dies out; set `extinct_below` in a copy for that.
"""

from cartsim.models.blocks.declare import fixed
from cartsim.spec.model import Model, Output, Source, State

SOURCE = Source("Leon-Triana et al. 2021 (solid tumours)", where="SBML BIOMD0000001013, BIOMD0000001014")

STATES = (
    State("car_t_on", "cells", "CAR-T cells in the tumour"),
    State("car_t_off", "cells", "CAR-T cells outside the tumour"),
    State("tumor", "cells", "tumour cells", scale=1e-3),
    State("b_cells", "cells", "healthy B cells", scale=1e-3),
)
PARAMETERS = (
    fixed("rho_c", "1/day", "maximal CAR-T expansion on tumour cells", 0.9, SOURCE),
    fixed("g_t", "cells", "tumour cells at half-maximal expansion", 1e10, SOURCE),
    fixed("alpha_1", "1/day", "maximal loss of CAR-T cells to the tumour", 0.02, SOURCE),
    fixed("g_c", "cells", "CAR-T cells at half that loss", 2e9, SOURCE),
    fixed("tau_c", "day", "mean life of CAR-T cells", 7.0, SOURCE),
    fixed("rho_t", "1/day", "tumour growth", 0.02, SOURCE),
    fixed("alpha_2", "1/cells/day", "tumour cells killed by a CAR-T cell", 2.5e-10, SOURCE),
    fixed("rho_cb", "1/day", "maximal CAR-T expansion on B cells", 0.9, SOURCE),
    fixed("g_b", "cells", "B cells at half-maximal expansion", 1e10, SOURCE),
    fixed("k", "1/day", "CAR-T cells moving into the tumour", 0.2, SOURCE),
    fixed("alpha_b", "1/cells/day", "B cells killed by a CAR-T cell outside the tumour", 4.5e-11, SOURCE),
    fixed("tau_b", "day", "mean life of B cells", 60.0, SOURCE),
    fixed("car_t_on_start", "cells", "CAR-T cells in the tumour on day 0", 0.0, SOURCE),
    fixed("car_t_off_start", "cells", "CAR-T cells outside it on day 0", 2e8, SOURCE),
    fixed("tumor_start", "cells", "tumour cells on day 0", 3.35e10, SOURCE),
    fixed("b_cells_start", "cells", "B cells on day 0", 2.5e10, SOURCE),
)
OUTPUTS = (
    Output("car_t_on", "cells", "CAR-T cells in the tumour"),
    Output("car_t_off", "cells", "CAR-T cells outside the tumour"),
    Output("tumor", "cells", "tumour cells"),
    Output("b_cells", "cells", "healthy B cells"),
)


def initial(p):
    return dict(
        car_t_on=p.car_t_on_start, car_t_off=p.car_t_off_start, tumor=p.tumor_start, b_cells=p.b_cells_start
    )


def rhs(t, y, p):
    moving = p.k * y.car_t_off
    return dict(
        car_t_on=moving
        + p.rho_c * y.car_t_on * y.tumor / (p.g_t + y.tumor)
        - p.alpha_1 * y.car_t_on * y.tumor / (p.g_c + y.car_t_on)
        - y.car_t_on / p.tau_c,
        car_t_off=p.rho_cb * y.car_t_off * y.b_cells / (p.g_b + y.b_cells) - y.car_t_off / p.tau_c - moving,
        tumor=p.rho_t * y.tumor - p.alpha_2 * y.car_t_on * y.tumor,
        b_cells=-p.alpha_b * y.b_cells * y.car_t_off - y.b_cells / p.tau_b,
    )


def outputs(t, y, p):
    return dict(car_t_on=y.car_t_on, car_t_off=y.car_t_off, tumor=y.tumor, b_cells=y.b_cells)


MODEL = Model(SOURCE, STATES, PARAMETERS, OUTPUTS, rhs, outputs, initial=initial, infusion="car_t_off")
