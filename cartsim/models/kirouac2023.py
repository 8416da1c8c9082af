"""CAR-T memory, effector and exhausted cells regulated by antigen (Kirouac 2023).

Antigen moves memory cells from self-renewal to differentiation, drives effector division and exhausts
effectors; when antigen is gone effectors return to memory. Kymriah in CLL: 38 patients as means of complete
(CR), partial (PR) and non-responders (NR), 12 particle-swarm parameter sets each, kept here as the scenarios
CR_1 … NR_12.

The sets and the starting antigen (equal to the burden) come from the re-implementation mstadt/CART2; see also
the Author Correction doi:10.1038/s41587-023-01816-6. The dose site loses `floss` times what it passes on, and
the f's act both as rates and as the relative composition of the product. The authors' fits to BCMA products
were not found: use in myeloma needs refitting. In CR sets antigen-positive cells return to 13-113 per uL by
day 365.
"""

import csv
from pathlib import Path

from cartsim.spec.model import Model, Output, Parameter, Source, State, assumed
from cartsim.spec.priors import Fixed, LogUniform, Uniform
from cartsim.spec.terms import hill

SOURCE = Source(
    "Kirouac et al. 2023, Nat Biotechnol",
    doi="10.1038/s41587-023-01687-x",
    population="38 adults with CLL (CTL019), population means by response class",
)
RANGE = SOURCE.at("search range and medians of the 12 CR sets, through mstadt/CART2 pars_Kirouac2023")
IMPLIED = SOURCE.at("dose equation, where the rate of 1 per day is implied")
CELLS_PER_UL = 2e6
# Hill terms are lines below this share of their half-level: 14 of the 36 sets have an exponent under 1.
FLOOR = 1e-9

STATES = (
    State("dose_site", "cells", "infused cells not yet distributed"),
    State("staged", "cells", "infused cells that engraft"),
    State("memory", "cells", "memory CAR-T cells"),
    State("effector_1", "cells", "proliferating effector CAR-T cells"),
    State("effector_2", "cells", "cytotoxic effector CAR-T cells"),
    State("exhausted", "cells", "exhausted CAR-T cells"),
    State("tumor", "cells", "antigen-positive tumour cells"),
    State("antigen", "cells", "antigen as CAR-T cells see it, in tumour-cell equivalents"),
)


def estimated(name, unit, meaning, lower, upper, default):
    return Parameter(name, unit, meaning, LogUniform(lower, upper), RANGE, default=default)


PARAMETERS = (
    estimated("b50", "cells", "antigen at half effect of all toggles", 1e6, 1e10, 1.993e9),
    estimated("ub", "1/day", "tumour growth", 0.001, 0.1, 0.05027),
    estimated("kkill", "1/day", "maximal killing rate", 0.001, 1.0, 0.9381),
    estimated("floss", "1", "loss at the dose site per engrafting cell", 1.0, 1000.0, 494.4),
    estimated("tk50", "cells", "effectors at half-maximal killing", 1e5, 1e9, 1.141e6),
    estimated("kt", "1", "Hill exponent of killing", 0.2, 3.0, 0.5541),
    estimated("kb1", "1/day", "antigen production", 0.001, 1.0, 0.9872),
    estimated("kb2", "1/day", "antigen clearance", 0.001, 1.0, 0.6013),
    estimated("um", "1/day", "memory proliferation", 0.001, 1.0, 0.8986),
    estimated("km", "1", "Hill exponent of memory self-renewal", 0.2, 3.0, 0.7626),
    Parameter("fmax", "1", "maximal memory self-renewal", Uniform(0.5, 0.99), RANGE, default=0.5908),
    estimated("ke", "1", "Hill exponent of effector proliferation", 0.2, 3.0, 2.485),
    estimated("ue", "1/day", "effector proliferation", 0.001, 1.0, 0.9611),
    Parameter(
        "n",
        "1",
        "divisions from effector 1 to effector 2",
        Uniform(2.0, 12.0),
        assumed("coded range 4-12 widened to the fitted sets' 2.4-6.0; default is the CR median"),
        default=5.041,
    ),
    estimated("kex", "1/day", "exhaustion rate", 0.001, 1.0, 0.3605),
    estimated("dm", "1/day", "memory death", 0.001, 1.0, 0.3518),
    estimated("de1", "1/day", "effector 1 death", 0.001, 1.0, 0.02854),
    estimated("de2", "1/day", "effector 2 death", 0.001, 1.0, 0.4422),
    estimated("dx", "1/day", "exhausted cell death", 0.001, 1.0, 0.005946),
    estimated("bmax", "cells", "tumour carrying capacity", 1e8, 1e12, 2.264e11),
    estimated("kx", "1", "Hill exponent of exhaustion", 0.2, 3.0, 0.6862),
    estimated("rm", "1/day", "memory regeneration from effector 2", 0.001, 1.0, 0.9874),
    estimated("kr", "1", "Hill exponent of memory regeneration", 0.2, 3.0, 2.661),
    estimated("ftm", "1/day", "memory share of the product", 1.0, 10.0, 3.747),
    estimated("fte1", "1/day", "effector 1 share of the product", 1.0, 10.0, 7.856),
    estimated("fte2", "1/day", "effector 2 share of the product", 30.0, 70.0, 49.69),
    estimated("ftx", "1/day", "exhausted share of the product", 5.0, 30.0, 23.58),
    Parameter("kd", "1/day", "passage from the dose site", Fixed(1.0), IMPLIED, fixed=True),
    Parameter("b0", "cells", "tumour burden at infusion", Fixed(1e10), RANGE, fixed=True),
    Parameter("a0", "cells", "antigen at infusion", Fixed(1e10), assumed("equal to the burden"), fixed=True),
)
OUTPUTS = (
    Output("car_t", "cells/uL", "all circulating CAR-T cells"),
    Output("tumor_burden", "cells/uL", "antigen-positive tumour cells"),
    Output("exhausted_fraction", "1", "exhausted share of CAR-T cells"),
)


def initial(p):
    return dict(tumor=p.b0, antigen=p.a0)


def rhs(t, y, p):
    engraft = (p.ftm + p.fte1 + p.fte2 + p.ftx) * y.staged
    self_renewal = p.fmax * (1.0 - hill(y.antigen, p.b50, p.km, floor=FLOOR))
    division = p.ue * hill(y.antigen, p.b50, p.ke, floor=FLOOR) * y.effector_1
    exhaustion = p.kex * hill(y.antigen, p.b50, p.kx, floor=FLOOR) * y.effector_2
    regeneration = p.rm * (1.0 - hill(y.antigen, p.b50, p.kr, floor=FLOOR)) * y.effector_2
    killing = p.kkill * hill(y.effector_2, p.tk50, p.kt, floor=FLOOR)
    return dict(
        dose_site=-(1.0 + p.floss) * p.kd * y.dose_site,
        staged=p.kd * y.dose_site - engraft,
        memory=(p.um * (2.0 * self_renewal - 1.0) - p.dm) * y.memory + regeneration + p.ftm * y.staged,
        effector_1=2.0 * p.um * (1.0 - self_renewal) * y.memory
        - division
        - p.de1 * y.effector_1
        + p.fte1 * y.staged,
        effector_2=2.0**p.n * division - exhaustion - p.de2 * y.effector_2 - regeneration + p.fte2 * y.staged,
        exhausted=exhaustion - p.dx * y.exhausted + p.ftx * y.staged,
        tumor=(p.ub * (1.0 - y.tumor / p.bmax) - killing) * y.tumor,
        antigen=p.kb1 * y.tumor - p.kb2 * y.antigen,
    )


def outputs(t, y, p):
    cells = y.memory + y.effector_1 + y.effector_2 + y.exhausted
    return dict(
        car_t=cells / CELLS_PER_UL,
        tumor_burden=y.tumor / CELLS_PER_UL,
        exhausted_fraction=y.exhausted / (cells + 1e-12),
    )


def parameter_sets():
    """The 36 fitted sets by name, e.g. CR_1."""
    with Path(__file__).with_name("kirouac2023_parameter_sets.csv").open(encoding="utf-8") as file:
        return {
            f"{row.pop('archetype')}_{row.pop('set')}": {
                name.lower(): float(value) for name, value in row.items()
            }
            for row in csv.DictReader(file)
        }


MODEL = Model(
    SOURCE,
    STATES,
    PARAMETERS,
    OUTPUTS,
    rhs,
    outputs,
    initial=initial,
    infusion="dose_site",
    dose=1e8,
    scenarios=parameter_sets(),
)
