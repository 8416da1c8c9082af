"""Two hundred virtual patients of each product: response, CRS, progression, survival without it, as figures.

    python examples/06_virtual_cohort.py [FOLDER]

VIRTUAL PATIENTS: everything here is simulated by a model that was calibrated on published class summaries and
is not validated. It says nothing about any real patient or product and must not be used for clinical
decisions. Writes outcomes.csv (one row a virtual patient) and the figures to FOLDER (default: runs/examples).
"""

import sys
from pathlib import Path

import pandas as pd

from cartsim.cohort.fan import fan
from cartsim.cohort.grade_counts import grade_counts
from cartsim.cohort.outcomes import outcome_table
from cartsim.cohort.patient_course import patient_course
from cartsim.cohort.products import TrialPopulation, read_products
from cartsim.cohort.swim_lanes import swim_lanes
from cartsim.endpoints.survival import kaplan_meier
from cartsim.models import load_model
from cartsim.report.cohort_fan import cohort_fan
from cartsim.report.crs_grades import crs_grades
from cartsim.report.patient_page import patient_page
from cartsim.report.style import png
from cartsim.report.survival_curve import survival_curve
from cartsim.report.swimmer import swimmer
from cartsim.report.waterfall import waterfall

COUNT, SHOWN, SEED = 200, 30, 7
CURVES = ("car_transgene", "il6", "burden")
folder = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/examples")
folder.mkdir(parents=True, exist_ok=True)

model, products = load_model("bcma_myeloma"), read_products()
trials = {
    product.title: TrialPopulation(model, name, products, SEED) for name, product in products.products.items()
}
outcomes = {title: outcome_table(trial, COUNT) for title, trial in trials.items()}
table = pd.concat([rows.assign(product=title) for title, rows in outcomes.items()], ignore_index=True)
table.to_csv(folder / "outcomes.csv", index=False)
for title, rows in outcomes.items():
    known = rows["measurable"]
    print(
        f"{title}: {COUNT} virtual patients, {(rows['status'] != 0).sum()} not solved; "
        f"response (PR or better) {(rows.loc[known, 'best_response'] >= 3).mean():.0%}, "
        f"CRS {rows['crs'].mean():.0%}, progression or death by the last visit {rows['pfs_event'].mean():.0%}"
    )

fans = {title: fan(trial, CURVES, COUNT) for title, trial in trials.items()}
figures = {
    "fan": cohort_fan(
        pd.concat([found.table.assign(group=title) for title, found in fans.items()]),
        units={output.name: output.unit for output in model.outputs},
        limits={"car_transgene": products.observation.transgene_lloq},
        failed=sum(found.failed for found in fans.values()),
    ),
    "crs_grades": crs_grades(grade_counts(outcomes)),
    "progression_free": survival_curve(
        {title: kaplan_meier(rows["pfs_day"], rows["pfs_event"]) for title, rows in outcomes.items()},
        event="progression or death",
    ),
}

title, trial = next(iter(trials.items()))
figures["waterfall"] = waterfall(outcomes[title], title=f"{title}: best change of M-protein or light chain")
lanes = swim_lanes(trial, SHOWN)
figures["swimmer"] = swimmer(
    lanes.segments, crs=lanes.crs, events=lanes.events, title=f"{title}: the first {SHOWN} virtual patients"
)

# One patient who responded after CRS that was treated.
rows = outcomes[title]
number = int(
    rows.loc[rows["crs"] & rows["therapy_day"].notna() & (rows["best_response"] >= 4), "patient"].iloc[0]
)
found = patient_course(trial, number)
figures["patient"] = patient_page(
    found.course,
    doses=found.doses,
    crs=found.crs,
    responses=found.responses,
    measured_by=found.measured_by,
    death_day=found.death_day,
    title=f"{title}: virtual patient {number}, best response {found.best}",
)
for name, figure in figures.items():
    (folder / f"{name}.png").write_bytes(png(figure))
    print(f"wrote {name}.png")
