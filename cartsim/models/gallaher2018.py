"""Myeloma against cytotoxic T cells and NK cells, with regulatory T cells that protect it (Gallaher 2018).

No CAR-T cells: the one building block with Tregs in myeloma that has numbers. Values and equations from the
SBML file BIOMD0000000743, which gives no units (cells and M-protein as in the file, time in days assumed).

The file hands myeloma and NK cells in swapped order to the law by which they stimulate T cells. Default is
the intended order; the scenario "as encoded" is what the file computes.
"""

from cartsim.models.blocks.declare import fixed
from cartsim.spec.model import Model, Output, Source, State, assumed

SOURCE = Source("Gallaher et al. 2018", where="SBML BIOMD0000000743")

STATES = (
    State("myeloma", "1", "myeloma, as M-protein", scale=1e-3),
    State("t_cells", "1", "cytotoxic T cells"),
    State("nk_cells", "1", "natural killer cells"),
    State("tregs", "1", "regulatory T cells"),
)
PARAMETERS = (
    fixed("sm", "1/day", "source of myeloma", 0.001, SOURCE),
    fixed("rm", "1/day", "myeloma growth", 0.0175, SOURCE),
    fixed("km", "1", "largest myeloma", 10.0, SOURCE),
    fixed("dm", "1/day", "myeloma loss", 0.002, SOURCE),
    fixed("anm", "1", "largest gain of myeloma loss by NK cells", 5.0, SOURCE),
    fixed("bnm", "1", "NK cells at half that gain", 150.0, SOURCE),
    fixed("acm", "1", "largest gain of myeloma loss by T cells", 5.0, SOURCE),
    fixed("bcm", "1", "T cells at half that gain", 375.0, SOURCE),
    fixed("acnm", "1", "largest gain of myeloma loss by both together", 8.0, SOURCE),
    fixed("amm", "1", "largest share of that loss which myeloma prevents", 0.5, SOURCE),
    fixed("bmm", "1", "myeloma at half that share", 3.0, SOURCE),
    fixed("arm", "1", "largest share of that loss which Tregs prevent", 0.5, SOURCE),
    fixed("brm", "1", "Tregs at half that share", 25.0, SOURCE),
    fixed("rc", "1/day", "T-cell growth", 0.013, SOURCE),
    fixed("kc", "1", "largest number of T cells", 800.0, SOURCE),
    fixed("dc", "1/day", "T-cell loss", 0.02, SOURCE),
    fixed("amc", "1", "largest gain of T-cell growth by myeloma", 5.0, SOURCE),
    fixed("bmc", "1", "myeloma at half that gain", 3.0, SOURCE),
    fixed("anc", "1", "largest gain of T-cell growth by NK cells", 1.0, SOURCE),
    fixed("bnc", "1", "NK cells at half that gain", 150.0, SOURCE),
    fixed("sn", "1/day", "source of NK cells", 0.03, SOURCE),
    fixed("rn", "1/day", "NK-cell growth", 0.04, SOURCE),
    fixed("kn", "1", "largest number of NK cells", 450.0, SOURCE),
    fixed("dn", "1/day", "NK-cell loss", 0.025, SOURCE),
    fixed("acn", "1", "largest gain of NK-cell growth by T cells", 1.0, SOURCE),
    fixed("bcn", "1", "T cells at half that gain", 375.0, SOURCE),
    fixed("rr", "1/day", "Treg growth", 0.0831, SOURCE),
    fixed("kr", "1", "largest number of Tregs", 80.0, SOURCE),
    fixed("dr", "1/day", "Treg loss", 0.0757, SOURCE),
    fixed("amr", "1", "largest gain of Treg growth by myeloma", 2.0, SOURCE),
    fixed("bmr", "1", "myeloma at half that gain", 3.0, SOURCE),
    fixed("myeloma_start", "1", "myeloma on day 0", 4.0, SOURCE),
    fixed("t_cells_start", "1", "T cells on day 0", 464.0, SOURCE),
    fixed("nk_cells_start", "1", "NK cells on day 0", 227.0, SOURCE),
    fixed("tregs_start", "1", "Tregs on day 0", 42.0, SOURCE),
    fixed("swapped", "1", "SWITCH: 1 for the order of arguments that the SBML file has", 0.0,
          assumed("the intended order")),
)  # fmt: skip
OUTPUTS = (
    Output("myeloma", "1", "myeloma, as M-protein"),
    Output("t_cells", "1", "cytotoxic T cells"),
    Output("nk_cells", "1", "natural killer cells"),
    Output("tregs", "1", "regulatory T cells"),
)


def initial(p):
    return dict(
        myeloma=p.myeloma_start, t_cells=p.t_cells_start, nk_cells=p.nk_cells_start, tregs=p.tregs_start
    )


def rhs(t, y, p):
    nk, cytotoxic = y.nk_cells / (p.bnm + y.nk_cells), y.t_cells / (p.bcm + y.t_cells)
    attack = p.anm * nk + p.acm * cytotoxic + p.acnm * nk * cytotoxic
    left = 1.0 - p.amm * y.myeloma / (p.bmm + y.myeloma) - p.arm * y.tregs / (p.brm + y.tregs)
    first = (1.0 - p.swapped) * y.myeloma + p.swapped * y.nk_cells
    second = (1.0 - p.swapped) * y.nk_cells + p.swapped * y.myeloma
    stimulus = 1.0 + p.amc * first / (p.bmc + first) + p.anc * second / (p.bnc + second)
    return dict(
        myeloma=p.sm
        + p.rm * y.myeloma * (1.0 - y.myeloma / p.km)
        - p.dm * y.myeloma
        - p.dm * y.myeloma * attack * left,
        t_cells=p.rc * y.t_cells * (1.0 - y.t_cells / p.kc) * stimulus - p.dc * y.t_cells,
        nk_cells=p.sn
        + p.rn * y.nk_cells * (1.0 - y.nk_cells / p.kn) * (1.0 + p.acn * y.t_cells / (p.bcn + y.t_cells))
        - p.dn * y.nk_cells,
        tregs=p.rr * y.tregs * (1.0 - y.tregs / p.kr) * (1.0 + p.amr * y.myeloma / (p.bmr + y.myeloma))
        - p.dr * y.tregs,
    )


def outputs(t, y, p):
    return dict(myeloma=y.myeloma, t_cells=y.t_cells, nk_cells=y.nk_cells, tregs=y.tregs)


MODEL = Model(
    SOURCE,
    STATES,
    PARAMETERS,
    OUTPUTS,
    rhs,
    outputs,
    initial=initial,
    scenarios={"as intended": {}, "as encoded": {"swapped": 1.0}},
    horizon=3000.0,
)
