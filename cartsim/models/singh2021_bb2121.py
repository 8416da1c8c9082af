"""Ide-cel (bb2121) in relapsed/refractory myeloma: CAR-T, burden, M-protein and sBCMA (Singh 2021).

Effector and memory CAR-T cells move between blood and marrow; CAR-BCMA complexes in marrow drive expansion
per CAR-T cell and killing per myeloma cell. M-protein and soluble BCMA follow the burden.
doi:10.1002/psp4.12598.

Known limits: exposure rises about as burden to the power 2.7, so virtual cohorts have absurd upper tails;
tumour never dies out (minimum near 1e4 cells/L); no exhaustion, no Treg; the M-protein baseline of 0.26 g/L
is not realistic, use the percent change. The printed supplement multiplies killing by effectors; the
deposited code multiplies by tumour cells, as here. Search the peak after day 1: the infused bolus itself
reads high at t = 0.
"""

from cartsim.spec.model import Model, Output, Parameter, Source, State
from cartsim.spec.priors import Fixed, LogNormal
from cartsim.spec.terms import power, ratio

SOURCE = Source(
    "Singh et al. 2021, CPT Pharmacometrics Syst Pharmacol",
    doi="10.1002/psp4.12598",
    population="33 patients with relapsed/refractory myeloma (CRB-401), digitised mean profiles",
)
TABLE = SOURCE.at("Table 1 clinical and deposited Monolix code, through nlmixr2lib")
SPREAD = SOURCE.at("Table 1 clinical; spread between patients assumed 0.5 by the authors")
SECONDS_A_DAY, AVOGADRO = 86_400.0, 6.023e23

STATES = (
    State("blood_effector", "cells", "effector CAR-T cells in blood"),
    State("blood_memory", "cells", "memory CAR-T cells in blood"),
    State("marrow_effector", "cells", "effector CAR-T cells in bone marrow"),
    State("marrow_memory", "cells", "memory CAR-T cells in bone marrow"),
    State("complexes", "1/L", "CAR-BCMA complexes per litre of marrow"),
    State("tumor", "cells/L", "myeloma cells per litre of marrow"),
    State("m_protein", "g/L", "serum M-protein", scale=1e-3),
    State("sbcma", "ng/mL", "soluble BCMA in serum", scale=1e-2),
)
PARAMETERS = (
    Parameter("kexp_max", "1/day", "maximal CAR-T expansion rate in marrow", LogNormal(1.73, 0.22), TABLE),
    Parameter(
        "ec50_exp", "1", "complexes per CAR-T cell for half-maximal expansion", LogNormal(10.0, 0.18), TABLE
    ),
    Parameter("rm", "1/day", "effector to memory conversion", LogNormal(2e-5, 0.66), TABLE),
    Parameter("kel_e", "1/day", "loss of effectors from blood", LogNormal(113.0, 0.5), SPREAD),
    Parameter("kel_m", "1/day", "loss of memory cells from blood", LogNormal(0.219, 0.5), SPREAD),
    Parameter("k12", "1/day", "blood to marrow", LogNormal(1.71, 0.5), SPREAD),
    Parameter("k21", "1/day", "marrow to blood", LogNormal(0.176, 0.5), SPREAD),
    Parameter("kkill_max", "1/day", "maximal killing rate", LogNormal(0.343, 0.50), TABLE),
    Parameter(
        "kc50", "1", "complexes per tumour cell for half-maximal killing", Fixed(2.24), TABLE, fixed=True
    ),
    Parameter("gamma_m", "1", "burden exponent of M-protein production", LogNormal(0.215, 0.21), TABLE),
    Parameter("gamma_b", "1", "burden exponent of sBCMA production", LogNormal(1.0, 1.0), TABLE, fixed=True),
    Parameter("kg", "1/day", "myeloma growth rate", Fixed(0.008), TABLE, fixed=True),
    Parameter("kon", "L/mol/s", "CAR-BCMA association", Fixed(7.103e4), TABLE, fixed=True),
    Parameter("koff", "1/s", "CAR-BCMA dissociation", Fixed(2.385e-3), TABLE, fixed=True),
    Parameter("ag_car", "1", "CAR molecules per T cell", Fixed(15_000.0), TABLE, fixed=True),
    Parameter("ag_tumor", "1", "BCMA molecules per myeloma cell", Fixed(12_590.0), TABLE, fixed=True),
    Parameter(
        "transc",
        "copies*L/ug/cells",
        "transgene per blood CAR-T concentration",
        Fixed(0.002),
        TABLE,
        fixed=True,
    ),
    Parameter("vb", "L", "blood volume", Fixed(5.0), TABLE, fixed=True),
    Parameter("vbm", "L", "marrow volume", Fixed(3.65), TABLE, fixed=True),
    Parameter("tumor0", "cells/L", "myeloma burden at infusion", Fixed(2.5e9), TABLE, fixed=True),
    Parameter("km", "1/day", "M-protein loss", Fixed(0.117), TABLE, fixed=True),
    Parameter("pm", "pg/cells/day", "M-protein production", Fixed(12.1), TABLE, fixed=True),
    Parameter("kb", "1/day", "sBCMA loss", Fixed(0.7), TABLE, fixed=True),
    Parameter("pb", "pg/cells/day", "sBCMA production", Fixed(0.175), TABLE, fixed=True),
    Parameter(
        "carte_t0",
        "cells/L",
        "seed of marrow effectors, keeps X/c defined at t = 0",
        Fixed(1e-6),
        TABLE,
        fixed=True,
    ),
)
OUTPUTS = (
    Output("car_transgene", "copies/ug", "CAR transgene per ug genomic DNA in blood"),
    Output("tumor_burden", "cells/L", "myeloma cells per litre of marrow"),
    Output("m_protein", "g/L", "serum M-protein"),
    Output("sbcma", "ng/mL", "soluble BCMA in serum"),
    Output("m_protein_change", "percent", "change of M-protein from baseline", positive=False),
    Output("sbcma_change", "percent", "change of soluble BCMA from baseline", positive=False),
)


def initial(p):
    return dict(
        marrow_effector=p.carte_t0 * p.vbm,
        tumor=p.tumor0,
        m_protein=p.pm * 1e-12 * p.tumor0 / p.km,
        sbcma=p.pb * 1e-6 * p.tumor0 / p.kb,
    )


def rhs(t, y, p):
    cells = (y.marrow_effector + y.marrow_memory) / p.vbm
    per_car_t = ratio(y.complexes, cells)
    per_tumor = ratio(y.complexes, y.tumor, floor=1e-6)
    expansion = p.kexp_max * per_car_t / (p.ec50_exp + per_car_t)
    killing = p.kkill_max * per_tumor / (p.kc50 + per_tumor)
    kon = p.kon * SECONDS_A_DAY / AVOGADRO
    koff = p.koff * SECONDS_A_DAY
    free_car = cells * p.ag_car - y.complexes
    free_bcma = y.tumor * p.ag_tumor - y.complexes
    relative = y.tumor / p.tumor0
    return dict(
        blood_effector=-p.k12 * y.blood_effector + p.k21 * y.marrow_effector - p.kel_e * y.blood_effector,
        blood_memory=-p.k12 * y.blood_memory + p.k21 * y.marrow_memory - p.kel_m * y.blood_memory,
        marrow_effector=p.k12 * y.blood_effector + (expansion - p.k21 - p.rm) * y.marrow_effector,
        marrow_memory=p.k12 * y.blood_memory - p.k21 * y.marrow_memory + p.rm * y.marrow_effector,
        complexes=kon * free_car * free_bcma - koff * y.complexes,
        tumor=(p.kg - killing) * y.tumor,
        m_protein=p.pm * 1e-12 * p.tumor0 * power(relative, p.gamma_m, floor=1e-18) - p.km * y.m_protein,
        sbcma=p.pb * 1e-6 * p.tumor0 * power(relative, p.gamma_b, floor=1e-18) - p.kb * y.sbcma,
    )


def outputs(t, y, p):
    return dict(
        car_transgene=p.transc * (y.blood_effector + y.blood_memory) / p.vb,
        tumor_burden=y.tumor,
        m_protein=y.m_protein,
        sbcma=y.sbcma,
        m_protein_change=100.0 * (y.m_protein / (p.pm * 1e-12 * p.tumor0 / p.km) - 1.0),
        sbcma_change=100.0 * (y.sbcma / (p.pb * 1e-6 * p.tumor0 / p.kb) - 1.0),
    )


MODEL = Model(
    SOURCE,
    STATES,
    PARAMETERS,
    OUTPUTS,
    rhs,
    outputs,
    initial=initial,
    infusion="blood_effector",
    dose=450e6,
    scenarios={"typical": {}} | {f"burden_x{k:g}": {"tumor0": 2.5e9 * k} for k in (0.2, 0.5, 1, 2, 5)},
)
