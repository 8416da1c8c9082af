"""The IMWG 2016 rules, applied to one visit: from M-protein, light chains and marrow to a response.

Kumar 2016 as tabulated in PMC9954856, Table 1, and PMC2627786, Table 5. Urine is not modelled, so its rules
are left out; minor response exists for M-protein only. Limits that are choices of this package, not of
IMWG, say so below (UNVERIFIED). The rules were tested on worked tables and on simulation only: no series of
M-protein of real patients was available.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from cartsim.endpoints.checks import Array, Faults
from cartsim.endpoints.visits import MyelomaVisits

ROUNDING = 1e-9  # relative: 1.3 - 0.8 is 0.5 and must count as such
Marks = NDArray[np.bool_]


class Response(IntEnum):
    """Response categories, from worst to best; NE = not evaluable."""

    NE = -1
    PD = 0
    SD = 1
    MR = 2
    PR = 3
    VGPR = 4
    CR = 5
    SCR = 6

    @property
    def label(self) -> str:
        """As it is printed."""
        return "sCR" if self is Response.SCR else self.name


class Measured(IntEnum):
    """What a patient's response is read from."""

    NOTHING = 0
    M_PROTEIN = 1
    FLC = 2
    MARROW = 3


@dataclass(frozen=True)
class ImwgSettings:
    """Limits of the rules; fractions are of the baseline (falls) or of the lowest value so far (rises).

    Parameters
    ----------
    measurable_m_protein : g/dL at baseline; 0.5 or, as trials of M-protein ask, 1
    measurable_flc : mg/L of the involved light chain at baseline, where M-protein is not measurable
    measurable_marrow : fraction at baseline, where neither is measurable
    minor, partial, very_good : fall, at least
    immunofixation : g/dL; M-protein below it is taken as negative immunofixation for CR (UNVERIFIED choice)
    immunofixation_stringent : the same for sCR (UNVERIFIED choice)
    normal_flc : mg/L; an involved light chain below it stands for a normal ratio (UNVERIFIED choice)
    marrow_complete : fraction of marrow plasma cells below which CR is possible
    clonal_cells : fraction of marrow below which no clonal cells are found, for sCR (UNVERIFIED choice)
    mrd : fraction of marrow below which minimal residual disease is negative
    rise : relative rise of progression, at least
    rise_m_protein : g/dL, at least, together with `rise`
    rise_m_protein_high : g/dL, at least; enough alone where the lowest value is high_nadir (g/dL) or more
    rise_flc : mg/L, more than; only where M-protein is not measurable
    rise_marrow : absolute rise of the fraction, at least, together with `rise`
    marrow_counts_for : patients, by what they are followed by, whose marrow can show progression: as
        published those with neither M-protein nor light chains measurable; `tuple(Measured)` = everybody
    plasmacytoma_fall : fall asked of MR to VGPR, at least
    plasmacytoma_growth : rise of progression, at least; a new one is progression
    confirmations : later evaluable visits that must be at least as good for a response to count; 0 = none
    pd_confirmations : later evaluable visits that must be PD for progression to count, at its first visit
    """

    measurable_m_protein: float = 0.5
    measurable_flc: float = 100.0
    measurable_marrow: float = 0.30
    minor: float = 0.25
    partial: float = 0.50
    very_good: float = 0.90
    immunofixation: float = 0.05
    immunofixation_stringent: float = 0.03
    normal_flc: float = 26.0
    marrow_complete: float = 0.05
    clonal_cells: float = 1e-3
    mrd: float = 1e-5
    rise: float = 0.25
    rise_m_protein: float = 0.5
    rise_m_protein_high: float = 1.0
    high_nadir: float = 5.0
    rise_flc: float = 100.0
    rise_marrow: float = 0.10
    plasmacytoma_fall: float = 0.50
    plasmacytoma_growth: float = 0.50
    marrow_counts_for: tuple[Measured, ...] = (Measured.MARROW, Measured.NOTHING)
    confirmations: int = 1
    pd_confirmations: int = 0

    def __post_init__(self) -> None:
        faults = Faults()
        counts = ("confirmations", "pd_confirmations")
        for name in (field.name for field in fields(self)):
            value = getattr(self, name)
            if name == "marrow_counts_for":
                known = all(isinstance(by, Measured) for by in value)
                faults.need(known, name, f"is {value}, members of Measured needed")
            elif name in counts:
                whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
                faults.need(whole, name, f"is {value}, a whole number from 0 needed")
            else:
                faults.need(bool(np.isfinite(value)) and value > 0.0, name, f"is {value}, above 0 needed")
        falls = self.minor < self.partial < self.very_good < 1.0
        faults.need(falls, "minor, partial, very_good", "must rise and stay below 1")
        stricter = self.immunofixation_stringent <= self.immunofixation
        faults.need(stricter, "immunofixation_stringent", "is above `immunofixation`")
        cells = self.mrd <= self.clonal_cells <= self.marrow_complete
        faults.need(cells, "mrd, clonal_cells, marrow_complete", "must not fall in this order")
        faults.raise_any()


def measured_by(visits: MyelomaVisits, settings: ImwgSettings) -> NDArray[np.int8]:
    """What each patient's response is read from, (n,), codes of `Measured`: the first that is measurable."""
    flc = (visits.involved_flc[:, 0] >= settings.measurable_flc) & (visits.dflc[:, 0] > 0.0)
    m_protein = visits.m_protein[:, 0] >= settings.measurable_m_protein
    marrow = visits.marrow[:, 0] >= settings.measurable_marrow
    codes = [Measured.M_PROTEIN, Measured.FLC, Measured.MARROW]
    return np.select([m_protein, flc, marrow], codes, Measured.NOTHING).astype(np.int8)


def share_left(visits: MyelomaVisits, measured: NDArray[np.int8]) -> Array:
    """What is left of the baseline of the measured value, (n, V); NaN where it is missing."""
    share = np.full(visits.m_protein.shape, np.nan)
    values = {
        Measured.M_PROTEIN: visits.m_protein,
        Measured.FLC: visits.dflc,
        Measured.MARROW: visits.marrow,
    }
    for by, value in values.items():
        rows = measured == by
        share[rows] = value[rows] / value[rows, :1]
    return share


def visit_responses(visits: MyelomaVisits, settings: ImwgSettings) -> NDArray[np.int8]:
    """Response of every patient at every visit, (n, V), codes of `Response`, each visit for itself.

    A value that a category needs and that is missing keeps the visit out of the category; where the measured
    value is missing the visit is NE, unless another value shows progression. The baseline is NE. The lowest
    value so far goes on being kept after progression.
    """
    measured = measured_by(visits, settings)
    left = share_left(visits, measured)
    by_m_protein = (measured == Measured.M_PROTEIN)[:, None]
    has_grades = by_m_protein | (measured == Measured.FLC)[:, None]
    allowed = (1.0 - settings.plasmacytoma_fall) * visits.plasmacytoma[:, :1] * (1.0 + ROUNDING)
    shrunk = visits.plasmacytoma <= allowed
    complete, stringent = _complete(visits, measured, settings)
    codes = np.full(left.shape, Response.SD, dtype=np.int8)
    for category, holds in (
        (Response.MR, _fallen(left, settings.minor) & by_m_protein & shrunk),
        (Response.PR, _fallen(left, settings.partial) & shrunk),
        (Response.VGPR, _fallen(left, settings.very_good) & has_grades & shrunk),
        (Response.CR, complete),
        (Response.SCR, stringent),
        (Response.NE, np.isnan(left)),
        (Response.PD, progressing(visits, measured, settings)),
    ):
        codes[holds] = category
    codes[:, 0] = Response.NE
    return codes


def progressing(visits: MyelomaVisits, measured: NDArray[np.int8], settings: ImwgSettings) -> Marks:
    """Where a value has risen from its lowest so far, the baseline included, as PD asks, (n, V)."""
    low = {
        name: np.fmin.accumulate(getattr(visits, name), axis=1)
        for name in ("m_protein", "dflc", "marrow", "plasmacytoma")
    }
    serum = _risen(visits.m_protein, low["m_protein"], settings.rise_m_protein, settings.rise)
    # IMWG: ">= 1 g/dL if nadir >= 5 g/dL". Taken as sufficient alone: were 25 % asked for as well, it would
    # never decide, as a quarter of 5 g/dL is more than 1.
    high = low["m_protein"] >= settings.high_nadir
    serum |= high & _risen(visits.m_protein, low["m_protein"], settings.rise_m_protein_high, 0.0)
    more = visits.dflc - low["dflc"] > settings.rise_flc * (1.0 + ROUNDING)
    chains = more & _risen(visits.dflc, low["dflc"], settings.rise_flc, settings.rise)
    chains &= (measured != Measured.M_PROTEIN)[:, None]
    marrow = _risen(visits.marrow, low["marrow"], settings.rise_marrow, settings.rise)
    marrow &= np.isin(measured, settings.marrow_counts_for)[:, None]
    grown = _risen(visits.plasmacytoma, low["plasmacytoma"], 0.0, settings.plasmacytoma_growth)
    return serum | chains | marrow | (grown & (visits.plasmacytoma > 0.0))


def _fallen(left: Array, fall: float) -> Marks:
    return left <= (1.0 - fall) * (1.0 + ROUNDING)


def _risen(value: Array, low: Array, absolute: Array | float, relative: float) -> Marks:
    """At least `absolute` and at least `relative` above `low`; False where a value is missing."""
    enough = value - low >= absolute * (1.0 - ROUNDING)
    return enough & (value >= low * (1.0 + relative) * (1.0 - ROUNDING))


def _complete(
    visits: MyelomaVisits, measured: NDArray[np.int8], settings: ImwgSettings
) -> tuple[Marks, Marks]:
    """Where CR and sCR hold, (n, V)."""
    normal = visits.involved_flc < settings.normal_flc
    complete = (
        (visits.m_protein < settings.immunofixation)
        & (visits.marrow < settings.marrow_complete)
        & (visits.plasmacytoma == 0.0)
        & (
            normal | (measured != Measured.FLC)[:, None]
        )  # followed by light chains: their ratio must be normal
        & (measured != Measured.NOTHING)[:, None]
    )
    stringent = normal & (visits.marrow < settings.clonal_cells)
    return complete, complete & stringent & (visits.m_protein < settings.immunofixation_stringent)
