"""The cytokine sheet's test bed: its CAR-T driver, the cytokine part in the sheet's form, and the drugs."""

from cartsim.models.blocks import cytokine_release, dexamethasone, tocilizumab
from cartsim.spec.model import Model, Output, Parameter, Source, State
from cartsim.spec.priors import Fixed

SHEET = Source("cytokine sheet, section 8")
DRIVER = {"rho": 0.68, "loss": 0.147, "kill": 0.017, "half": 0.0185, "memory": 0.063, "gain": 0.83}
# The sheet has no refractory pool and no tissue delay: the one empties, the other follows, at once.
AS_THE_SHEET = {
    "ifng_gain": 20.0,
    "macrophage_half": 800.0,
    "il6_gain": 6_900.0,
    "crp_max": 210.0,
    "macrophage_loss": 0.75,
    "fever_macrophage": 0.6,
    "fever_il6": 2.2,
    "refractory_recovery": 1e5,
    "fever_delay": 1e5,
}


def rhs(t, y, p):
    growing = p.rho * y.burden / (p.half + y.burden) - p.loss
    return dict(
        cells=growing * y.cells,
        memory=p.memory * p.loss * y.cells - 0.006 * y.memory,
        burden=(0.012 - p.kill * y.cells) * y.burden,
        **cytokine_release.rhs(
            y,
            p,
            drive=y.cells * (1.0 + p.gain) * y.burden / (y.burden + p.gain),
            occupancy=tocilizumab.occupancy(y, p),
            suppression=dexamethasone.suppression(y, p),
            order=1,
        ),
        **tocilizumab.rhs(y, p),
        **dexamethasone.rhs(y, p),
    )


CRS = Model(
    SHEET,
    (
        State("cells", "cells/uL", "dividing CAR-T cells", initial=0.32),
        State("memory", "cells/uL", "memory CAR-T cells"),
        State("burden", "1", "burden over 1e12 cells", initial=1.0, scale=1e-3),
        *cytokine_release.STATES,
        *tocilizumab.STATES,
        *dexamethasone.STATES,
    ),
    (
        *(Parameter(name, "1", "driver", Fixed(value), SHEET) for name, value in DRIVER.items()),
        *cytokine_release.PARAMETERS,
        *tocilizumab.PARAMETERS,
        *dexamethasone.PARAMETERS,
    ),
    (Output("car_t", "cells/uL", "CAR-T cells"),),
    rhs,
    lambda t, y, p: {"car_t": y.cells + y.memory},
    initial=cytokine_release.initial,
    name="crs_sheet",
)
