"""Cytokine release syndrome of virtual patients: onset, duration, IL-6 before treatment, surrogate grade.

CRS is read from the temperature before the first anti-cytokine therapy. Its grade is a SURROGATE, drawn from
the peak of IL-6 before that therapy: a simulator has neither blood pressure nor oxygen need, by which ASTCT
2019 grades (Lee 2019). The map is the proportional-odds fit on the CD22 CAR-T set (52 patients, ASTCT grades
1 / 2 / >= 3 in 21 / 19 / 12: slope 1.23 per log10 pg/mL, cuts 2.23 and 4.14), in children and young adults
with leukaemia: it is carried over to myeloma, not validated there. Surrogate grade 3 means 3 or worse; grades
4 and 5 are not told apart, and neurotoxicity (ICANS) is not modelled.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cartsim.endpoints.checks import Array, Faults
from cartsim.endpoints.shares import share_table
from cartsim.endpoints.stretches import Stretches, at_or_above

if TYPE_CHECKING:
    import pandas as pd

ROUNDING = 1e-9  # day: six hours between two crossings must not fail by a rounding
NOT_EVALUABLE = -1  # surrogate grade of a patient without values (a failed solution)

# Cut for grade >= 2 by product: chosen so that simulated grades meet the product's (it is no prediction).
THETA_2_LOCAL = 5.0  # the locally produced BCMA product of the six-patient trial: no grade >= 2 in six
THETA_2_CLASS = 3.5  # the fast (ide-cel-like) and slow (cilta-cel-like) product
THETA_2_CD22 = 2.23  # as fitted on the CD22 set


@dataclass(frozen=True)
class CrsSettings:
    """Rules of CRS and of its surrogate grade.

    Parameters
    ----------
    fever : float
        Temperature of fever, C (ASTCT 2019: 38.0).
    fever_days : float
        How long fever must last before anti-cytokine therapy, day.
    resolved_below : float
        CRS ends when the temperature last falls below this, C.
    last_day : float
        Fever is read from day 0 to this day.
    slope : float
        Of the log-odds of a higher grade on log10 of peak IL-6 in pg/mL.
    theta_2 : float
        Cut for grade >= 2; one a product (THETA_2_LOCAL, THETA_2_CLASS, THETA_2_CD22).
    theta_3_minus_2 : float
        By how much the cut for grade >= 3 lies higher (4.14 - 2.23 in the fit, rounded there to 1.9).
    """

    fever: float = 38.0
    fever_days: float = 0.25
    resolved_below: float = 37.8
    last_day: float = 40.0
    slope: float = 1.23
    theta_2: float = THETA_2_LOCAL
    theta_3_minus_2: float = 1.9

    def __post_init__(self) -> None:
        faults = Faults()
        for name in (field.name for field in fields(self)):
            faults.need(bool(np.isfinite(getattr(self, name))), name, f"is {getattr(self, name)}, not finite")
        for name in ("fever_days", "last_day", "slope", "theta_3_minus_2"):
            value = getattr(self, name)
            faults.need(not value <= 0.0, name, f"is {value}, above 0 needed")
        too_high = self.resolved_below > self.fever
        faults.need(not too_high, "resolved_below", f"is {self.resolved_below}, above fever {self.fever}")
        faults.raise_any()

    @property
    def theta_3(self) -> float:
        """Cut for grade >= 3."""
        return self.theta_2 + self.theta_3_minus_2


@dataclass(frozen=True)
class CrsOutcome:
    """CRS of n patients; every array has shape (n,).

    Parameters
    ----------
    evaluable : bool
        False where a value up to the last day is missing; all else is then NaN, False or NOT_EVALUABLE.
    crs : bool
        Fever lasting long enough before anti-cytokine therapy.
    fever_onset : float64, day
        First time in fever, however short; NaN without fever.
    onset, end, duration : float64, day
        Of CRS; the onset is the start of the first fever that lasts; NaN without CRS.
    resolved : bool
        False where there was CRS and the temperature had not fallen by the last day: `end` is then a lower
        bound. True without CRS.
    il6_peak, il6_peak_day : float64, pg/mL and day
        Highest IL-6 at the times given, up to anti-cytokine therapy, and the first time it is reached.
    probability_2, probability_3 : float64
        Of surrogate grade >= 2 and >= 3; 0 without CRS.
    surrogate_grade : int8
        0 no CRS, 1, 2, 3 (3 or worse), NOT_EVALUABLE (-1).
    anti_cytokine_day : float64, day
        As given; NaN = none.
    """

    settings: CrsSettings
    evaluable: NDArray[np.bool_]
    crs: NDArray[np.bool_]
    fever_onset: Array
    onset: Array
    end: Array
    duration: Array
    resolved: NDArray[np.bool_]
    il6_peak: Array
    il6_peak_day: Array
    probability_2: Array
    probability_3: Array
    surrogate_grade: NDArray[np.int8]
    anti_cytokine_day: Array

    def table(self) -> pd.DataFrame:
        """One row a patient, one column an array."""
        import pandas as pd

        names = [field.name for field in fields(self) if field.name != "settings"]
        return pd.DataFrame({name: getattr(self, name) for name in names})

    def summary(self, *, level: float = 0.95) -> pd.DataFrame:
        """Counts among evaluable patients with exact intervals, one row an item.

        Columns as of `share_table`: item, count, total, share, lower, upper, text.
        """
        total, grade = int(self.evaluable.sum()), self.surrogate_grade
        counts = {"CRS, any": (self.crs, total)}
        counts |= {f"surrogate grade {k}": (grade == k, total) for k in (0, 1, 2, 3)}
        counts |= {f"surrogate grade >= {k}": (grade >= k, total) for k in (2, 3)}
        treated = np.isfinite(self.anti_cytokine_day) & self.evaluable
        counts["anti-cytokine therapy"] = (treated, total)
        counts["CRS not resolved by the last day"] = (~self.resolved, int(self.crs.sum()))
        counts["not evaluable"] = (~self.evaluable, self.evaluable.size)
        named = {name: (int(marked.sum()), of) for name, (marked, of) in counts.items()}
        return share_table(named, level=level)

    def timing(self) -> pd.DataFrame:
        """Onset, duration and IL-6 peak among patients with CRS: n, median, quartiles and range of each.

        The duration of CRS that is not resolved by the last day is counted to that day.
        """
        import pandas as pd

        items = {
            "onset": ("day", self.onset),
            "duration": ("day", self.duration),
            "il6_peak": ("pg/mL", self.il6_peak),
            "il6_peak_day": ("day", self.il6_peak_day),
        }
        rows = []
        for name, (unit, values) in items.items():
            values = values[self.crs]
            five = np.quantile(values, [0.5, 0.25, 0.75, 0.0, 1.0]) if values.size else np.full(5, np.nan)
            rows.append((name, unit, values.size, *five.tolist()))
        columns = ["item", "unit", "n", "median", "lower_quartile", "upper_quartile", "lowest", "highest"]
        return pd.DataFrame(rows, columns=columns)


def cytokine_release(
    time: ArrayLike,
    temperature: ArrayLike,
    il6: ArrayLike,
    *,
    anti_cytokine_day: ArrayLike,
    uniform: ArrayLike,
    settings: CrsSettings | None = None,
) -> CrsOutcome:
    """CRS and its surrogate grade of n patients.

    Parameters
    ----------
    time : (T,), day after infusion, strictly increasing
    temperature : (n, T), C; straight between the times, so that crossings are exact for that curve
    il6 : (n, T), pg/mL; signalling-competent or measured (the same thing before anti-cytokine therapy)
    anti_cytokine_day : (n,), day of the first anti-cytokine therapy, NaN = none
    uniform : (n,), in [0, 1), drawn once a patient; a low number means a high grade. Give the arms of a
        comparison the same numbers.
    settings : CrsSettings

    Raises EndpointError with all faults at once: shapes that differ, times that do not increase, therapy
    before day 0, uniform numbers outside [0, 1). Missing values make a patient not evaluable.
    """
    settings = settings or CrsSettings()
    time, temperature, il6, therapy, uniform = _checked(time, temperature, il6, anti_cytokine_day, uniform)
    used = slice(
        max(int(np.searchsorted(time, 0.0, side="right")) - 1, 0),
        int(np.searchsorted(time, settings.last_day, side="left")) + 1,
    )
    time, temperature, il6 = time[used], temperature[:, used], il6[:, used]
    evaluable = np.isfinite(temperature).all(axis=1) & np.isfinite(il6).all(axis=1)
    temperature = np.where(evaluable[:, None], temperature, -np.inf)  # no stretch is found there
    until = np.fmin(therapy, settings.last_day)
    course = _course(time, temperature, until, settings)
    peak, peak_day = _highest(time, np.where(evaluable[:, None], il6, np.nan), until)
    two, three = (
        np.where(
            evaluable,
            np.where(course["crs"], grade_probability(peak, cut, slope=settings.slope), 0.0),
            np.nan,
        )
        for cut in (settings.theta_2, settings.theta_3)
    )
    grade = course["crs"].astype(np.int8) + (uniform < two) + (uniform < three)
    return CrsOutcome(
        settings=settings,
        evaluable=evaluable,
        **course,
        il6_peak=peak,
        il6_peak_day=peak_day,
        probability_2=two,
        probability_3=three,
        surrogate_grade=np.where(evaluable, grade, NOT_EVALUABLE).astype(np.int8),
        anti_cytokine_day=therapy,
    )


def il6_at_grade(cut: float, *, slope: float = CrsSettings.slope, probability: float = 0.5) -> float:
    """IL-6 (pg/mL) at which the map gives a grade with `probability`: the limit of a rule "at grade >= k".

    `cut` is theta_2 or theta_3 of the product.
    """
    faults = Faults()
    faults.need(0.0 < probability < 1.0, "probability", f"is {probability}, between 0 and 1 needed")
    faults.raise_any()
    return float(10.0 ** ((cut + np.log(probability / (1.0 - probability))) / slope))


def grade_probability(il6_peak: ArrayLike, theta: float, *, slope: float = 1.23) -> Array:
    """P(grade >= k | CRS) = logistic(slope * log10(peak IL-6 in pg/mL) - theta_k); 0 at a peak of 0."""
    from scipy.special import expit

    with np.errstate(divide="ignore"):
        return expit(slope * np.log10(np.asarray(il6_peak, dtype=np.float64)) - theta)


def _course(time: Array, temperature: Array, until: Array, settings: CrsSettings) -> dict[str, NDArray]:
    """Onset, end and duration from the temperature; `until` (n,) is when therapy or the window ends them."""
    patients = len(temperature)
    fever = at_or_above(time, temperature, settings.fever).within(0.0, settings.last_day)
    onset = _lasting(fever, until, settings.fever_days).first_start(patients)
    crs = np.isfinite(onset)
    warm = at_or_above(time, temperature, settings.resolved_below).within(0.0, settings.last_day)
    end, still = warm.last(patients)
    end = np.where(crs, end, np.nan)
    return {
        "crs": crs,
        "fever_onset": fever.first_start(patients),
        "onset": onset,
        "end": end,
        "duration": end - onset,
        "resolved": ~(crs & still),
    }


def _lasting(fever: Stretches, until: Array, days: float) -> Stretches:
    before = fever.within(-np.inf, until[fever.patient])
    return before.where(before.end - before.start >= days - ROUNDING)


def _highest(time: Array, il6: Array, until: Array) -> tuple[Array, Array]:
    """Highest value at times from day 0 up to `until` (n,), and its time; NaN where there is none."""
    counted = (time >= 0.0) & (time <= until[:, None]) & np.isfinite(il6)
    values = np.where(counted, il6, -np.inf)
    where = values.argmax(axis=1)
    peak = np.take_along_axis(values, where[:, None], axis=1)[:, 0]
    found = np.isfinite(peak)
    # A solver may leave a concentration a rounding below zero.
    return np.where(found, np.maximum(peak, 0.0), np.nan), np.where(found, time[where], np.nan)


def _checked(
    time: ArrayLike, temperature: ArrayLike, il6: ArrayLike, therapy: ArrayLike, uniform: ArrayLike
) -> tuple[Array, Array, Array, Array, Array]:
    faults = Faults()
    time = faults.array("time", time, ndim=1)
    temperature = faults.array("temperature", temperature, ndim=2)
    il6 = faults.array("il6", il6, ndim=2)
    therapy = faults.array("anti_cytokine_day", therapy, ndim=1)
    uniform = faults.array("uniform", uniform, ndim=1)
    faults.rising("time", time)
    faults.need(time.size > 0, "time", "holds no time")
    shape = (len(temperature), time.size)
    faults.shape("temperature", temperature, shape)
    faults.shape("il6", il6, shape)
    faults.shape("anti_cytokine_day", therapy, shape[:1])
    faults.shape("uniform", uniform, shape[:1])
    faults.not_negative("anti_cytokine_day", therapy)
    inside = (uniform >= 0.0) & (uniform < 1.0)
    faults.need(bool(inside.all()), "uniform", f"holds {(~inside).sum()} value(s) outside 0 to 1")
    faults.raise_any()
    return time, temperature, il6, therapy, uniform
