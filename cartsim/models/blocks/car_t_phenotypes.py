"""CAR-T cells by phenotype, host lymphocytes and Tregs: where expansion, contraction, persistence come from.

Memory, effector and exhausted cells regulated by antigen (structure of Kirouac 2023); division needs
antigen AND the IL-15 window that lymphodepletion opens and recovering lymphocytes close (Kimmel 2021; ours
in this form). Infused cells that do not engraft are a state of their own. Memory cells that meet antigen
divide only after a delay (priming), the lag of a product rich in memory cells. The Treg brake is this
project's hypothesis, off by default.
"""

from types import SimpleNamespace

from cartsim.models.blocks.declare import by_hand, fixed, varies
from cartsim.spec.model import Source, State, assumed
from cartsim.spec.terms import hill, log, maximum

KIROUAC = Source("Kirouac et al. 2023", doi="10.1038/s41587-023-01687-x", population="CTL019 in CLL")
KIMMEL = Source("Kimmel et al. 2021", population="axi-cel in lymphoma")
MINUCCI = Source("Minucci et al. 2024", doi="10.3389/fsysb.2024.1380018", population="CAR-T")
FANDREI = Source("Fandrei et al. 2024", population="BCMA CAR-T in myeloma")
ONE_CELL = 2e-7  # cells/uL: one cell in 5 L of blood

STATES = (
    State("infused", "cells", "infused CAR-T cells that have not engrafted", scale=1e4, dosed=True),
    State("memory", "cells/uL", "memory CAR-T cells (Tem-like)", scale=1e-3, extinct_below=ONE_CELL),
    State("primed", "cells/uL", "memory cells that met antigen and prepare to divide", scale=1e-3,
          extinct_below=ONE_CELL),
    State("effector_1", "cells/uL", "activated, dividing effector cells (Te_1)", scale=1e-3,
          extinct_below=ONE_CELL),
    State("effector_2", "cells/uL", "cytotoxic effector cells (Te_2)", scale=1e-3, extinct_below=ONE_CELL),
    State("exhausted", "cells/uL", "exhausted CAR-T cells", scale=1e-3, extinct_below=ONE_CELL),
    State("fresh", "cells/uL", "effector_1 cells that still secrete cytokines", scale=1e-3,
          extinct_below=ONE_CELL),
    State("lymphocytes", "1", "host lymphocytes over normal", initial=0.05, scale=1e-3),
    State("lymphodepletion", "1", "fludarabine and cyclophosphamide, in daily doses", scale=1e-3, dosed=True),
    State("treg", "cells/uL", "regulatory T cells", initial=3.7, scale=1e-2),
)  # fmt: skip
PARAMETERS = (
    fixed("blood_volume", "uL", "blood volume", 5e6, assumed("5 L")),
    varies("infused_loss", "1/day", "infused cells leaving the blood", 0.59, 0.3,
           by_hand("day-1 fever of ide-cel; lifespan of infused product 9.6 d in Minucci 2024")),
    fixed("infused_in_blood", "1", "share of infused cells that circulate", 0.1,
          by_hand("blood loses most of them within hours: the dip before expansion")),
    varies("engraftment", "1", "share of infused cells that engraft", 0.017, 1.3,
           by_hand("Kirouac 2023 median 0.002; spread of day-7 counts, Fandrei 2024")),
    fixed("memory_share", "1", "share of memory cells among those that engraft", 0.47, by_hand("product")),
    varies("il15_memory", "1/day", "memory division in the IL-15 window", 0.08, 0.3, by_hand("late peaks")),
    varies("memory_return", "1/day", "effector_2 returning to memory without antigen", 0.012, 1.0,
           KIROUAC.at("structure; his 0.7-1.0 per day is far too fast here")),
    varies("memory_activation", "1/day", "memory cells activated by antigen", 0.3, 0.3, by_hand("Tmax")),
    varies("priming", "1/day", "activated memory cells beginning to divide", 2.0, 0.3,
           MINUCCI.at("activation takes 18 h (CD8) to 36 h (CD4)")),
    varies("division", "1/day", "maximal division rate of effector_1", 1.9, 0.15,
           by_hand("Tmax and Cmax; at most 3.1 per day (5.4 h a division, Minucci 2024)")),
    fixed("il15_independent", "1", "share of division that needs no IL-15", 0.1,
          by_hand("1 makes exposure and response independent of each other")),
    varies("differentiation", "1/day", "effector_1 becoming effector_2", 0.4, 0.15,
           KIROUAC.at("uE 0.54-0.96; lowered for Tmax")),
    varies("il15_effector", "1/day", "effector_2 division in the IL-15 window", 0.13, 0.3, by_hand("Tmax")),
    varies("effector_death", "1/day", "death of effector_2", 0.28, 0.2,
           by_hand("half-life of the early decline; Stein 2019 0.16, Kirouac 2023 0.44")),
    fixed("withdrawal", "1", "extra death of effector_2 without antigen, over effector_death", 1.3,
          by_hand("14-fold contraction from day 14 to 30, Fandrei 2024 ide-cel counts")),
    varies("exhaustion_rate", "1/day", "effector_2 exhausted at high burden", 0.1, 0.8,
           KIROUAC.at("kex 0.11-0.36; QSPIO-TNBC 0.1")),
    fixed("exhaustion_half", "cells", "burden at half-maximal exhaustion", 1e11, by_hand("hypothesis")),
    varies("exhausted_death", "1/day", "death of exhausted cells", 0.06, 0.3, KIROUAC.at("PR and NR sets")),
    varies("memory_death", "1/day", "death of memory cells", 0.017, 0.5, by_hand("late half-life 24-36 d")),
    varies("crowding", "cells/uL", "CAR-T cells that halve division", 2_100.0, 0.85, by_hand("CV of Cmax")),
    varies("antigen_half", "cells", "burden at half the antigen drive", 2e10, 0.8, assumed("sheet 1.85e10")),
    varies("lymphocyte_recovery", "1/day", "recovery of host lymphocytes", 0.15, 0.4,
           KIMMEL.at("0.17; Fandrei 2024 day-7 CD3 gives 0.10 for cilta-cel")),
    varies("lymphocytes_start", "1", "host lymphocytes at the start, over normal", 0.05, 0.4,
           FANDREI.at("CD3 25 of about 450 cells/uL")),
    fixed("lymphodepletion_effect", "1/day", "loss of lymphocytes per daily dose of chemotherapy", 0.768,
          MINUCCI.at("90 % removed, here by three daily doses")),
    fixed("lymphodepletion_loss", "1/day", "elimination of the chemotherapy", 1.0, assumed("gone in days")),
    varies("treg_growth", "1/day", "Treg growth", 0.3, 0.3, FANDREI.at("day 0 to 100: 3.7, 11, 20, 19, 13")),
    varies("treg_capacity", "cells/uL", "Tregs without CAR-T cells", 13.0, 0.5, FANDREI.at("day 100")),
    fixed("treg_stimulus", "1", "largest relative rise of Tregs with CAR-T cells", 1.0, FANDREI.at("peak")),
    fixed("treg_half", "cells/uL", "CAR-T cells at half that rise", 30.0, by_hand("timing of the Treg peak")),
    varies("treg_start", "cells/uL", "Tregs at the start", 3.7, 0.6, FANDREI.at("day 0")),
    fixed("treg", "1", "SWITCH: largest share of division and killing that Tregs brake", 0.0,
          assumed("hypothesis of the six-patient trial, off")),
    fixed("exhaustion", "1", "SWITCH: 1 with exhaustion, 0 without", 1.0, assumed("hypothesis, on")),
    fixed("tolerance", "1/day", "loss of secretion by fresh cells at full refractoriness", 11.0,
          by_hand("IFN-gamma peaks within 3 d of fever while cells grow on")),
)  # fmt: skip


def counts(y, p):
    """All CAR-T cells in blood, cells/uL (a label such as `fresh` is no cell of its own)."""
    return (
        p.infused_in_blood * y.infused / p.blood_volume
        + y.memory
        + y.primed
        + y.effector_1
        + y.effector_2
        + y.exhausted
    )


def treg_brake(y, p):
    """What the Tregs leave of division and killing, 0 to 1."""
    return 1.0 - p.treg * y.treg / (y.treg + p.treg_capacity)


def initial(p):
    return dict(lymphocytes=p.lymphocytes_start, treg=p.treg_start)


def rates(y, p, *, burden, antigen_access):
    """What happens to one cell of each phenotype, 1/day: divisions, deaths, changes of phenotype."""
    antigen = hill(burden, p.antigen_half)
    window = maximum(1.0 - y.lymphocytes, 0.0)
    room = p.crowding / (p.crowding + counts(y, p))
    drive = antigen * antigen_access * (p.il15_independent + (1.0 - p.il15_independent) * window)
    return dict(
        memory_division=p.il15_memory * window * room,
        memory_death=p.memory_death,
        memory_activation=p.memory_activation * antigen,
        priming=p.priming,
        effector_1_division=p.division * drive * room * treg_brake(y, p),
        differentiation=p.differentiation,
        effector_2_division=p.il15_effector * window * room * treg_brake(y, p),
        effector_2_death=p.effector_death * (1.0 + p.withdrawal * (1.0 - antigen)),
        exhaustion=p.exhaustion * p.exhaustion_rate * hill(burden, p.exhaustion_half),
        memory_return=p.memory_return * (1.0 - antigen),
        exhausted_death=p.exhausted_death,
    )


def engrafting(y, p):
    """Infused cells that engraft, cells/uL/day; a share `memory_share` of them as memory cells."""
    return p.engraftment * p.infused_loss * y.infused / p.blood_volume


def rhs(y, p, *, burden, antigen_access, refractory):
    """Derivatives of this part.

    `burden` BCMA-positive myeloma cells; `antigen_access` 0 to 1, what soluble antigen leaves of division;
    `refractory` share of macrophages, whose silence ends secretion by fresh effectors.
    """
    rate = SimpleNamespace(**rates(y, p, burden=burden, antigen_access=antigen_access))
    arriving = engrafting(y, p)
    activated = rate.memory_activation * y.memory
    starting = (1.0 - p.memory_share) * arriving + 2.0 * p.priming * y.primed
    exhausting = rate.exhaustion * y.effector_2
    returning = rate.memory_return * y.effector_2
    capacity = p.treg_capacity * (1.0 + p.treg_stimulus * hill(counts(y, p), p.treg_half))
    killed = p.lymphodepletion_effect * y.lymphodepletion
    return dict(
        infused=-p.infused_loss * y.infused,
        memory=p.memory_share * arriving
        + (rate.memory_division - p.memory_death) * y.memory
        + returning
        - activated,
        primed=activated - p.priming * y.primed,
        effector_1=starting + (rate.effector_1_division - p.differentiation) * y.effector_1,
        effector_2=p.differentiation * y.effector_1
        + (rate.effector_2_division - rate.effector_2_death) * y.effector_2
        - exhausting
        - returning,
        exhausted=exhausting - p.exhausted_death * y.exhausted,
        fresh=starting + (rate.effector_1_division - p.differentiation - p.tolerance * refractory) * y.fresh,
        # Gompertz recovery (Kimmel 2021); the floor keeps the logarithm finite under chemotherapy.
        lymphocytes=-(p.lymphocyte_recovery * log(maximum(y.lymphocytes, 1e-6)) + killed) * y.lymphocytes,
        lymphodepletion=-p.lymphodepletion_loss * y.lymphodepletion,
        treg=p.treg_growth * y.treg * (1.0 - y.treg / capacity),
    )
