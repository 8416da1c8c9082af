"""CAR-T cells as predators of glioma cells in the culture well, with dexamethasone as a switch (CARRGO).

Sahoo 2020 (doi:10.1098/rsif.2019.0734): tumour cells grow logistically and are killed on contact; contact
makes CAR-T cells multiply (k2 > 0) or exhausts them (k2 < 0). Counts are in cell index (CI) of the
impedance reader, one CI for about 10,000 cells. Brummer 2022 adds dexamethasone, which is lost with a
half-life of 200 minutes (3.33 hours): while it lasts the tumour loses c0 (negative: gains) and CAR-T cells
lose c3 more per day. Both are zero here unless set: that is Sahoo's model.

The three lines' growth rates in the well are scenarios (0.72, 1.07, 2.1 per day). The paper's other numbers,
one fit a well, were not transcribed: killing, CAR-T growth, death and the start are rounded from
`fits/carrgo_in_vitro`, where cartsim fitted the curves of Brummer 2022, and so are the steroid's two effects
(authors' table of fits, PBT030 with 0.25 CI of CAR-T cells and the lowest concentration, per hour there).
There is no accepted way from the well to the patient.

Known limits: no lag between contact and killing, no target-cell loss of adhesion (the index falls when cells
round off), and with k2 > 0 and few effectors the curves turn over later than real ones.
"""

from cartsim.spec.model import Course, Model, Output, Parameter, Source, State, assumed
from cartsim.spec.priors import Fixed, LogNormal, Normal
from cartsim.spec.terms import after, exp, log, maximum

SOURCE = Source(
    "Sahoo et al. 2020, J R Soc Interface",
    doi="10.1098/rsif.2019.0734",
    population="patient-derived glioma lines with IL13Ra2 CAR-T cells in culture",
)
DEXAMETHASONE = Source(
    "Brummer et al. 2022, CARRGODEX",
    doi="",
    where="authors' notebook: exp(-t ln2 / 3.33), t in hours",
)
OWN = assumed("rounded from a short pilot fit of the curves of Brummer 2022, not from the recorded one")

STATES = (
    State("tumor", "CI", "glioma cells in the well", scale=1e-3),
    State("car_t", "CI", "CAR-T cells in the well", scale=1e-3),
)
PARAMETERS = (
    Parameter(
        "rho", "1/day", "tumour growth rate", LogNormal(1.07, 0.5), SOURCE.at("in vitro, the middle line")
    ),
    Parameter("capacity", "CI", "tumour that the well can hold", LogNormal(3.5, 0.7), OWN),
    Parameter("k1", "1/CI/day", "killing of tumour per CAR-T cell", LogNormal(6.0, 1.0), OWN),
    Parameter("k2", "1/CI/day", "CAR-T growth (negative: exhaustion) per contact", Normal(0.7, 1.0), OWN),
    Parameter("theta", "1/day", "death of CAR-T cells", LogNormal(0.2, 1.0), OWN),
    Parameter("tumor0", "CI", "tumour when CAR-T cells are added", LogNormal(0.6, 0.7), OWN),
    Parameter(
        "c0", "1/day", "loss of tumour under dexamethasone", Fixed(0.0), assumed("no steroid"), fixed=True
    ),
    Parameter(
        "c3",
        "1/day",
        "extra loss of CAR-T cells under dexamethasone",
        Fixed(0.0),
        assumed("no steroid"),
        fixed=True,
    ),
    Parameter(
        "index_zero",
        "CI",
        "what the reader shows of a well without tumour cells",
        Fixed(0.0),
        assumed("0 as in the paper; the curves of Brummer 2022 end down to -0.2"),
        fixed=True,
    ),
    Parameter("steroid_day", "day", "day of dexamethasone", Fixed(0.0), DEXAMETHASONE, fixed=True),
    Parameter(
        "steroid_half_life",
        "day",
        "half-life of dexamethasone",
        Fixed(3.33 / 24.0),
        DEXAMETHASONE,
        fixed=True,
    ),
)
OUTPUTS = (
    Output("tumor_cell_index", "CI", "what the impedance reader shows", positive=False),
    Output("tumor", "CI", "glioma cells in the well"),
    Output("car_t", "CI", "CAR-T cells in the well"),
)


def initial(p):
    return dict(tumor=p.tumor0)


def rhs(t, y, p):
    since = maximum(t - p.steroid_day, 0.0)
    steroid = after(t, p.steroid_day) * exp(-log(2.0) * since / p.steroid_half_life)
    return dict(
        tumor=(p.rho * (1.0 - y.tumor / p.capacity) - p.c0 * steroid - p.k1 * y.car_t) * y.tumor,
        car_t=(p.k2 * y.tumor - p.theta - p.c3 * steroid) * y.car_t,
    )


def outputs(t, y, p):
    return dict(tumor_cell_index=y.tumor + p.index_zero, tumor=y.tumor, car_t=y.car_t)


SCENARIOS = {
    "slow line": {"rho": 0.72},
    "middle line": {"rho": 1.07},
    "fast line": {"rho": 2.1},
    "exhaustion": {"k2": -0.7},
    "dexamethasone": {"c0": -5.0, "c3": 3.7},
}
MODEL = Model(
    SOURCE,
    STATES,
    PARAMETERS,
    OUTPUTS,
    rhs,
    outputs,
    initial=initial,
    infusion="car_t",
    courses={name: Course(0.25) for name in SCENARIOS},
    horizon=6.0,
    scenarios=SCENARIOS,
    notes="Killing, CAR-T growth and death are from our pilot fit; the paper's were not transcribed.",
)
