"""Tocilizumab in serum: two compartments, linear and saturable elimination (Frey 2010).

The same block as in `bcma_myeloma`, without its effect. Typical adult with rheumatoid arthritis; label values
at steady state (182 mg/L, 9.7 mg/L) belong to heavier, covariate-mixed patients and are some 10 % higher.
Every four weeks: Regimen.single(560).repeated(28, 6).
"""

from cartsim.models.blocks import tocilizumab
from cartsim.spec.model import Model, Output

PARAMETERS = tuple(item for item in tocilizumab.PARAMETERS if item.name != "toci_ec50")
OUTPUTS = (Output("tocilizumab", "mg/L", "tocilizumab in serum"),)


def rhs(t, y, p):
    return dict(**tocilizumab.rhs(y, p))


def outputs(t, y, p):
    return dict(tocilizumab=tocilizumab.concentration(y, p))


MODEL = Model(
    tocilizumab.FREY,
    tocilizumab.STATES,
    PARAMETERS,
    OUTPUTS,
    rhs,
    outputs,
    infusion="toci_central",
    dose=560.0,
    horizon=42.0,
)
