"""CAR-T 19 cells by subset, CD4 or CD8 and four phenotypes, and B cells in SLE (Park 2025, after Salem 2023).

Naive, central-memory and effector-memory cells divide on CAR-CD19 complexes in blood and marrow and mature
one into the next; effectors do not divide and are lost from blood fast. B cells in blood and marrow are
killed by complexes; new naive B cells appear while fewer than `cart_rev` CAR-T cells are in blood. This is
the part of the source with CAR-T and B cells (23 of 37 states): lymphodepletion, host T cells, neutrophils
and SLE markers are not transcribed. doi:10.1111/cts.70146, through nlmixr2lib.

The dose is the number of CAR+ cells (1e6 per kg for 70 kg); 98.96 % of it is in the eight subsets, as the
product's composition is printed. Volumes are those of 70 kg. Cell states are numbers of cells, the source's
are concentrations. A target far below one cell leaves all rates finite: cells that are gone kill nothing.
"""

from cartsim.models.blocks.declare import fixed, varies
from cartsim.spec.model import Model, Output, Parameter, Source, State
from cartsim.spec.priors import LogNormal
from cartsim.spec.terms import ratio, where

SOURCE = Source(
    "Park et al. 2025, Clin Transl Sci", doi="10.1111/cts.70146", population="5 patients with SLE, CAR-T 19"
)
TABLE = SOURCE.at("parameter table, through nlmixr2lib")
SECONDS_A_DAY, AVOGADRO = 86_400.0, 6.023e23
SEED = 1e-12  # per L; keeps X/c and X/B defined at the start, as in the source

COMPOSITION = {
    f"{subset}_{phenotype}_blood": round(of_cells * of_subset, 10)
    for subset, of_cells in (("cd8", 0.230), ("cd4", 0.759))
    for phenotype, of_subset in (("naive", 0.0729), ("cm", 0.221), ("em", 0.609), ("eff", 0.0977))
}
PHENOTYPES = {"naive": "naive", "cm": "central-memory", "em": "effector-memory", "eff": "effector"}
STATES = (
    *(
        State(f"{subset}_{name}_{site}", "cells", f"{words} {subset.upper()} CAR-T cells in {site}")
        for subset in ("cd8", "cd4")
        for site in ("blood", "marrow")
        for name, words in PHENOTYPES.items()
    ),
    *(
        State(f"complexes_{subset}_{site}", "1/L", f"CAR-CD19 complexes of {subset.upper()} cells in {site}")
        for subset in ("cd8", "cd4")
        for site in ("blood", "marrow")
    ),
    State("b_cells_blood", "cells/L", "B cells in blood"),
    State("b_cells_marrow", "cells/L", "B cells in marrow"),
    State("b_cells_new", "cells/L", "new naive B cells in blood"),
)
PARAMETERS = (
    varies("kexp_cd8", "1/day", "maximal expansion of CD8 cells", 1.8, 0.05, TABLE),
    fixed("cd8_over_cd4", "1", "expansion of CD8 over CD4 cells", 1.12, TABLE.at("from Salem 2023")),
    varies("kkill", "1/day", "maximal killing of B cells", 2.76, 0.087, TABLE),
    Parameter(
        "ec50",
        "1",
        "complexes per CAR-T cell at half-maximal expansion",
        LogNormal(1.9e-5, 0.2),
        TABLE.at("value and omega fixed by the authors"),
        fixed=True,
    ),
    fixed("r1", "1/day", "naive to central memory", 0.15, TABLE),
    fixed("r2", "1/day", "central to effector memory", 0.11, TABLE),
    fixed("r3", "1/day", "effector memory to effector", 0.72, TABLE),
    fixed("kel_e", "1/day", "loss of effectors from blood", 47.38, TABLE),
    fixed("kel_m", "1/day", "loss of other cells from blood", 0.69, TABLE),
    fixed("k12", "1/day", "blood to marrow", 1.41, TABLE),
    fixed("k21", "1/day", "marrow to blood", 0.0017, TABLE),
    fixed("kc50", "1", "complexes per B cell at half-maximal killing", 7.71, TABLE),
    varies("cart_rev", "cells/uL", "blood CAR-T cells below which B cells return", 2.38, 0.81, TABLE),
    varies("k0_rev", "cells/L/day", "appearance of new B cells", 1.58e6, 1.04, TABLE),
    varies("b_max", "cells/L", "largest number of B cells", 4.49e8, 0.81, TABLE),
    fixed("kg", "1/day", "growth of B cells", 0.0193, TABLE),
    fixed("ag_car", "1", "CAR molecules per T cell", 15_000.0, TABLE),
    fixed("ag_b", "1", "CD19 molecules per B cell", 14_000.0, TABLE),
    fixed("kon", "L/mol/s", "association of CAR (FMC63) and CD19", 2.1e5, TABLE),
    fixed("koff", "1/s", "dissociation of CAR and CD19", 6.81e-5, TABLE),
    fixed("vb", "L", "blood volume", 5.0, TABLE),
    fixed("vbm", "L", "marrow volume", 1.6, TABLE),
    fixed("b_blood_start", "cells/L", "B cells in blood at infusion", 1.43e8, TABLE),
    fixed("b_marrow_start", "cells/L", "B cells in marrow at infusion", 1.5e9, TABLE),
)
OUTPUTS = (
    Output("car_t", "cells/uL", "CAR-T cells in blood"),
    Output("cd8", "cells/uL", "CD8 CAR-T cells in blood"),
    Output("cd4", "cells/uL", "CD4 CAR-T cells in blood"),
    Output("b_cells", "cells/uL", "B cells in blood, new ones included"),
    Output("b_cells_marrow", "cells/uL", "B cells in marrow"),
)


def initial(p):
    seeds = {f"{name.removesuffix('_blood')}_marrow": SEED * p.vbm for name in COMPOSITION}
    complexes = {f"complexes_{s}_{site}": SEED for s in ("cd8", "cd4") for site in ("blood", "marrow")}
    return seeds | complexes | dict(b_cells_blood=p.b_blood_start, b_cells_marrow=p.b_marrow_start)


def per_litre(y, p):
    """CAR-T cells per L: CD8 in blood and marrow, CD4 in blood and marrow."""
    return (
        (y.cd8_naive_blood + y.cd8_cm_blood + y.cd8_em_blood + y.cd8_eff_blood) / p.vb,
        (y.cd8_naive_marrow + y.cd8_cm_marrow + y.cd8_em_marrow + y.cd8_eff_marrow) / p.vbm,
        (y.cd4_naive_blood + y.cd4_cm_blood + y.cd4_em_blood + y.cd4_eff_blood) / p.vb,
        (y.cd4_naive_marrow + y.cd4_cm_marrow + y.cd4_em_marrow + y.cd4_eff_marrow) / p.vbm,
    )


def expansion(complexes, cells, most, p):
    """Division per day on complexes and CAR-T cells per L."""
    per_cell = ratio(complexes, cells)
    return most * per_cell / (p.ec50 + per_cell)


def killing(complexes, b_cells, p):
    """Killing per day on complexes and B cells per L."""
    per_b_cell = ratio(complexes, b_cells, floor=1e-6)
    return p.kkill * per_b_cell / (p.kc50 + per_b_cell)


def rhs(t, y, p):
    cd8_in_blood, cd8_in_marrow, cd4_in_blood, cd4_in_marrow = per_litre(y, p)
    kexp_cd4 = p.kexp_cd8 / p.cd8_over_cd4
    cd8_blood = expansion(y.complexes_cd8_blood, cd8_in_blood, p.kexp_cd8, p)
    cd8_marrow = expansion(y.complexes_cd8_marrow, cd8_in_marrow, p.kexp_cd8, p)
    cd4_blood = expansion(y.complexes_cd4_blood, cd4_in_blood, kexp_cd4, p)
    cd4_marrow = expansion(y.complexes_cd4_marrow, cd4_in_marrow, kexp_cd4, p)
    kon, koff = p.kon * SECONDS_A_DAY / AVOGADRO, p.koff * SECONDS_A_DAY
    bound_blood = y.complexes_cd8_blood + y.complexes_cd4_blood
    bound_marrow = y.complexes_cd8_marrow + y.complexes_cd4_marrow
    free_blood = kon * (y.b_cells_blood * p.ag_b - bound_blood)
    free_marrow = kon * (y.b_cells_marrow * p.ag_b - bound_marrow)
    few = where((cd8_in_blood + cd4_in_blood) / 1e6 < p.cart_rev, 1.0, 0.0)
    return dict(
        cd8_naive_blood=(cd8_blood - p.r1 - p.k12 - p.kel_m) * y.cd8_naive_blood + p.k21 * y.cd8_naive_marrow,
        cd8_cm_blood=(cd8_blood - p.r2 - p.k12 - p.kel_m) * y.cd8_cm_blood
        + p.k21 * y.cd8_cm_marrow
        + p.r1 * y.cd8_naive_blood,
        cd8_em_blood=(cd8_blood - p.r3 - p.k12 - p.kel_m) * y.cd8_em_blood
        + p.k21 * y.cd8_em_marrow
        + p.r2 * y.cd8_cm_blood,
        cd8_eff_blood=(-p.k12 - p.kel_e) * y.cd8_eff_blood + p.k21 * y.cd8_eff_marrow + p.r3 * y.cd8_em_blood,
        cd8_naive_marrow=(cd8_marrow - p.r1 - p.k21) * y.cd8_naive_marrow + p.k12 * y.cd8_naive_blood,
        cd8_cm_marrow=(cd8_marrow - p.r2 - p.k21) * y.cd8_cm_marrow
        + p.k12 * y.cd8_cm_blood
        + p.r1 * y.cd8_naive_marrow,
        cd8_em_marrow=(cd8_marrow - p.r3 - p.k21) * y.cd8_em_marrow
        + p.k12 * y.cd8_em_blood
        + p.r2 * y.cd8_cm_marrow,
        cd8_eff_marrow=(-p.k21) * y.cd8_eff_marrow + p.k12 * y.cd8_eff_blood + p.r3 * y.cd8_em_marrow,
        cd4_naive_blood=(cd4_blood - p.r1 - p.k12 - p.kel_m) * y.cd4_naive_blood + p.k21 * y.cd4_naive_marrow,
        cd4_cm_blood=(cd4_blood - p.r2 - p.k12 - p.kel_m) * y.cd4_cm_blood
        + p.k21 * y.cd4_cm_marrow
        + p.r1 * y.cd4_naive_blood,
        cd4_em_blood=(cd4_blood - p.r3 - p.k12 - p.kel_m) * y.cd4_em_blood
        + p.k21 * y.cd4_em_marrow
        + p.r2 * y.cd4_cm_blood,
        cd4_eff_blood=(-p.k12 - p.kel_e) * y.cd4_eff_blood + p.k21 * y.cd4_eff_marrow + p.r3 * y.cd4_em_blood,
        cd4_naive_marrow=(cd4_marrow - p.r1 - p.k21) * y.cd4_naive_marrow + p.k12 * y.cd4_naive_blood,
        cd4_cm_marrow=(cd4_marrow - p.r2 - p.k21) * y.cd4_cm_marrow
        + p.k12 * y.cd4_cm_blood
        + p.r1 * y.cd4_naive_marrow,
        cd4_em_marrow=(cd4_marrow - p.r3 - p.k21) * y.cd4_em_marrow
        + p.k12 * y.cd4_em_blood
        + p.r2 * y.cd4_cm_marrow,
        cd4_eff_marrow=(-p.k21) * y.cd4_eff_marrow + p.k12 * y.cd4_eff_blood + p.r3 * y.cd4_em_marrow,
        complexes_cd8_blood=(cd8_in_blood * p.ag_car - y.complexes_cd8_blood) * free_blood
        - koff * y.complexes_cd8_blood,
        complexes_cd8_marrow=(cd8_in_marrow * p.ag_car - y.complexes_cd8_marrow) * free_marrow
        - koff * y.complexes_cd8_marrow,
        complexes_cd4_blood=(cd4_in_blood * p.ag_car - y.complexes_cd4_blood) * free_blood
        - koff * y.complexes_cd4_blood,
        complexes_cd4_marrow=(cd4_in_marrow * p.ag_car - y.complexes_cd4_marrow) * free_marrow
        - koff * y.complexes_cd4_marrow,
        b_cells_blood=(p.kg - killing(bound_blood, y.b_cells_blood, p)) * y.b_cells_blood,
        b_cells_marrow=(p.kg - killing(bound_marrow, y.b_cells_marrow, p)) * y.b_cells_marrow,
        b_cells_new=few * p.k0_rev * (1.0 - (y.b_cells_blood + y.b_cells_new) / p.b_max),
    )


def outputs(t, y, p):
    cd8_blood, _, cd4_blood, _ = per_litre(y, p)
    return dict(
        car_t=(cd8_blood + cd4_blood) / 1e6,
        cd8=cd8_blood / 1e6,
        cd4=cd4_blood / 1e6,
        b_cells=(y.b_cells_blood + y.b_cells_new) / 1e6,
        b_cells_marrow=y.b_cells_marrow / 1e6,
    )


MODEL = Model(
    SOURCE,
    STATES,
    PARAMETERS,
    OUTPUTS,
    rhs,
    outputs,
    initial=initial,
    infusion=COMPOSITION,
    dose=7e7,
    horizon=120.0,
)
