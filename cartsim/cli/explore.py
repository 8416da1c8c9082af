"""`cartsim explore`: a page with sliders on this machine, whose curves follow while they move."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def explore(
    target: Annotated[
        str,
        typer.Argument(
            metavar="MODEL|FIT", help="A model's name or file, a fit folder, or a run's output folder."
        ),
    ],
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="By default the first free one from 8765; 0 for any.")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
    fit: Annotated[
        Path | None, typer.Option(help="The fit folder of a run, where the run does not name it.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="The fit's patient table, where its folder does not hold it.")
    ] = None,
) -> None:
    """Explore a model or a fit on a page of this machine (127.0.0.1 only, nothing from elsewhere)."""
    from cartsim.explore.serve import free_port, nicegui, scenario_of, serve

    nicegui()  # said before anything is compiled
    chosen = free_port(port)
    serve(scenario_of(target, fit=fit, data=data), port=chosen, show=browser, say=typer.echo)
