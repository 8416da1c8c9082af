"""`cartsim vpc`: the checks of a finished population fit as tables, figures and sentences in a folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cartsim.data.dataset import Dataset
from cartsim.data.write import replace_bytes, replace_text
from cartsim.errors import CartsimError
from cartsim.infer.population import Population
from cartsim.infer.population_checks import PopulationChecks, population_checks
from cartsim.study.diagnose import check_same, find
from cartsim.study.inputs import read_dataset
from cartsim.study.plan import plan_of
from cartsim.study.population_draws import joined_draws
from cartsim.study.settings import read_settings
from cartsim.study.vpc_words import summary

if TYPE_CHECKING:
    import pandas as pd

FOLDER = "vpc"
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
    found = find(Path(path), fit=options.fit, out=options.out, name=FOLDER)
    settings = read_settings(found.folder)
    plan = plan_of(settings, found.folder, seed=found.record["seed"])
    dataset, _ = read_dataset(settings.data, found.folder, path=options.data)
    check_same(found.record, plan, dataset)
    population = plan.population_problem(dataset)
    if options.stratify is not None and options.stratify not in population.covariate_values:
        known = ", ".join(population.covariate_values)
        raise CartsimError("the data have no such covariate", value=options.stratify, limit=known)
    values = joined_draws(found.draws, population)
    say(f"{settings.title}: {len(values)} draws of {len(population.subjects)} patients, one trial each")
    rng = np.random.default_rng(options.seed)
    limits = limits_of(dataset, population)
    checks = population_checks(population, values, rng, limits=limits, stratum=options.stratify)
    write_tables(checks, found.out, show_observations=settings.show_observations)
    _figures(checks, dataset, found.out, settings.show_observations)
    for line in summary(checks):
        say(line)
    say(f"written to {found.out}")
    return checks


def limits_of(dataset: Dataset, population: Population) -> np.ndarray:
    """The LLOQ of every observation of the fit, float64 (R,); NaN where the laboratory names none."""
    table = dataset.observations
    known = dict(zip(zip(table["row"], table["output"], strict=True), table["lloq"], strict=True))
    arrays = population.arrays
    return np.array([known[row, arrays.outputs[k]] for row, k in zip(arrays.row, arrays.output, strict=True)])


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


def _figures(checks: PopulationChecks, dataset: Dataset, out: Path, shown: bool) -> None:
    """The figures of the report's section, as files."""
    from cartsim.report.population_plates import figures
    from cartsim.report.style import png

    units = dict(zip(dataset.observations["output"], dataset.observations["unit"], strict=True))
    for plate in figures(checks, units=units, show_observations=shown):
        replace_bytes(out / f"{plate.name}.png", png(plate.draw()))
