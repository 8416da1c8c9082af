"""Dexamethasone: elimination, an effect site, and how much it brakes cytokine production."""

from cartsim.models.blocks.declare import fixed
from cartsim.spec.model import Source, State, assumed

TSUEI = Source(
    "Tsuei et al. 1979", where="half-life 2.4-3.4 h, Vss 56 L", population="adults, 8 mg intravenously"
)
WAAGE = Source("Waage 1988", where="TNF falls to 21 %; IC50 0.26 uM", population="human whole blood")
NG_PER_MG_PER_L = 1000.0

STATES = (
    State("dexamethasone", "mg", "dexamethasone in the body", scale=0.01, dosed=True),
    State("dexamethasone_effect", "mg", "dexamethasone at the effect site, as an amount", scale=0.01),
)
PARAMETERS = (
    fixed("dex_loss", "1/day", "dexamethasone elimination", 4.8, TSUEI),
    fixed("dex_volume", "L", "dexamethasone volume", 60.0, TSUEI),
    fixed("dex_delay", "1/day", "dexamethasone effect-site rate", 4.0,
          assumed("no effect when added 6 h after the stimulus (Horton 2010), full after 48 h (Waage 1988)")),
    fixed("dex_imax", "1", "largest share of cytokine production that dexamethasone suppresses", 0.79, WAAGE),
    fixed("dex_ic50", "ng/mL", "dexamethasone at half its effect", 100.0, WAAGE),
)  # fmt: skip


def suppression(y, p):
    """Share of IFN-gamma and macrophage production that dexamethasone suppresses now."""
    level = NG_PER_MG_PER_L * y.dexamethasone_effect / p.dex_volume
    return p.dex_imax * level / (p.dex_ic50 + level)


def rhs(y, p):
    return dict(
        dexamethasone=-p.dex_loss * y.dexamethasone,
        dexamethasone_effect=p.dex_delay * (y.dexamethasone - y.dexamethasone_effect),
    )
