"""cartsim: mechanistic CAR-T cell kinetics and cytokine-release simulation, fitted by MCMC."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from cartsim.version import __version__

if TYPE_CHECKING:
    from cartsim.simulate import simulate

# Public name -> the module that holds it, imported at first use: `import cartsim` stays instant.
_HOMES = {
    "load_model": "cartsim.models",
    "model_names": "cartsim.models",
    "Model": "cartsim.spec.model",
    "Trajectories": "cartsim.solve.trajectories",
    "reduce_cohort": "cartsim.solve.cohort",
    "Reduced": "cartsim.solve.cohort",
    **dict.fromkeys(
        (
            *("Peak", "TimeOfPeak", "Trough", "TimeOfTrough", "LowestShare", "Area", "ValueAt"),
            *("FirstAbove", "FirstBelow", "LastAbove", "TimeAbove"),
        ),
        "cartsim.solve.reductions",
    ),
    "Dose": "cartsim.regimen.doses",
    "Regimen": "cartsim.regimen.regimen",
    "Rule": "cartsim.regimen.rules",
    "Forcing": "cartsim.regimen.forcing",
    "TrialPopulation": "cartsim.cohort.products",
    "read_products": "cartsim.cohort.products",
    "outcome_table": "cartsim.cohort.outcomes",
    "cytokine_release": "cartsim.endpoints.crs",
    "imwg_response": "cartsim.endpoints.imwg",
    "MyelomaVisits": "cartsim.endpoints.visits",
    "kaplan_meier": "cartsim.endpoints.survival",
    "read_data": "cartsim.data.read",
    "Dataset": "cartsim.data.dataset",
    "nca": "cartsim.endpoints.nca",
    "fit": "cartsim.study.fit",
    "FitResult": "cartsim.study.fit_result",
    "write_petab": "cartsim.interop.petab_write",
    "PopulationPlan": "cartsim.study.population_plan",
    "RulePlan": "cartsim.study.rule_plan",
    **dict.fromkeys(("CovariateEffect", "AssayScale", "Correlation"), "cartsim.infer.hierarchy"),
    **dict.fromkeys(
        ("DensityProblem", "Vector", "Ordered", "OneByOne", "sample_density"), "cartsim.infer.density"
    ),
    "OwnLikelihood": "cartsim.infer.likelihood",
    "likelihood_problem": "cartsim.infer.assemble",
    "Rodas4": "cartsim.kernels.methods",
    "Rodas5P": "cartsim.kernels.methods",
    "DormandPrince": "cartsim.kernels.methods",
    "CartsimError": "cartsim.errors",
    "CartsimWarning": "cartsim.errors",
}
_MODULES = {"priors": "cartsim.spec.priors"}

__all__ = ["__version__", "simulate", *_HOMES, *_MODULES]


class _Package(ModuleType):
    """The package itself, where the public function `simulate` wins over the file of the same name."""

    @property
    def simulate(self) -> Any:
        return importlib.import_module("cartsim.simulate").simulate

    @simulate.setter
    def simulate(self, module: ModuleType) -> None:
        """Ignore Python's habit of binding an imported file to its package."""


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        found = getattr(importlib.import_module(_HOMES[name]), name)
    elif name in _MODULES:
        found = importlib.import_module(_MODULES[name])
    else:
        raise AttributeError(f"cartsim has no {name!r}; it has {', '.join(sorted(__all__))}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


sys.modules[__name__].__class__ = _Package
