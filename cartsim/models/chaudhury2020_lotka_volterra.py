"""CAR-T cells and tumour as predator and prey: the simplest form of the review Chaudhury 2020.

Illustrative, in arbitrary units. The review's text could not be read: equations and values come from its SBML
files (BIOMD0000001024, BIOMD0000001025, MODEL2109110005). No dose: the CAR-T cells are there from day 0.
"""

from cartsim.models.blocks.declare import fixed
from cartsim.spec.model import Model, Output, Source, State

SOURCE = Source("Chaudhury et al. 2020 (review)", where="SBML of BioModels, Lotka-Volterra form")

STATES = (
    State("effector", "1", "effector CAR-T cells"),
    State("tumor", "1", "tumour cells", scale=1e-3),
)
PARAMETERS = (
    fixed("rho", "1/day", "CAR-T expansion per tumour cell", 0.0018, SOURCE),
    fixed("k_e", "1/day", "loss of effectors", 0.16, SOURCE),
    fixed("g", "1/day", "tumour growth", 0.15, SOURCE),
    fixed("d", "1/day", "killing per CAR-T cell", 0.00015, SOURCE),
    fixed("effector_start", "1", "CAR-T cells on day 0", 10.0, SOURCE),
    fixed("tumor_start", "1", "tumour cells on day 0", 900.0, SOURCE),
)
OUTPUTS = (
    Output("car_t", "1", "CAR-T cells"),
    Output("tumor", "1", "tumour cells"),
)


def initial(p):
    return dict(effector=p.effector_start, tumor=p.tumor_start)


def rhs(t, y, p):
    return dict(
        effector=p.rho * y.effector * y.tumor - p.k_e * y.effector,
        tumor=p.g * y.tumor - p.d * y.effector * y.tumor,
    )


def outputs(t, y, p):
    return dict(car_t=y.effector, tumor=y.tumor)


MODEL = Model(
    SOURCE, STATES, PARAMETERS, OUTPUTS, rhs, outputs, initial=initial, infusion="effector", horizon=60.0
)
