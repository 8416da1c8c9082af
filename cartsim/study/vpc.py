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
from cartsim.infer.population_checks import PopulationChecks, population_checks
from cartsim.study.inputs import read_dataset
from cartsim.study.plan import plan_of
from cartsim.study.population_fit import POPULATION
from cartsim.study.settings import FILE, read_settings
from cartsim.study.vpc_words import summary

if TYPE_CHECKING:
    import pandas as pd

DRAWS, FOLDER, ORIGIN = "draws.csv", "vpc", "fit_folder.txt"
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
    write_tables(checks, out, show_observations=settings.show_observations)
    _figures(checks, population, out, settings.show_observations)
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
    return joined_draws(pd.read_csv(path, dtype={"subject": str}), population)


def joined_draws(table: pd.DataFrame, population: Population) -> np.ndarray:
    """Posterior draws (S, d) of a table with the population's rows and, in the same order, each patient's."""
    by_subject = {subject: part.reset_index(drop=True) for subject, part in table.groupby("subject")}
    missing = [s for s in (POPULATION, *population.subjects) if s not in by_subject]
    if missing:
        raise FitError(
            "the draws are not those of this population fit; missing", value=", ".join(missing[:5])
        )
    width = population.columns.population
    parts = [by_subject[POPULATION][list(population.names[:width])].to_numpy(np.float64)]
    names = [effect.name for effect in population.effects]
    parts += [by_subject[subject][names].to_numpy(np.float64) for subject in population.subjects]
    return np.column_stack(parts)


def write_tables(checks: PopulationChecks, out: Path, *, show_observations: bool) -> None:
    """The tables; single samples only where they may be shown."""
    out.mkdir(parents=True, exist_ok=True)
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


def _figures(checks: PopulationChecks, population: Population, out: Path, shown: bool) -> None:
    """The figures of the report's section, as files."""
    from cartsim.report.population_plates import figures
    from cartsim.report.style import png

    units = {output.name: output.unit for output in population.model.outputs}
    for plate in figures(checks, units=units, show_observations=shown):
        (out / f"{plate.name}.png").write_bytes(png(plate.draw()))
