"""The figures of a population fit, in reading order, with what each one shows said in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from cartsim.report.contents import ReportContents
from cartsim.report.eta_plot import eta_covariate_plot, eta_distributions
from cartsim.report.npde_plot import npde_plot
from cartsim.report.plate import Plate, later, stem
from cartsim.report.population_forest import population_forest
from cartsim.report.vpc_plot import vpc_plot
from cartsim.report.wording import quantity

if TYPE_CHECKING:
    from cartsim.infer.population_checks import PopulationChecks

SECTION = "population"


def population_plates(contents: ReportContents) -> Iterator[Plate]:
    """The figures of a report; none where patients were fitted one by one."""
    if contents.population is not None:
        yield from figures(
            contents.population, units=contents.units, show_observations=contents.show_observations
        )


def figures(
    checks: PopulationChecks, *, units: Mapping[str, str], show_observations: bool
) -> Iterator[Plate]:
    """List the figures; those with a mark for a sample or a patient only where samples may be shown."""
    yield Plate(
        name="population_parameters",
        section=SECTION,
        caption="Typical values and variability between patients, median and 90% credible interval. High "
        "shrinkage (above 30%, orange): the individual values lean on the population.",
        alt="Typical value and variability of every parameter.",
        draw=later(population_forest, checks.parameters),
    )
    for output in dict.fromkeys(checks.vpc.points["output"]):
        given = {
            "output": output,
            "unit": units.get(output, ""),
            "show_observations": show_observations,
        }
        for name, found, words in (
            ("vpc", checks.vpc, "Visual predictive check"),
            ("pcvpc", checks.corrected, "Prediction-corrected visual predictive check"),
        ):
            yield Plate(
                name=f"{name}_{stem(output)}",
                section=SECTION,
                caption=f"{words} of {quantity(output)}: percentiles of the data over those of trials "
                "simulated on the same design. Values below the limit keep their rank; a percentile is drawn "
                "only above the bin's largest limit. Below: the share of samples outside the limits.",
                alt=f"{words}, percentiles over time.",
                draw=later(vpc_plot, found, title=f"{words}, {output}", **given),
            )
        if checks.errors is not None and show_observations:
            yield Plate(
                name=f"npde_{stem(output)}",
                section=SECTION,
                caption="Normalised prediction distribution errors; samples below the limit are drawn "
                "uniformly below it. Standard normal where the model is right.",
                alt=f"Prediction distribution errors of {quantity(output)}.",
                draw=later(npde_plot, checks.errors, output=output, unit=given["unit"]),
            )
    if show_observations:
        yield from _individual(checks)


def _individual(checks: PopulationChecks) -> Iterator[Plate]:
    yield Plate(
        name="etas",
        section=SECTION,
        caption="Posterior means of the individual deviations over the population's normal curve.",
        alt="Histogram of individual deviations of every parameter.",
        draw=later(eta_distributions, checks.etas, checks.shrinkage),
    )
    if len(checks.covariates):
        yield Plate(
            name="eta_covariates",
            section=SECTION,
            caption="Individual deviations against covariates: what a covariate model might explain. "
            "Shrinkage hides and bends associations.",
            alt="Individual deviations against every covariate.",
            draw=later(eta_covariate_plot, checks.etas, checks.covariate_values, checks.covariates),
        )
