"""CAR-T cells and cytokines in two patients with CLL (Hardiansyah & Ng 2019, UPN1 and UPN3).

Effector and memory cells in blood and tissue, leukaemic cells in blood, IL-6, IL-10 and IFN-gamma produced by
effectors that meet leukaemic cells, IL-10 braking IFN-gamma. Cells in 1e9. The dose is given 10/30/60 % on
days 0, 1 and 2. doi:10.1111/cts.12636, supplement tables S1 and S2 through nlmixr2lib.

Known faults of the source: equation 7 prints aE M where the transfer must be aE E (figure and text say so);
h is printed in cells/mL but only 1e5 in units of the model gives figure 1b; cytokine baselines are read off a
figure. UPN1's IL-10 peak is 1.7 times the figure's, here as in other implementations; the SBML entry
(MODEL2009230001) has other starts and is not what was fitted. No macrophages, no drugs, no fever.
"""

from cartsim.models.blocks.declare import fixed
from cartsim.spec.model import Course, Model, Output, Source, State

SOURCE = Source(
    "Hardiansyah & Ng 2019, Clin Transl Sci",
    doi="10.1111/cts.12636",
    population="2 adults with CLL (UPN1, UPN3)",
)
TABLE = SOURCE.at("supplement Tables S1-S2, through nlmixr2lib")
BASELINE = SOURCE.at("figure 1b, digitised baseline")
CELLS = "1e9 cells"
PAIRS = 1e6  # of the production terms, from pg/uL per 1e15 pairs of cells to pg/mL per (1e9 cells)^2

STATES = (
    State("b_cells", CELLS, "leukaemic B cells in blood", scale=1e-6),
    State("effector", CELLS, "effector CAR-T cells in blood", scale=1e-6),
    State("effector_tissue", CELLS, "effector CAR-T cells in tissue", scale=1e-6),
    State("memory", CELLS, "memory CAR-T cells in blood", scale=1e-6),
    State("memory_tissue", CELLS, "memory CAR-T cells in tissue", scale=1e-6),
    State("il6", "pg/mL", "interleukin 6"),
    State("il10", "pg/mL", "interleukin 10"),
    State("ifng", "pg/mL", "interferon gamma"),
)
PARAMETERS = (
    fixed("rb", "1/day", "leukaemic cell growth", 0.0093, TABLE),
    fixed("db", "1/day", "leukaemic cell death", 0.0076, TABLE),
    fixed("kbc", f"1/({CELLS})/day", "leukaemic cells killed by effectors", 0.19, TABLE),
    fixed("re", f"1/({CELLS})/day", "effector replication per leukaemic cell", 16.16, TABLE),
    fixed("de", "1/day", "effector loss", 23.04, TABLE),
    fixed("ae", "1/day", "effectors becoming memory cells", 0.024, TABLE),
    fixed("rm", "1/day", "memory replication", 0.0509, TABLE),
    fixed("dm", "1/day", "memory death", 0.408, TABLE),
    fixed("am", "1/day", "memory cells becoming effectors", 1.0, TABLE),
    fixed("kin", "1/day", "blood to tissue", 76.78, TABLE),
    fixed("kout", "1/day", "tissue to blood", 1.84, TABLE),
    fixed("h", CELLS, "leukaemic cells at half of the switch to effectors", 1e5, TABLE),
    fixed("il6_loss", "1/day", "IL-6 loss, effective", 3.96, TABLE),
    fixed("il10_loss", "1/day", "IL-10 loss, effective", 4.68, TABLE),
    fixed("ifng_loss", "1/day", "IFN-gamma loss, effective", 1.51, TABLE),
    fixed("il6_production", f"pg/mL/({CELLS})^2/day", "IL-6 per pair of cells, over 1e6", 1.8e-3, TABLE),
    fixed("il10_production", f"pg/mL/({CELLS})^2/day", "IL-10 per pair of cells, over 1e6", 0.7e-3, TABLE),
    fixed("ifng_production", f"pg/mL/({CELLS})^2/day", "IFN-gamma per pair, over 1e6", 0.3e-3, TABLE),
    fixed("ag", "1", "share of IFN-gamma production that IL-10 cannot brake", 0.59, TABLE),
    fixed("bg", "pg/mL", "IL-10 at half its brake", 650.0, TABLE),
    fixed("b_cells_start", CELLS, "leukaemic cells at infusion", 4.14, TABLE),
    fixed("il6_start", "pg/mL", "IL-6 at baseline", 1.7, BASELINE),
    fixed("il10_start", "pg/mL", "IL-10 at baseline", 4.5, BASELINE),
    fixed("ifng_start", "pg/mL", "IFN-gamma at baseline", 2.3, BASELINE),
)
OUTPUTS = (
    Output("car_t", CELLS, "CAR-T cells in blood"),
    Output("memory", CELLS, "memory CAR-T cells in blood"),
    Output("b_cells", CELLS, "leukaemic B cells in blood"),
    Output("il6", "pg/mL", "interleukin 6"),
    Output("il10", "pg/mL", "interleukin 10"),
    Output("ifng", "pg/mL", "interferon gamma"),
)
UPN3 = dict(
    il6_production=6e-3,
    il10_production=1.7e-2,
    ifng_production=6e-3,
    re=14.40,
    de=1.44,
    ae=0.12,
    kbc=2.21,
    il6_start=1.0,
    il10_start=0.5,
    ifng_start=1.7,
    b_cells_start=0.93,
)


def initial(p):
    return dict(b_cells=p.b_cells_start, il6=p.il6_start, il10=p.il10_start, ifng=p.ifng_start)


def rhs(t, y, p):
    antigen = y.b_cells / (y.b_cells + p.h)
    pairs = PAIRS * y.b_cells * y.effector
    brake = p.ag + (1.0 - p.ag) * p.bg / (y.il10 + p.bg)
    to_memory, to_effector = p.ae * y.effector * (1.0 - antigen), p.am * y.memory * antigen
    effector_out = p.kin * y.effector - p.kout * y.effector_tissue
    memory_out = p.kin * y.memory - p.kout * y.memory_tissue
    return dict(
        b_cells=(p.rb - p.db) * y.b_cells - p.kbc * y.effector * y.b_cells,
        effector=(p.re * y.b_cells - p.de) * y.effector - effector_out - to_memory + to_effector,
        effector_tissue=effector_out,
        memory=(p.rm - p.dm) * y.memory - memory_out + to_memory - to_effector,
        memory_tissue=memory_out,
        il6=p.il6_loss * (p.il6_start - y.il6) + p.il6_production * pairs,
        il10=p.il10_loss * (p.il10_start - y.il10) + p.il10_production * pairs,
        ifng=p.ifng_loss * (p.ifng_start - y.ifng) + p.ifng_production * pairs * brake,
    )


def outputs(t, y, p):
    return dict(
        car_t=y.effector + y.memory,
        memory=y.memory,
        b_cells=y.b_cells,
        il6=y.il6,
        il10=y.il10,
        ifng=y.ifng,
    )


SPLIT = dict(days=(0.0, 1.0, 2.0), shares=(0.1, 0.3, 0.6))
MODEL = Model(
    SOURCE,
    STATES,
    PARAMETERS,
    OUTPUTS,
    rhs,
    outputs,
    initial=initial,
    infusion="effector",
    scenarios={"UPN1": {}, "UPN3": UPN3},
    courses={"": Course(1.1, **SPLIT), "UPN3": Course(0.014, **SPLIT)},
    horizon=120.0,
)
