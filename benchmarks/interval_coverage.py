"""Do the intervals mean what they say? Simulate-and-recover with truth drawn from the prior, LLOQ on.

Each simulated patient's six Stein parameters and residual sd are drawn from the priors of
`fits/six_patients`, sampled on its grid with log-normal error, and censored below 50 copies/ug. The patient
is fitted with BLQ rows as left-censored (M3), the first --dropped patients with BLQ rows dropped too (M1).
Reported:

* coverage of 90% credible intervals: pooled over parameters (wanted 88-92%), and for each parameter inside a
  simultaneous 99% binomial band (Sidak over parameters);
* bias of each parameter: mean over patients of (posterior mean - truth) on the unconstrained scale, in prior
  sds, with its standard error. With truth from the prior this is 0 for a right likelihood. A patient whose
  every row is BLQ has no data left under M1: his posterior is the prior;
* shift of each parameter by dropping BLQ rows: mean over the patients fitted both ways of (posterior mean
  under M1 - under M3), same units. The truth cancels, so the standard error is a fraction of the bias's.

    python benchmarks/interval_coverage.py --patients 200 --dropped 100 --work coverage-work

Resumes from the rows already in --work. Writes benchmarks/results/interval_coverage.json and .md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
RESULTS = Path(__file__).resolve().parent / "results"
OUTPUT, LLOQ, SEED = "car_transgene", 50.0, 20_261_123
DAYS = (1, 3, 5, 7, 10, 14, 17, 21, 28, 61, 91, 183, 274, 365)
PERSISTENCE = ("fb", "beta")


def priors() -> dict:
    """The BCMA priors for Stein-type fits, as in fits/six_patients."""
    from cartsim.spec.priors import HalfNormal, LogitNormal, LogNormal

    return {
        "foldx": LogNormal(median=3000, log_sd=1.5),
        "tmax": LogNormal(median=13, log_sd=0.5),
        "cmax": LogNormal(median=60_000, log_sd=1.2),
        "alpha": LogNormal(median=0.12, log_sd=0.7),
        "fb": LogitNormal(median=0.05, logit_sd=1.2),
        "beta": LogNormal(median=0.01, log_sd=1.0),
        f"sigma_{OUTPUT}": HalfNormal(sd=0.6),
    }


def patient(number: int, both: bool) -> dict:
    """Simulate and fit patient `number`, with M1 too where `both`; a plain row for the results file."""
    import numpy as np

    from cartsim.models import load_model
    from cartsim.simulate import simulate

    rng = np.random.default_rng([SEED, number])
    truth = {name: float(prior.sample(rng, 1)[0]) for name, prior in priors().items()}
    model = load_model("stein2019_tisagenlecleucel")
    kinetic = {name: value for name, value in truth.items() if not name.startswith("sigma")}
    curve = simulate(model, times=DAYS, parameters=kinetic, threads=1).output(OUTPUT)[0]
    values = curve * np.exp(truth[f"sigma_{OUTPUT}"] * rng.standard_normal(len(DAYS)))
    blq = values < LLOQ
    row = {"patient": number, "truth": truth, "blq": int(blq.sum())}
    row["m3"] = fit(number, np.array(DAYS, dtype=float), values, blq)
    if both:
        days = np.array(DAYS, dtype=float)[~blq]
        row["m1"] = fit(number, days, values[~blq], blq[~blq]) if days.size else None
    return row


def fit(number: int, days, values, blq) -> dict:
    """Posterior mean (unconstrained scale), 5% and 95% quantiles (physical units) and the gate line."""
    import numpy as np
    import pandas as pd

    from cartsim.data.read import read_data
    from cartsim.infer.assemble import make_problems
    from cartsim.infer.sampling import sample
    from cartsim.infer.settings import SamplerSettings
    from cartsim.models import load_model
    from cartsim.observe.error_models import LogNormalError

    table = pd.DataFrame(
        {
            "subject": f"patient {number}",
            "time": days,
            "output": OUTPUT,
            "value": np.where(blq, LLOQ, values),
            "unit": "copies/ug",
            "censoring": blq.astype(int),
            "lloq": LLOQ,
        }
    )
    chosen = priors()
    sigma = chosen.pop(f"sigma_{OUTPUT}")
    settings = SamplerSettings(burn_in=750, check_every=500, max_steps=12_000)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "fewer than 3 points" and the like: such patients are wanted here
        path = Path(folder) / "data.csv"
        table.to_csv(path, index=False)
        (problem,) = make_problems(
            load_model("stein2019_tisagenlecleucel"),
            read_data(path),
            errors={OUTPUT: LogNormalError(sigma=sigma)},
            priors=chosen,
        )
        draws = sample(problem, settings, seed=SEED, folder=Path(folder) / "chains")
    flat = draws.values.reshape(-1, len(draws.names))
    return {
        "mean": dict(zip(draws.names, problem.unconstrain(flat).mean(axis=0).tolist(), strict=True)),
        "lower": dict(zip(draws.names, np.quantile(flat, 0.05, axis=0).tolist(), strict=True)),
        "upper": dict(zip(draws.names, np.quantile(flat, 0.95, axis=0).tolist(), strict=True)),
        "passed": bool(draws.gates.passed),
        "gates": draws.gates.line,
    }


def unconstrained_prior() -> dict[str, tuple[float, float]]:
    """Mean and sd of each prior on the unconstrained scale."""
    import numpy as np

    levels = (np.arange(20_000) + 0.5) / 20_000
    points = {name: prior.unconstrain(prior.quantile(levels)) for name, prior in priors().items()}
    return {name: (float(u.mean()), float(u.std())) for name, u in points.items()}


def bias(rows: list[dict], arm: str) -> dict[str, tuple[float, float]]:
    """Mean and standard error of (posterior mean - truth) in prior sds, by parameter."""
    import numpy as np

    result = {}
    for name, (mean, sd) in unconstrained_prior().items():
        prior = priors()[name]
        errors = [
            ((row[arm]["mean"][name] if row[arm] else mean) - float(prior.unconstrain(row["truth"][name])))
            / sd
            for row in rows
            if arm in row
        ]
        result[name] = (float(np.mean(errors)), float(np.std(errors, ddof=1) / np.sqrt(len(errors))))
    return result


def shift(rows: list[dict]) -> dict[str, tuple[float, float]]:
    """Mean and standard error of (posterior mean under M1 - under M3) in prior sds, by parameter."""
    import numpy as np

    result = {}
    for name, (mean, sd) in unconstrained_prior().items():
        found = [
            ((row["m1"]["mean"][name] if row["m1"] else mean) - row["m3"]["mean"][name]) / sd
            for row in rows
            if "m1" in row
        ]
        result[name] = (float(np.mean(found)), float(np.std(found, ddof=1) / np.sqrt(len(found))))
    return result


def summarise(rows: list[dict]) -> dict:
    """Coverage and bias with their verdicts."""
    from scipy.stats import binom

    names = list(priors())
    inside = {
        arm: {
            n: sum(
                row[arm]["lower"][n] <= row["truth"][n] <= row[arm]["upper"][n]
                for row in rows
                if row.get(arm)
            )
            for n in names
        }
        for arm in ("m3", "m1")
    }
    count = len(rows)
    level = 0.99 ** (1 / len(names))
    low, high = (float(x) / count for x in binom.interval(level, count, 0.9))
    coverage = {name: hits / count for name, hits in inside["m3"].items()}
    dropped = sum(bool(row.get("m1")) for row in rows)
    pooled = sum(coverage.values()) / len(names)
    biases = {arm: bias(rows, arm) for arm in ("m3", "m1")}
    shifts = shift(rows)
    return {
        "patients": count,
        "patients_dropped": sum("m1" in row for row in rows),
        "blq_share": sum(row["blq"] for row in rows) / (count * len(DAYS)),
        "gates_missed": {
            arm: sum(bool(r.get(arm)) and not r[arm]["passed"] for r in rows) for arm in ("m3", "m1")
        },
        "coverage_pooled": pooled,
        "coverage": coverage,
        "band": [low, high],
        "coverage_dropped": {name: hits / dropped for name, hits in inside["m1"].items()},
        "bias": biases,
        "shift": shifts,
        "verdict": {
            "pooled within 88-92%": 0.88 <= pooled <= 0.92,
            "each parameter inside the band": all(low <= c <= high for c in coverage.values()),
            "M3 unbiased within 3 standard errors": all(abs(b) <= 3 * se for b, se in biases["m3"].values()),
            "dropping BLQ shifts every persistence parameter by over 3 standard errors": all(
                abs(shifts[name][0]) > 3 * shifts[name][1] for name in PERSISTENCE
            ),
        },
    }


def markdown(summary: dict) -> str:
    """The summary as a table."""
    low, high = summary["band"]
    lines = [
        "# Coverage of 90% credible intervals and the cost of dropping BLQ rows",
        "",
        " ".join(
            [
                f"{summary['patients']} simulated patients, {summary['patients_dropped']} of them also",
                f"fitted without BLQ rows; truth from the prior, LLOQ {LLOQ:g} copies/ug,",
                f"{100 * summary['blq_share']:.1f}% of samples BLQ. Rerun: `{summary['command']}`.",
                f"{summary['date']}, {summary['machine']}.",
            ]
        ),
        "",
        " ".join(
            [
                f"Pooled coverage {100 * summary['coverage_pooled']:.2f}% (wanted 88-92%); simultaneous 99%",
                f"band of a parameter {100 * low:.1f}-{100 * high:.1f}%. Fits that missed a gate: M3",
                f"{summary['gates_missed']['m3']}, M1 {summary['gates_missed']['m1']} (counted as they are).",
            ]
        ),
        "",
        "| parameter | cover, M3 | cover, BLQ dropped | bias, M3 (prior sd) | bias, BLQ dropped | shift |",
        "|---|---|---|---|---|---|",
    ]
    for name, share in summary["coverage"].items():
        m3, m1 = summary["bias"]["m3"][name], summary["bias"]["m1"][name]
        moved = summary["shift"][name]
        lines.append(
            f"| {name} | {100 * share:.1f}% | {100 * summary['coverage_dropped'][name]:.1f}% "
            f"| {m3[0]:+.3f} ± {m3[1]:.3f} | {m1[0]:+.3f} ± {m1[1]:.3f} "
            f"| {moved[0]:+.3f} ± {moved[1]:.3f} |"
        )
    lines += ["", *(f"* {text}: {'yes' if ok else 'NO'}" for text, ok in summary["verdict"].items()), ""]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--patients", type=int, default=200)
    parser.add_argument("--dropped", type=int, default=100, help="patients fitted without BLQ rows too")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("coverage-work"))
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    file = options.work / "patients.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    missing = sorted(set(range(options.patients)) - {row["patient"] for row in rows})
    began = time.perf_counter()
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool, file.open("a") as log:
        both = [number < options.dropped for number in missing]
        for row in pool.map(patient, missing, both):
            log.write(json.dumps(row) + "\n")
            log.flush()
            rows.append(row)
            print(f"{len(rows)} of {options.patients}, {time.perf_counter() - began:.0f} s", flush=True)
    summary = summarise([row for row in rows if row["patient"] < options.patients])
    from cartsim.version import __version__

    summary |= {
        "command": "python benchmarks/interval_coverage.py "
        f"--patients {options.patients} --dropped {options.dropped}",
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, Python {platform.python_version()}, cartsim {__version__}",
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "interval_coverage.json").write_text(json.dumps(summary, indent=1) + "\n")
    (options.out / "interval_coverage.md").write_text(markdown(summary))
    print(markdown(summary))


if __name__ == "__main__":
    main()
