"""The 16-state timing model: a stand-in of the flagship's size and stiffness, not science.

CAR-T phenotypes, Treg, lymphocytes, myeloma, markers, cytokines and tocilizumab over one year.
"""

from cartsim.spec.model import Model, Output, Parameter, Source, State, assumed
from cartsim.spec.priors import LogitNormal, LogNormal

SOURCE = Source("cartsim timing model")
PLACEHOLDER = assumed("placeholder for timing")

STATES = (
    State("tm", "1", "memory CAR-T", initial=0.5, scale=0.01),
    State("te1", "1", "effector 1", initial=0.3, scale=0.01),
    State("te2", "1", "effector 2", initial=0.1, scale=0.01),
    State("tx", "1", "exhausted CAR-T", initial=0.0, scale=0.01),
    State("tr", "1", "Treg", initial=12.0, scale=1.0),
    State("nl", "1", "normal lymphocytes", initial=0.05, scale=0.01),
    State("bp", "1", "BCMA-positive myeloma", initial=1.0, scale=1e-06),
    State("bm", "1", "BCMA-negative myeloma", initial=0.002, scale=1e-06),
    State("mp", "1", "M-protein", initial=40.0, scale=0.1),
    State("sb", "1", "soluble BCMA", initial=500.0, scale=0.1),
    State("ig", "1", "interferon gamma", initial=5.0, scale=1.0),
    State("mac", "1", "macrophage activation", initial=0.0, scale=0.001),
    State("i6", "1", "interleukin 6", initial=3.0, scale=1.0),
    State("i8", "1", "interleukin 8", initial=10.0, scale=1.0),
    State("i10", "1", "interleukin 10", initial=3.0, scale=1.0),
    State("toc", "1", "tocilizumab", initial=0.0, scale=0.01),
)
VALUES = {
    "r_m": 0.55,
    "r_e": 1.25,
    "r_e2": 0.7,
    "a_m": 0.25,
    "d_m": 0.01,
    "k12": 0.22,
    "d_e1": 0.1,
    "d_e2": 0.16,
    "m_em": 0.02,
    "kx": 0.06,
    "d_x": 0.07,
    "kmax": 1500.0,
    "kb": 0.08,
    "ks": 2500.0,
    "kr": 60.0,
    "kn": 0.6,
    "hom": 0.03,
    "s_r": 0.4,
    "r_r": 0.025,
    "ktr": 150.0,
    "d_r": 0.03,
    "r_n": 0.06,
    "n0": 1.5,
    "r_b": 0.02,
    "bmax": 3.0,
    "mu": 0.0001,
    "kk": 0.75,
    "kk_half": 25.0,
    "by": 0.06,
    "s_mp": 1.6,
    "k_mp": 0.045,
    "s_sb": 350.0,
    "k_sb": 0.7,
    "s_g": 85.0,
    "p_g": 9000.0,
    "ke": 120.0,
    "k_g": 17.0,
    "kma": 3.0,
    "kg": 120.0,
    "kl": 0.4,
    "fb": 1.5,
    "k6": 150.0,
    "dma": 1.5,
    "s6": 36.0,
    "p6": 9000.0,
    "k10": 60.0,
    "k6_clear": 12.0,
    "kt": 8.0,
    "s8": 250.0,
    "p8": 7000.0,
    "k8": 25.0,
    "s10": 30.0,
    "p10": 1200.0,
    "k610": 120.0,
    "k10_clear": 10.0,
    "kel": 0.065,
    "vm": 1.9,
    "km": 0.34,
}
PARAMETERS = (
    *(
        Parameter(name, "1", "timing parameter", LogNormal(value, 0.25), PLACEHOLDER)
        for name, value in VALUES.items()
    ),
    Parameter("imax", "1", "largest block of clearance", LogitNormal(0.6, 0.25), PLACEHOLDER),
)
# Start and spread; the three kinds of CAR-T cells vary by one common factor, see `benchmarks.cases`.
STARTS = {
    "tm": (0.5, 0.5),
    "te1": (0.3, 0.5),
    "te2": (0.1, 0.5),
    "bp": (1.0, 0.3),
    "mp": (40.0, 0.3),
    "sb": (500.0, 0.3),
}
PARAMETERS += tuple(
    Parameter(f"{name}_start", "1", f"start of {name}", LogNormal(value, log_sd), PLACEHOLDER)
    for name, (value, log_sd) in STARTS.items()
)
OUTPUTS = tuple(Output(f"{state.name}_out", "1", state.meaning) for state in STATES)


def initial(p):
    return {name: getattr(p, f"{name}_start") for name in STARTS}


def rhs(t, y, p):
    act = y.bp / (p.kb + y.bp) * p.ks / (p.ks + y.sb)
    sup = p.kr / (p.kr + y.tr)
    lym = p.hom * p.kn**2 / (p.kn**2 + y.nl**2)
    total = y.tm + y.te1 + y.te2 + y.tx
    room = 1 - total / p.kmax
    drive = act * sup * room
    effectors = y.te1 + y.te2 + 0.2 * y.tx
    kill = p.kk * effectors / (p.kk_half + effectors)
    growb = p.r_b * (1 - (y.bp + y.bm) / p.bmax)
    occ = y.toc / (p.kt + y.toc)
    i6e = y.i6 * (1 - 0.95 * occ)
    lys = kill * y.bp
    return {
        "tm": y.tm * (p.r_m * drive + lym * room) - p.a_m * act * y.tm - p.d_m * y.tm + p.m_em * y.te2,
        "te1": 2 * p.a_m * act * y.tm + p.r_e * y.te1 * drive - (p.k12 + p.d_e1) * y.te1,
        "te2": p.k12 * y.te1 + p.r_e2 * y.te2 * drive - (p.kx * act + p.m_em + p.d_e2) * y.te2,
        "tx": p.kx * act * y.te2 - p.d_x * y.tx,
        "tr": p.s_r + p.r_r * y.tr * total / (p.ktr + total) - p.d_r * y.tr,
        "nl": p.r_n * y.nl * (1 - y.nl / p.n0),
        "bp": growb * y.bp - kill * y.bp - p.mu * y.bp,
        "bm": growb * y.bm - p.by * kill * y.bm + p.mu * y.bp,
        "mp": p.s_mp * (y.bp + y.bm) - p.k_mp * y.mp,
        "sb": p.s_sb * y.bp - p.k_sb * y.sb,
        "ig": p.s_g + p.p_g * act * effectors / (p.ke + effectors) - p.k_g * y.ig,
        "mac": p.kma
        * (y.ig**2 / (p.kg**2 + y.ig**2) + p.kl * lys)
        * (1 + p.fb * i6e / (p.k6 + i6e))
        * (1 - y.mac)
        - p.dma * y.mac,
        "i6": p.s6 + p.p6 * y.mac * p.k10 / (p.k10 + y.i10) - p.k6_clear * (1 - p.imax * occ) * y.i6,
        "i8": p.s8 + p.p8 * y.mac * y.mac * p.k10 / (p.k10 + y.i10) - p.k8 * y.i8,
        "i10": p.s10 + p.p10 * i6e / (p.k610 + i6e) - p.k10_clear * y.i10,
        "toc": -p.kel * y.toc - p.vm * y.toc / (p.km + y.toc),
    }


def outputs(t, y, p):
    return {f"{name}_out": getattr(y, name) for name in y._fields}


MODEL = Model(SOURCE, STATES, PARAMETERS, OUTPUTS, rhs, outputs, initial=initial, infusion="toc", dose=140.0)
