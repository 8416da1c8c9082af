"""TNF, IL-6, IL-8, IL-10 and temperature of volunteers given endotoxin (Dobreva 2021, after Brady-Nicholls).

Endotoxin activates monocytes, which secrete; IL-10 and IL-6 brake, TNF and IL-6 drive fever. Two fitted sets,
the scenarios "Janum" and "Copeland". The best source for human elimination of these cytokines in vivo.
arXiv:1908.07611 and the authors' code. Rates are per hour in the source and per day here.

Assumed, because the sheet lacks them: the cytokines' sources (their levels at rest) and the resting
temperature, set so that rest is a steady state. With them the peaks lie within 1 % of an independent run of
the authors' model.
"""

from cartsim.models.blocks.declare import fixed
from cartsim.spec.model import Model, Output, Source, State, assumed
from cartsim.spec.terms import hill, power

SOURCE = Source(
    "Dobreva et al. 2021, J Physiol",
    where="arXiv:1908.07611 and the authors' load_pars_Init_Janum.m",
    population="healthy volunteers, 2 ng/kg endotoxin",
)
REST = assumed("level at rest; rest is a steady state")
HOURS = 24.0  # a day; values of the source are per hour

STATES = (
    State("tnf", "pg/mL", "tumour necrosis factor"),
    State("il10", "pg/mL", "interleukin 10", scale=0.1),
    State("il8", "pg/mL", "interleukin 8"),
    State("il6", "pg/mL", "interleukin 6"),
    State("activated", "1", "activated monocytes"),
    State("resting", "1", "resting monocytes"),
    State("endotoxin", "ng/kg", "endotoxin", scale=1e-3),
    State("temperature", "degC", "body temperature"),
)
PARAMETERS = (
    fixed("tnf_loss", "1/day", "TNF elimination, half-life 28 min", 1.48728 * HOURS, SOURCE),
    fixed("il10_loss", "1/day", "IL-10 elimination, half-life 37 to 67 min", 0.62293 * HOURS, SOURCE),
    fixed("il8_loss", "1/day", "IL-8 elimination, half-life 60 min", 0.69839 * HOURS, SOURCE),
    fixed("il6_loss", "1/day", "IL-6 elimination, half-life 52 min", 0.79658 * HOURS, SOURCE),
    fixed("tnf_made", "pg/mL/day", "TNF per activated monocyte", 0.69712 * HOURS, SOURCE),
    fixed("il10_made", "pg/mL/day", "IL-10 per activated monocyte", 0.0077847 * HOURS, SOURCE),
    fixed("il8_made", "pg/mL/day", "IL-8 per activated monocyte", 0.37219 * HOURS, SOURCE),
    fixed("il6_made", "pg/mL/day", "IL-6 per activated monocyte", 0.51063 * HOURS, SOURCE),
    fixed("il10_by_il6", "pg/mL/day", "further IL-10 at much IL-6", 0.017 * HOURS, SOURCE),
    fixed("il8_by_tnf", "pg/mL/day", "further IL-8 at much TNF", 0.515 * HOURS, SOURCE),
    fixed("il6_by_tnf", "pg/mL/day", "further IL-6 at much TNF", 0.81 * HOURS, SOURCE),
    fixed("deactivation", "1/day", "loss of activated monocytes", 2.51 * HOURS, SOURCE),
    fixed("recovery", "1/day", "recovery of resting monocytes", 0.006 * HOURS, SOURCE),
    fixed("most_resting", "1", "largest number of resting monocytes", 30_000.0, SOURCE),
    fixed("waking", "1/day", "activation by endotoxin", 0.0414 * HOURS, SOURCE),
    fixed("waking_by_tnf", "1/day", "further activation at much TNF", 4.14e-6 * 100**3.16 * HOURS, SOURCE),
    fixed("endotoxin_half", "ng/kg", "endotoxin at half-maximal activation", 3.3, SOURCE),
    fixed("endotoxin_loss", "1/day", "endotoxin elimination", 1.08 * HOURS, SOURCE),
    fixed("il10_on_il6", "pg/mL", "IL-10 that halves IL-6, Hill 4", 34.772, SOURCE),
    fixed("il10_on_tnf", "pg/mL", "IL-10 that halves TNF (Hill 3) and IL-8 (Hill 1.5)", 17.386, SOURCE),
    fixed("il10_on_waking", "pg/mL", "IL-10 that halves activation, Hill 0.3", 4.3465, SOURCE),
    fixed("il6_half", "pg/mL", "IL-6 at half of each of its effects", 560.0, SOURCE),
    fixed("tnf_half", "pg/mL", "TNF at half of its effects on IL-6, IL-8 and fever", 185.0, SOURCE),
    fixed("fever_rate", "1/day", "temperature following its set point", HOURS / 1.6932, SOURCE),
    fixed("fever_gain", "1", "gain of the set point", 0.5, SOURCE),
    fixed("fever_most", "degC", "highest temperature", 39.5, SOURCE),
    fixed("fever_tnf", "1", "fever by TNF", 1.5, SOURCE),
    fixed("fever_il6", "1", "fever by IL-6", 2.66637, SOURCE),
    fixed("fever_il10", "1", "fever taken by IL-10", 0.0625, SOURCE),
    fixed("resting_start", "1", "resting monocytes at the start", 28_200.0, SOURCE),
    fixed("tnf_start", "pg/mL", "TNF at rest", 0.8, REST),
    fixed("il10_start", "pg/mL", "IL-10 at rest", 0.2, REST),
    fixed("il8_start", "pg/mL", "IL-8 at rest", 4.0, REST),
    fixed("il6_start", "pg/mL", "IL-6 at rest", 1.5, REST),
    fixed("temperature_start", "degC", "temperature at rest", 36.8, REST),
)
OUTPUTS = (
    Output("tnf", "pg/mL", "tumour necrosis factor"),
    Output("il6", "pg/mL", "interleukin 6"),
    Output("il8", "pg/mL", "interleukin 8"),
    Output("il10", "pg/mL", "interleukin 10"),
    Output("temperature", "degC", "body temperature", positive=False),
)
COPELAND = dict(
    il10_loss=1.1107 * HOURS,
    il6_made=0.98831 * HOURS,
    il8_made=0.07 * HOURS,
    il10_made=0.020536 * HOURS,
    il8_by_tnf=0.56 * HOURS,
    il10_by_il6=0.0191 * HOURS,
    fever_il6=1.8821,
)


def initial(p):
    return dict(
        tnf=p.tnf_start,
        il10=p.il10_start,
        il8=p.il8_start,
        il6=p.il6_start,
        resting=p.resting_start,
        temperature=p.temperature_start,
    )


def fever(tnf, il6, il10, p):
    """What the cytokines add to the set point, as a share of the way to the highest temperature."""
    up = p.fever_tnf * hill(tnf, p.tnf_half, 0.75) + p.fever_il6 * hill(il6, p.il6_half, 0.75)
    return p.fever_gain * (up - p.fever_il10 * hill(il10, p.il10_on_il6))


def brake(x, half, exponent):
    """What is left of a process that x inhibits: 1 without it, one half at `half`."""
    return 1.0 / (1.0 + power(x / half, exponent))


def rhs(t, y, p):
    waking = hill(y.endotoxin, p.endotoxin_half) * (p.waking + p.waking_by_tnf * hill(y.tnf, 100.0, 3.16))
    activation = waking * brake(y.il10, p.il10_on_waking, 0.3) * y.resting
    braked = brake(y.il10, p.il10_on_tnf, 3.0)
    il6_braked = brake(y.il6, p.il6_half, 1.0) * brake(y.il10, p.il10_on_il6, 4.0)
    at_rest = fever(p.tnf_start, p.il6_start, p.il10_start, p)
    base = (p.temperature_start - p.fever_most * at_rest) / (1.0 - at_rest)
    set_point = base + (p.fever_most - base) * fever(y.tnf, y.il6, y.il10, p)
    return dict(
        tnf=p.tnf_made * y.activated * braked * brake(y.il6, p.il6_half, 2.0)
        - p.tnf_loss * (y.tnf - p.tnf_start),
        il10=y.activated * (p.il10_made + p.il10_by_il6 * hill(y.il6, p.il6_half, 3.675))
        - p.il10_loss * (y.il10 - p.il10_start),
        il8=y.activated
        * (p.il8_made + p.il8_by_tnf * hill(y.tnf, p.tnf_half, 3))
        * brake(y.il10, p.il10_on_tnf, 1.5)
        - p.il8_loss * (y.il8 - p.il8_start),
        il6=y.activated * (p.il6_made + p.il6_by_tnf * hill(y.tnf, p.tnf_half, 2)) * il6_braked
        - p.il6_loss * (y.il6 - p.il6_start),
        activated=activation - p.deactivation * y.activated,
        resting=p.recovery * y.resting * (1.0 - y.resting / p.most_resting) - activation,
        endotoxin=-p.endotoxin_loss * y.endotoxin,
        temperature=p.fever_rate * (set_point - y.temperature),
    )


def outputs(t, y, p):
    return dict(tnf=y.tnf, il6=y.il6, il8=y.il8, il10=y.il10, temperature=y.temperature)


MODEL = Model(
    SOURCE,
    STATES,
    PARAMETERS,
    OUTPUTS,
    rhs,
    outputs,
    initial=initial,
    infusion="endotoxin",
    dose=2.0,
    scenarios={"Janum": {}, "Copeland": COPELAND},
    horizon=1.0,
)
