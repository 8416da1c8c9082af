"""What the laboratory sees of myeloma: M-protein, free light chain and soluble BCMA, each with its lag."""

from cartsim.models.blocks.declare import by_hand, fixed, varies
from cartsim.spec.model import Source, State, assumed

KIM = Source("Kim et al. 2007", where="FcRn model", population="IgG and albumin turnover in humans")
GHERMEZI = Source("Ghermezi et al. 2016, PMC5395119", population="myeloma")
# g/dL to mg/mL
MG_PER_ML = 10.0

STATES = (
    State("m_protein", "g/dL", "serum M-protein", scale=1e-3),
    State("free_light_chain", "mg/L", "involved free light chain", initial=15.0, scale=0.1),
    State("sbcma", "ng/mL", "soluble BCMA in serum", initial=2.5, scale=0.01),
)
PARAMETERS = (
    varies("m_protein_start", "g/dL", "M-protein at infusion", 2.0, 0.5, by_hand("typical of the trials")),
    fixed("m_protein_most", "g/dL", "M-protein that a growing burden approaches", 12.0,
          by_hand("higher ones are hardly seen")),
    fixed("iga", "1", "1 where the M-protein is IgA, which the FcRn receptor does not save", 0.0,
          assumed("IgG unless said; about 20 % are IgA")),
    fixed("igg_internalised", "1/day", "IgG taken up by cells", 0.18, KIM),
    fixed("igg_recycled", "mg/mL/day", "most IgG that FcRn can return", 3.5, KIM.at("147 mg/kg/d, 42 mL/kg")),
    fixed("igg_half", "mg/mL", "IgG at half of that return", 21.0, KIM),
    fixed("igg_normal", "mg/mL", "normal IgG, suppressed by myeloma", 3.0, by_hand("immunoparesis")),
    fixed("igg_pools", "1", "body over plasma IgG", 2.2, assumed("gives the textbook 21 d at normal IgG")),
    fixed("iga_loss", "1/day", "IgA elimination", 0.1155, assumed("half-life 6 d, UNVERIFIED in the sheet")),
    varies("flc_start", "mg/L", "involved free light chain above normal at infusion", 150.0, 0.8,
           by_hand("typical of the trials")),
    fixed("flc_normal", "mg/L", "normal free light chain", 15.0, by_hand("middle of the normal range")),
    fixed("flc_loss", "1/day", "free light chain elimination", 4.0, assumed("kappa 5.5, lambda 3.7")),
    varies("sbcma_normal", "ng/mL", "soluble BCMA of normal plasma cells", 2.5, 0.3,
           by_hand("lower quartile of Fandrei 2024, day 30 to 100")),
    varies("sbcma_per_burden", "ng/mL", "soluble BCMA at 1e12 myeloma cells", 150.0, 1.2,
           by_hand("Fandrei 2024, day 0: median about 80, ln-sd 1.7")),
    fixed("sbcma_loss", "1/day", "soluble BCMA elimination", 0.55, GHERMEZI.at("half-life 24-36 h")),
)  # fmt: skip
BURDEN = 1e12


def igg_loss(m_protein, p):
    """Elimination of IgG at an M-protein in g/dL, 1/day: FcRn saturates, so that much IgG is lost faster.

    Kim 2007; body half-lives about 21 d at normal IgG, 11 d at an M-protein of 6 g/dL.
    """
    total = p.igg_normal + MG_PER_ML * m_protein
    return (p.igg_internalised - p.igg_recycled / (p.igg_half + total)) / p.igg_pools


def m_protein_loss(m_protein, p):
    """Elimination of the M-protein, 1/day."""
    return (1.0 - p.iga) * igg_loss(m_protein, p) + p.iga * p.iga_loss


def initial(p, *, bcma_positive):
    """Markers in balance with the burden at infusion (`bcma_positive`, cells)."""
    return dict(
        m_protein=p.m_protein_start,
        free_light_chain=p.flc_normal + p.flc_start,
        sbcma=p.sbcma_normal + p.sbcma_per_burden * bcma_positive / BURDEN,
    )


def rhs(y, p, *, relative, bcma_positive):
    """`relative` burden of all myeloma to that at infusion; `bcma_positive` cells.

    Production is linear in burden while there is less than at infusion and saturates when there is more.
    """
    filled = p.m_protein_start / p.m_protein_most
    made = (
        m_protein_loss(p.m_protein_start, p) * p.m_protein_start * (1.0 + filled) / (1.0 + filled * relative)
    )
    return dict(
        m_protein=made * relative - m_protein_loss(y.m_protein, p) * y.m_protein,
        free_light_chain=p.flc_loss * (p.flc_normal + p.flc_start * relative - y.free_light_chain),
        sbcma=p.sbcma_loss * (p.sbcma_normal + p.sbcma_per_burden * bcma_positive / BURDEN - y.sbcma),
    )
