"""The quick speed comparison that needs no other package: cartsim beside SciPy on one model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cartsim.kernels.methods import Rodas4, Rodas5P
from cartsim.regimen.regimen import Regimen
from cartsim.spec.model import Model
from cartsim.study.cohort_draw import draw_cohort
from cartsim.study.speed import (
    Race,
    compiled_equations,
    engine,
    float_equations,
    race,
    ratios,
    reference,
    scipy_solver,
    timed,
)
from cartsim.study.speed_case import Case

SEED = 20
TOLERANCES = (1e-3, 1e-4, 1e-5, 1e-6)
TARGETS = (1e-3, 1e-4, 1e-5)
OWN = {"cartsim Rodas4": Rodas4, "cartsim Rodas5P": Rodas5P}
SCIPY = {
    "scipy LSODA, numba rhs": ("LSODA", compiled_equations),
    "scipy LSODA, Python rhs": ("LSODA", float_equations),
    "scipy Radau, numba rhs": ("Radau", compiled_equations),
    "scipy BDF, numba rhs": ("BDF", compiled_equations),
}


@dataclass(frozen=True)
class Effort:
    """Size of the comparison: patients of cartsim and of each SciPy solver, repeats, SciPy's solvers."""

    patients: int = 512
    scipy_patients: int = 8
    repeats: int = 5
    solvers: tuple[str, ...] = tuple(SCIPY)


QUICK = Effort(256, 4, 3, tuple(SCIPY)[:2])


def scipy_race(model: Model, effort: Effort, *, told: Callable[[str], None] = lambda line: None) -> Race:
    """Race cartsim's two stiff methods and SciPy over one year of virtual patients of the model."""
    parameters = draw_cohort(model, effort.patients, seed=SEED)
    times = np.concatenate([np.arange(0.5, 29.0, 0.5), np.arange(30.0, 366.0, 28.0)])
    case = Case(model.name, model, parameters, times, Regimen.published(model))
    entrants = {name: timed(engine(case, method)) for name, method in OWN.items()}
    entrants |= {name: timed(scipy_solver(case, *SCIPY[name])) for name in effort.solvers}
    counts = {name: effort.patients if name in OWN else effort.scipy_patients for name in entrants}
    counts = {name: min(count, effort.patients) for name, count in counts.items()}
    truth = reference(case)
    tolerances = dict.fromkeys(entrants, TOLERANCES)
    return race(case, entrants, tolerances, counts, truth, repeats=effort.repeats, told=told)


def comparison_rows(found: Race) -> list[list[str]]:
    """Rows of the table: solver, patients, µs a patient and error at rtol 1e-4, and for each of `TARGETS`
    how many times longer than the faster cartsim method the solver takes at that error."""
    rows = []
    for name in dict.fromkeys(timing.solver for timing in found.timings):
        own = [t for t in found.timings if t.solver == name]
        at = next((t for t in own if t.rtol == 1e-4), own[0])
        cells = [name, str(at.patients), f"{np.median(at.microseconds):,.0f}", f"{at.error:.1e}"]
        rows.append(cells + [_slower(found, name, target) for target in TARGETS])
    return rows


def _slower(found: Race, name: str, target: float) -> str:
    if name in OWN:
        return ""
    times = [ratios(found.timings, base, target)[name][0] for base in OWN]
    known = [ratio for ratio in times if not np.isnan(ratio)]
    return f"{max(known):,.0f}x" if known else "not reached"
