"""One patient fitted with your own priors: the posterior, how much the data taught, a prediction.

    python examples/03_fit_a_patient_with_your_own_priors.py [FOLDER]

The posterior draws go to FOLDER (default: runs/examples). The patient is SIMULATED.
"""

import sys
from pathlib import Path

import numpy as np

import cartsim

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/examples")
folder.mkdir(parents=True, exist_ok=True)
here = Path(__file__).resolve().parent
data = cartsim.read_data(here.parent / "fits" / "six_patients" / "data.csv").subset(["SIM-4"])

result = cartsim.fit(
    "stein2019_tisagenlecleucel",
    data,
    priors={
        "tmax": cartsim.priors.LogNormal(median=13.0, log_sd=0.5),  # day
        "cmax": cartsim.priors.LogNormal(median=60_000.0, log_sd=1.2),  # copies/ug
        "foldx": cartsim.priors.LogNormal(median=3_000.0, log_sd=1.5),
        "alpha": cartsim.priors.LogNormal(median=0.12, log_sd=0.7),  # 1/day
        "beta": cartsim.priors.LogNormal(median=0.01, log_sd=1.0),  # 1/day
        "fb": cartsim.priors.LogitNormal(median=0.05, logit_sd=1.2),
    },
    after_day=0.0,  # the day-0 sample was taken before the infusion
    seed=1,
    simulated=True,
)
print(result.gates()[["subject", "passed", "line"]].to_string(index=False))
columns = ["name", "unit", "median", "lower", "upper", "contraction", "informed"]
print(result.summary()[columns].to_string(index=False, float_format="{:.4g}".format))

# Posterior prediction by hand: simulate the drawn patients and look two years ahead.
draws = result.to_dataframe(200).drop(columns=["subject", "sigma_car_transgene"])
curves = cartsim.simulate("stein2019_tisagenlecleucel", times=[183.0, 365.0, 730.0], parameters=draws)
low, middle, high = np.quantile(curves.output("car_transgene"), [0.05, 0.5, 0.95], axis=0)
for day, *values in zip(curves.times, low, middle, high, strict=True):
    print(f"day {day:.0f}: median {values[1]:.3g}, 90% interval {values[0]:.3g} to {values[2]:.3g} copies/ug")

result.to_dataframe().to_csv(folder / "draws.csv", index=False)  # result.report("fit.html") writes the report
