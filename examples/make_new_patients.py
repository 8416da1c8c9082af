"""Three simulated patients of cilta-cel, a table for `cartsim predict`: all assays up to day 90.

python examples/make_new_patients.py new_patients.csv
cartsim predict fits/fandrei2024_bcma_myeloma_ciltacel --data new_patients.csv --until 14
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from cartsim.cohort.outcomes import RTOL, curves_at
from cartsim.cohort.products import TrialPopulation, read_products
from cartsim.kernels.methods import Rodas5P
from cartsim.models import load_model

DAYS = {
    "car_transgene": (7, 14, 30, 90),
    "car_t": (4, 7, 11, 14, 30, 60, 90),
    "sbcma": (0, 14, 30, 90),
    "crp": (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 21, 30),
    "il6": (2, 4, 6),
}
LLOQ = {"car_transgene": 50.0, "car_t": 0.2, "sbcma": 0.1, "crp": 0.4, "il6": 1.0}
ERROR = {"car_transgene": 0.5, "car_t": 0.6, "sbcma": 0.3, "crp": 0.4, "il6": 0.5}  # log scale


def new_patients(count: int, seed: int) -> pd.DataFrame:
    """Rows of a long patient table; below the LLOQ the value is reported as such."""
    model = load_model("bcma_myeloma")
    population = TrialPopulation(model, "slow", read_products(), seed)
    days = np.arange(0.0, 90.5, 0.5)
    curves, _ = curves_at(population, population.treated(0, count), days, method=Rodas5P(rtol=RTOL))
    rng, units = np.random.default_rng(seed), {output.name: output.unit for output in model.outputs}
    rows = []
    for patient in range(count):
        treated = "yes" if np.isfinite(curves.therapy[patient]) else "no"
        for output, visits in DAYS.items():
            for day in visits:
                true = curves.at(output, [float(day)])[patient, 0]
                value = true * np.exp(ERROR[output] * rng.standard_normal())
                shown = f"{value:.4g}" if value >= LLOQ[output] else f"<{LLOQ[output]:g}"
                rows.append((f"N{patient + 1}", day, output, shown, units[output], "Cilta-cel", treated))
    columns = ["subject", "time", "output", "value", "unit", "product", "tocilizumab"]
    return pd.DataFrame(rows, columns=columns)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("new_patients.csv")
    new_patients(3, seed=5).to_csv(target, index=False)
    print(f"SIMULATED patients written to {target}")
