"""result.json: what a run found and what it was, in numbers that another run can be compared with."""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from cartsim.data.dataset import Dataset
from cartsim.study.patient import PatientFit
from cartsim.study.plan import Plan
from cartsim.version import __version__

PACKAGES = ("numpy", "scipy", "numba", "emcee", "pandas", "arviz")
COMPARED = ("median", "lower", "upper", "mcse_median", "mcse_lower", "mcse_upper")
QUANTITIES = (*COMPARED, "mean", "sd", "contraction", "r_hat", "ess_bulk", "ess_tail", "tau")
DIGITS = 8


def versions() -> dict[str, str]:
    """Versions of cartsim, Python and the libraries that decide the numbers."""
    found = {"cartsim": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def patients_record(fits: Sequence[PatientFit], *, briefly: bool = False) -> dict[str, Any]:
    """Posterior summaries, diagnostics and gates by patient; no observation.

    `briefly` keeps the compared quantities only.
    """
    quantities = COMPARED if briefly else QUANTITIES
    return {
        fit.subject: {
            "passed": fit.passed,
            "gates": fit.line,
            "misses": list(fit.misses),
            "solves": {"done": fit.solves.solves, "failed": fit.solves.failed},
            "seconds": round(fit.seconds, 1),
            "parameters": {
                row["name"]: {
                    **{name: _number(row[name]) for name in quantities},
                    "informed": bool(row["informed"]),
                }
                for row in fit.parameters.to_dict("records")
            },
        }
        for fit in fits
    }


def result_of(
    plan: Plan,
    dataset: Dataset,
    fits: Sequence[PatientFit],
    *,
    about: Mapping[str, Any],
    seconds: float,
    left_out: Sequence[str] = (),
    sensitivity: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The whole record, as plain data.

    Parameters
    ----------
    about : title and the like, put first
    seconds : wall time of the run
    left_out : patients without a sample to fit
    sensitivity : records with `name` and `patients`
    """
    model = plan.loaded_model
    missed = [fit.subject for fit in fits if not fit.passed]
    record = {
        **about,
        "model": {"name": model.name, "digest": fits[0].fingerprint["model"]},
        "data": {
            "name": dataset.name,
            "sha256": dataset.sha256,
            "subjects": len(dataset.subjects),
            "subjects_left_out": list(left_out),
            "observations": len(dataset.observations),
            "percent_blq": {count.output: _number(count.percent_blq) for count in dataset.summary.outputs},
            "lloq": {output: _number(limit) for output, limit in dataset.limits.items()},
        },
        "seed": plan.seed,
        "priors": {name: prior.to_mapping() for name, prior in plan.priors.items()},
        "fixed": dict(plan.fixed),
        **({"inputs": dict(plan.inputs)} if plan.inputs else {}),
        **({"rules": [rule.to_mapping() for rule in plan.rules]} if plan.rules else {}),
        **({} if plan.population is None else {"population": plan.population.to_mapping()}),
        "errors": {name: error.to_mapping() for name, error in plan.errors.items()},
        "sampler": plan.sampler.identity(),
        "gates": {
            "r_hat": plan.gates.r_hat,
            "tau_multiple": plan.gates.tau_multiple,
            "ess": plan.gates.ess,
            "passed": not missed,
            "missed": missed,
        },
        "interval": "median and 90% credible interval (5% and 95% quantiles)",
        "patients": patients_record(fits),
        "versions": versions(),
        "machine": f"{platform.system()} {platform.machine()}",
        "wall_seconds": round(seconds, 1),
    }
    if sensitivity:
        record["sensitivity"] = list(sensitivity)
    return record


def _number(value: float) -> float | None:
    """Eight significant digits; nothing where there is no finite number (JSON has no infinity)."""
    value = float(value)
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
