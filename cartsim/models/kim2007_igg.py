"""IgG in plasma, saved by a receptor that saturates: the more IgG, the faster it goes (Kim 2007).

Why a myeloma M-protein falls fastest where it is highest, and why complete response by IgG lags the cells by
months. Plasma pool: the whole body's half-life is some 2.2 times longer (UNVERIFIED, in `bcma_myeloma`
only). `production` is in multiples of what keeps normal IgG; set `igg_start` for another level.
"""

from cartsim.models.blocks.declare import fixed
from cartsim.spec.model import Model, Output, Source, State
from cartsim.spec.terms import log

SOURCE = Source("Kim et al. 2007", where="PMC2791364 Table 1, through nlmixr2lib")

STATES = (State("igg", "mg/mL", "IgG in plasma", scale=1e-3),)
PARAMETERS = (
    fixed("kint", "1/day", "uptake by cells", 0.18, SOURCE),
    fixed("jmax", "mg/kg/day", "largest amount returned by FcRn", 147.0, SOURCE),
    fixed("km", "mg/mL", "IgG at half of it", 21.0, SOURCE),
    fixed("vc", "mL/kg", "plasma volume", 42.0, SOURCE),
    fixed("igg_normal", "mg/mL", "normal IgG", 12.1, SOURCE),
    fixed("igg_start", "mg/mL", "IgG at the start", 12.1, SOURCE),
    fixed("production", "1", "production over what keeps normal IgG", 1.0, SOURCE),
)
OUTPUTS = (
    Output("igg", "mg/mL", "IgG in plasma"),
    Output("half_life", "day", "half-life in plasma at this level"),
)


def loss(igg, p):
    """Elimination at a level in mg/mL, 1/day."""
    return p.kint - p.jmax / (p.vc * (p.km + igg))


def initial(p):
    return dict(igg=p.igg_start)


def rhs(t, y, p):
    return dict(igg=p.production * loss(p.igg_normal, p) * p.igg_normal - loss(y.igg, p) * y.igg)


def outputs(t, y, p):
    return dict(igg=y.igg, half_life=log(2.0) / loss(y.igg, p))


MODEL = Model(
    SOURCE,
    STATES,
    PARAMETERS,
    OUTPUTS,
    rhs,
    outputs,
    initial=initial,
    scenarios={
        "normal": {},
        "no production": {"production": 0.0},
        "myeloma, production stopped": {"production": 0.0, "igg_start": 60.0},
    },
    horizon=180.0,
)
