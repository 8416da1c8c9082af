"""Theophylline by mouth: first-order absorption into one compartment, the classic population example.

No CAR-T model: it is here because every pharmacometric tool shows its population fit. The population values
are those of cartsim's inference sheet, which prints logarithms without units and names no paper: hour and
litre are assumed, as in the theophylline example of nlmixr, and that they come from it was not checked.
Doses are in mg a patient, not mg/kg, for want of a source for body weights.
"""

from cartsim.spec.model import Model, Output, Parameter, Source, State
from cartsim.spec.priors import LogNormal

SOURCE = Source(
    "Fidler et al. 2019, CPT Pharmacometrics Syst Pharmacol (nlmixr, which has this model as its example)",
    doi="10.1002/psp4.12445",
    population="theophylline after one oral dose",
)
SHEET = Source(
    "published FOCEi estimates",
    where="inference sheet, section 1: log ka 0.463, log CL 1.01, log V 3.46, CV 70.7, 26.7, 14.0 %",
)
HOURS_A_DAY = 24.0

STATES = (
    State("gut", "mg", "theophylline not yet absorbed"),
    State("central", "mg", "theophylline in the body"),
)
# exp(0.463), exp(1.01), exp(3.46); log sd = sqrt(log(1 + CV^2)).
PARAMETERS = (
    Parameter("ka", "1/hour", "absorption rate", LogNormal(median=1.5888, log_sd=0.6367), SHEET),
    Parameter("cl", "L/hour", "apparent clearance", LogNormal(median=2.7456, log_sd=0.2624), SHEET),
    Parameter("v", "L", "apparent volume of distribution", LogNormal(median=31.817, log_sd=0.1393), SHEET),
)
OUTPUTS = (Output("theophylline", "mg/L", "concentration in serum"),)


def rhs(t, y, p):
    absorbed = HOURS_A_DAY * p.ka * y.gut
    return dict(gut=-absorbed, central=absorbed - HOURS_A_DAY * p.cl / p.v * y.central)


def outputs(t, y, p):
    return dict(theophylline=y.central / p.v)


MODEL = Model(SOURCE, STATES, PARAMETERS, OUTPUTS, rhs, outputs, infusion="gut", horizon=1.0)
