"""The figures of identifiability and priors, in reading order, with what each one shows said in words."""

from __future__ import annotations

from collections.abc import Iterator

from cartsim.report.contents import ReportContents
from cartsim.report.pareto_plot import pareto_plot
from cartsim.report.plate import Plate, later, stem, unit_of, units_of
from cartsim.report.power_scaling_plot import power_scaling_plot
from cartsim.report.prior_predictive_plot import prior_predictive_plot
from cartsim.report.profile_plot import profile_plot
from cartsim.report.residual_quantiles import residual_quantiles
from cartsim.report.sloppiness import sloppiness
from cartsim.report.wording import quantity

PAGE = 6
# As in `infer.profiles`, `infer.power_scaling` and `infer.leave_one_out` (a test compares them).
THRESHOLD, SENSITIVE, HIGH_K = 1.920729410347062, 0.05, 0.7


def diagnosis_plates(contents: ReportContents) -> Iterator[Plate]:
    """List the figures that the tables of the diagnosis allow."""
    tables = contents.diagnosis
    if "directions" in tables:
        yield Plate(
            name="sloppiness",
            section="identifiability",
            caption="Eigen-directions of the observed Fisher information at the best fit, on log or logit "
            "parameters. Left of 1 the prior knows more about that combination than the data do.",
            alt="Information of each direction relative to the prior, one row a patient.",
            draw=later(sloppiness, tables["directions"]),
        )
    if "power_scaling" in tables:
        yield Plate(
            name="power_scaling",
            section="identifiability",
            caption="Power-scaling: prior and likelihood each raised to 0.8 and 1.25; above 0.05 a posterior "
            "follows. Ring: both matter and pull in opposite directions; look at that prior before using the "
            "number. Above the line without a ring the data are weak.",
            alt="Prior against likelihood sensitivity of every parameter of every patient.",
            draw=later(power_scaling_plot, tables["power_scaling"], threshold=SENSITIVE),
        )
    if "prior_predictive" in tables and contents.show_observations:
        yield from _prior_predictive(contents)
    if "leave_one_out" in tables and contents.show_observations:
        yield Plate(
            name="pareto_k",
            section="identifiability",
            caption="Pareto k of leaving out one sample. Above 0.7 the fit hangs on that sample, and neither "
            "its leave-one-out value nor WAIC is reliable. It says nothing about new patients.",
            alt="Pareto k by time, one mark a sample.",
            draw=later(pareto_plot, tables["leave_one_out"], threshold=HIGH_K),
        )
    if "iwres" in tables and contents.show_observations:
        yield Plate(
            name="iwres",
            section="identifiability",
            caption="IWRES at the posterior medians. Shrinkage is 1 − SD of the IWRES. Above 30%, "
            "usual with few samples, the curves lie closer to the samples than the residual error says.",
            alt="Normal quantile plot of individual weighted residuals, one panel an output.",
            draw=later(residual_quantiles, tables["iwres"], tables["shrinkage"]),
        )
    if "profiles" in tables:
        yield from _profiles(contents)


def _prior_predictive(contents: ReportContents) -> Iterator[Plate]:
    tables = contents.diagnosis
    bands, samples, counts = (tables[name] for name in ("prior_predictive", "samples", "prior_counts"))
    for output in dict.fromkeys(bands["output"]):
        own = bands[bands["output"] == output]
        subjects = list(dict.fromkeys(own["subject"].astype(str)))
        for first in range(0, len(subjects), PAGE):
            yield Plate(
                name=f"prior_predictive_{stem(output)}_{first // PAGE + 1:02d}",
                section="identifiability",
                caption="Simulated from the priors alone on the patients' own sampling days, residual error "
                "included. Samples outside the band were unexpected; a band of many decades expects nothing.",
                alt=f"Prior predictive bands of {quantity(output)} with samples, one panel a patient.",
                draw=later(
                    prior_predictive_plot,
                    bands,
                    samples,
                    counts,
                    output=output,
                    subjects=subjects[first : first + PAGE],
                    limit=contents.limits.get(output),
                    unit=unit_of(contents, output),
                ),
            )


def _profiles(contents: ReportContents) -> Iterator[Plate]:
    tables, units = contents.diagnosis, units_of(contents)
    for number, subject in enumerate(dict.fromkeys(tables["profiles"]["subject"].astype(str)), start=1):
        yield Plate(
            name=f"profiles_{number:02d}_{stem(subject)}",
            section="profiles",
            caption="All other parameters optimised anew at each step, from several starts. The shaded "
            "interval is where the log likelihood lies within 1.92 of its best (95%).",
            alt=f"Profile likelihood of every parameter of {subject}.",
            draw=later(
                profile_plot,
                tables["profiles"],
                tables["intervals"],
                subject=subject,
                threshold=THRESHOLD,
                units=units,
            ),
            subject=subject,
            dpi=110,
        )
