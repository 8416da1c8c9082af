"""Cytokine release driven by measured CAR+ counts, our own model: the cytokine part of bcma_myeloma alone.

The patient's CAR+ counts come in as measured (`car_t_measured`); how cells grow is not modelled. Two things
stand between counts and secretion, both assumptions of this project:

- Contact saturates. A share `cells / (contact_half + cells)` of what antigen can keep busy is busy, and
  contact uses antigen up (`antigen_loss`): cytokines fall while counts still rise. It stands for killed
  targets as well as for effectors that have stopped to secrete: the data do not tell them apart.
- Weekly counts miss the rise. Before its first count a patient's course is a constant, often hundreds of
  cells/uL since day 0; no more cells are counted than a clone has that grows at `expansion` per day and
  passes one cell/uL on day `expansion_day`.

Amplitudes of the drive are not identified: full contact with all antigen is `full_drive` cells/uL, fixed,
and `ifng_gain` takes up the rest. Fast eliminations are fixed, their ratios to production are fitted.
Tocilizumab is there to be dosed; steroids and anakinra are not.
"""

from cartsim.models.blocks import cytokine_release, tocilizumab
from cartsim.models.blocks.declare import fixed, varies
from cartsim.spec.model import Input, Model, Output, Source, State, assumed
from cartsim.spec.terms import exp, hill

SOURCE = Source(
    "own model, unpublished: cartsim cytokine_release_driven", population="CD22 CAR-T in B-ALL, 34 patients"
)

STATES = (
    State("antigen", "1", "antigen left, share of that at infusion", initial=1.0, scale=1e-2),
    *cytokine_release.STATES,
    *tocilizumab.STATES,
)
PARAMETERS = (
    varies("contact_half", "cells/uL", "CAR+ cells that reach half of full contact", 3.0, 0.5,
           assumed("chosen in fits/car22_cytokines: 10 fits alike, 100 far worse")),
    varies("antigen_loss", "1/day", "loss of antigen, or of secretion, at full contact", 0.5, 0.5,
           cytokine_release.CD22.at("cytokines fall with a half-life of about 1.4 d")),
    fixed("full_drive", "cells/uL", "drive at full contact with all antigen", 20.0,
          assumed("a scale: only its product with ifng_gain is identified")),
    varies("expansion", "1/day", "growth of the clone before the first count", 1.1, 0.3,
           cytokine_release.CD22.at("IFN-gamma doubles in 0.8 d as it rises, growth of 0.87 per day")),
    varies("expansion_day", "day", "day on which the growing clone passes one cell/uL", 7.5, 0.3,
           assumed("counts of days 5 to 8 are zero or below one cell/uL in most patients")),
    *cytokine_release.PARAMETERS,
    *tocilizumab.PARAMETERS,
)  # fmt: skip
OUTPUTS = (
    Output("ifng", "pg/mL", "interferon gamma in serum"),
    Output("il6", "pg/mL", "interleukin 6 in serum"),
    Output("il6_signal", "pg/mL", "interleukin 6 that still finds a receptor"),
    Output("il8", "pg/mL", "interleukin 8 in serum"),
    Output("il10", "pg/mL", "interleukin 10 in serum"),
    Output("crp", "mg/L", "C-reactive protein"),
    Output("temperature", "degC", "body temperature", positive=False),
    Output("car_t", "cells/uL", "CAR+ T cells that drive, no more than the clone has"),
)


def cells(t, y, p):
    """CAR+ cells that act: the measured course, bounded by the growing clone (half their harmonic mean)."""
    unseen = exp(p.expansion * (p.expansion_day - t))
    return y.car_t_measured / (1.0 + y.car_t_measured * unseen)


def rhs(t, y, p):
    contact = hill(cells(t, y, p), p.contact_half) * y.antigen
    return dict(
        antigen=-p.antigen_loss * contact,
        **cytokine_release.rhs(
            y,
            p,
            drive=p.full_drive * contact,
            occupancy=tocilizumab.occupancy(y, p),
            suppression=0.0,
        ),
        **tocilizumab.rhs(y, p),
    )


def outputs(t, y, p):
    return dict(
        ifng=y.ifng,
        il6=y.il6,
        il6_signal=cytokine_release.signalling(y, tocilizumab.occupancy(y, p)),
        il8=y.il8,
        il10=y.il10,
        crp=y.crp,
        temperature=y.temperature,
        car_t=cells(t, y, p),
    )


MODEL = Model(
    SOURCE,
    STATES,
    PARAMETERS,
    OUTPUTS,
    rhs,
    outputs,
    inputs=(Input("car_t_measured", "cells/uL", "measured CAR+ cells in blood", floor=0.05),),
    initial=cytokine_release.initial,
)
