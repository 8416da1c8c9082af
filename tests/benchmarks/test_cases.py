"""The 16-state timing model is the one that its description gives."""

import numpy as np

from benchmarks.cases import CRS16, TIMES, make_case
from cartsim.models import load_model


def described(y, p):
    """Right-hand side written from the description, in its order and with its names."""
    TM, TE1, TE2, TX, TR, NL, BP, BM, MP, SB, IG, MAC, I6, I8, I10, TOC = y
    act = BP / (p["KB"] + BP) * p["KS"] / (p["KS"] + SB)
    sup = p["KR"] / (p["KR"] + TR)
    lym = p["hom"] * p["KN"] ** 2 / (p["KN"] ** 2 + NL**2)
    T = TM + TE1 + TE2 + TX
    room = 1 - T / p["Kmax"]
    drive = act * sup * room
    E = TE1 + TE2 + 0.2 * TX
    kill = p["kk"] * E / (p["Kk"] + E)
    growB = p["rB"] * (1 - (BP + BM) / p["Bmax"])
    occ = TOC / (p["KT"] + TOC)
    I6e = I6 * (1 - 0.95 * occ)
    lys = kill * BP
    macrophages = p["kma"] * (IG**2 / (p["KG"] ** 2 + IG**2) + p["kl"] * lys)
    return [
        TM * (p["rM"] * drive + lym * room) - p["aM"] * act * TM - p["dM"] * TM + p["mEM"] * TE2,
        2 * p["aM"] * act * TM + p["rE"] * TE1 * drive - (p["k12"] + p["dE1"]) * TE1,
        p["k12"] * TE1 + p["rE2"] * TE2 * drive - (p["kx"] * act + p["mEM"] + p["dE2"]) * TE2,
        p["kx"] * act * TE2 - p["dX"] * TX,
        p["sR"] + p["rR"] * TR * T / (p["KTR"] + T) - p["dR"] * TR,
        p["rN"] * NL * (1 - NL / p["N0"]),
        growB * BP - kill * BP - p["mu"] * BP,
        growB * BM - p["by"] * kill * BM + p["mu"] * BP,
        p["sMP"] * (BP + BM) - p["kMP"] * MP,
        p["sSB"] * BP - p["kSB"] * SB,
        p["sG"] + p["pG"] * act * E / (p["KE"] + E) - p["kG"] * IG,
        macrophages * (1 + p["fb"] * I6e / (p["K6"] + I6e)) * (1 - MAC) - p["dma"] * MAC,
        p["s6"] + p["p6"] * MAC * p["K10"] / (p["K10"] + I10) - p["k6"] * (1 - p["imax"] * occ) * I6,
        p["s8"] + p["p8"] * MAC * MAC * p["K10"] / (p["K10"] + I10) - p["k8"] * I8,
        p["s10"] + p["p10"] * I6e / (p["K610"] + I6e) - p["k10"] * I10,
        -p["kel"] * TOC - p["Vm"] * TOC / (p["Km"] + TOC),
    ]


VALUES = """rM=0.55, rE=1.25, rE2=0.7, aM=0.25, dM=0.01, k12=0.22, dE1=0.1, dE2=0.16, mEM=0.02, kx=0.06,
dX=0.07, Kmax=1500, KB=0.08, KS=2500, KR=60, KN=0.6, hom=0.03, sR=0.4, rR=0.025, KTR=150, dR=0.03, rN=0.06,
N0=1.5, rB=0.02, Bmax=3, mu=0.0001, kk=0.75, Kk=25, by=0.06, sMP=1.6, kMP=0.045, sSB=350, kSB=0.7,
sG=85, pG=9000,
KE=120, kG=17, kma=3, KG=120, kl=0.4, fb=1.5, K6=150, dma=1.5, s6=36, p6=9000, K10=60, k6=12, imax=0.6, KT=8,
s8=250, p8=7000, k8=25, s10=30, p10=1200, K610=120, k10=10, kel=0.065, Vm=1.9, Km=0.34"""
STARTS = [0.5, 0.3, 0.1, 0.0, 12.0, 0.05, 1.0, 0.002, 40.0, 500.0, 5.0, 0.0, 3.0, 10.0, 3.0, 0.0]
SCALES = [0.01, 0.01, 0.01, 0.01, 1, 0.01, 1e-6, 1e-6, 0.1, 0.1, 1, 0.001, 1, 1, 1, 0.01]


def test_the_timing_model_has_the_described_equations_values_starts_and_scales() -> None:
    model = load_model(CRS16)
    values = {k.strip(): float(v) for k, v in (item.split("=") for item in VALUES.split(","))}
    assert len(values) == 59
    rng = np.random.default_rng(2)
    for _ in range(5):
        y = np.array(STARTS) * np.exp(rng.standard_normal(16)) + np.exp(rng.standard_normal(16))
        wanted = described(y, values)
        # The same operations in another order: a few rounding errors of the largest terms.
        assert np.allclose(model.derivatives(0.0, y, model.values), wanted, rtol=1e-11, atol=1e-11)
    assert np.array_equal(make_case("crs16", 1).scales, SCALES)
    started = model.initial(model.parameter_vector(*model.values))
    initial = [started.get(state.name, state.initial) for state in model.states]
    assert np.allclose(initial, STARTS, rtol=1e-14)  # the median of a prior is rounded once


def test_the_cohort_varies_as_described() -> None:
    case = make_case("crs16", 4000)
    model = case.model
    spread = np.log(case.parameters).std(axis=0)
    # Standard error of an sd over 4000 draws is 1.1%; four of them.
    for name, wanted in (("r_e", 0.25), ("tm_start", 0.5), ("bp_start", 0.3), ("sb_start", 0.3)):
        assert abs(spread[model.index(name)] / wanted - 1.0) < 0.045, name
    imax = case.parameters[:, model.index("imax")]
    assert abs(np.log(imax / (1.0 - imax)).std() / 0.25 - 1.0) < 0.045
    shares = case.starts[:, :3] / case.starts[:, :1]
    assert np.allclose(shares, [1.0, 0.6, 0.2], rtol=1e-12), "memory and effectors share one factor"


def test_outputs_are_at_61_times_and_the_dose_is_tocilizumab_on_day_6() -> None:
    case = make_case("crs16", 1)
    assert len(TIMES) == 61
    assert list(case.events.time) == [6.0]
    assert list(case.events.value) == [140.0]
    assert case.model.state_names[case.events.target[0]] == "toc"
