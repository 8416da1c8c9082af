"""What the visits of the six simulated patients could teach if nothing were held: linearised at the truth.

python -m benchmarks.six_patients_information

The fit `fits/six_patients_mechanistic` holds all but eight parameters at their true values: that flatters it.
Here the Fisher information of the same samples is taken once for these eight and once for every parameter
that varies between patients, with the model's priors; normal in log (logit) parameters, error sds known. A
sample whose true value is outside the limits of quantification counts for nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from benchmarks.record import RESULTS, head, setting, table, write
from cartsim.errors import SolveError
from cartsim.kernels.methods import Rodas5P
from cartsim.models import load_model
from cartsim.observe.error_models import error_from_mapping
from cartsim.regimen.regimen import events_of
from cartsim.solve.batch import batch
from cartsim.study.recipe import Recipe, read_recipe
from cartsim.study.virtual_recipe import Treated, treated_patients

FOLDER = Path(__file__).resolve().parents[1] / "fits" / "six_patients_mechanistic"
STEP = 1e-3  # log or logit units; solver noise at rtol 1e-9 is a thousandth of the difference
METHOD = Rodas5P(rtol=1e-9)


def varying(recipe: Recipe) -> list[str]:
    """Parameters with a prior that is normal on a line: all that differ between virtual patients but one."""
    model = load_model(recipe.model)
    return [p.name for p in model.parameters if not p.fixed and p.prior.normal_on_line is not None]


def information(recipe: Recipe, one: Treated, names: list[str]) -> np.ndarray:
    """Fisher information of one patient's samples about `names`, float64 (d, d), unconstrained scale."""
    model = load_model(recipe.model)
    base = model.vector(scenario=recipe.base, **one.patient.parameters)
    rows = [base]
    for name in names:
        for step in (STEP, -STEP):
            k, prior = model.index(name), model.parameter(name).prior
            row = base.copy()
            row[k] = prior.constrain(prior.unconstrain(row[k]) + step)
            rows.append(row)
    days = np.unique(np.concatenate([assay.days for assay in recipe.measured]))
    days = days[days <= one.patient.last_day]
    solved = batch(model, np.array(rows), days, events=events_of(model, [one.regimen]), method=METHOD)
    if solved.status.any():
        raise SolveError("a neighbour of the truth cannot be solved", value=one.patient.name)
    curves = solved.outputs.reshape(len(rows), len(days), -1)
    total = np.zeros((len(names), len(names)))
    for assay in recipe.measured:
        ((_, sigma),) = error_from_mapping(assay.error).sigmas(assay.output)
        seen = curves[:, np.isin(days, assay.days), model.output_names.index(assay.output)]
        kept = (seen[0] >= assay.lloq) & (seen[0] <= (assay.uloq or np.inf))
        slopes = np.log(seen[1::2, kept] / seen[2::2, kept]) / (2.0 * STEP * sigma.median)
        total += slopes @ slopes.T
    return total


def contraction(matrix: np.ndarray, sds: np.ndarray) -> np.ndarray:
    """1 - posterior over prior variance of each parameter, all of them free."""
    return 1.0 - np.diag(np.linalg.inv(matrix + np.diag(sds**-2.0))) / sds**2


def main() -> None:
    """Write the median and range over the six patients for every parameter."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    recipe = read_recipe(FOLDER)
    model, names = load_model(recipe.model), varying(recipe)
    sds = np.array([model.parameter(name).prior.normal_on_line[1] for name in names])
    eight = [names.index(name) for name in recipe.virtual.free]
    alone, together = [], []
    for one in treated_patients(recipe):
        matrix = information(recipe, one, names)
        together.append(contraction(matrix, sds))
        alone.append(contraction(matrix[np.ix_(eight, eight)], sds[eight]))
    result: dict[str, object] = {"setting": setting(), "together": {}, "alone": {}}
    rows = []
    for k in np.argsort(-np.median(together, axis=0), kind="stable"):
        own = np.array(together)[:, k]
        held = np.array(alone)[:, eight.index(k)] if k in eight else None
        result["together"][names[k]] = [round(float(value), 3) for value in own]
        if held is not None:
            result["alone"][names[k]] = [round(float(value), 3) for value in held]
        cells = ["" if part is None else spread(part) for part in (own, held)]
        rows.append((names[k], *cells))
    lines = head("Six simulated patients: what the samples could teach", result)
    lines += ["Contraction (1 - posterior over prior variance), linearised; median (range) of six.", ""]
    lines += table(("parameter", f"{len(names)} free", f"{len(eight)} free, the rest known"), rows)
    write(given.out, "six_patients_information", result, lines)
    print("\n".join(lines))


def spread(values: np.ndarray) -> str:
    return f"{np.median(values):.2f} ({values.min():.2f} to {values.max():.2f})"


if __name__ == "__main__":
    main()
