"""CAR-T cells against two tumour lines in mice: effector and memory cells, tumour (Barros 2021, CARTmath).

Tumour cells turn memory cells back into effectors and inhibit effectors; effectors and tumour that fall below
1e-6 cells have died out. Scenarios: HDLM-2 with CAR-T 123 (2e6 cells, day 42), RAJI with CAR-T 19 (1e7 cells,
day 7; stiff, about 1e5 a day), RAJI-IDO whose tumour inhibits more, and RAJI-IDO-1MT with the inhibitor of
IDO. doi:10.3390/cancers13122941.

The paper asks for rho - epsilon < phi < rho. Its SBML file infuses HDLM-2 mice on day 45, the paper on day
42, as here. A rechallenge is a dose into `tumor`.
"""

from cartsim.models.blocks.declare import fixed
from cartsim.spec.model import Course, Model, Output, Source, State

SOURCE = Source(
    "Barros et al. 2021, Cancers",
    doi="10.3390/cancers13122941",
    population="mice with HDLM-2 or RAJI tumours",
)
TABLE = SOURCE.at("Table 2")
LAST_PUBLISHED = 14.0  # day of the paper's last numbers of RAJI mice, whose tumour grows without a bound
DIED_OUT = 1e-6  # cells; the paper's rule, which here leaves out memory cells

STATES = (
    State("effector", "cells", "effector CAR-T cells", extinct_below=DIED_OUT),
    State("memory", "cells", "memory CAR-T cells"),  # no end of its own: effectors above theirs feed it
    State("tumor", "cells", "tumour cells", extinct_below=DIED_OUT),
)
PARAMETERS = (
    fixed("phi", "1/day", "proliferation of effectors", 0.265, TABLE),
    fixed("rho", "1/day", "loss of effectors, with those that become memory cells", 0.35, TABLE),
    fixed("epsilon", "1/day", "effectors becoming memory cells", 0.15, TABLE),
    fixed("theta", "1/cells/day", "memory cells turned to effectors by a tumour cell", 6e-6, TABLE),
    fixed("alpha", "1/cells/day", "effectors inhibited by a tumour cell", 4.5e-8, TABLE),
    fixed("mu", "1/day", "death of memory cells", 0.005, TABLE),
    fixed("r", "1/day", "tumour growth", 0.05650026, TABLE),
    fixed("b", "1/cells", "one over the largest tumour", 1.404029e-12, TABLE),
    fixed("gamma", "1/cells/day", "tumour cells killed by an effector", 3.715843e-6, TABLE),
    fixed("tumor_start", "cells", "tumour cells inoculated on day 0", 2e6, TABLE),
)
OUTPUTS = (
    Output("effector", "cells", "effector CAR-T cells"),
    Output("memory", "cells", "memory CAR-T cells"),
    Output("car_t", "cells", "all CAR-T cells"),
    Output("tumor", "cells", "tumour cells"),
)
RAJI = dict(
    phi=0.83,
    rho=0.8300536,
    epsilon=1.59795,
    theta=0.00023,
    alpha=1.248506e-8,
    mu=6.89e-7,
    r=0.5071721,
    b=0.0,
    gamma=3.365388e-8,
    tumor_start=3e6,
)


def initial(p):
    return dict(tumor=p.tumor_start)


def rhs(t, y, p):
    return dict(
        effector=(p.phi - p.rho) * y.effector + p.theta * y.tumor * y.memory - p.alpha * y.tumor * y.effector,
        memory=p.epsilon * y.effector - p.theta * y.tumor * y.memory - p.mu * y.memory,
        tumor=p.r * y.tumor * (1.0 - p.b * y.tumor) - p.gamma * y.effector * y.tumor,
    )


def outputs(t, y, p):
    return dict(effector=y.effector, memory=y.memory, car_t=y.effector + y.memory, tumor=y.tumor)


MODEL = Model(
    SOURCE,
    STATES,
    PARAMETERS,
    OUTPUTS,
    rhs,
    outputs,
    initial=initial,
    infusion="effector",
    scenarios={
        "HDLM-2": {},
        "RAJI": RAJI,
        "RAJI-IDO": RAJI | {"alpha": 1.461699e-8},
        "RAJI-IDO-1MT": RAJI | {"alpha": 1.261662e-8},
    },
    courses={"": Course(2e6, days=(42.0,))}
    | {name: Course(1e7, days=(7.0,)) for name in ("RAJI", "RAJI-IDO", "RAJI-IDO-1MT")},
    horizon=80.0,
    spans=dict.fromkeys(("RAJI", "RAJI-IDO", "RAJI-IDO-1MT"), LAST_PUBLISHED),
)
