"""What the page of a prediction says and shows: outcomes, then each patient's samples and bands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cartsim.report.plate import Plate, later, stem
from cartsim.report.prediction_plot import prediction_plot
from cartsim.report.trial_page import TrialContents, TrialSection

if TYPE_CHECKING:
    import pandas as pd

    from cartsim.study.predict import Prediction

BANNER = "PREDICTION of a research model: not for decisions about a patient"
HOW = (
    "Each patient is taken for one more of the population of the fit. Draws of that population (uncertainty "
    "of the fit and spread between patients) are weighted by how well they explain the samples up to the day "
    "named, those below a limit included; where few draws carry the weight they are moved to the posterior "
    "in tempered steps. Shares of the draws are the probabilities."
)
OUTCOMES = (
    "Grades of CRS are surrogates from peak IL-6. Myeloma growth, resistant cells, M-protein and the hazard "
    "of death are not informed by early samples: they vary as between the model's virtual patients. How far "
    "these probabilities can be trusted is scored in benchmarks/results/early_prediction.md."
)


def prediction_contents(prediction: Prediction, run: dict[str, object], *, simulated: bool) -> TrialContents:
    """Everything that the page prints and draws."""
    paragraphs = [HOW]
    if not run["fit_gates_passed"]:
        paragraphs.append("The fit itself missed a gate of its sampler: see its record.")
    sections = [
        TrialSection(
            "quality",
            "How well the samples could be used",
            ("Effective points below 400 or a Pareto k of 0.7 or more lead to tempered moves.",),
            [("By patient", _rounded(prediction.quality))],
        )
    ]
    if len(prediction.outcomes):
        wide = prediction.outcomes.pivot(index="outcome", columns="subject", values="probability")
        wide = wide.loc[list(dict.fromkeys(prediction.outcomes["outcome"]))]
        shown = (100 * wide).round(0).astype(int).astype(str) + " %"
        table = shown.reset_index().rename(columns={"outcome": "Outcome"})
        sections.insert(
            0, TrialSection("outcomes", "Outcomes", (OUTCOMES,), [("Probability by patient", table)])
        )
    sections.append(
        TrialSection("kinetics", "Kinetics", (), [("Median, 50 and 90 %", _rounded(prediction.kinetics))])
    )
    plates = []
    for subject in dict.fromkeys(prediction.quality["subject"]):
        name = f"patient_{stem(subject)}"
        samples = prediction.samples[prediction.samples["subject"] == subject]
        used = samples[samples["used"]][["output", "time", "value", "unit", "censoring"]]
        caption = "Samples that drive the prediction"
        sections.append(TrialSection(name, f"Patient {subject}", (), [(caption, _rounded(used))]))
        plates.append(_plate(prediction, subject, name, samples))
    return TrialContents(
        f"Prediction from the first {prediction.until:g} days: {prediction.title}",
        paragraphs,
        sections,
        plates,
        {name: str(value) for name, value in run.items()},
        banner=("SIMULATED fit. " if simulated else "") + BANNER,
    )


def _plate(prediction: Prediction, subject: str, name: str, samples: pd.DataFrame) -> Plate:
    outcomes = prediction.outcomes
    own = outcomes[outcomes["subject"] == subject] if len(outcomes) else None
    bands = prediction.bands[prediction.bands["subject"] == subject]
    return Plate(
        name,
        name,
        f"Patient {subject}: samples, bands of the curve and of a new sample, probabilities of outcomes.",
        f"Predicted course of patient {subject}",
        later(
            prediction_plot,
            samples,
            bands,
            own,
            until=prediction.until,
            units=prediction.units,
            title=f"Patient {subject}",
        ),
        subject=subject,
    )


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Numbers to four figures, as text."""
    result = table.copy()
    for name in result.columns:
        if result[name].dtype.kind == "f":
            result[name] = [f"{value:.4g}" for value in result[name]]
    return result
