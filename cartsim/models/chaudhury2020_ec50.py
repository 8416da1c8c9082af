"""CAR-T expansion and killing that saturate in both partners, then a biexponential fall: Chaudhury 2020.

Illustrative, in arbitrary units. The review's text could not be read: equations and values come from its SBML
files (BIOMD0000001024, BIOMD0000001025, MODEL2109110005). Expansion ends at Tmax as in Stein 2019, whose
rates of loss, conversion and persistence it has. No dose: the CAR-T cells are there from day 0.
"""

from cartsim.models.blocks import gompertz_tumor
from cartsim.models.blocks.declare import fixed
from cartsim.spec.model import Model, Output, Source, State
from cartsim.spec.terms import after

SOURCE = Source("Chaudhury et al. 2020 (review)", where="SBML of BioModels, EC50 form")

STATES = (
    State("effector", "1", "effector CAR-T cells"),
    State("persisting", "1", "persisting CAR-T cells"),
    State("tumor", "1", "tumour cells", scale=1e-3),
)
PARAMETERS = (
    fixed("rho", "1/day", "maximal CAR-T expansion", 8.8, SOURCE),
    fixed("ec50_rho", "1", "tumour and CAR-T cells at half-maximal expansion", 1.0, SOURCE),
    fixed("k_e", "1/day", "loss of effectors after Tmax", 0.16, SOURCE),
    fixed("k_ep", "1/day", "effectors becoming persisting cells after Tmax", 0.0012, SOURCE),
    fixed("beta", "1/day", "loss of persisting cells", 0.0032, SOURCE),
    fixed("g", "1/day", "tumour growth", 0.2, SOURCE),
    fixed("d", "1/day", "maximal killing", 0.35, SOURCE),
    fixed("ec50_d", "1", "tumour and CAR-T cells at half-maximal killing", 10.0, SOURCE),
    fixed("u_max", "1", "largest tumour", 1000.0, SOURCE),
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
    expansion = p.rho * y.tumor / (p.ec50_rho + y.effector + y.tumor)
    killing = p.d * y.effector / (p.ec50_d + y.effector + y.tumor)
    return dict(
        effector=((1.0 - falling) * expansion - falling * (p.k_ep + p.k_e)) * y.effector,
        persisting=falling * (p.k_ep * y.effector - p.beta * y.persisting),
        tumor=gompertz_tumor.growth(y.tumor, p) - killing * y.tumor,
    )


def outputs(t, y, p):
    return dict(car_t=y.effector + y.persisting, tumor=y.tumor)


MODEL = Model(
    SOURCE, STATES, PARAMETERS, OUTPUTS, rhs, outputs, initial=initial, infusion="effector", horizon=100.0
)
