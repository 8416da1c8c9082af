"""`cartsim check-models`: the conventions of every shipped model, or of a user's own model file."""

from __future__ import annotations

from typing import Annotated

import typer


def check_models(
    names: Annotated[
        list[str] | None, typer.Argument(help="Models by name or file; every shipped model if left out.")
    ] = None,
) -> None:
    """Check units, scaling with time, sources, positivity and slopes; exit 1 where something is wrong."""
    from cartsim.models import load_model, model_names
    from cartsim.spec.check import check_model

    wrong = 0
    for name in names or model_names():
        model = load_model(name)
        faults = check_model(model)
        wrong += bool(faults)
        size = f"{len(model.own_states)} states, {len(model.parameters)} parameters"
        typer.echo(f"{'WRONG' if faults else 'ok'}  {model.name} ({size})")
        for fault in faults:
            typer.echo(f"       {fault}")
    if wrong:
        typer.echo(f"{wrong} of {len(names or model_names())} models have faults")
        raise typer.Exit(1)
