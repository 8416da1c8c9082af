"""`cartsim models`: the shipped models, or one with its equations, parameters, priors and sources."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cartsim.errors import CartsimError

if TYPE_CHECKING:
    from rich.table import Table

    from cartsim.spec.model import Model


def models(
    name: Annotated[
        str | None, typer.Argument(help="A model's name or the path of a model file; all if left out.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the model's published scenarios (.png, .svg or .pdf).")
    ] = None,
    gallery: Annotated[
        Path | None, typer.Option(help="Write models.md and a figure of every shipped model into a folder.")
    ] = None,
) -> None:
    """List the models, or show one: what it is, equations, parameters, priors, sources, what is assumed."""
    if plot is not None and name is None:
        raise CartsimError("--plot draws one model", remedy="name it: cartsim models NAME --plot FILE")
    if gallery is not None:
        from cartsim.study.model_gallery import write_gallery

        write_gallery(gallery, told=typer.echo)
    elif name is None:
        _list()
    else:
        _show(name, plot)


def _list() -> None:
    from rich.console import Console

    from cartsim.models import CONSIDERED, load_model, model_names

    console = Console()
    console.print(_overview([load_model(known) for known in model_names()]))
    for paper, why in CONSIDERED.items():
        console.print(f"not here: {paper}: {why}")


def _show(name: str, plot: Path | None) -> None:
    from rich.console import Console
    from rich.markup import escape

    from cartsim.models import load_model
    from cartsim.spec.reading import about, assumed_names, equations

    console = Console()
    model = load_model(name)
    console.print(f"[bold]{model.name}[/bold]  {model.source}\n\n{escape(about(model))}\n")
    if model.notes:
        console.print(f"not reproduced: {model.notes}")
    if model.source.population:
        console.print(f"studied in: {model.source.population}")
    for line in _dosing(model):
        console.print(line)
    if model.scenarios:
        console.print(f"scenarios (--scenario): {', '.join(model.scenarios)}")
    for table in (_quantities("outputs", model.outputs), _quantities("states", model.own_states)):
        console.print(table)
    if model.inputs:
        console.print(_inputs(model))
    console.print("[bold]equations[/bold]")
    for line in equations(model):
        console.print(escape(line), highlight=False)
    console.print(_parameters(model))
    console.print(f"assumed, no publication gave them: {', '.join(assumed_names(model)) or 'none'}")
    if plot is not None:
        from cartsim.study.model_gallery import draw_published

        draw_published(model, plot)
        typer.echo(f"wrote {plot}")


def _dosing(model: Model) -> list[str]:
    """Every dosing in words."""
    unit = {state.name: state.unit for state in model.states}
    into = ", ".join(
        f"{name} ({unit[name]}{f', {share:.3g} of it' if share < 1 else ''})"
        for name, share in model.infused.items()
    )
    courses = {"": model.course(), **model.courses} if model.course() else dict(model.courses)
    lines = []
    for scenario, course in courses.items():
        parts = [
            f"{share * course.amount:g} on day {day:g}"
            for day, share in zip(course.days, course.shares, strict=True)
        ]
        lines.append(f"dose{f' in {scenario}' if scenario else ''}: {', '.join(parts)}, into {into}")
    return lines


def _table(title: str, *columns: str) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left", show_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column == "name")
    return table


def _overview(known: list[Model]) -> Table:
    table = _table("models", "name", "states", "outputs", "source")
    for model in known:
        table.add_row(
            model.name, str(len(model.own_states)), ", ".join(model.output_names), model.source.citation
        )
    return table


def _quantities(title: str, items: tuple) -> Table:
    table = _table(title, "name", "unit", "meaning")
    for item in items:
        table.add_row(item.name, item.unit, item.meaning)
    return table


def _inputs(model: Model) -> Table:
    table = _table("inputs (measured in each patient)", "name", "unit", "meaning", "floor")
    for item in model.inputs:
        table.add_row(item.name, item.unit, item.meaning, f"{item.floor:g}")
    return table


def _parameters(model: Model) -> Table:
    table = _table("parameters", "name", "value", "unit", "meaning", "prior", "source")
    for parameter in model.parameters:
        belief = "fixed" if parameter.fixed else parameter.prior.describe(parameter.unit)
        table.add_row(
            parameter.name,
            f"{parameter.value:.4g}",
            parameter.unit,
            parameter.meaning,
            belief,
            str(parameter.source),
        )
    return table
