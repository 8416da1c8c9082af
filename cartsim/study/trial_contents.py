"""What the page of a virtual trial shows: tables, survival, CRS, one replicate's patients, best changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cartsim.cohort.grade_counts import grade_counts
from cartsim.cohort.swim_lanes import swim_lanes
from cartsim.endpoints.survival import KaplanMeier, kaplan_meier
from cartsim.report.crs_grades import crs_grades
from cartsim.report.difference_forest import difference_forest
from cartsim.report.plate import Plate, later
from cartsim.report.survival_curve import survival_curve
from cartsim.report.swimmer import swimmer
from cartsim.report.trial_page import TrialContents, TrialSection
from cartsim.report.waterfall import waterfall
from cartsim.study.trial_words import (
    readable_differences,
    readable_endpoints,
    size_sentence,
    solve_sentence,
    survival_sentence,
)

if TYPE_CHECKING:
    import pandas as pd

    from cartsim.study.trial import TrialResult

BARS = 300  # patients that a waterfall shows
LANES = 30  # patients that a swimmer shows
READING = (
    "The large cohort says what the model expects, the replicate trials what a trial of the real size may "
    "show. Where an arm has no population of its own, medians and spreads are taken as known: their "
    "uncertainty is then in none of the intervals. Surrogate grades of CRS come from peak IL-6 before an "
    "anti-cytokine drug: one given earlier also leaves IL-6 less time to peak."
)
PAIRED = (
    "Patient k is the same person in every arm, with the same luck. The paired interval is simulation noise "
    "of the large cohort. The last two columns are the central 80 % of replicate trials: with the same "
    "patients in both arms, as only a simulation can, and with different ones, as a real trial has."
)
EVENTS = {"pfs": "progression or death", "os": "death"}


def trial_contents(result: TrialResult, run: dict[str, Any]) -> TrialContents:
    """Everything that the page prints and draws."""
    design = result.design
    sections = [
        TrialSection(
            "endpoints",
            "Endpoints by arm",
            (size_sentence(design), READING, solve_sentence(design, result.outcomes)),
            [("Endpoints", readable_endpoints(result.endpoints))],
        )
    ]
    if result.population_text:
        tables = [("Published numbers and the population", result.population.round(3))]
        sections.append(
            TrialSection(
                "population",
                "Where the population comes from",
                result.population_text,
                tables if len(result.population) else [],
            )
        )
    if len(result.joint):
        sections.append(
            TrialSection("joint", "Observed counts together", (), [("In one replicate", result.joint)])
        )
    if len(result.differences):
        first = next(iter(design.arms))
        sections.append(
            TrialSection(
                "differences",
                "Differences between arms",
                (f"Every arm minus {first}.", PAIRED),
                [("Differences", readable_differences(result.differences))],
            )
        )
    if len(result.decision):
        sections.append(
            TrialSection("decision", "Decision rule", (), [("Probability to meet it", result.decision)])
        )
    sections += [
        TrialSection("survival", "Survival, large cohort", (survival_sentence(result.settings) + ".",)),
        TrialSection("crs", "CRS, large cohort"),
        TrialSection("patients", "Single patients"),
    ]
    text = {
        key: ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
        for key, value in run.items()
    }
    described = [result.settings.description] if result.settings.description else []
    return TrialContents(result.settings.title, described, sections, _plates(result), text)


def _plates(result: TrialResult) -> list[Plate]:
    cohorts = {
        arm: table[table["status"] == 0]
        for arm, table in ((a, t.iloc[: result.design.cohort]) for a, t in result.followed.items())
    }
    found = []
    if result.differences["measure"].isin(["risk difference", "hazard ratio"]).any():
        caption = "Every arm minus the first: risk differences and hazard ratios."
        draw = later(difference_forest, result.differences)
        found.append(Plate("differences", "differences", caption, caption, draw))
    for kind, event in EVENTS.items():
        groups = {arm: _survival(table, kind) for arm, table in cohorts.items() if len(table)}
        if groups:
            caption = f"Share without {event}, by arm, with the numbers at risk below."
            draw = later(survival_curve, groups, event=event)
            found.append(Plate(f"survival_{kind}", "survival", caption, caption, draw))
    whole = {arm: table.iloc[: result.design.cohort] for arm, table in result.outcomes.items()}
    caption = "Surrogate grades of CRS by arm."
    found.append(Plate("crs_grades", "crs", caption, caption, later(crs_grades, grade_counts(whole))))
    return found + _single(result)


def _survival(table: pd.DataFrame, kind: str) -> KaplanMeier:
    return kaplan_meier(table[f"{kind}_day"].astype(float), table[f"{kind}_event"].astype(bool))


def _single(result: TrialResult) -> list[Plate]:
    """The first replicate's patients, arm by arm, and best changes of the first arm."""
    found = []
    shown = min(result.design.patients, LANES)
    for place, (arm, population) in enumerate(result.design.arms.items(), start=1):
        lanes = swim_lanes(population, shown)
        if not len(lanes.segments):
            continue
        title = f"{arm}: patients 0 to {shown - 1}, the first replicate trial"
        draw = later(swimmer, lanes.segments, crs=lanes.crs, events=lanes.events, title=title)
        caption = f"{arm}: CRS, treatment, response, progression and death of the first replicate's patients."
        found.append(Plate(f"swimmer_{place}", "patients", caption, caption, draw))
    arm, table = next(iter(result.outcomes.items()))
    some = table.iloc[: min(BARS, result.design.cohort)]
    some = some[some["status"] == 0]
    if len(some):
        title = f"{arm}: best change of M-protein or light chain"
        caption = f"{arm}: best change from baseline of the first {len(some)} patients of the large cohort."
        draw = later(waterfall, some, title=title)
        found.append(Plate("waterfall", "patients", caption, caption, draw))
    return found
