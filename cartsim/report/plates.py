"""Which figures a report holds, in reading order, with what each one shows said in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cartsim.report.contents import ReportContents
from cartsim.report.contraction_map import contraction_map
from cartsim.report.convergence import convergence
from cartsim.report.corner_plot import corner_plot
from cartsim.report.diagnosis_plates import diagnosis_plates
from cartsim.report.forest import forest
from cartsim.report.goodness_of_fit import goodness_of_fit
from cartsim.report.individual_fits import individual_fits
from cartsim.report.plate import Plate, later, stem, unit_of, units_of
from cartsim.report.population_plates import population_plates
from cartsim.report.prior_posterior import prior_posterior
from cartsim.report.trace_plot import trace_plot
from cartsim.report.wording import exact, quantity, unit_text

if TYPE_CHECKING:
    from pandas import DataFrame

PAGE = 6  # patients a sheet of individual fits
READABLE = 10  # quantities past which the pairs of a corner plot are too small to read (a population's)
CROWD = 24  # patients past which a posterior each is too much for one panel


def plates(contents: ReportContents) -> Iterator[Plate]:
    """List the figures that the contents allow; aggregate ones only if samples must not be shown."""
    if contents.show_observations:
        yield from _fits(contents)
    yield from _aggregates(contents)
    yield from population_plates(contents)
    yield from diagnosis_plates(contents)
    if contents.show_observations:
        yield from _diagnostics(contents)


def _fits(contents: ReportContents) -> Iterator[Plate]:
    if contents.observations is None or contents.bands is None:
        return
    missed = contents.gates[~contents.gates["passed"].astype(bool)]
    remarks = {str(subject): "gate missed" for subject in missed["subject"]}
    drawn = set(contents.bands["subject"].astype(str))  # a population has no curve of its own
    subjects = [subject for subject in contents.subjects if subject in drawn]
    for output in dict.fromkeys(contents.observations["output"]):
        for first in range(0, len(subjects), PAGE):
            group = subjects[first : first + PAGE]
            yield Plate(
                name=f"fits_{stem(output)}_{first // PAGE + 1:02d}",
                section="fits",
                caption=_fit_caption(contents, output),
                alt=f"{quantity(output)} against time on a log axis, one panel each for {', '.join(group)}: "
                "samples, posterior median, credible and predictive bands.",
                draw=later(
                    individual_fits,
                    contents.observations,
                    contents.bands,
                    output=output,
                    subjects=group,
                    limit=contents.limits.get(output),
                    remarks=remarks,
                ),
            )


def _fit_caption(contents: ReportContents, output: str) -> str:
    text = (
        "Dark band: where the curve lies with 90% probability. Light band: where a new sample would "
        "fall with 90% probability, residual error included. "
    )
    if output in contents.limits:
        unit = contents.observations.loc[contents.observations["output"] == output, "unit"].iloc[0]
        lloq = f"{exact(contents.limits[output])} {unit_text(unit)}"
        text += f"Samples below the LLOQ ({lloq}) enter the likelihood as censored, not as a value. "
    return text + "Time is linear before and after day 28, with a smaller scale after it (shaded)."


def _of_patients(table: DataFrame) -> DataFrame:
    """Without what only the population has (spreads, residual sds): its own section shows those."""
    owners = table.groupby("name")["subject"].nunique()
    shared = owners[owners > 1].index
    return table[table["name"].isin(shared)] if len(shared) else table


def _aggregates(contents: ReportContents) -> Iterator[Plate]:
    table = contents.parameters
    if not len(table):
        return
    yield Plate(
        name="forest",
        section="parameters",
        caption="Posterior median and 90% credible interval of each patient. Hollow marks: the data did not "
        "inform this parameter (contraction below 0.1), so the interval repeats the prior.",
        alt="One panel a parameter with every patient's posterior median and 90% interval over the prior's.",
        draw=later(forest, _of_patients(table)),
    )
    yield Plate(
        name="contraction",
        section="parameters",
        caption="Contraction is 1 − posterior variance / prior variance on the scale that was sampled: "
        "1 means fully determined by the data, 0 means that only the prior speaks.",
        alt="Map of contraction with patients as rows and parameters as columns.",
        draw=later(contraction_map, table),
    )
    if contents.show_observations and contents.priors is not None and contents.draws:
        few = dict(list(contents.draws.items())[:CROWD])
        yield Plate(
            name="prior_posterior",
            section="parameters",
            caption="Prior in grey, one line a patient for the posterior; heights are shares of the draws."
            + (f" First {CROWD} of {len(contents.draws)} patients." if len(contents.draws) > CROWD else ""),
            alt="Histograms of prior and posterior draws, one panel a parameter.",
            draw=later(prior_posterior, contents.priors, few, units=units_of(contents)),
        )
    yield Plate(
        name="convergence",
        section="diagnostics",
        caption="Each mark is one parameter of one patient; the dashed line is the gate.",
        alt="R-hat and effective sample sizes by patient with the gates as vertical lines.",
        draw=later(convergence, table, gate_limits=contents.gate_limits),
    )


def _diagnostics(contents: ReportContents) -> Iterator[Plate]:
    units = units_of(contents)
    if contents.gof is not None:
        for output in dict.fromkeys(contents.gof["output"]):
            yield Plate(
                name=f"goodness_of_fit_{stem(output)}",
                section="goodness",
                caption="Predictions at the posterior median. Censored samples stand at their limit in the "
                "first panel (arrows) and are left out of the other three: they have no residual.",
                alt=f"Four panels for {quantity(output)}: observed against predicted, residuals against "
                "time, residuals against prediction, residuals against normal quantiles.",
                draw=later(goodness_of_fit, contents.gof, output=output, unit=unit_of(contents, output)),
            )
    for number, (subject, trace) in enumerate(contents.traces.items(), start=1):
        yield Plate(
            name=f"traces_{number:02d}_{stem(subject)}",
            section="traces",
            caption="Mean of the walkers of each ensemble at each stored step. Ensembles are independent: "
            "lines that overlap and do not drift mean that they found the same answer.",
            alt=f"Traces of every parameter of {subject} by ensemble.",
            draw=later(trace_plot, trace, subject=str(subject), units=units),
            subject=str(subject),
            dpi=120,
        )
    for number, (subject, draws) in enumerate(contents.draws.items(), start=1):
        if len(draws.columns) > READABLE:
            continue
        yield Plate(
            name=f"corner_{number:02d}_{stem(subject)}",
            section="corner",
            caption="Joint posterior of every pair of parameters; a slanted contour means that the data "
            "fix a combination of the two better than either.",
            alt=f"Corner plot of the posterior draws of {subject}.",
            draw=later(corner_plot, draws, subject=str(subject), units=units),
            subject=str(subject),
            dpi=96,
        )
