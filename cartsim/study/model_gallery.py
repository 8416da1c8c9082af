"""What a published model shows when run as its paper ran it: its scenarios, its doses, its time span."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cartsim.data.write import replace_text
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
    days = np.linspace(0.0, model.horizon, POINTS + 1)
    scenarios = list(model.scenarios) if 0 < len(model.scenarios) <= MOST_LINES else [None]
    tables = [
        simulate(model, times=days, scenario=name).to_dataframe().assign(subject=name or "default patient")
        for name in scenarios
    ]
    return pd.concat(tables, ignore_index=True)


def draw_published(model: Model, path: Path) -> None:
    """The figure of `published_courses`, in the format of the file's name."""
    from cartsim.report.trajectory import trajectory

    units = {output.name: output.unit for output in model.outputs}
    title = f"{model.name}: {model.source.citation}"
    first = [course.days[0] for course in (model.course(), *model.courses.values()) if course]
    clock = "" if first and max(first) == 0.0 and model.horizon <= YEAR else "Day"
    courses = published_courses(model)
    trajectory(courses, units=units, title=title, clock=clock, depth=DEPTH).savefig(path)


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
    """Write models.md and models/NAME.png into a folder, one figure a model that runs by itself."""
    figures = folder / "models"
    figures.mkdir(parents=True, exist_ok=True)
    written = []
    for name in model_names():
        model = load_model(name)
        if model.inputs:
            continue
        path = figures / f"{name}.png"
        draw_published(model, path)
        told(f"wrote {path}")
        written.append(path)
    page = folder / "models.md"
    replace_text(page, gallery_page("models"))
    return [*written, page]
