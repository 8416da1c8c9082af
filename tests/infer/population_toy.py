"""A simulated Stein population of known truth, as a patient table (recipe: inference sheet, section 2)."""

import numpy as np

from cartsim.data.read import read_data
from cartsim.infer.assemble_population import make_population
from cartsim.models import load_model
from cartsim.observe.error_models import LogNormalError
from cartsim.solve.batch import batch
from cartsim.spec.priors import HalfNormal, LogitNormal, LogNormal

DAYS = np.array([1, 3, 5, 7, 9, 11, 14, 17, 21, 28, 42, 60, 90, 180, 270, 365], dtype=float)
NAMES = ("cmax", "tmax", "foldx", "alpha", "fb", "beta")
MEDIANS = np.array([24_000.0, 9.3, 3_900.0, 0.16, 0.0079, 0.0032])
SPREADS = np.array([0.8, 0.35, 1.2, 0.6, 0.9, 0.7])
SIGMA, LLOQ = 0.56, 50.0
PRIORS = {
    "cmax": LogNormal(median=24_000.0, log_sd=1.5),
    "tmax": LogNormal(median=9.3, log_sd=0.5),
    "foldx": LogNormal(median=3_900.0, log_sd=1.5),
    "alpha": LogNormal(median=0.16, log_sd=1.0),
    "fb": LogitNormal(median=0.0079, logit_sd=1.5),
    "beta": LogNormal(median=0.0032, log_sd=1.0),
}
IIV = dict(zip(NAMES, (HalfNormal(sd=s) for s in (1.0, 0.5, 1.5, 1.0, 1.0, 1.0)), strict=True))


def table(folder, patients, seed):
    """The patient table as a CSV file in `folder`."""
    rng = np.random.default_rng(seed)
    model = load_model("stein2019_tisagenlecleucel")
    eta = SPREADS * rng.standard_normal((patients, len(NAMES)))
    values = MEDIANS * np.exp(eta)
    odds = MEDIANS[4] / (1 - MEDIANS[4]) * np.exp(eta[:, 4])
    values[:, 4] = odds / (1 + odds)
    lines = ["subject,time_day,output,value,unit,lloq"]
    for i, row in enumerate(values):
        end = rng.choice([60, 90, 180, 365], p=[0.15, 0.2, 0.3, 0.35])
        days = DAYS[end >= DAYS]
        given = model.vector(**dict(zip(NAMES, row, strict=True)))[None]
        predicted = batch(model, given, days).outputs[:, 0]
        for day, value in zip(days, predicted * np.exp(SIGMA * rng.standard_normal(len(days))), strict=True):
            shown = f"{value:.6g}" if value >= LLOQ else f"<{LLOQ:g}"
            lines.append(f"P{i + 1},{day:g},car_transgene,{shown},copies/ug,{LLOQ:g}")
    path = folder / f"toy-{patients}.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def toy(folder, patients, seed=1, **options):
    """The population problem of such a table."""
    return make_population(
        load_model("stein2019_tisagenlecleucel"),
        read_data(table(folder, patients, seed)),
        errors={"car_transgene": LogNormalError(sigma=HalfNormal(sd=1.0))},
        priors=PRIORS,
        spreads=IIV,
        **options,
    )
