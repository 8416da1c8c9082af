"""BCMA CAR-T cells, cytokine release, drugs and myeloma in one model, our own, made of published parts.

CAR-T phenotypes (Kirouac 2023 structure) divide on antigen and IL-15; they kill myeloma by effector-to-
target ratio; their contact with antigen drives IFN-gamma, macrophages, IL-6, IL-8, IL-10, CRP and fever
(the cytokine sheet's chain); tocilizumab blocks IL-6 signalling and its clearance; M-protein, free light
chain and soluble BCMA follow burden with their own lags (Kim 2007); BCMA-low cells may escape. The parts
are in `cartsim/models/blocks`.

Own additions, switchable or in the open: the IL-15 window on division, refractory macrophages and tolerant
effectors, soluble BCMA as a decoy, exhaustion, Tregs. Parameters marked "calibrated here" were set by hand
and by a search on class summaries and on medians of Fandrei 2024 (the search is not part of cartsim): that
a class criterion is met says that the structure can meet it, not that the model is validated. Products are
scenarios (`fast` ide-cel-like, `slow` cilta-cel-like, `local` the six-patient trial); their spreads are the
priors.

PCR measures the share of DNA that carries the CAR, flow cytometry the concentration: one scale never links
them.
"""

from cartsim.models.blocks import (
    car_t_phenotypes,
    cytokine_release,
    dexamethasone,
    myeloma_markers,
    tocilizumab,
)
from cartsim.models.blocks.declare import by_hand, fixed, varies
from cartsim.spec.model import Model, Output, Parameter, Source, State, assumed
from cartsim.spec.priors import LogitNormal, LogUniform
from cartsim.spec.terms import hill, where

SOURCE = Source(
    "own model, unpublished: cartsim bcma_myeloma", population="relapsed or refractory myeloma, BCMA CAR-T"
)
UCCI = Source("Ucci et al. 1987", population="myeloma, marrow labelling")
DURIE = Source("Durie & Salmon staging", population="myeloma")
ONE_CELL = 1.0

STATES = (
    *car_t_phenotypes.STATES,
    State("myeloma", "cells", "BCMA-positive myeloma cells", scale=1e6, extinct_below=ONE_CELL),
    State("myeloma_escape", "cells", "BCMA-low myeloma cells", scale=1e6, extinct_below=ONE_CELL),
    *myeloma_markers.STATES,
    *cytokine_release.STATES,
    *tocilizumab.STATES,
    *dexamethasone.STATES,
    State("anakinra", "mg", "anakinra in the body", scale=0.1, dosed=True),
    State("hazard", "1", "cumulative hazard of death", scale=1e-3),
)
PARAMETERS = (
    *car_t_phenotypes.PARAMETERS,
    varies("myeloma_start", "cells", "BCMA-positive burden at infusion", 5e11, 1.0,
           DURIE.at("0.6e12-1.2e12 per m2 before therapy; lower after bridging")),
    Parameter("growth", "1/day", "net myeloma growth", LogitNormal(0.019, 0.6, 0.0, 0.046),
              UCCI.at("0.012, at most 0.046 (doubling time 15 d); raised for PFS")),
    fixed("myeloma_capacity", "cells", "largest burden", 5e12, by_hand("Durie-Salmon upper end")),
    varies("killing", "1/day", "maximal killing rate", 0.87, 0.52,
           by_hand("Singh 2021 0.34, Kirouac 2023 0.94, Kimmel 2021 1.15")),
    varies("killing_half", "cells/uL", "effectors at half-maximal killing, little myeloma", 20.0, 0.8,
           by_hand("Kimmel 2021 4, Kirouac 2023 0.6-300")),
    fixed("killing_burden", "cells", "burden that doubles killing_half", 1.5e11, by_hand("response")),
    fixed("kill_effector_1", "1", "killing by effector_1 over effector_2", 0.3, by_hand("less cytotoxic")),
    fixed("kill_infused", "1", "killing by infused cells over effector_2", 0.1, by_hand("resting")),
    fixed("kill_exhausted", "1", "killing by exhausted cells over effector_2", 0.05, by_hand("hypothesis")),
    fixed("decoy_half", "ng/mL", "soluble BCMA that blocks half of the CARs", 300.0, by_hand("hypothesis")),
    Parameter("escape_fraction", "1", "share of BCMA-low cells at infusion", LogUniform(1e-14, 1e-7),
              assumed("sheet 1e-8 to 1e-4, UNVERIFIED: BCMA loss would be the commonest relapse")),
    fixed("escape", "1", "SWITCH: 1 with BCMA-low cells, 0 without", 1.0, assumed("hypothesis, on")),
    fixed("bystander", "1", "killing of BCMA-low over BCMA-positive cells", 0.0, assumed("hypothesis, off")),
    *myeloma_markers.PARAMETERS,
    varies("signal_infused", "1", "activation by an infused cell over a fresh effector", 0.28, 0.5,
           by_hand("day-1 fever of ide-cel")),
    fixed("signal_effector_2", "1", "activation by effector_2 over a fresh effector", 0.004,
          by_hand("0.02 already moves the IFN-gamma peak away from CRS")),
    varies("signal_half", "cells", "burden at half-maximal activation", 8.3e11, 0.5, assumed("sheet 8")),
    *cytokine_release.PARAMETERS,
    *tocilizumab.PARAMETERS,
    *dexamethasone.PARAMETERS,
    fixed("anakinra_loss", "1/day", "anakinra elimination", 3.3, assumed("half-life 5 h, UNVERIFIED")),
    fixed("anakinra_half", "mg", "anakinra that blocks half of IL-1 signalling", 20.0, assumed("a hook")),
    varies("lymphocyte_plateau", "cells/uL", "host T cells when recovered", 450.0, 0.5,
           car_t_phenotypes.FANDREI.at("day 100")),
    varies("transgene_scale", "copies/ug", "transgene were every host T cell CAR-positive", 1.3e6, 0.4,
           car_t_phenotypes.FANDREI.at("13,000 (ide-cel), 1,700 (cilta-cel) copies/ug per % of CD3")),
    fixed("marrow_half", "cells", "burden that fills half of the marrow", 1e12, assumed("as the prototype")),
    fixed("hazard_background", "1/day", "hazard of death without myeloma", 1.5e-4, by_hand("12-month OS")),
    varies("hazard_burden", "1/day", "hazard of death per 1e12 myeloma cells", 0.00065, 0.5,
           by_hand("OS at 12 months")),
)  # fmt: skip
OUTPUTS = (
    Output("car_transgene", "copies/ug", "CAR transgene per ug genomic DNA in blood"),
    Output("car_t", "cells/uL", "CAR+ T cells in blood"),
    Output("effector_1", "cells/uL", "activated effector CAR-T cells (Te_1)"),
    Output("effector_2", "cells/uL", "cytotoxic effector CAR-T cells (Te_2)"),
    Output("tem", "cells/uL", "memory CAR-T cells (Tem-like)"),
    Output("exhausted", "cells/uL", "exhausted CAR-T cells"),
    Output("exhausted_fraction", "1", "exhausted share of CAR-T cells"),
    Output("treg", "cells/uL", "regulatory T cells in blood"),
    Output("ifng", "pg/mL", "interferon gamma in serum"),
    Output("il6", "pg/mL", "interleukin 6 in serum"),
    Output("il6_signal", "pg/mL", "interleukin 6 that still finds a receptor"),
    Output("il8", "pg/mL", "interleukin 8 in serum"),
    Output("il10", "pg/mL", "interleukin 10 in serum"),
    Output("crp", "mg/L", "C-reactive protein"),
    Output("temperature", "degC", "body temperature, daily maximum", positive=False),
    Output("sbcma", "ng/mL", "soluble BCMA in serum"),
    Output("m_protein", "g/dL", "serum M-protein"),
    Output("free_light_chain", "mg/L", "involved free light chain"),
    Output("marrow_fraction", "1", "myeloma share of marrow cells"),
    Output("burden", "cells", "all myeloma cells"),
)


def initial(p):
    escaped = p.escape * p.escape_fraction * p.myeloma_start
    return dict(
        myeloma=p.myeloma_start,
        myeloma_escape=where(escaped >= ONE_CELL, escaped, 0.0),
        **car_t_phenotypes.initial(p),
        **myeloma_markers.initial(p, bcma_positive=p.myeloma_start),
        **cytokine_release.initial(p),
    )


def rhs(t, y, p):
    burden = y.myeloma + y.myeloma_escape
    free_car = p.decoy_half / (p.decoy_half + y.sbcma)
    infused = y.infused / p.blood_volume
    effectors = y.effector_2 + p.kill_effector_1 * y.effector_1 + p.kill_infused * infused
    effectors = (effectors + p.kill_exhausted * y.exhausted) * free_car * car_t_phenotypes.treg_brake(y, p)
    killing = p.killing * effectors / (p.killing_half * (1.0 + burden / p.killing_burden) + effectors)
    growth = p.growth * (1.0 - burden / p.myeloma_capacity)
    seen = (p.signal_half / 1e12 + 1.0) * hill(y.myeloma, p.signal_half)
    secreting = p.signal_infused * infused + y.fresh + p.signal_effector_2 * y.effector_2
    return dict(
        **car_t_phenotypes.rhs(
            y,
            p,
            burden=y.myeloma,
            antigen_access=free_car,
            refractory=y.refractory,
        ),
        myeloma=(growth - killing) * y.myeloma,
        myeloma_escape=(growth - p.bystander * killing) * y.myeloma_escape,
        **myeloma_markers.rhs(y, p, relative=burden / p.myeloma_start, bcma_positive=y.myeloma),
        **cytokine_release.rhs(
            y,
            p,
            drive=secreting * seen,
            occupancy=tocilizumab.occupancy(y, p),
            suppression=dexamethasone.suppression(y, p),
            il1_block=y.anakinra / (y.anakinra + p.anakinra_half),
        ),
        **tocilizumab.rhs(y, p),
        **dexamethasone.rhs(y, p),
        anakinra=-p.anakinra_loss * y.anakinra,
        hazard=p.hazard_background + p.hazard_burden * burden / 1e12,
    )


def outputs(t, y, p):
    cells = car_t_phenotypes.counts(y, p)
    burden = y.myeloma + y.myeloma_escape
    return dict(
        car_transgene=p.transgene_scale * cells / (cells + p.lymphocyte_plateau * y.lymphocytes),
        car_t=cells,
        effector_1=y.effector_1,
        effector_2=y.effector_2,
        tem=y.memory + y.primed,
        exhausted=y.exhausted,
        exhausted_fraction=y.exhausted / (cells + 1e-12),
        treg=y.treg,
        ifng=y.ifng,
        il6=y.il6,
        il6_signal=cytokine_release.signalling(y, tocilizumab.occupancy(y, p)),
        il8=y.il8,
        il10=y.il10,
        crp=y.crp,
        temperature=y.temperature,
        sbcma=y.sbcma,
        m_protein=y.m_protein,
        free_light_chain=y.free_light_chain,
        marrow_fraction=burden / (burden + p.marrow_half),
        burden=burden,
    )


# What cilta-cel has otherwise than ide-cel, whose values are the defaults: calibrated on counts, CRP and
# class summaries, but for lymphocytes and assay (Fandrei 2024). Two binding domains make decoys matter less.
SLOW = dict(
    engraftment=0.0012, memory_share=0.93, memory_activation=0.096, priming=1.0, division=2.4,
    effector_death=0.28, il15_effector=0.047, lymphocyte_recovery=0.10, decoy_half=1900.0,
    signal_infused=0.015, transgene_scale=1.7e5,
)  # fmt: skip


def half_way(values):
    """A product in the middle of the class: between two on the log scale. Nothing of a trial's own enters."""
    typical = {parameter.name: parameter.value for parameter in PARAMETERS}
    return {name: (typical[name] * value) ** 0.5 for name, value in values.items()}


MODEL = Model(
    SOURCE,
    STATES,
    PARAMETERS,
    OUTPUTS,
    rhs,
    outputs,
    initial=initial,
    infusion="infused",
    dose=450e6,
    scenarios={"fast": {}, "slow": SLOW, "local": half_way(SLOW)},
)
