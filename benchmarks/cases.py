"""The patients and models of the speed comparison, by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cartsim.models import load_model
from cartsim.regimen.doses import Dose
from cartsim.regimen.regimen import Regimen
from cartsim.study.cohort_draw import draw_cohort
from cartsim.study.speed_case import Case

SEED = 20
# Half-days through the first two weeks, then ever further apart to one year; day 6 is a dose, so left out.
TIMES = np.concatenate(
    [
        np.arange(0.5, 6.0, 0.5),
        np.arange(6.5, 15.0, 0.5),
        np.arange(15.0, 30.0),
        np.arange(30.0, 60.0, 5.0),
        np.arange(60.0, 341.0, 28.0),
        [365.0],
    ]
)
CRS16 = Path(__file__).with_name("crs16.py")
MODELS = {
    "stein_ode": "stein2019_tisagenlecleucel",
    "singh2021": "singh2021_bb2121",
    "crs16": str(CRS16),
    "kirouac2023": "kirouac2023",
}
# Solvers that take one absolute tolerance for all states get rtol times this.
SCALAR_SCALE = {"stein_ode": 1.0, "singh2021": 1e-3, "crs16": 1e-3, "kirouac2023": 1.0}
SHARED = {"crs16": (("tm_start", "te1_start", "te2_start"),)}
TOCILIZUMAB_DAY = 6.0


def make_case(name: str, patients: int, *, seed: int = SEED, log_sd: float | None = None) -> Case:
    """A case of the comparison; `log_sd` spreads every parameter alike instead of by its prior."""
    model = load_model(MODELS[name])
    parameters = draw_cohort(model, patients, seed=seed, log_sd=log_sd, shared=SHARED.get(name, ()))
    day = TOCILIZUMAB_DAY if name == "crs16" else 0.0
    doses = () if model.dose is None else (Dose(model.dose, day),)
    return Case(name, model, parameters, TIMES, Regimen(doses))
