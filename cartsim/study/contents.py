"""What the report of a fit says: its tables put side by side and its weaknesses put into plain words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cartsim.endpoints.nca import nca
from cartsim.report.contents import SIMULATED, ReportContents, Trace
from cartsim.study.recovery import recovery_words
from cartsim.study.result import versions
from cartsim.study.vpc_words import summary

if TYPE_CHECKING:
    import pandas as pd

    from cartsim.endpoints.outcomes import Outcomes
    from cartsim.infer.population_checks import PopulationChecks
    from cartsim.infer.problem import FreeParameter
    from cartsim.study.diagnosis import Diagnosis
    from cartsim.study.fit_result import FitResult

PRIOR_POINTS = 400
# Where fewer than half of a patient's parameters are informed, the fit is called prior-driven.
INFORMED_SHARE = 0.5


def report_contents(
    result: FitResult, diagnosis: Diagnosis | None = None, checks: PopulationChecks | None = None
) -> ReportContents:
    """Everything the report draws and prints; no single patient's samples where they must not show."""
    import pandas as pd

    about, plan, dataset = result.about, result.plan, result.dataset
    shown = about.show_observations
    endpoints, recovery = endpoints_of(result), result.recovery()
    free = plan.free(dataset)
    return ReportContents(
        title=about.title,
        labels=(SIMULATED,) if about.simulated else (),
        description=about.description,
        run=_run(result),
        gates=result.gates(),
        parameters=_with_prior_interval(result.summary(), free),
        show_observations=shown,
        data_text=dataset.summary.text(),
        data_summary=dataset.summary.to_dataframe(),
        nca=endpoints.table if endpoints is not None and shown else None,
        nca_summary=endpoints.summary if endpoints is not None else None,
        observations=_modelled(dataset.observations, plan) if shown else None,
        bands=pd.concat([patient.bands for patient in result.patients], ignore_index=True),
        gof=_with_normal_scores(result) if shown else None,
        limits={output: dataset.limits[output] for output in plan.errors if output in dataset.limits},
        traces={patient.subject: Trace(*patient.trace) for patient in result.patients},
        draws={patient.subject: patient.draws for patient in result.patients},
        priors=_prior_points(free),
        warnings=[
            *warnings_of(result),
            *(f"{line[:1].upper()}{line[1:]}." for line in (diagnosis.summary if diagnosis else ())),
            *(f"{line[:1].upper()}{line[1:]}." for line in (summary(checks) if checks else ())),
        ],
        diagnosis=diagnosis.shown(shown) if diagnosis else {},
        population=checks,
        units=dict(zip(dataset.observations["output"], dataset.observations["unit"], strict=True)),
        recovery=recovery,
        recovery_text="" if recovery is None else recovery_words(recovery),
        gate_limits={"r_hat": plan.gates.r_hat, "ess": plan.gates.ess},
    )


def endpoints_of(result: FitResult) -> Outcomes | None:
    """Cellular-kinetics endpoints of the first fitted output that cannot be negative."""
    for output, error in result.plan.errors.items():
        if error.counts:
            continue  # numbers of events are no concentration
        table = result.dataset.observations
        values = table.loc[table["output"] == output, "value"]
        if len(values) and not (values < 0.0).any():
            return nca(result.dataset, output=output)
    return None


def warnings_of(result: FitResult) -> Iterator[str]:
    """What the reader of the report should distrust, in plain words."""
    if result.about.simulated:
        yield "All data are simulated; no number here says anything about a real treatment."
    missed = [patient for patient in result.patients if not patient.passed]
    for patient in missed:
        yield (
            f"Patient {patient.subject} misses a gate ({'; '.join(patient.misses)}): the sampler has not "
            "shown that it converged, so do not use these numbers."
        )
    driven = [patient.subject for patient in result.patients if _prior_driven(patient.parameters)]
    if driven:
        yield (
            f"Mostly uninformative: the data inform fewer than half of the parameters of "
            f"{_listed(driven)} of {len(result.patients)} patients; the rest is the prior."
        )
    failed = sum(patient.solves.failed for patient in result.patients)
    if failed:
        solves = sum(patient.solves.solves for patient in result.patients)
        yield f"{failed:,} of {solves:,} model solves failed and counted as impossible."
    if result.left_out:
        yield f"Not fitted, because no sample enters the likelihood: {', '.join(result.left_out)}."
    for name, measured in result.plan.inputs.items():
        yield f"The measured {measured} drives the model as {name}; it is not fitted and has no error model."
    for plan in result.plan.rules:
        yield plan.words
    if result.plan.after_day is not None:
        yield f"Samples up to day {result.plan.after_day:g} are shown but not fitted."
    for remark in result.remarks:
        text = remark.removeprefix("warning: ")
        yield f"{text[:1].upper()}{text[1:]}."


def _listed(subjects: list[str], most: int = 8) -> str:
    named = ", ".join(subjects[:most])
    return f"{len(subjects)} ({named}{' and others' if len(subjects) > most else ''})"


def _prior_driven(parameters: pd.DataFrame) -> bool:
    return float(parameters["informed"].astype(bool).mean()) < INFORMED_SHARE


def _modelled(table: pd.DataFrame, plan: object) -> pd.DataFrame:
    """The samples of fitted outputs, these in the order of their error models."""
    return in_order(table[table["output"].isin(list(plan.errors))], plan.errors)


def in_order(table: pd.DataFrame, outputs: Iterable[str]) -> pd.DataFrame:
    """A table with its outputs in the order given, that of the figures."""
    rank = {output: place for place, output in enumerate(outputs)}
    return table.sort_values("output", key=lambda names: names.map(rank), kind="stable", ignore_index=True)


def _run(result: FitResult) -> dict[str, object]:
    plan, model = result.plan, result.plan.loaded_model
    sampler = plan.sampler
    first = result.patients[0]
    return {
        **result.provenance,
        "model": f"{model.name} ({model.source})",
        "data": f"{result.dataset.source}, sha256 {result.dataset.sha256}",
        "seed": plan.seed,
        "sampler": f"{sampler.ensembles} ensembles of {sampler.walkers} walkers, at most "
        f"{sampler.max_steps:,} steps each",
        "gates": f"R-hat < {plan.gates.r_hat:g}, chain >= {plan.gates.tau_multiple:g} autocorrelation times, "
        f"ESS >= {plan.gates.ess:g}",
        "error model": {name: str(error.to_mapping()) for name, error in plan.errors.items()},
        "held fixed": {name: f"{value:g}" for name, value in plan.fixed.items()}
        or "nothing beyond the model's own",
        "digests of the first patient": dict(first.fingerprint),
        "versions": versions(),
        "wall time": f"{result.seconds:.0f} s",
    }


def _with_prior_interval(table: pd.DataFrame, free: Sequence[FreeParameter]) -> pd.DataFrame:
    if "prior_lower" in table.columns:
        return table
    ends = {item.name: item.prior.quantile(np.array([0.05, 0.95])) for item in free}
    return table.assign(
        prior_lower=table["name"].map(lambda name: float(ends[name][0])),
        prior_upper=table["name"].map(lambda name: float(ends[name][1])),
    )


def _with_normal_scores(result: FitResult) -> pd.DataFrame:
    """Goodness of fit of all patients, each residual with its normal score among those of its output."""
    import pandas as pd
    from scipy.special import ndtri

    table = pd.concat([patient.gof for patient in result.patients], ignore_index=True)
    residuals = table.groupby("output")["residual"]
    place = (residuals.rank() - 0.375) / (residuals.transform("count") + 0.25)
    return in_order(table.assign(theoretical_quantile=ndtri(place)), result.plan.errors)


def _prior_points(free: Sequence[FreeParameter]) -> pd.DataFrame:
    """Equally likely prior values of every free quantity."""
    import pandas as pd

    middle = (np.arange(PRIOR_POINTS) + 0.5) / PRIOR_POINTS
    return pd.DataFrame({item.name: item.prior.quantile(middle) for item in free})
