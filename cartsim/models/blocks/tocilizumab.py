"""Tocilizumab: two compartments with saturable loss, and the share of IL-6 receptors it occupies."""

from cartsim.models.blocks.declare import fixed, varies
from cartsim.spec.model import Source, State, assumed

FREY = Source(
    "Frey et al. 2010",
    where="population PK, final model",
    population="1,793 adults with rheumatoid arthritis",
)

STATES = (
    State("toci_central", "mg", "tocilizumab in the central compartment", scale=0.1, dosed=True),
    State("toci_peripheral", "mg", "tocilizumab in the peripheral compartment", scale=0.1),
)
PARAMETERS = (
    varies("toci_clearance", "L/day", "tocilizumab linear clearance", 0.3, 0.376, FREY),
    varies("toci_volume", "L", "tocilizumab central volume", 3.5, 0.358, FREY),
    fixed("toci_flow", "L/day", "tocilizumab intercompartmental clearance", 0.2, FREY),
    varies("toci_volume_2", "L", "tocilizumab peripheral volume", 2.9, 0.601, FREY),
    varies("toci_vmax", "mg/day", "tocilizumab saturable loss", 7.5, 0.506, FREY),
    fixed("toci_km", "mg/L", "tocilizumab at half its saturable loss", 2.7, FREY),
    varies("toci_ec50", "mg/L", "tocilizumab that occupies half the IL-6 receptors", 1.0, 0.7,
           assumed("between an affinity of 1 nM (0.15 mg/L) and Frey's Km of 2.7 mg/L")),
)  # fmt: skip


def concentration(y, p):
    """Tocilizumab in serum, mg/L."""
    return y.toci_central / p.toci_volume


def occupancy(y, p):
    """Share of IL-6 receptors that tocilizumab occupies, at equilibrium."""
    level = concentration(y, p)
    return level / (level + p.toci_ec50)


def rhs(y, p):
    level = concentration(y, p)
    exchange = p.toci_flow * (level - y.toci_peripheral / p.toci_volume_2)
    saturable = p.toci_vmax * level / (p.toci_km + level)
    return dict(
        toci_central=-p.toci_clearance * level - saturable - exchange,
        toci_peripheral=exchange,
    )
