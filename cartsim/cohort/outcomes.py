"""What becomes of virtual patients: sampled kinetics, CRS, response, progression and death, one row each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cartsim.cohort.products import OUTCOME_STREAM, Treated, TrialPopulation
from cartsim.endpoints.crs import CrsOutcome, CrsSettings, cytokine_release
from cartsim.endpoints.imwg import ImwgOutcome, imwg_response
from cartsim.endpoints.imwg_rules import ImwgSettings, Measured, Response, share_left
from cartsim.endpoints.progression import progression_free
from cartsim.endpoints.visits import MyelomaVisits
from cartsim.kernels.methods import Method, Rodas5P
from cartsim.regimen.regimen import events_of
from cartsim.solve.batch import batch
from cartsim.spec.model import Model

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
CHUNK = 512  # patients whose curves exist at once; results do not depend on it
ACUTE = np.arange(0.0, 40.01, 0.25)  # day; CRS is read on it
EARLY, LATE = 28.0, 180.0  # AUC0-28d, AUC0-6m
MONTH_1, MONTH_6 = 28.0, 180.0
CYTOKINES = ("ifng", "il6", "il6_signal", "il8", "il10")
KNOWN_BEFORE = ("patient", "status", "dose", "weight", "burden")
RTOL = 1e-4  # an outcome class changes in less than 0.5 % of patients when it is doubled (benchmarks)


@dataclass(frozen=True)
class Curves:
    """Curves of some patients: outputs by name (n, T), cumulative hazard (n, T), status (n,)."""

    days: Array
    outputs: dict[str, Array]
    hazard: Array
    status: NDArray[np.int64]
    therapy: Array  # day of the first anti-cytokine drug, NaN = none

    def at(self, name: str, days: Sequence[float] | Array) -> Array:
        """One output at days of the grid, (n, D)."""
        return self.outputs[name][:, np.searchsorted(self.days, days)]


def outcome_table(
    population: TrialPopulation,
    count: int,
    *,
    first: int = 0,
    method: Method | None = None,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Outcomes of patients first .. first + count - 1 of a product.

    Returns
    -------
    DataFrame
        One row a patient: `patient`, `status` (0 = solved; else every outcome is missing), dose and weight,
        kinetics by PCR and flow on the visit grid with their LLOQ, CRS, cytokine peaks, response, PFS and
        OS. A failed solve is never dropped.
    """
    import pandas as pd

    parts = []
    for begin in range(first, first + count, CHUNK):
        end = min(begin + CHUNK, first + count)
        parts.append(_chunk(population, begin, end, method or Rodas5P(rtol=RTOL), threads))
        if progress is not None:
            progress(end - first, count)
    return pd.concat(parts, ignore_index=True)


def grid(population: TrialPopulation) -> Array:
    """All days at which a curve is read."""
    seen = population.products.observation
    coarse = np.arange(ACUTE[-1], seen.follow_up + 1.0, 10.0)
    named = [[*population.product.sample_days, *seen.response_days, EARLY, LATE, seen.follow_up]]
    return np.unique(np.concatenate([ACUTE, coarse, *named]))


def solve(population: TrialPopulation, begin: int, end: int, method: Method, threads: int) -> Curves:
    """Curves of patients begin .. end - 1 under what they are given."""
    treated = population.treated(begin, end)
    return curves_at(population, treated, grid(population), method=method, threads=threads)[0]


def curves_at(
    population: TrialPopulation, treated: Treated, days: Array, *, method: Method, threads: int = 1
) -> tuple[Curves, Array]:
    """Curves of treated patients at `days` (T,), and the days when each one's rules fired (n, K)."""
    model: Model = population.model
    events = events_of(model, treated.regimens)
    solved = batch(model, treated.rows, days, events=events, method=method, threads=threads)
    shape = (len(treated.rows), len(days), -1)
    outputs = solved.outputs.reshape(shape)
    hazard = solved.states.reshape(shape)[:, :, model.state_names.index("hazard")]
    by_name = {name: outputs[:, :, k] for k, name in enumerate(model.output_names)}
    therapy = _therapy(treated.regimens, solved.firings)
    return Curves(days, by_name, hazard, solved.status, therapy), solved.firings


@dataclass(frozen=True)
class Followed:
    """Some patients as their trial saw them: what each got, the curves, CRS, and the response at every visit.

    `firings` are the days of the rules (n, K), `death_day` (n,) is NaN where alive at the end, `left` (n, V)
    is the share left of what the response is read from, with assay error, `kinetics` (n, 2 S) are normal
    scores of the errors of the samples.
    """

    treated: Treated
    curves: Curves
    firings: Array
    crs: CrsOutcome
    death_day: Array
    response: ImwgOutcome
    left: Array
    kinetics: Array


def followed(population: TrialPopulation, begin: int, end: int, method: Method, threads: int) -> Followed:
    """Patients begin .. end - 1; their random numbers are their own, whoever else is asked for."""
    luck = population.uniform(OUTCOME_STREAM, begin, end, luck_columns(population))
    return followed_with(population, population.treated(begin, end), luck, method=method, threads=threads)


def luck_columns(population: TrialPopulation) -> int:
    """How many random numbers the outcomes of one patient take."""
    seen = population.products.observation
    return 3 + 2 * len(seen.response_days) + 2 * len(population.product.sample_days)


def followed_with(
    population: TrialPopulation, treated: Treated, luck: Array, *, method: Method, threads: int = 1
) -> Followed:
    """Treated patients (n) with their luck, float64 (n, `luck_columns`) in [0, 1)."""
    seen = population.products.observation
    curves, firings = curves_at(population, treated, grid(population), method=method, threads=threads)
    visits = len(seen.response_days)
    noise = _normal(luck[:, 3:])
    crs = _crs(population, curves, luck[:, 0])
    death_day = _death(curves, seen, crs, luck[:, 1], luck[:, 2])
    response, left = _response(curves, population, noise[:, : 2 * visits], death_day)
    return Followed(treated, curves, firings, crs, death_day, response, left, noise[:, 2 * visits :])


def _therapy(regimens: Sequence, firings: Array) -> Array:
    """Day of each patient's first anti-cytokine dose: when its rule fired, plus the rule's delay."""
    first = np.full(len(regimens), np.nan)
    for k, regimen in enumerate(regimens):
        slot = 0
        for rule in regimen.rules:
            given = firings[k, slot] + min(dose.time for dose in rule.give)
            first[k] = np.fmin(first[k], given)
            slot += rule.at_most
    return first


def _chunk(population: TrialPopulation, begin: int, end: int, method: Method, threads: int) -> pd.DataFrame:
    import pandas as pd

    seen = followed(population, begin, end, method, threads)
    treated, curves, crs = seen.treated, seen.curves, seen.crs
    table = {
        "patient": np.arange(begin, end),
        "status": curves.status,
        "dose": [regimen.doses[0].amount for regimen in treated.regimens],
        "weight": treated.weights,
        "burden": treated.rows[:, population.model.index("myeloma_start")],
        "sbcma_start": curves.outputs["sbcma"][:, 0],
        **_kinetics(curves, population, seen.kinetics),
        **_crs_columns(crs, curves),
        **_response_columns(seen, population.products.observation.follow_up),
    }
    frame = pd.DataFrame(table)
    failed = frame["status"] != 0
    if failed.any():  # counted by `status`, never scored
        blank = [name for name in frame.columns if name not in KNOWN_BEFORE]
        frame[blank] = frame[blank].astype(object).mask(failed).infer_objects()
    return frame


def _crs(population: TrialPopulation, curves: Curves, uniform: Array) -> CrsOutcome:
    settings = CrsSettings(theta_2=population.product.grade_2)
    return cytokine_release(
        ACUTE,
        curves.at("temperature", ACUTE),
        curves.at("il6", ACUTE),
        anti_cytokine_day=curves.therapy,
        uniform=uniform,
        settings=settings,
    )


def _crs_columns(crs: CrsOutcome, curves: Curves) -> dict[str, Array]:
    """CRS, and where each cytokine peaks before anti-cytokine therapy ends its natural course."""
    found = {
        "crs": crs.crs,
        "crs_onset": crs.onset,
        "crs_end": crs.end,
        "crs_duration": crs.duration,
        "surrogate_grade": crs.surrogate_grade,
        "probability_grade_2": crs.probability_2,
        "probability_grade_3": crs.probability_3,
        "il6_before_therapy": crs.il6_peak,
        "il6_before_therapy_day": crs.il6_peak_day,
        "therapy_day": crs.anti_cytokine_day,
        "peak_temperature": curves.at("temperature", ACUTE).max(axis=1),
        "peak_crp": curves.at("crp", ACUTE).max(axis=1),
    }
    for name in CYTOKINES:
        acute = curves.at(name, ACUTE)
        found[f"peak_{name}"] = acute.max(axis=1)
        found[f"peak_{name}_day"] = ACUTE[acute.argmax(axis=1)]
        found[f"{name}_start"] = acute[:, 0]
        found[f"{name}_day_28"] = curves.at(name, [MONTH_1])[:, 0]
    return found


def _kinetics(curves: Curves, population: TrialPopulation, noise: Array) -> dict[str, Array]:
    """Cmax, Tmax, AUC and detection as the laboratory reports them; AUC takes BLQ as 0, like day 0."""
    seen, days = population.products.observation, np.array(population.product.sample_days)
    measured = {
        "pcr": ("car_transgene", seen.transgene_error, seen.transgene_lloq, noise[:, : len(days)]),
        "flow": ("car_t", seen.flow_error, seen.flow_lloq, noise[:, len(days) :]),
    }
    found = {}
    for assay, (output, error, lloq, score) in measured.items():
        values = curves.at(output, days) * np.exp(error * score)
        values = np.where(values < lloq, 0.0, values)
        found[f"cmax_{assay}"] = values.max(axis=1)
        found[f"tmax_{assay}"] = np.where(values.max(axis=1) > 0, days[values.argmax(axis=1)], np.nan)
        for name, end in (("auc28", EARLY), ("auc6m", LATE)):
            inside = days <= end
            found[f"{name}_{assay}"] = _area(values[:, inside], days[inside])
        for name, day in (("month_1", MONTH_1), ("month_6", MONTH_6)):
            found[f"{assay}_{name}"] = values[:, np.abs(days - day).argmin()] > 0
        for day in (7.0, 14.0, 28.0, 60.0, 180.0):
            found[f"{assay}_day_{day:g}"] = _true(curves, output, day)
    return found


def _area(values: Array, days: Array) -> Array:
    """Trapezoids from 0 on day 0, added day by day: NumPy's own sum of one row alone ends in other bits."""
    total, before, last = np.zeros(len(values)), np.zeros(len(values)), 0.0
    for value, day in zip(values.T, days, strict=True):
        total = total + 0.5 * (day - last) * (before + value)
        before, last = value, day
    return total


def _true(curves: Curves, output: str, day: float) -> Array:
    """The curve itself at the grid day nearest to one, without assay error."""
    return curves.outputs[output][:, np.abs(curves.days - day).argmin()]


def _death(curves: Curves, seen, crs: CrsOutcome, uniform: Array, toxic: Array) -> Array:
    """Day at which the cumulative hazard passes the patient's own limit, or a toxic one; NaN alive."""
    limit = -np.log1p(-uniform)
    hazard = np.where(np.isfinite(curves.hazard), curves.hazard, -np.inf)
    after = (hazard < limit[:, None]).sum(axis=1)
    dies = after < len(curves.days)
    right = np.minimum(after, len(curves.days) - 1)
    left = np.maximum(right - 1, 0)
    row = np.arange(len(limit))
    low, high = hazard[row, left], hazard[row, right]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(high > low, (limit - low) / (high - low), 0.0)
    day = np.where(dies, curves.days[left] + share * (curves.days[right] - curves.days[left]), np.nan)
    poisoned = (crs.surrogate_grade >= 3) & (toxic < seen.toxic_death)
    return np.where(poisoned, np.fmin(day, crs.onset + 7.0), day)


def _response(
    curves: Curves, population: TrialPopulation, noise: Array, death_day: Array
) -> tuple[ImwgOutcome, Array]:
    """Response, and the share left (n, V) of the value that it is read from."""
    seen = population.products.observation
    days = np.array([0.0, *seen.response_days])
    later = len(days) - 1
    quiet = np.zeros((len(death_day), 1))
    m_protein = curves.at("m_protein", days)
    light_chain = curves.at("free_light_chain", days)
    m_protein = m_protein * np.exp(seen.m_protein_error * np.hstack([quiet, noise[:, :later]]))
    light_chain = light_chain * np.exp(seen.flc_error * np.hstack([quiet, noise[:, later:]]))
    visits = MyelomaVisits(days, m_protein, curves.at("marrow_fraction", days), light_chain)
    limit = seen.immunofixation
    settings = ImwgSettings(immunofixation=limit, immunofixation_stringent=limit)
    response = imwg_response(visits, death_day=death_day, settings=settings)
    return response, share_left(visits, response.measured)


def _response_columns(seen: Followed, follow_up: float) -> dict[str, Array]:
    response = seen.response
    free = progression_free(response)
    # Progression is seen up to the last visit only. Were deaths counted after it while everyone alive is
    # censored at it, few would be at risk and the curve would fall to nothing.
    last = response.days[-1]
    death = response.death_day
    return {
        "best_response": response.best,
        "best_response_word": [Response(code).label for code in response.best],
        "measurable": response.measurable,
        "measured_by": [Measured(code).name.lower() for code in response.measured],
        "best_change": _best_change(response, seen.left),
        "first_response_day": response.first_response_day,
        "progression_day": response.progression_day,
        "depth": response.depth,
        "mrd_negative": response.mrd_negative,
        "pfs_day": np.minimum(free.time, last),
        "pfs_event": free.event & (free.time <= last),
        "os_day": np.where(np.isfinite(death), death, follow_up),
        "os_event": np.isfinite(death),
    }


def _best_change(response: ImwgOutcome, left: Array) -> Array:
    """Lowest value after infusion over baseline, minus 1, in percent, up to the visit of progression.

    Unlike `depth` it counts the visit of progression itself, so that a patient who only progressed has one.
    """
    until = np.where(np.isnan(response.progression_day), np.inf, response.progression_day)
    counted = (response.days > 0.0) & (response.days <= until[:, None]) & (response.response >= 0)
    return 100.0 * (np.fmin.reduce(np.where(counted, left, np.nan), axis=1) - 1.0)


def _normal(uniform: Array) -> Array:
    from scipy.special import ndtri

    return ndtri(np.clip(uniform, 1e-16, None))
