"""What makes a population of a fit: priors of the spreads, shared parameters, covariates and assay scales."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cartsim.data.dataset import Dataset
from cartsim.errors import FitError
from cartsim.infer.assemble_population import make_population
from cartsim.infer.hierarchy import AssayScale, Correlation, CovariateEffect
from cartsim.infer.population import Population
from cartsim.spec.distribution import Prior
from cartsim.spec.model import Model
from cartsim.spec.priors import prior_from_mapping
from cartsim.study.settings import PopulationSettings


@dataclass(frozen=True)
class PopulationPlan:
    """See `infer.assemble_population.make_population` for the fields."""

    spreads: Mapping[str, Prior] = field(default_factory=dict)
    shared: tuple[str, ...] = ()
    covariates: tuple[CovariateEffect, ...] = ()
    scales: tuple[AssayScale, ...] = ()
    correlation: Correlation | None = None

    def problem(self, model: Model, dataset: Dataset, **fit: Any) -> Population:
        """The population problem of a dataset; `fit` are the arguments of `make_population` not held here."""
        return make_population(
            model,
            dataset,
            spreads=self.spreads,
            shared=self.shared,
            covariates=self.covariates,
            scales=self.scales,
            correlation=self.correlation,
            **fit,
        )

    def to_mapping(self) -> dict[str, Any]:
        """As plain data, for result.json."""
        return {
            "spreads": {name: prior.to_mapping() for name, prior in self.spreads.items()},
            "shared": list(self.shared),
            "covariates": [effect.name for effect in self.covariates],
            "scales": [[scale.measured, scale.output, scale.by] for scale in self.scales],
            "correlation": None if self.correlation is None else {"eta": self.correlation.eta},
        }


def population_plan(settings: PopulationSettings) -> PopulationPlan:
    """The plan that the [population] table of a fit.toml states; CartsimError for impossible priors."""
    covariates = tuple(
        CovariateEffect(
            item.parameter,
            item.covariate,
            item.level,
            item.reference,
            **({"prior": prior_from_mapping(item.prior)} if item.prior else {}),
        )
        for item in settings.covariates
    )
    scales = tuple(
        AssayScale(item.measured, item.output, prior_from_mapping(item.prior), item.by)
        for item in settings.scales
    )
    correlation = None
    if settings.correlation is not None:
        unknown = sorted(set(settings.correlation) - {"eta"})
        if unknown:
            raise FitError("unknown key of correlation", value=", ".join(unknown), limit="eta")
        correlation = Correlation(**settings.correlation)
    spreads = {name: prior_from_mapping(content) for name, content in settings.spreads.items()}
    return PopulationPlan(spreads, tuple(settings.shared), covariates, scales, correlation)
