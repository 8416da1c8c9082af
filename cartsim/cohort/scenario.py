"""A scenario to explore: its controls in, one picture out (curves, CRS grades, response, warnings).

Nothing here knows of a browser: a page sets numbers by name and draws what comes back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cartsim.cohort.outcomes import ACUTE
from cartsim.endpoints.crs import THETA_2_CLASS, CrsSettings, cytokine_release
from cartsim.endpoints.imwg import imwg_response
from cartsim.endpoints.imwg_rules import ImwgSettings, Measured, Response
from cartsim.endpoints.visits import MyelomaVisits, at_visits
from cartsim.errors import CartsimError
from cartsim.spec.model import Model

Array = NDArray[np.float64]
Settings = Mapping[str, float | str]
GRADES = ("no CRS", "grade 1", "grade 2", "grade ≥ 3")
CRS_NEEDS = ("temperature", "il6_signal")
RESPONSE_NEEDS = ("m_protein", "free_light_chain", "marrow_fraction")
BAND = (0.05, 0.95)
POINTS, MONTH = 201, 30.0


@dataclass(frozen=True)
class Dial:
    """A number that the user sets by a slider.

    Parameters
    ----------
    name, label, unit : of the quantity
    lowest, highest : ends of the slider, in `unit`
    value : where it stands first
    log : equal steps are equal factors
    zero : the left end means 0, nothing given
    about : one sentence for who wants to know more
    needs : (choice, value) pairs, one of which must be chosen for the dial to matter; none = always
    """

    name: str
    label: str
    unit: str
    lowest: float
    highest: float
    value: float
    log: bool = field(default=True, kw_only=True)
    zero: bool = field(default=False, kw_only=True)
    needs: tuple[tuple[str, str], ...] = field(default=(), kw_only=True)
    about: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        ends = np.isfinite([self.lowest, self.highest]).all() and self.lowest < self.highest
        if not ends or (self.log and self.lowest <= 0.0):
            raise CartsimError(
                f"control {self.name!r} has impossible ends", value=(self.lowest, self.highest)
            )

    def matters(self, settings: Settings) -> bool:
        """Whether the dial changes anything under these choices."""
        return not self.needs or any(settings.get(name) == value for name, value in self.needs)

    def at(self, share: float) -> float:
        """The value at a share (0 to 1) of the slider's way, to three figures."""
        if self.zero and share <= 0.0:
            return 0.0
        share = min(max(share, 0.0), 1.0)
        if self.log:
            value = self.lowest * (self.highest / self.lowest) ** share
        else:
            value = self.lowest + share * (self.highest - self.lowest)
        return min(max(float(f"{value:.3g}"), self.lowest), self.highest)

    def share(self, value: float) -> float:
        """Where a value stands on the slider's way, 0 to 1; beyond the ends it stands at the end."""
        value = min(max(value, self.lowest), self.highest)
        if self.log:
            return math.log(value / self.lowest) / math.log(self.highest / self.lowest)
        return (value - self.lowest) / (self.highest - self.lowest)


@dataclass(frozen=True)
class Choice:
    """One of several. Where it `resets`, the dials start anew from what `controls` then says."""

    name: str
    label: str
    options: Mapping[str, str]
    value: str
    resets: bool = field(default=False, kw_only=True)
    about: str = field(default="", kw_only=True)


@dataclass(frozen=True)
class Curve:
    """One output over the picture's days: a line (T,), and a band (T,) to either side where there is one."""

    name: str
    unit: str
    positive: bool
    line: Array
    lower: Array | None = None
    upper: Array | None = None


@dataclass(frozen=True)
class CrsSeen:
    """CRS: onset and end (day) of the line shown, NaN = none; share of patients (or draws) by grade."""

    onset: float
    end: float
    shares: Mapping[str, float]


@dataclass(frozen=True)
class ResponseSeen:
    """Response: best of the line shown and what it is read from, (day, word) by visit, shares by best."""

    best: str
    measured_by: str
    visits: tuple[tuple[float, str], ...]
    shares: Mapping[str, float]


@dataclass(frozen=True)
class Sample:
    """A measurement: day, value, and whether it stands for "below the limit"."""

    day: float
    value: float
    below: bool


@dataclass(frozen=True)
class Picture:
    """What a setting of the controls shows.

    Parameters
    ----------
    days : float64 (T,), day
    curves : by output, in the model's order; empty where the line itself could not be solved
    line, band : what they are, in words
    solved, failed : solves behind the picture; failed ones are in no band and no share
    reasons : why solves failed, with how often
    """

    days: Array
    curves: Mapping[str, Curve]
    line: str
    band: str = ""
    solved: int = 0
    failed: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    crs: CrsSeen | None = None
    response: ResponseSeen | None = None
    drugs: tuple[tuple[float, str], ...] = ()
    limits: Mapping[str, float] = field(default_factory=dict)
    samples: Mapping[str, tuple[Sample, ...]] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


class Scenario(Protocol):
    """What a page needs to know; `picture` never raises for values that the controls can take."""

    title: str
    subtitle: str
    model: Model

    def controls(self, settings: Settings) -> tuple[Dial | Choice, ...]:
        """The controls, with the first values that go with the choices made so far."""

    def picture(self, settings: Settings) -> Picture:
        """What these values show; a value not given is the control's own."""


def started(scenario: Scenario, settings: Settings | None = None) -> dict[str, float | str]:
    """First values of all controls, with the choices of `settings`; CartsimError for what is no control."""
    given = dict(settings or {})
    chosen = {key: value for key, value in given.items() if isinstance(value, str)}
    controls = scenario.controls(chosen)
    faults = [name for name in given if name not in {control.name for control in controls}]
    for control in controls:
        if isinstance(control, Choice) and given.get(control.name, control.value) not in control.options:
            faults.append(f"{control.name}={given[control.name]} (allowed: {', '.join(control.options)})")
    if faults:
        known = ", ".join(control.name for control in controls)
        raise CartsimError("the scenario has no such control", value=", ".join(faults), limit=known)
    return {control.name: given.get(control.name, control.value) for control in controls}


def days_to(until: float) -> Array:
    """Even days up to the last one, closer ones at the beginning, quarters of a day where CRS runs."""
    share = np.linspace(0.0, 1.0, POINTS)
    parts = [until * share, until * share[::4] ** 3]
    if until >= MONTH:
        parts.append(ACUTE[ACUTE <= MONTH])
    return np.unique(np.concatenate(parts))


def curves_of(model: Model, values: Array, good: NDArray[np.bool_]) -> dict[str, Curve]:
    """Curves of all outputs from values (n, T, O): row 0 is the line, the other good rows make the band."""
    others = values[1:][good[1:]]
    bands = np.quantile(others, BAND, axis=0) if len(others) else None
    return {
        output.name: Curve(
            output.name,
            output.unit,
            output.positive,
            values[0, :, k],
            None if bands is None else bands[0, :, k],
            None if bands is None else bands[1, :, k],
        )
        for k, output in enumerate(model.outputs)
    }


def crs_seen(
    days: Array,
    outputs: Mapping[str, Array],
    good: NDArray[np.bool_],
    *,
    therapy: Array,
    theta_2: float = THETA_2_CLASS,
) -> CrsSeen:
    """CRS from temperature and unblocked IL-6, each (n, T); shares among the good rows after the first.

    A drug given before fever begins does not end the reading, as it would where it answers fever: CRS can
    still come. Unblocked IL-6 then decides, since tocilizumab raises what the assay measures.
    """
    grid = ACUTE[days[-1] >= ACUTE]
    temperature, il6 = (at_visits(days, outputs[name], grid) for name in CRS_NEEDS)
    settings, luck = CrsSettings(theta_2=theta_2), np.full(len(good), 0.5)

    def read(given: Array):
        return cytokine_release(
            grid, temperature, il6, anti_cytokine_day=given, uniform=luck, settings=settings
        )

    none = np.full(len(good), np.nan)
    fever = read(none).fever_onset
    found = read(np.where(therapy >= fever, therapy, np.nan))
    counted = good.copy()
    counted[0] = len(good) == 1 and good[0]
    any_grade, two, three = (
        np.asarray(share, dtype=np.float64)[counted].mean() if counted.any() else np.nan
        for share in (found.crs, found.probability_2, found.probability_3)
    )
    shares = (1.0 - any_grade, any_grade - two, two - three, three)
    return CrsSeen(
        float(found.onset[0]), float(found.end[0]), dict(zip(GRADES, map(float, shares), strict=True))
    )


def response_seen(
    days: Array,
    outputs: Mapping[str, Array],
    good: NDArray[np.bool_],
    *,
    visits: Array,
    immunofixation: float,
) -> ResponseSeen:
    """IMWG response at visits (V,), without assay error and deaths; outputs (n, T), shares as in CRS."""
    at = np.append(0.0, visits)
    m_protein, chain, marrow = (np.maximum(at_visits(days, outputs[n], at), 0.0) for n in RESPONSE_NEEDS)
    settings = ImwgSettings(immunofixation=immunofixation, immunofixation_stringent=immunofixation)
    found = imwg_response(MyelomaVisits(at, m_protein, np.minimum(marrow, 1.0), chain), settings=settings)
    counted = good & found.measurable
    counted[0] &= len(good) == 1
    best = found.best[counted]
    shares = {code.label: float((best == code).mean()) for code in reversed(Response) if (best == code).any()}
    # The best so far, as in a trial's report; PD from progression on.
    codes = np.maximum.accumulate(found.confirmed[0])
    codes[at >= found.progression_day[0]] = Response.PD
    words = tuple(
        (float(day), Response(int(code)).label) for day, code in zip(at[1:], codes[1:], strict=True)
    )
    return ResponseSeen(
        Response(int(found.best[0])).label, Measured(int(found.measured[0])).name.lower(), words, shares
    )


def has(model: Model, names: tuple[str, ...]) -> bool:
    """Whether the model has all these outputs."""
    return set(names) <= set(model.output_names)
