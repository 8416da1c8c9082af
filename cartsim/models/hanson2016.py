"""CAR-T toxicity in B-ALL: CD8 and CD4 memory and effector cells, lymphocytes, inflammation (Hanson 2016).

Memory cells are activated where tumour meets inflammation; effectors kill and, with the tumour, feed the
inflammation. From the SBML entry BIOMD0000000837 (doi:10.1101/049908), which states no unit of time: days are
assumed. Its converter dropped two inputs: where `p0` (inflammation) and `p2` (lymphocytes) stand is inferred
from their dimensions and from the start, which is near p0 / d2. Illustrative: no patient's data.

No number of the paper can be compared; what is tested are runs of the transcribed equations. `drug` is a
constant removal of inflammation, 0 in the published run.
"""

from cartsim.models.blocks.declare import fixed
from cartsim.spec.model import Model, Output, Source, State, assumed
from cartsim.spec.terms import maximum

SOURCE = Source("Hanson et al. 2016, bioRxiv", doi="10.1101/049908", where="SBML BIOMD0000000837")
DIVISIONS = 6  # of an activated memory cell

STATES = (
    State("cd8_memory", "cells/uL", "CD8 memory CAR-T cells"),
    State("cd8_effector", "cells/uL", "CD8 effector CAR-T cells"),
    State("cd4_memory", "cells/uL", "CD4 memory CAR-T cells"),
    State("cd4_effector", "cells/uL", "CD4 effector CAR-T cells"),
    State("lymphocytes", "cells/uL", "other lymphocytes"),
    State("inflammation", "1", "inflammation, arbitrary units"),
    State("tumor", "cells/uL", "leukaemic cells"),
)
INFERRED = assumed("value of the SBML file; its place in the equation is inferred from dimensions")
PARAMETERS = (
    fixed("r1", "1/day", "tumour growth", 0.003, SOURCE),
    fixed("r2", "1/day", "CD8 memory growth", 0.1, SOURCE),
    fixed("r3", "1/day", "CD4 memory growth", 0.1, SOURCE),
    fixed("r4", "1/day", "lymphocyte growth", 0.1, SOURCE),
    fixed("d1", "uL/cells/day", "killing per CD8 effector", 0.0002, SOURCE),
    fixed("d2", "1/day", "decay of inflammation", 1.5, SOURCE),
    fixed("d3", "1/day", "loss of CD8 effectors", 0.004, SOURCE),
    fixed("d4", "1/day", "loss of CD4 effectors", 0.004, SOURCE),
    fixed("d5", "1/day", "loss of lymphocytes", 0.0002, SOURCE),
    fixed("p0", "1/day", "input of inflammation", 200.0, INFERRED),
    fixed("p1", "uL^2/cells^2/day", "inflammation per pair of tumour and effector cell", 0.002, SOURCE),
    fixed("p2", "cells/uL/day", "input of lymphocytes", 0.4, INFERRED),
    fixed("a1", "uL/cells/day", "activation of CD8 memory cells", 4e-7, SOURCE),
    fixed("a2", "uL/cells", "help of CD4 effectors to it", 2.0, SOURCE),
    fixed("a3", "uL/cells/day", "activation of CD4 memory cells", 8e-5, SOURCE),
    fixed("b", "1", "inflammation at half its effect", 800.0, SOURCE),
    fixed("capacity", "cells/uL", "largest number of lymphocytes", 1600.0, SOURCE),
    fixed("k", "cells/uL", "largest tumour", 4800.0, SOURCE),
    fixed("drug", "1/day", "removal of inflammation by a drug", 0.0, SOURCE.at("constant input, off")),
    fixed("cells_start", "cells/uL", "cells of each of the four CAR-T kinds on day 0", 10.0, SOURCE),
    fixed("lymphocytes_start", "cells/uL", "other lymphocytes on day 0", 1600.0, SOURCE),
    fixed("inflammation_start", "1", "inflammation on day 0", 140.0, SOURCE),
    fixed("tumor_start", "cells/uL", "leukaemic cells on day 0", 300.0, SOURCE),
)
OUTPUTS = (
    Output("car_t", "cells/uL", "all CAR-T cells"),
    Output("cd8_effector", "cells/uL", "CD8 effector CAR-T cells"),
    Output("inflammation", "1", "inflammation, arbitrary units"),
    Output("lymphocytes", "cells/uL", "other lymphocytes"),
    Output("tumor", "cells/uL", "leukaemic cells"),
)


def initial(p):
    kinds = ("cd8_memory", "cd8_effector", "cd4_memory", "cd4_effector")
    return dict.fromkeys(kinds, p.cells_start) | dict(
        lymphocytes=p.lymphocytes_start, inflammation=p.inflammation_start, tumor=p.tumor_start
    )


def rhs(t, y, p):
    car_t = y.cd8_memory + y.cd8_effector + y.cd4_memory + y.cd4_effector
    room = maximum(1.0 - (y.tumor + car_t + y.lymphocytes) / p.capacity, 0.0)
    alarm = y.inflammation**2 / (y.inflammation**2 + p.b**2)
    cd8_activated = p.a1 * y.tumor * y.cd8_memory * alarm * (1.0 + p.a2 * y.cd4_effector)
    cd4_activated = p.a3 * y.tumor * y.cd4_memory * alarm
    return dict(
        cd8_memory=p.r2 * y.cd8_memory * room - cd8_activated,
        cd8_effector=2.0**DIVISIONS * cd8_activated - p.d3 * y.cd8_effector,
        cd4_memory=p.r3 * y.cd4_memory * room - cd4_activated,
        cd4_effector=2.0**DIVISIONS * cd4_activated - p.d4 * y.cd4_effector,
        lymphocytes=p.p2 + p.r4 * y.lymphocytes * room - p.d5 * y.lymphocytes,
        inflammation=p.p0
        + p.p1 * y.tumor * (y.cd8_effector + y.cd4_effector)
        - p.d2 * y.inflammation
        - p.drug,
        tumor=p.r1 * y.tumor * (1.0 - y.tumor / p.k) - p.d1 * y.tumor * y.cd8_effector,
    )


def outputs(t, y, p):
    car_t = y.cd8_memory + y.cd8_effector + y.cd4_memory + y.cd4_effector
    return dict(
        car_t=car_t,
        cd8_effector=y.cd8_effector,
        inflammation=y.inflammation,
        lymphocytes=y.lymphocytes,
        tumor=y.tumor,
    )


MODEL = Model(
    SOURCE,
    STATES,
    PARAMETERS,
    OUTPUTS,
    rhs,
    outputs,
    initial=initial,
    infusion="cd8_effector",
    scenarios={
        "published": {},
        "low burden": {"tumor_start": 30.0},
        "high burden": {"tumor_start": 1000.0},
    },
    horizon=1000.0,
)
