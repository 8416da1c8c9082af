"""What a ward gives round CAR-T cells: lymphodepletion, cells per kg, tocilizumab, dexamethasone, anakinra.

Doses and intervals: cytokine sheet, section 3. The targets are states of `bcma_myeloma`; for another model
name them.
"""

from __future__ import annotations

import numpy as np

from cartsim.errors import ModelError
from cartsim.regimen.doses import Dose
from cartsim.regimen.rules import Rule

HOUR = 1.0 / 24.0
TOCI_MG_PER_KG, TOCI_SMALL_MG_PER_KG, TOCI_SMALL_KG, TOCI_MOST_MG = 8.0, 12.0, 30.0, 800.0
TOCI_INTERVAL = 8 * HOUR
ANAKINRA_MG_PER_KG, ANAKINRA_MOST_MG = 2.0, 100.0


def lymphodepletion(
    first_day: float = -5.0, *, days: int = 3, target: str = "lymphodepletion"
) -> tuple[Dose, ...]:
    """Fludarabine and cyclophosphamide on consecutive days; the simulation must start before them.

    One unit is one day's dose. Three leave about a tenth of the lymphocytes (Minucci et al. 2024); set the
    model's `lymphocytes_start` to what the patient has before chemotherapy.
    """
    return tuple(Dose(1.0, first_day + k, target=target) for k in range(days))


def cells_per_kg(cells: float, weight: float, *, most: float = np.inf) -> float:
    """CAR+ cells of a dose by body weight (kg), at most `most`."""
    return min(cells * _checked(weight), most)


def tocilizumab_mg(weight: float) -> float:
    """Dose in mg: 8 mg/kg, 12 mg/kg below 30 kg, 800 mg at most."""
    per_kg = TOCI_MG_PER_KG if _checked(weight) >= TOCI_SMALL_KG else TOCI_SMALL_MG_PER_KG
    return min(per_kg * weight, TOCI_MOST_MG)


def tocilizumab(day: float, *, weight: float, target: str = "toci_central") -> Dose:
    """One infusion on a given day, as a bolus."""
    return Dose(tocilizumab_mg(weight), day, target=target)


def tocilizumab_rule(
    above: float,
    *,
    weight: float,
    watch: str = "temperature",
    delay: float = 12 * HOUR,
    at_most: int = 1,
    repeat_after: float = TOCI_INTERVAL,
    until: float = 30.0,
    name: str = "tocilizumab",
    target: str = "toci_central",
) -> Rule:
    """Tocilizumab `delay` days after `watch` goes above a limit, again if it still is `repeat_after` a dose.

    Watch `temperature` (degC), or signalling IL-6 (`il6_signal`, pg/mL) at the value where the surrogate map
    gives the grade that the protocol treats.

    Raises
    ------
    ModelError
        For doses closer than 8 hours, or a weight that is no weight.
    """
    if repeat_after < TOCI_INTERVAL - 1e-9:
        raise ModelError(
            "tocilizumab is repeated too early", value=f"{repeat_after / HOUR:g} h", limit="8 h or more"
        )
    dose = Dose(tocilizumab_mg(weight), delay, target=target)
    again = (delay + repeat_after) if at_most > 1 else 0.0
    return Rule(name, watch, (dose,), above=above, refractory=again, at_most=at_most, until=until)


def dexamethasone(
    day: float = 0.0,
    *,
    mg: float = 10.0,
    every: float = 6 * HOUR,
    times: int = 8,
    target: str = "dexamethasone",
) -> tuple[Dose, ...]:
    """A course, 10 mg every 6 hours for 2 days unless said."""
    return tuple(Dose(mg, day + k * every, target=target) for k in range(times))


def dexamethasone_rule(
    above: float,
    *,
    watch: str = "temperature",
    delay: float = 1.0,
    mg: float = 10.0,
    every: float = 12 * HOUR,
    times: int = 4,
    until: float = 30.0,
) -> Rule:
    """A course that starts `delay` days after `watch` goes above a limit."""
    course = dexamethasone(delay, mg=mg, every=every, times=times)
    return Rule("dexamethasone", watch, course, above=above, until=until)


def anakinra(
    day: float, *, weight: float, every: float = 6 * HOUR, times: int = 4, target: str = "anakinra"
) -> tuple[Dose, ...]:
    """2 mg/kg every 6 hours, 100 mg a dose at most."""
    mg = min(ANAKINRA_MG_PER_KG * _checked(weight), ANAKINRA_MOST_MG)
    return tuple(Dose(mg, day + k * every, target=target) for k in range(times))


def _checked(weight: float) -> float:
    if not (np.isfinite(weight) and 0.0 < weight < 500.0):
        raise ModelError("a body weight in kg", value=weight, limit="> 0 and below 500")
    return float(weight)
