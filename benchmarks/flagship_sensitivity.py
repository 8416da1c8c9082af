"""What the outcomes of `bcma_myeloma` depend on, and on which days to sample.

python -m benchmarks.flagship_sensitivity

Sobol indices, partial rank correlations and a tornado of the fast product; a heat map of burden and dose; the
identifiability of the default schedule for eight parameters of a patient, and the schedule of as many samples
that would be best. No drug is given in the Sobol, tornado and design parts (a rule's moment has no slope).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.record import RESULTS, head, setting, table, write
from cartsim.cohort.outcomes import outcome_table
from cartsim.cohort.products import TrialPopulation, read_products
from cartsim.cohort.sensitivity import prcc, sobol, tornado, varying
from cartsim.endpoints.imwg_rules import Response
from cartsim.infer.design import SampledAssay, best_schedule, information_of_days, next_sample
from cartsim.kernels.methods import Rodas5P
from cartsim.models import load_model
from cartsim.regimen.regimen import Regimen, events_of
from cartsim.report.heat_map import heat_map
from cartsim.report.sensitivity_plot import sensitivity_plot
from cartsim.report.style import png
from cartsim.report.tornado_plot import tornado_plot
from cartsim.solve.batch import batch

MODEL, PRODUCTS = load_model("bcma_myeloma"), read_products()
DOSE, SEED = 450e6, 11
GRID = np.unique(np.concatenate([np.arange(0.0, 40.01, 0.25), np.arange(40.0, 366.0, 5.0), [365.0]]))
OUTCOMES = (
    "log10 peak CAR-T", "log10 peak IL-6", "highest temperature", "log10 lowest burden",
    "log10 burden at 1 year",
)  # fmt: skip
FREE = ("division", "engraftment", "effector_death", "memory_return", "killing", "myeloma_start", "il6_gain",
        "ifng_gain")  # fmt: skip
ASSAYS = {
    "car_transgene": (0.35, 50.0), "car_t": (0.3, 0.2), "ifng": (0.4, 3.0), "il6": (0.4, 1.5),
    "crp": (0.25, 1.0), "sbcma": (0.25, 1.0), "m_protein": (0.1, 0.05),
}  # fmt: skip
DEFAULT = {
    "car_transgene": [7, 14, 21, 28, 60, 90, 180, 270, 360], "car_t": [7, 14, 28, 60, 90],
    "ifng": [1, 3, 7, 10, 14], "il6": [1, 3, 7, 10, 14], "crp": [1, 3, 5, 7, 10, 14],
    "sbcma": [28, 60, 90, 180], "m_protein": [28, 60, 90, 180, 270, 360],
}  # fmt: skip
CANDIDATES = np.array([*range(1, 22), 24, 28, 35, 42, 60, 90, 120, 180, 270, 360], dtype=float)


def outcome(rows: np.ndarray) -> np.ndarray:
    """The five outcomes of each row, float64 (n, 5); extinct myeloma counts as one cell."""
    events = events_of(MODEL, [Regimen.single(DOSE)])
    found = []
    for first in range(0, len(rows), 2000):
        part = rows[first : first + 2000]
        solved = batch(MODEL, part, GRID, events=events, method=Rodas5P(rtol=1e-4), threads=2)
        curves = solved.outputs.reshape(len(part), len(GRID), -1)
        of = {name: curves[:, :, k] for k, name in enumerate(MODEL.output_names)}
        late = GRID > 1.0  # the infused bolus is no expansion
        burden = np.maximum(of["burden"], 1.0)
        found.append(
            np.column_stack(
                [
                    np.log10(of["car_t"][:, late].max(axis=1)),
                    np.log10(of["il6"].max(axis=1)),
                    of["temperature"].max(axis=1),
                    np.log10(burden.min(axis=1)),
                    np.log10(burden[:, -1]),
                ]
            )
        )
    return np.vstack(found)


def correlations(count: int) -> pd.DataFrame:
    """PRCC of clinical outcomes under the product's own policy."""
    population = TrialPopulation(MODEL, "fast", PRODUCTS, SEED)
    rows, outcomes = population.treated(0, count).rows, outcome_table(population, count, threads=2)
    names = list(varying(MODEL))
    clinical = {
        "peak CAR-T (PCR)": outcomes["cmax_pcr"], "IL-6 before therapy": outcomes["il6_before_therapy"],
        "surrogate CRS grade": outcomes["surrogate_grade"], "best response": outcomes["best_response"],
        "progression-free at 12 months": ~(outcomes["pfs_event"] & (outcomes["pfs_day"] <= 365)),
    }  # fmt: skip
    values = rows[:, [MODEL.index(name) for name in names]]
    made = np.column_stack([np.asarray(column, dtype=float) for column in clinical.values()])
    return prcc(values, made, names=names, outcome_names=list(clinical))


def grid_of_burden_and_dose(count: int) -> pd.DataFrame:
    """Outcomes of the fast product at fixed burdens and doses, everything else as it varies."""
    rows = []
    for burden in (0.1, 0.25, 0.5, 1.0, 2.0, 4.0):
        population = TrialPopulation(MODEL, "fast", PRODUCTS, SEED, {"myeloma_start": burden * 1e12})
        for dose in (50, 150, 300, 450, 800):
            changed = PRODUCTS.products["fast"].model_copy(update={"dose": dose * 1e6})
            products = PRODUCTS.model_copy(update={"products": {**PRODUCTS.products, "fast": changed}})
            found = outcome_table(
                TrialPopulation(MODEL, "fast", products, SEED, population.held), count, threads=2
            )
            shares = {
                "CRS": found["crs"], "response (PR or better)": found["best_response"] >= Response.PR,
                "CR or better": found["best_response"] >= Response.CR,
            }  # fmt: skip
            rows += [(burden, dose, name, 100 * float(hit.mean())) for name, hit in shares.items()]
    return pd.DataFrame(rows, columns=["burden", "dose", "outcome", "percent"])


def schedules() -> dict[str, object]:
    """Contraction under the default schedule and under the best of as many samples."""
    rows = TrialPopulation(MODEL, "fast", PRODUCTS, SEED).patients(0, 40)
    information = information_of_days(
        MODEL, rows, CANDIDATES, names=FREE,
        assays=[SampledAssay(name, sd, lloq) for name, (sd, lloq) in ASSAYS.items()],
        events=events_of(MODEL, [Regimen.single(DOSE)]), method=Rodas5P(rtol=1e-6),
    )  # fmt: skip
    counts = {name: len(days) for name, days in DEFAULT.items()}
    best = best_schedule(information, counts)
    now, then = (
        information.contraction(plan).set_index("parameter")["contraction"] for plan in (DEFAULT, best)
    )
    return {
        "names": list(FREE),
        "default": {name: float(now[name]) for name in FREE},
        "best": {name: float(then[name]) for name in FREE},
        "best_days": best,
        "efficiency": float(np.exp((information.worth(DEFAULT) - information.worth(best)) / len(FREE))),
        "next": next_sample(information, DEFAULT).head(5).to_dict("records"),
    }


def main() -> None:
    """Compute, draw and record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", type=int, default=1024)
    parser.add_argument("--patients", type=int, default=4000)
    parser.add_argument("--cell", type=int, default=300)
    parser.add_argument("--out", type=Path, default=RESULTS)
    given = parser.parse_args()
    names = list(varying(MODEL))
    indices = sobol(MODEL, outcome, OUTCOMES, names=names, base=given.base, seed=SEED, scenario="fast")
    ends = tornado(MODEL, outcome, OUTCOMES, names=names, scenario="fast")
    partial, cells = correlations(given.patients), grid_of_burden_and_dose(given.cell)
    result = {
        "setting": setting(),
        "sobol": indices.round(4).to_dict("records"),
        "prcc": partial.round(4).to_dict("records"),
        "grid": cells.round(1).to_dict("records"),
        "design": schedules(),
    }
    given.out.mkdir(parents=True, exist_ok=True)
    figures = {
        "sobol": sensitivity_plot(indices, title="bcma_myeloma, fast product: what differs between patients"),
        "tornado": tornado_plot(ends, title="bcma_myeloma, fast product: the typical patient"),
        "grid": heat_map(
            cells, x="dose", y="burden", labels=("dose, million cells", "burden, 1e12 cells"),
            title="bcma_myeloma, fast product: per cent of virtual patients",
        ),
    }  # fmt: skip
    for name, figure in figures.items():
        (given.out / f"flagship_{name}.png").write_bytes(png(figure))
    write(given.out, "flagship_sensitivity", result, page(result, indices, partial))


def page(result: dict, indices: pd.DataFrame, partial: pd.DataFrame) -> list[str]:
    """The Markdown record."""
    lines = head("What the outcomes of bcma_myeloma depend on", result)
    lines += ["![Sobol indices](flagship_sobol.png)", "", "![tornado](flagship_tornado.png)", ""]
    lines += ["![burden and dose](flagship_grid.png)", "", "## Five largest total Sobol indices", ""]
    top = indices.sort_values("total", ascending=False).groupby("outcome", sort=False).head(5)
    lines += table(
        ("outcome", "parameter", "first", "total"),
        [(r.outcome, r.parameter, f"{r.first:.2f}", f"{r.total:.2f}") for r in top.itertuples()],
    )
    lines += ["## Five largest partial rank correlations (with the product's tocilizumab policy)", ""]
    strong = partial.reindex(partial["prcc"].abs().sort_values(ascending=False).index)
    lines += table(
        ("outcome", "parameter", "PRCC", "95 % interval"),
        [
            (r.outcome, r.parameter, f"{r.prcc:.2f}", f"{r.lower:.2f} to {r.upper:.2f}")
            for r in strong.groupby("outcome", sort=False).head(5).itertuples()
        ],
    )
    design = result["design"]
    share = f"{100 * design['efficiency']:.0f} %"
    said = f"the default schedule is {share} as efficient (D) as the best of equally many samples"
    lines += ["## Sampling days", "", f"Mean over 40 virtual patients; {said}.", ""]
    lines += table(
        ("parameter", "contraction, default", "contraction, best"),
        [(n, f"{design['default'][n]:.2f}", f"{design['best'][n]:.2f}") for n in design["names"]],
    )
    lines += table(
        ("assay", "default days", "best days"),
        [
            (name, ", ".join(map(str, days)), ", ".join(f"{d:g}" for d in design["best_days"][name]))
            for name, days in DEFAULT.items()
        ],
    )
    more = "; ".join(f"{r['assay']} on day {r['day']:g} (+{r['gain']:.2f})" for r in design["next"])
    return [*lines, f"One more sample to the default schedule: {more}.", ""]


if __name__ == "__main__":
    main()
