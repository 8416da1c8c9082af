"""`cartsim sbc`: simulate from a fit's own priors many times, refit, see how often the truth is held."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cartsim.data.dataset import Dataset
from cartsim.data.write import replace_bytes, replace_text
from cartsim.errors import CartsimError, FitError
from cartsim.infer.calibration import (
    Coverage,
    Envelope,
    Uniformity,
    coverage,
    ecdf_difference,
    pooled,
    rank_of,
    simultaneous_envelope,
    spread_draws,
    uniformity,
)
from cartsim.infer.problem import Problem
from cartsim.infer.sampling import sample
from cartsim.infer.settings import Gates, SamplerSettings
from cartsim.infer.tables import measurable
from cartsim.observe.assay import Assay
from cartsim.study.inputs import read_dataset
from cartsim.study.plan import Plan, plan_of
from cartsim.study.pool import Progress, default_workers, run_all
from cartsim.study.progress import Tally
from cartsim.study.settings import read_settings

if TYPE_CHECKING:
    import pandas as pd

# Two ensembles and looser gates than a fit's: what a replicate needs is 99 independent draws.
SAMPLER = SamplerSettings(ensembles=2, walkers=32, burn_in=500, check_every=500, max_steps=8_000)
GATES = Gates(r_hat=1.03, tau_multiple=30.0, ess=400.0, ensembles=2)
LIKELIHOOD = "log_likelihood"  # the test quantity that depends on the data (Modrak et al. 2023)
DRAWS = 99
FINE, UNSOLVED, TOO_SHORT = "fine", "not solved at their truth", "with too short a chain for their ranks"
REJECTED = 0.01  # after Bonferroni
Say = Callable[[str], None]


@dataclass(frozen=True)
class Finished:
    """One replicate: ranks and shares below the truth by quantity; `status`: `FINE`, or why none."""

    number: int
    subject: str
    status: str
    passed: bool
    line: str
    ranks: dict[str, int]
    below: dict[str, float]


@dataclass(frozen=True)
class Replicate:
    """The task of one replicate; all follows from the seed and its number, in any process.

    A finished one is read from `folder` instead.
    """

    plan: Plan
    dataset: Dataset
    subject: str
    number: int
    folder: Path
    sampler: SamplerSettings = SAMPLER

    def __call__(self, progress: Progress) -> Finished:
        path = self.folder / f"{self.number:05d}.json"
        if path.is_file():
            return Finished(**json.loads(path.read_text(encoding="utf-8")))
        found = self._found(progress)
        replace_text(path, json.dumps(vars(found)) + "\n")
        return found

    def _found(self, progress: Progress) -> Finished:
        rng = np.random.default_rng(np.random.SeedSequence(self.plan.seed, spawn_key=(7, self.number)))
        design = self.plan.problem(self.dataset, self.subject)
        truth = np.array([float(prior.quantile(rng.uniform())) for prior in design.priors])
        problem = simulated(design, truth, rng, self.dataset.limits)
        if problem is None:
            return Finished(self.number, self.subject, UNSOLVED, False, "", {}, {})
        with tempfile.TemporaryDirectory() as scratch:
            draws = sample(
                problem,
                self.sampler,
                seed=int(rng.integers(2**31)),
                folder=scratch,
                gates=GATES,
                progress=progress,
            )
        ensembles, steps, walkers, size = draws.values.shape
        tau = float(draws.diagnostics["tau"].max())
        gates = draws.gates
        try:
            chosen = spread_draws(ensembles, steps, walkers, tau=tau, draws=DRAWS, rng=rng)
        except FitError:
            return Finished(self.number, self.subject, TOO_SHORT, gates.passed, gates.line, {}, {})
        values = draws.values.reshape(-1, size)
        heights = problem.log_likelihood(problem.unconstrain(values[chosen]))
        height = float(problem.log_likelihood(problem.unconstrain(truth[None]))[0])
        ranks = {name: rank_of(truth[k], values[chosen, k], rng) for k, name in enumerate(problem.names)}
        below = {name: float(np.mean(values[:, k] < truth[k])) for k, name in enumerate(problem.names)}
        ranks[LIKELIHOOD], below[LIKELIHOOD] = rank_of(height, heights, rng), float(np.mean(heights < height))
        return Finished(self.number, self.subject, FINE, gates.passed, gates.line, ranks, below)


def simulated(design: Problem, truth: np.ndarray, rng: np.random.Generator, limits: Any) -> Problem | None:
    """The design's problem with measurements simulated at `truth`; None where the model cannot be solved."""
    arrays = design.arrays
    times = np.unique(arrays.time)
    curves = design.predict(truth[None], times)
    parts = {name: np.empty(len(arrays.time)) for name in ("value", "lower", "upper")}
    censoring = np.zeros(len(arrays.time), dtype=np.int64)
    for index in np.unique(arrays.output):
        rows, output = arrays.output == index, arrays.outputs[index]
        shown, curve = measurable(design, truth[None], output, times, curves)
        predicted = curve[0, np.searchsorted(shown, arrays.time[rows])]
        if not np.isfinite(predicted).all():
            return None
        sigma = [np.repeat(column, rows.sum()) for column in design.sigma_of(truth[None], output)]
        measured = design.errors[output].draw(rng, predicted, *sigma)
        reported = Assay(output, lloq=limits.get(output)).report(measured)
        censoring[rows] = reported.censoring
        for name, part in parts.items():
            part[rows] = getattr(reported, name)
    return replace(design, arrays=replace(arrays, censoring=censoring, **parts))


@dataclass(frozen=True)
class Calibration:
    """What many replicates say; see `infer.calibration` for the parts."""

    table: pd.DataFrame
    names: tuple[str, ...]
    tests: tuple[Uniformity, ...]
    coverage: tuple[Coverage, ...]
    envelope: Envelope
    difference: np.ndarray
    lost: Mapping[str, int]
    missed: int

    @property
    def calibrated(self) -> bool:
        """Whether no quantity is rejected at 1% after Bonferroni."""
        return all(test.p_adjusted >= REJECTED for test in self.tests)

    def summary(self) -> list[str]:
        """The findings in words."""
        used = len(self.table)
        worst = min(self.tests, key=lambda test: test.p)
        own = [item for item in self.coverage if item.name != LIKELIHOOD]
        outside = [item.name for item in own if item.level == 0.9 and not item.fine]
        inside = self.envelope.holds(self.difference)
        verdict = "nothing rejected at 1%" if self.calibrated else "REJECTED"
        return [
            f"replicates: {used} used" + "".join(f", {count} {why}" for why, count in self.lost.items()),
            f"of those used {self.missed} missed a gate of the sampler",
            f"uniform ranks: smallest p {worst.p:.4f} ({worst.name})",
            f"after Bonferroni {worst.p_adjusted:.3f}: {verdict}",
            f"ECDF inside the simultaneous 99% envelope: {int(inside.sum())} of {len(inside)} quantities",
            f"90% intervals hold the truth in {100 * pooled(own, 0.9):.1f}% (all parameters together); "
            + (f"outside the 99% band: {', '.join(outside)}" if outside else "each inside its 99% band"),
        ]


def calibrate(finished: Sequence[Finished]) -> Calibration:
    """Tests and coverage from the replicates that have ranks."""
    import pandas as pd

    used = [item for item in finished if item.status == FINE]
    lost = Counter(item.status for item in finished if item.status != FINE)
    if len(used) < 2:
        raise FitError("too few replicates to judge", value=len(used), limit=">= 2")
    names = tuple(used[0].ranks)
    ranks = np.array([[item.ranks[name] for name in names] for item in used])
    below = np.array([[item.below[name] for name in names] for item in used])
    table = pd.DataFrame(ranks, columns=[f"rank_{name}" for name in names])
    table.insert(0, "replicate", [item.number for item in used])
    table.insert(1, "subject", [item.subject for item in used])
    table.insert(2, "gates_passed", [item.passed for item in used])
    return Calibration(
        table,
        names,
        uniformity(ranks, names, draws=DRAWS),
        coverage(below, names),
        simultaneous_envelope(len(used), draws=DRAWS, level=0.99, rng=np.random.default_rng(1)),
        ecdf_difference(ranks, draws=DRAWS),
        lost=lost,
        missed=sum(not item.passed for item in used),
    )


def run_sbc(
    folder: Path, *, replicates: int, out: Path, workers: int | None = None, say: Say = print
) -> Calibration:
    """Calibrate a fit folder; replicates already in `out` are kept.

    Raises
    ------
    CartsimError
        For a population fit, or where no patient has a sample.
    """
    settings = read_settings(folder)
    plan = plan_of(settings, folder)
    if plan.population is not None:
        raise CartsimError(
            "calibration is of fits patient by patient", value=str(folder), remedy="leave [population] out"
        )
    dataset, _ = read_dataset(settings.data, folder)
    subjects, _ = plan.subjects(dataset)
    if not subjects:
        raise FitError("no patient has a sample to fit", value=dataset.source)
    done = out / "replicates"
    done.mkdir(parents=True, exist_ok=True)
    identity = _identity(plan, dataset, subjects)
    mark = out / "identity.json"
    if mark.is_file() and mark.read_text(encoding="utf-8").strip() != identity:
        raise CartsimError("these replicates are of another fit", value=str(out), remedy="give another --out")
    replace_text(mark, identity + "\n")
    tasks = [Replicate(plan, dataset, subjects[n % len(subjects)], n, done) for n in range(replicates)]
    say(f"{settings.title}: {replicates} simulated patients on the designs of {len(subjects)}")
    say(f"writing to {out}")
    with Tally(len(tasks), SAMPLER.checks()[0] * SAMPLER.ensembles, say) as bar:
        finished = run_all(tasks, workers=workers or default_workers(), watcher=bar)
    found = calibrate(finished)
    write(found, out)
    for line in found.summary():
        say(line)
    return found


def _identity(plan: Plan, dataset: Dataset, subjects: Sequence[str]) -> str:
    """Everything that decides the replicates, as text."""
    fit = plan.problem(dataset, subjects[0]).fingerprint()
    design = {"designs": dataset.sha256, "subjects": list(subjects), "seed": plan.seed, "draws": DRAWS}
    return json.dumps({**fit, **design, "sampler": SAMPLER.identity()}, sort_keys=True)


def write(found: Calibration, out: Path) -> None:
    """Ranks, tests and coverage as CSV, the summary as JSON, the figure."""
    import pandas as pd

    from cartsim.report.calibration_plot import calibration_plot
    from cartsim.report.style import png

    rows = [{**vars(item), "share": item.share, "fine": item.fine} for item in found.coverage]
    tables = {"ranks": found.table, "coverage": pd.DataFrame(rows)}
    tables["uniformity"] = pd.DataFrame([vars(test) for test in found.tests])
    for name, table in tables.items():
        replace_text(out / f"{name}.csv", table.to_csv(index=False, lineterminator="\n", float_format="%.6g"))
    content = {"calibrated": found.calibrated, "replicates": len(found.table), "summary": found.summary()}
    replace_text(out / "calibration.json", json.dumps(content, indent=1) + "\n")
    figure = calibration_plot(found.names, found.difference, found.envelope)
    replace_bytes(out / "ecdf.png", png(figure))
