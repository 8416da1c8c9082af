"""Dexamethasone and how much it suppresses cytokine production: a composite of published numbers.

Elimination of Tsuei 1979, strength of Waage 1988, an effect site for the hours it takes to act (none when
given 6 h after the stimulus, Horton 2010). The same block as in `bcma_myeloma`.
"""

from cartsim.models.blocks import dexamethasone
from cartsim.spec.model import Model, Output, Source

SOURCE = Source("own model, unpublished: composite of Tsuei 1979, Waage 1988, Horton 2010")
OUTPUTS = (
    Output("dexamethasone", "ng/mL", "dexamethasone in plasma"),
    Output("suppression", "1", "share of cytokine production suppressed"),
)


def rhs(t, y, p):
    return dict(**dexamethasone.rhs(y, p))


def outputs(t, y, p):
    return dict(
        dexamethasone=dexamethasone.NG_PER_MG_PER_L * y.dexamethasone / p.dex_volume,
        suppression=dexamethasone.suppression(y, p),
    )


MODEL = Model(
    SOURCE,
    dexamethasone.STATES,
    dexamethasone.PARAMETERS,
    OUTPUTS,
    rhs,
    outputs,
    infusion="dexamethasone",
    dose=10.0,
    horizon=4.0,
)
