"""A rule that reacts to each simulated patient: a blocker of IL-6 half a day after fever, twice at most.

    python examples/04_rules_that_react.py [FOLDER]

The model is a toy of a few lines, not science: it shows how a rule is written and what comes back. The table
of firings and the figure go to FOLDER (default: runs/examples).
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import cartsim
from cartsim.report.style import png
from cartsim.report.trajectory import trajectory
from cartsim.spec.model import Model, Output, Parameter, State, assumed
from cartsim.spec.priors import LogNormal

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/examples")
folder.mkdir(parents=True, exist_ok=True)

TOY = assumed("a toy for this example")
VALUES = {
    "growth": (1.2, "1/day", "growth of CAR-T cells while antigen lasts"),
    "killing": (0.005, "uL/cells/day", "killing of tumour cells"),
    "fading": (0.25, "1/day", "loss of CAR-T cells"),
    "release": (4.0, "pg/mL/day", "IL-6 released by a cell a microlitre"),
    "clearance": (2.0, "1/day", "clearance of IL-6"),
    "elimination": (0.3, "1/day", "elimination of the blocker"),
}


def rhs(t, y, p):
    antigen = y.tumor / (1.0 + y.tumor)
    blocked = y.blocker / (2.0 + y.blocker)
    return {
        "car_t": (p.growth * antigen - p.fading) * y.car_t,
        "tumor": -p.killing * y.car_t * y.tumor,
        "il6": p.release * antigen * y.car_t * (1.0 - 0.95 * blocked) - p.clearance * y.il6,
        "blocker": -p.elimination * y.blocker,
    }


def outputs(t, y, p):
    return {"il6": y.il6, "temperature": 37.0 + 3.0 * y.il6 / (150.0 + y.il6)}


model = Model(
    TOY,
    (
        State("car_t", "cells/uL", "CAR-T cells in blood", initial=1.0),
        State("tumor", "1", "tumour antigen, relative", initial=10.0, scale=0.01),
        State("il6", "pg/mL", "interleukin 6"),
        State("blocker", "mg/kg", "blocker of IL-6 in the body"),
    ),
    tuple(Parameter(name, unit, text, LogNormal(v, 0.2), TOY) for name, (v, unit, text) in VALUES.items()),
    (Output("il6", "pg/mL", "interleukin 6"), Output("temperature", "degC", "body temperature")),
    rhs,
    outputs,
    name="fever_toy",
)

rule = cartsim.Rule(
    "blocker",
    "temperature",
    (cartsim.Dose(8.0, 0.5, target="blocker"),),  # 8 mg/kg, 12 h after the rule fires
    above=38.5,  # degC
    refractory=(12 + 8) / 24,  # again if there still is fever 8 h after it was given
    at_most=2,
)
patients = pd.DataFrame({"subject": ["slow", "usual", "fast"], "growth": [0.7, 1.2, 1.6]})
days = np.linspace(0.0, 21.0, 337)
untreated = cartsim.simulate(model, times=days, parameters=patients)
treated = cartsim.simulate(model, times=days, parameters=patients, regimen=cartsim.Regimen((), (rule,)))

print(treated.rule_firings().to_string(index=False, float_format="{:.2f}".format))
for k, name in enumerate(treated.subjects):
    before, after = (run.output("temperature")[k].max() for run in (untreated, treated))
    hours = [24.0 * (run.output("temperature")[k] > 38.5).sum() / 16 for run in (untreated, treated)]
    print(f"{name}: highest {before:.1f} -> {after:.1f} degC, fever for {hours[0]:.0f} -> {hours[1]:.0f} h")
treated.rule_firings().to_csv(folder / "firings.csv", index=False)

# A thousand patients: how often was the drug given?
rng = np.random.default_rng(4)
rows = np.column_stack([p.value * np.exp(0.3 * rng.standard_normal(1000)) for p in model.parameters])
cohort = cartsim.reduce_cohort(
    model, rows, days, [cartsim.Peak("temperature")], regimen=cartsim.Regimen((), (rule,))
)
table = cohort.to_dataframe()
given = table[["day_of_blocker_1", "day_of_blocker_2"]].notna().sum(axis=1)
print("of 1000: " + ", ".join(f"{(given == times).mean():.0%} given {times} doses" for times in range(3)))

both = pd.concat([untreated.to_dataframe().assign(run="none"), treated.to_dataframe().assign(run="blocker")])
both["subject"] = both["subject"] + ", " + both["run"]
units = {"temperature": "degC", "il6": "pg/mL"}
figure = trajectory(both[both["subject"].str.startswith("usual")].drop(columns="run"), units=units)
(folder / "rules.png").write_bytes(png(figure))
