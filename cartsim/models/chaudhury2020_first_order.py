"""CAR-T expansion at a constant rate until Tmax, killing by mass action: Chaudhury 2020, first-order form.

Illustrative, in arbitrary units. The review's text could not be read: equations and values come from its SBML
files (BIOMD0000001024, BIOMD0000001025, MODEL2109110005). The tumour starts above its largest size, so that
it shrinks by itself at first; it is far below one unit by day 9. No dose: CAR-T cells are there from day 0.
"""

from cartsim.models.blocks import gompertz_tumor
from cartsim.models.blocks.declare import fixed
from cartsim.spec.model import Model, Output, Source, State
from cartsim.spec.terms import after

SOURCE = Source("Chaudhury et al. 2020 (review)", where="SBML of BioModels, first-order form")

STATES = (
    State("effector", "1", "effector CAR-T cells"),
    State("persisting", "1", "persisting CAR-T cells"),
    # As the underflow it is: no cell is meant below, and nothing depends on it any more.
    State("tumor", "1", "tumour cells", scale=1e-3, extinct_below=1e-30),
)
PARAMETERS = (
    fixed("rho", "1/day", "CAR-T expansion", 1.0, SOURCE),
    fixed("k_e", "1/day", "loss of effectors after Tmax", 0.16, SOURCE),
    fixed("k_ep", "1/day", "effectors becoming persisting cells after Tmax", 0.0012, SOURCE),
    fixed("beta", "1/day", "loss of persisting cells", 0.0032, SOURCE),
    fixed("g", "1/day", "tumour growth", 0.3, SOURCE),
    fixed("d", "1/day", "killing per CAR-T cell", 0.0007, SOURCE),
    fixed("u_max", "1", "largest tumour", 100.0, SOURCE),
    fixed("u_crit", "1", "tumour below which it hardly grows", 0.1, SOURCE),
    fixed("tmax", "day", "end of expansion", 9.3, SOURCE),
    fixed("effector_start", "1", "CAR-T cells on day 0", 10.0, SOURCE),
    fixed("tumor_start", "1", "tumour cells on day 0", 900.0, SOURCE),
)
OUTPUTS = (
    Output("car_t", "1", "all CAR-T cells"),
    Output("tumor", "1", "tumour cells"),
)


def initial(p):
    return dict(effector=p.effector_start, tumor=p.tumor_start)


def rhs(t, y, p):
    falling = after(t, p.tmax)
    return dict(
        effector=((1.0 - falling) * p.rho - falling * (p.k_ep + p.k_e)) * y.effector,
        persisting=falling * (p.k_ep * y.effector - p.beta * y.persisting),
        tumor=gompertz_tumor.growth(y.tumor, p) - p.d * y.effector * y.tumor,
    )


def outputs(t, y, p):
    return dict(car_t=y.effector + y.persisting, tumor=y.tumor)


MODEL = Model(
    SOURCE, STATES, PARAMETERS, OUTPUTS, rhs, outputs, initial=initial, infusion="effector", horizon=100.0
)
