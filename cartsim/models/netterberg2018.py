"""IL-6 and CRP in neutropenic fever: CRP follows IL-6 by one and a half to two days (Netterberg 2018).

A surge of IL-6 production raises IL-6, its relative rise raises CRP production, and a surge of CRP's own may
come on top. doi:10.1111/bcp.13477, Table 2 through nlmixr2lib. Rates: per hour in the source, per day here.

Assumed: amplitude and width of the surge of CRP itself, chosen so that CRP peaks where a run of the source
does (15.1 mg/L at 216 h); it is off unless `crp_surge` is set, as in the scenario "CRP surge".
"""

from cartsim.models.blocks.declare import fixed, varies
from cartsim.spec.model import Model, Output, Source, State, assumed

SOURCE = Source(
    "Netterberg et al. 2018, Br J Clin Pharmacol",
    doi="10.1111/bcp.13477",
    population="women with breast cancer on chemotherapy",
)
TABLE = SOURCE.at("Table 2, through nlmixr2lib")
HOURS = 24.0

STATES = (
    State("il6", "pg/mL", "interleukin 6"),
    State("crp", "mg/L", "C-reactive protein"),
)
PARAMETERS = (
    varies("il6_start", "pg/mL", "IL-6 at baseline", 2.5, 0.617, TABLE.at("IIV 68 %")),
    varies("crp_start", "mg/L", "CRP at baseline", 1.88, 0.707, TABLE.at("IIV 80.5 %")),
    varies("il6_loss", "1/day", "IL-6 turnover, apparent", 0.0141 * HOURS, 0.995, TABLE.at("IIV 130 %")),
    fixed("crp_loss", "1/day", "CRP turnover, half-life 31 h", 0.0224 * HOURS, TABLE),
    fixed("slope", "1", "CRP production on the relative rise of IL-6", 1.05, TABLE),
    fixed("il6_surge", "1", "amplitude of the surge of IL-6 production", 7.99, TABLE),
    fixed("il6_width", "day", "width of that surge", 32.4 / HOURS, TABLE),
    fixed("il6_day", "day", "its peak", 137.0 / HOURS, TABLE),
    fixed("crp_surge", "1", "amplitude of a surge of CRP production", 0.0, assumed("off")),
    fixed("crp_width", "day", "width of that surge", 45.3 / HOURS, assumed("chosen with the amplitude")),
    fixed("crp_delay", "day", "its peak, after that of IL-6", 50.3 / HOURS, TABLE),
)
OUTPUTS = (
    Output("il6", "pg/mL", "interleukin 6"),
    Output("crp", "mg/L", "C-reactive protein"),
)


def initial(p):
    return dict(il6=p.il6_start, crp=p.crp_start)


def surge(t, amplitude, day, width):
    """A bump of production, flat-topped: amplitude / (((t - day) / width)^4 + 1)."""
    return amplitude / (((t - day) / width) ** 4 + 1.0)


def rhs(t, y, p):
    il6_made = 1.0 + surge(t, p.il6_surge, p.il6_day, p.il6_width)
    crp_made = 1.0 + surge(t, p.crp_surge, p.il6_day + p.crp_delay, p.crp_width)
    rise = p.slope * (y.il6 / p.il6_start - 1.0)
    return dict(
        il6=p.il6_loss * (p.il6_start * il6_made - y.il6),
        crp=p.crp_loss * (p.crp_start * (crp_made + rise) - y.crp),
    )


def outputs(t, y, p):
    return dict(il6=y.il6, crp=y.crp)


MODEL = Model(
    SOURCE,
    STATES,
    PARAMETERS,
    OUTPUTS,
    rhs,
    outputs,
    initial=initial,
    scenarios={"published": {}, "CRP surge": {"crp_surge": 4.63}},
    horizon=21.0,
)
