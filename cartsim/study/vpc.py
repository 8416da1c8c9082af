"""`cartsim vpc`: the checks of a finished population fit as tables, figures and sentences in a folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cartsim.data.write import replace_text
from cartsim.errors import CartsimError, FitError
from cartsim.infer.population import Population
from cartsim.infer.population_checks import PopulationChecks, covariate_table, population_checks
from cartsim.study.inputs import read_dataset
from cartsim.study.plan import plan_of
from cartsim.study.population_fit import POPULATION
from cartsim.study.settings import FILE, read_settings

if TYPE_CHECKING:
    import pandas as pd

DRAWS, FOLDER, ORIGIN = "draws.csv", "vpc", "fit_folder.txt"
HIGH_SHRINKAGE = 0.3  # Savic & Karlsson 2009: above it, plots of etas mislead
Say = Callable[[str], None]


@dataclass(frozen=True)
class VpcOptions:
    """What the command line adds; see `cartsim vpc --help`."""

    fit: Path | None = None
    data: Path | None = None
    out: Path | None = None
    stratify: str | None = None
    seed: int = 0


def run_vpc(path: Path, options: VpcOptions, *, say: Say = print) -> PopulationChecks:
    """Check a run's output folder, or a fit folder by its committed draws.

    Raises
    ------
    CartsimError
        Where the folder holds no draws of a population fit.
    """
    folder = options.fit or _fit_folder(path)
    settings = read_settings(folder)
    plan = plan_of(settings, folder)
    dataset, _ = read_dataset(settings.data, folder, path=options.data)
    population = plan.population_problem(dataset)
    if options.stratify is not None and options.stratify not in population.covariate_values:
        known = ", ".join(population.covariate_values)
        raise CartsimError("the data have no such covariate", value=options.stratify, limit=known)
    values = read_draws(path / DRAWS, population)
    say(f"{settings.title}: {len(values)} draws of {len(population.subjects)} patients, one trial each")
    checks = population_checks(
        population, values, np.random.default_rng(options.seed), stratum=options.stratify
    )
    out = options.out or (
        Path("runs") / f"{folder.resolve().name}-{FOLDER}" if path == folder else path / FOLDER
    )
    out.mkdir(parents=True, exist_ok=True)
    write_checks(checks, population, out, show_observations=settings.show_observations)
    for line in summary(checks):
        say(line)
    say(f"written to {out}")
    return checks


def _fit_folder(path: Path) -> Path:
    if (path / FILE).is_file():
        return path
    origin = path / ORIGIN
    if not origin.is_file():
        raise CartsimError(
            "the run does not name its fit folder", value=str(path), remedy="give it with --fit"
        )
    return Path(origin.read_text(encoding="utf-8").strip())


def read_draws(path: Path, population: Population) -> np.ndarray:
    """Posterior draws (S, d) in the order of the columns, from the table of a run or a fit folder."""
    import pandas as pd

    if not path.is_file():
        raise CartsimError("no draws to check", value=str(path), remedy="run `cartsim fit` first")
    table = pd.read_csv(path, dtype={"subject": str})
    by_subject = {subject: part.reset_index(drop=True) for subject, part in table.groupby("subject")}
    missing = [s for s in (POPULATION, *population.subjects) if s not in by_subject]
    if missing:
        raise FitError(
            "the draws are not those of this population fit", value=", ".join(missing[:5]), limit=str(path)
        )
    width = population.columns.population
    parts = [by_subject[POPULATION][list(population.names[:width])].to_numpy(np.float64)]
    names = [effect.name for effect in population.effects]
    parts += [by_subject[subject][names].to_numpy(np.float64) for subject in population.subjects]
    return np.column_stack(parts)


def summary(checks: PopulationChecks) -> list[str]:
    """The findings in words."""
    lines = [f"trials simulated: {checks.trials}, of them with a failed solve and left out: {checks.lost}"]
    high = checks.shrinkage.loc[checks.shrinkage["shrinkage"] > HIGH_SHRINKAGE, "name"]
    if len(high):
        lines.append(f"shrinkage above 30%, so individual values lean on the population: {', '.join(high)}")
    if checks.errors is None:
        lines.append("too few draws for prediction distribution errors: use the run's own draws")
    else:
        for row in checks.errors.tests.query("measure == 'npde'").itertuples():
            word = "no sign against the model" if row.p_global > 0.05 else "the model does not fit"
            lines.append(
                f"NPDE of {row.output}: mean {row.mean:+.2f}, variance {row.variance:.2f}, "
                f"p {row.p_global:.3f}: {word}"
            )
    if checks.left_out is None:
        lines.append("patients are not left out: shared parameters would have to be integrated too")
    else:
        found = checks.left_out
        worst = found.table.loc[found.table["pareto_k"].idxmax()]
        lines.append(
            f"elpd of unseen patients {found.elpd:.1f} (se {found.se:.1f}); largest Pareto k "
            f"{worst['pareto_k']:.2f} ({worst['subject']}){'' if found.reliable else ': not reliable'}"
        )
    return lines


def write_checks(
    checks: PopulationChecks, population: Population, out: Path, *, show_observations: bool
) -> None:
    """Tables (single samples only where they may be shown) and figures."""
    tables: dict[str, pd.DataFrame] = {
        "population_parameters": checks.parameters,
        "shrinkage": checks.shrinkage,
        "eta_covariates": checks.covariates,
        "vpc_percentiles": checks.vpc.percentiles,
        "vpc_censored": checks.vpc.censored,
        "vpc_bins": checks.vpc.bins,
        "pcvpc_percentiles": checks.corrected.percentiles,
        "pcvpc_bins": checks.corrected.bins,
        "etas": checks.etas,
    }
    if checks.errors is not None:
        tables["npde_tests"] = checks.errors.tests
        if show_observations:
            tables["npde"] = checks.errors.table
    if checks.left_out is not None:
        tables["leave_one_patient_out"] = checks.left_out.table
    for name, table in tables.items():
        replace_text(out / f"{name}.csv", table.to_csv(index=False, lineterminator="\n", float_format="%.8g"))
    _figures(checks, population, out, show_observations)


def _figures(checks: PopulationChecks, population: Population, out: Path, show_observations: bool) -> None:
    from cartsim.report.eta_plot import eta_covariate_plot, eta_distributions
    from cartsim.report.npde_plot import npde_plot
    from cartsim.report.population_forest import population_forest
    from cartsim.report.style import png
    from cartsim.report.vpc_plot import vpc_plot

    units = {output.name: output.unit for output in population.model.outputs}
    figures = {"population": population_forest(checks.parameters)}
    for output in dict.fromkeys(checks.vpc.points["output"]):
        given = {"output": output, "unit": units.get(output, ""), "show_observations": show_observations}
        figures[f"vpc_{output}"] = vpc_plot(checks.vpc, title=f"VPC, {output}", **given)
        figures[f"pcvpc_{output}"] = vpc_plot(
            checks.corrected, title=f"Prediction-corrected VPC, {output}", **given
        )
        if checks.errors is not None and show_observations:
            figures[f"npde_{output}"] = npde_plot(checks.errors, output=output, unit=given["unit"])
    figures["etas"] = eta_distributions(checks.etas, checks.shrinkage)
    if len(checks.covariates):
        table = covariate_table(population)
        figures["eta_covariates"] = eta_covariate_plot(checks.etas, table, checks.covariates)
    for name, figure in figures.items():
        (out / f"{name}.png").write_bytes(png(figure))
