"""What a published model shows when run as its paper ran it: its scenarios, its doses, its time span."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cartsim.data.write import replace_bytes, replace_text
from cartsim.errors import ModelError
from cartsim.models import CONSIDERED, load_model, model_names
from cartsim.simulate import simulate
from cartsim.spec.model import Model
from cartsim.spec.reading import about, assumed_names

if TYPE_CHECKING:
    import pandas as pd

MOST_LINES = 6  # scenarios in one figure; a model with more shows its default patient
POINTS = 600
DEPTH = 14.0  # decades below the highest value: tumours come back from single cells
YEAR = 365.0
OWN_DOSE = {
    "theophylline": 320.0
}  # mg; no paper's, as in fits/theophylline_simulated: without one nothing moves
MONTAGE_NOTE = (
    "Lines: the paper's scenarios; of own forms the default patient, of theophylline a dose of our own. "
    "Past day 60 after an infusion later days are narrower (asinh)."
)


def published_courses(model: Model) -> pd.DataFrame:
    """The outputs by `time` (day), one `subject` a scenario, with the doses that the paper gave.

    Raises
    ------
    ModelError
        For a model that is driven by measured series: it has no course of its own.
    """
    import pandas as pd

    if model.inputs:
        raise ModelError(
            f"model {model.name} follows measured series and has no course of its own",
            value=", ".join(model.input_names),
            remedy="simulate it with Regimen(inputs=(Forcing(…),))",
        )
    chosen = list(model.scenarios) if 0 < len(model.scenarios) <= MOST_LINES else [None]
    tables = []
    for name in chosen:
        times = _days(model, model.spans.get(name or "", model.horizon))
        courses = simulate(model, times=times, scenario=name, dose=OWN_DOSE.get(model.name)).to_dataframe()
        tables.append(courses.assign(subject=_words(model, name)))
    return pd.concat(tables, ignore_index=True)


def _words(model: Model, scenario: str | None) -> str:
    """A scenario in the legend, with the day it ends where others last longer, or a dose of our own."""
    if model.name in OWN_DOSE:
        return f"dose {OWN_DOSE[model.name]:g}, not published"
    if scenario is None:
        return "default patient"
    return scenario + (f" (to day {model.spans[scenario]:g})" if scenario in model.spans else "")


def _days(model: Model, end: float) -> np.ndarray:
    """Days evenly spread on the axis they are drawn on."""
    from cartsim.report.time_axis import LONG, SMOOTH

    if _clock(model) or end <= LONG:
        return np.linspace(0.0, end, POINTS + 1)
    return np.append(SMOOTH * np.sinh(np.linspace(0.0, np.arcsinh(end / SMOOTH), POINTS + 1))[:-1], end)


def _clock(model: Model) -> str:
    """What the time axis counts where that is not days after the infusion."""
    first = [course.days[0] for course in (model.course(), *model.courses.values()) if course]
    return "" if first and max(first) == 0.0 and model.horizon <= YEAR else "Day"


def draw_published(model: Model, path: Path) -> None:
    """The figure of `published_courses`, in the format of the file's name."""
    _drawn(model, published_courses(model), path)


def _drawn(model: Model, courses: pd.DataFrame, path: Path) -> None:
    from cartsim.report.time_axis import smooth_days
    from cartsim.report.trajectory import trajectory

    figure = trajectory(
        courses,
        units={output.name: output.unit for output in model.outputs},
        title=f"{model.name}: {model.source.citation.split(' (')[0]}",  # a remark would run off the sheet
        clock=_clock(model),
        depth=DEPTH,
        days=smooth_days,
    )
    figure.savefig(path)


def draw_montage(courses: Mapping[str, pd.DataFrame], path: Path) -> None:
    """One small panel a model, from model name -> `published_courses`, as PNG."""
    from cartsim.report.model_montage import ModelPanel, model_montage
    from cartsim.report.style import png

    panels = []
    for name, table in courses.items():
        model = load_model(name)
        first = model.outputs[0]
        panels.append(ModelPanel(name, table, first.name, first.unit, _clock(model), DEPTH))
    title = f"{len(panels)} models in their published scenarios: the first output of each over days"
    replace_bytes(path, png(model_montage(panels, title=title, note=MONTAGE_NOTE)))


def gallery_page(figures: str) -> str:
    """The table of all models in Markdown, with links to the figures in the folder named."""
    lines = [
        "# The models of cartsim",
        "",
        "Written by `cartsim models --gallery docs`. `cartsim models NAME` prints one model's equations,",
        "parameters, priors and sources; `cartsim check-models` checks the conventions of all.",
        "",
        "| model | what it is | states | parameters (assumed) | scenarios | source | not reproduced |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in model_names():
        model = load_model(name)
        title = about(model).split("\n")[0].rstrip(".")
        shown = f"[{name}]({figures}/{name}.png)" if not model.inputs else name
        scenarios = ", ".join(model.scenarios) if len(model.scenarios) <= MOST_LINES else len(model.scenarios)
        count = f"{len(model.parameters)} ({len(assumed_names(model))})"
        lines.append(
            f"| {shown} | {title} | {len(model.own_states)} | {count} | {scenarios} | {model.source} "
            f"| {model.notes} |"
        )
    lines += ["", "Considered and left out:", ""]
    lines += [f"- {paper}: {why}." for paper, why in CONSIDERED.items()]
    return "\n".join(lines) + "\n"


def write_gallery(folder: Path, *, told: Callable[[str], None] = lambda line: None) -> list[Path]:
    """Write models.md, models.png (all at a glance) and models/NAME.png, each model that runs by itself."""
    figures = folder / "models"
    figures.mkdir(parents=True, exist_ok=True)
    written, courses = [], {}
    for name in model_names():
        model = load_model(name)
        if model.inputs:
            continue
        path = figures / f"{name}.png"
        courses[name] = published_courses(model)
        _drawn(model, courses[name], path)
        told(f"wrote {path}")
        written.append(path)
    together, page = folder / "models.png", folder / "models.md"
    draw_montage(courses, together)
    told(f"wrote {together}")
    replace_text(page, gallery_page("models"))
    return [*written, together, page]
