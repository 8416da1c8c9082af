"""Cytokine release: CAR-T activation to IFN-gamma, macrophages, IL-6, IL-8, IL-10, CRP and fever.

The sheet's chain (activation, IFN-gamma, macrophages, cytokines; IL-10 brakes; receptor-mediated IL-6
clearance that tocilizumab blocks, so that measured IL-6 rises while signalling falls) with three additions
of this project: activated macrophages become refractory for weeks, their activation is cooperative in IFN-
gamma, and fever follows IL-6 signalling with a tissue delay. With `hill=1`, a refractory pool that empties
at once and no delay it is the sheet's own model.
"""

from cartsim.models.blocks.declare import by_hand, fixed, varies
from cartsim.spec.model import Source, State, assumed
from cartsim.spec.terms import hill, maximum

CD22 = Source("Lichtenstein et al. 2021, Blood 138:2469", population="CD22 CAR-T in B-ALL, cytokine medians")
DOBREVA = Source(
    "Dobreva et al. 2021, arXiv:1908.07611", where="fitted eliminations", population="human endotoxaemia"
)
HARDIANSYAH = Source(
    "Hardiansyah & Ng 2019",
    doi="10.1111/cts.12636",
    where="IFN-gamma equation",
    population="two patients with CLL",
)
MACHAVARAM = Source("Machavaram et al. 2013", where="EC50", population="hepatocytes")
COVID = Source("COVID lung immune model (kngoun/COVID_Lung_Immune_Model)", where="parameter file")
MINUCCI = Source("Minucci et al. 2024", doi="10.3389/fsysb.2024.1380018", population="CAR-T")
ZHANG = Source("Zhang et al. 2022", population="33 patients given tocilizumab for CRS")
SPLIT = "total 19.1 per day (Dobreva 2021), split so that blocked clearance gives a 4-fold rise"

# Fed by CAR-T cells and cleared: the loop through IL-6 cannot make them out of nothing.
STATES = (
    State("activation", "cells/uL", "activated CAR-T signal, delayed", scale=1e-2, multiplies=False),
    State("ifng", "pg/mL", "interferon gamma in serum", initial=11.0, multiplies=False),
    State("macrophage", "1", "share of macrophages that are activated", scale=1e-3, multiplies=False),
    State("refractory", "1", "share of macrophages that no longer respond", scale=1e-3, multiplies=False),
    State("il6", "pg/mL", "interleukin 6 in serum", initial=3.1, multiplies=False),
    State(
        "il6_tissue", "pg/mL", "signalling interleukin 6 where fever arises", initial=3.1, multiplies=False
    ),
    State("il8", "pg/mL", "interleukin 8 in serum", initial=15.0, multiplies=False),
    State("il10", "pg/mL", "interleukin 10 in serum", initial=1.35, scale=0.1, multiplies=False),
    State("crp", "mg/L", "C-reactive protein", initial=8.6, scale=0.1),
    State("temperature", "degC", "body temperature, daily maximum", initial=36.8, scale=0.1),
)
PARAMETERS = (
    fixed("activation_rate", "1/day", "delay from antigen contact to secretion", 2.0,
          MINUCCI.at("12 h; CD8 activation takes 18 h")),
    varies("ifng_gain", "pg/mL/cells*uL", "IFN-gamma per activated cell", 26.0, 0.8,
           by_hand("the sheet fitted 20 to a grade-1 median of 369 pg/mL; spread of measured peaks")),
    fixed("ifng_loss", "1/day", "IFN-gamma elimination", 28.5, COVID),
    varies("ifng_start", "pg/mL", "IFN-gamma at baseline", 11.0, 0.5, CD22.at("day <= 0")),
    fixed("ifng_floor", "1", "share of IFN-gamma production that IL-10 cannot brake", 0.59, HARDIANSYAH),
    fixed("ifng_il10_half", "pg/mL", "IL-10 at half its brake on IFN-gamma", 650.0, HARDIANSYAH),
    fixed("macrophage_activation", "1/day", "maximal macrophage activation", 1.0,
          assumed("sheet section 8: keeps macrophages unsaturated, so that IL-6 follows IFN-gamma")),
    varies("macrophage_half", "pg/mL", "IFN-gamma at half-maximal macrophage activation", 400.0, 0.3,
           by_hand("sheet 800 with a first-order Hill; 400 with a second-order one")),
    varies("macrophage_loss", "1/day", "activated macrophages becoming refractory", 0.97, 0.2,
           COVID.at("monocyte death 0.756 per day; gives the measured IL-6 half-decline of 1.4 d")),
    varies("refractory_recovery", "1/day", "refractory macrophages responding again", 0.069, 0.3,
           by_hand("CRP of Fandrei 2024 falls while CAR-T cells still rise")),
    fixed("il6_autocrine", "1", "largest gain of macrophage activation by IL-6", 0.5,
          assumed("sheet section 8, UNVERIFIED there")),
    fixed("il6_autocrine_half", "pg/mL", "IL-6 at half that gain", 200.0, assumed("sheet section 8")),
    varies("il6_gain", "pg/mL/day", "IL-6 production of all macrophages", 22_000.0, 0.86,
           by_hand("sheet 6,900; raised for IL-6 of 100-300 and CRP of 100-125; sd 0.5, shared 0.7")),
    varies("il6_linear", "1/day", "IL-6 elimination that needs no receptor", 4.8, 0.3, ZHANG.at(SPLIT)),
    varies("il6_receptor", "1/day", "IL-6 elimination through its receptor", 14.3, 0.3, ZHANG.at(SPLIT)),
    varies("il6_start", "pg/mL", "IL-6 at baseline", 3.1, 0.4, CD22.at("day <= 0")),
    fixed("il10_half", "pg/mL", "IL-10 at half its brake on IL-6 and IL-8", 150.0,
          assumed("sheet section 8: endotoxaemia 17-35 weakened until IL-6 and IL-10 correlate as measured")),
    varies("il8_gain", "pg/mL/day", "IL-8 production of all macrophages", 9_500.0, 0.86,
           CD22.at("fitted to 145 pg/mL; own 0.5, shared 0.7")),
    fixed("il8_loss", "1/day", "IL-8 elimination", 16.8, DOBREVA),
    varies("il8_start", "pg/mL", "IL-8 at baseline", 15.0, 0.5, CD22.at("day <= 0")),
    varies("il10_gain", "pg/mL/day", "IL-10 production of all macrophages", 3_500.0, 0.81,
           CD22.at("fitted to 61 pg/mL; own 0.4, shared 0.7")),
    fixed("il10_loss", "1/day", "IL-10 elimination", 20.0, DOBREVA),
    varies("il10_start", "pg/mL", "IL-10 at baseline", 1.35, 0.5, CD22.at("day <= 0")),
    fixed("crp_loss", "1/day", "CRP elimination", 0.876, Source("Pepys group", where="CRP half-life 19 h")),
    varies("crp_max", "mg/L", "CRP at full IL-6 signalling", 190.0, 0.3,
           by_hand("sheet 210; daily CRP of Fandrei 2024")),
    fixed("crp_half", "pg/mL", "IL-6 at half-maximal CRP", 73.0, MACHAVARAM),
    fixed("temperature_start", "degC", "normal temperature", 36.8, DOBREVA),
    fixed("temperature_rate", "1/day", "temperature following its set point", 14.2, DOBREVA.at("1.69 h")),
    varies("fever_macrophage", "degC", "fever that needs no IL-6", 1.4, 0.3,
           by_hand("sheet 0.6, split UNVERIFIED there; cytokines peak before fever ends, treated or not")),
    varies("fever_il6", "degC", "fever at full IL-6 signalling", 1.8, 0.1, by_hand("sheet 2.2; CRS 75-95 %")),
    varies("fever_half", "pg/mL", "IL-6 at half-maximal fever", 26.0, 0.4, CD22.at("grade 1, quartile")),
    fixed("fever_delay", "1/day", "tissue delay of IL-6 before fever", 2.0,
          assumed("12 h, the upper end of the 6-12 h that fever needs to fall after tocilizumab")),
)  # fmt: skip


def initial(p):
    """Every cytokine at its own baseline, in balance."""
    return dict(
        ifng=p.ifng_start,
        il6=p.il6_start,
        il6_tissue=p.il6_start,
        il8=p.il8_start,
        il10=p.il10_start,
        crp=p.crp_max * hill(p.il6_start, p.crp_half),
        temperature=p.temperature_start,
    )


def signalling(y, occupancy):
    """IL-6 that still finds a receptor, pg/mL."""
    return y.il6 * (1.0 - occupancy)


def rhs(y, p, *, drive, occupancy, suppression, il1_block=0.0, order=2):
    """Derivatives of this part.

    `drive` cells/uL, CAR-T cells times what they see; `occupancy` of the IL-6 receptors by tocilizumab,
    `suppression` by a steroid, `il1_block` by anakinra, each a share; `order` of macrophage activation.
    """
    active = 1.0 - suppression
    ready = 1.0 - il1_block
    signal = signalling(y, occupancy)
    braked = p.ifng_floor + (1.0 - p.ifng_floor) * p.ifng_il10_half / (p.ifng_il10_half + y.il10)
    brake = p.il10_half / (p.il10_half + y.il10)
    excess = maximum(y.ifng - p.ifng_start, 0.0)
    waking = (
        p.macrophage_activation
        * hill(excess, p.macrophage_half, order)
        * (1.0 + p.il6_autocrine * hill(signal, p.il6_autocrine_half))
        * (1.0 - y.macrophage - y.refractory)
        * active
    )
    fever = p.fever_il6 * (hill(y.il6_tissue, p.fever_half, 2) - hill(p.il6_start, p.fever_half, 2))
    set_point = p.temperature_start + p.fever_macrophage * ready * y.macrophage + fever
    return dict(
        activation=p.activation_rate * (drive - y.activation),
        ifng=p.ifng_loss * (p.ifng_start - y.ifng)
        + p.ifng_gain * p.ifng_loss * y.activation * active * braked,
        macrophage=waking - p.macrophage_loss * y.macrophage,
        refractory=p.macrophage_loss * y.macrophage - p.refractory_recovery * y.refractory,
        il6=p.il6_start * (p.il6_linear + p.il6_receptor)
        + p.il6_gain * y.macrophage * active * ready * brake
        - (p.il6_linear + p.il6_receptor * (1.0 - occupancy)) * y.il6,
        il6_tissue=p.fever_delay * (signal - y.il6_tissue),
        il8=p.il8_loss * (p.il8_start - y.il8) + p.il8_gain * y.macrophage * active * brake,
        il10=p.il10_loss * (p.il10_start - y.il10) + p.il10_gain * y.macrophage * active,
        crp=p.crp_loss * (p.crp_max * hill(signal, p.crp_half) - y.crp),
        temperature=p.temperature_rate * (set_point - y.temperature),
    )
