"""The population of a trial's arm: from a fit, from published numbers, or from both together."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, ValidationError, model_validator

from cartsim.cohort.aggregates import Aggregate, Weighed, prior_draws, weigh
from cartsim.cohort.hyper_draws import HyperDraws, from_population_fit
from cartsim.cohort.products import TrialPopulation
from cartsim.cohort.trial import TrialDesign
from cartsim.errors import CartsimError, ConfigError, ModelError
from cartsim.spec.model import Model
from cartsim.spec.priors import prior_from_mapping
from cartsim.study.settings import Strict

if TYPE_CHECKING:
    import pandas as pd

Whole = Annotated[int, Field(ge=1)]
Number = Annotated[float, Field(strict=False)]
PRIOR_STREAM, RESAMPLE_STREAM = 401, 402


class PublishedSettings(Strict):
    """One published number: `endpoint` of a trial or "pfs", "os" at a `month`."""

    endpoint: str
    value: Number
    patients: Whole
    month: Number | None = None
    sd: Number | None = None

    @model_validator(mode="after")
    def _possible(self) -> PublishedSettings:
        try:
            self.aggregate()
        except ModelError as error:
            raise ValueError(str(error)) from None
        return self

    def aggregate(self) -> Aggregate:
        """As evidence."""
        return Aggregate(**self.model_dump())


class PopulationSettings(Strict):
    """Where an arm's typical values and spreads come from, with their uncertainty.

    `fit` is the folder of a population fit (its draws.csv), beside the trial file or absolute; `typical` and
    `spread` are priors of hyper-parameters instead of one, by parameter. `published` numbers weigh the draws
    of either. `draws` are taken from the priors, `patients` are simulated for each draw that is weighed.
    """

    fit: str | None = None
    typical: dict[str, dict[str, Any]] = Field(default_factory=dict)
    spread: dict[str, dict[str, Any]] = Field(default_factory=dict)
    published: list[PublishedSettings] = Field(default_factory=list)
    draws: Whole = 256
    patients: Whole = 256

    @model_validator(mode="after")
    def _one_source(self) -> PopulationSettings:
        if (self.fit is None) == (not self.typical):
            raise ValueError("give fit, or typical and spread with published")
        if self.typical and set(self.typical) != set(self.spread):
            raise ValueError("typical and spread name different parameters")
        if self.typical and not self.published:
            raise ValueError("priors alone are no population: give published numbers")
        return self


def read_source(settings: PopulationSettings, model: Model, folder: Path, seed: int) -> HyperDraws:
    """The draws before published numbers weigh them.

    Raises
    ------
    CartsimError
        Naming the fit folder and what it lacks; ConfigError for a prior that cannot be.
    """
    if settings.fit is None:
        faults, priors = [], {"typical": {}, "spread": {}}
        for kind, found in priors.items():
            for name, mapping in getattr(settings, kind).items():
                try:
                    found[name] = prior_from_mapping(mapping)
                except (CartsimError, ValidationError, TypeError) as error:
                    faults.append((f"{kind}.{name}", str(error)))
        if faults:
            raise ConfigError("population", faults)
        return prior_draws(model, priors["typical"], priors["spread"], settings.draws, seed)
    path = folder / settings.fit
    draws, result = path / "draws.csv", path / "result.json"
    missing = [item.name for item in (draws, result) if not item.is_file()]
    if missing:
        raise CartsimError(
            f"the population's fit folder has no {' and no '.join(missing)}",
            value=str(path),
            remedy="run the fit first: cartsim fit FOLDER",
        )
    own = json.loads(result.read_text(encoding="utf-8"))["model"]["name"]
    if own != model.name:
        raise CartsimError("the population's fit is of another model", value=own, limit=model.name)
    import pandas as pd

    found = from_population_fit(pd.read_csv(draws, comment="#"), model)
    if faults := found.faults(model):
        raise ModelError(f"{draws} does not suit the model\n  " + "\n  ".join(faults))
    return found


def with_population(
    population: TrialPopulation,
    settings: PopulationSettings,
    folder: Path,
    *,
    together: int,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[TrialPopulation, Weighed | None]:
    """The arm's population with draws of its hyper-parameters, and the weighing where there was one."""
    draws = read_source(settings, population.model, folder, population.seed + PRIOR_STREAM)
    weighed = None
    if settings.published:
        aggregates = [item.aggregate() for item in settings.published]
        weighed = weigh(
            population, draws, aggregates, patients=settings.patients, threads=threads, progress=progress
        )
        draws = weighed.resampled(max(len(draws), 1024), population.seed + RESAMPLE_STREAM)
    return replace(population, hyper=draws, together=together), weighed


def populated(
    design: TrialDesign,
    settings: dict[str, PopulationSettings],
    folder: Path,
    *,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[TrialDesign, dict[str, Weighed]]:
    """The design with the populations of its arms; the patients of one replicate share a draw."""
    arms, found = dict(design.arms), {}
    for name, own in settings.items():
        arms[name], weighed = with_population(
            arms[name], own, folder, together=design.patients, threads=threads, progress=progress
        )
        if weighed is not None:
            found[name] = weighed
    return replace(design, arms=arms), found


def population_table(weighed: dict[str, Weighed]) -> pd.DataFrame:
    """Published numbers against the population before and after, by arm; effective draws, Pareto k."""
    import pandas as pd

    parts = [
        item.table().assign(arm=arm, draws=len(item.draws), effective=item.effective, pareto_k=item.pareto_k)
        for arm, item in weighed.items()
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def population_sentences(
    settings: dict[str, PopulationSettings], weighed: dict[str, Weighed], folder: Path
) -> tuple[str, ...]:
    """Where each arm's population comes from, and whether its draws and weights can be trusted."""
    lines = []
    for arm, own in settings.items():
        source = f"the fit {Path(own.fit).name}" if own.fit else f"{own.draws} draws from priors"
        line = f"{arm}: typical values and spreads from {source}"
        if own.fit and not _gates(folder / own.fit):
            line += " (which MISSED its convergence gates)"
        if arm in weighed:
            item = weighed[arm]
            line += f", weighed by {len(own.published)} published numbers"
            effective = f"{item.effective:.0f} of {len(item.draws)}"
            line += f" (effective draws {effective}, Pareto k {item.pareto_k:.2f})"
            if item.failed:
                line += f", {item.failed} of its virtual patients not solved"
            if not item.trusted:
                line += ": TOO FEW TO BE TRUSTED, take more draws or wider priors"
        lines.append(line + ". Patients of one trial share a draw, so intervals contain its uncertainty.")
    return tuple(lines)


def _gates(fit: Path) -> bool:
    """Whether a fit passed."""
    return bool(json.loads((fit / "result.json").read_text(encoding="utf-8"))["gates"]["passed"])
