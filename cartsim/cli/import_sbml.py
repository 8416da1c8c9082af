"""`cartsim import`: a model file from an SBML document."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def import_sbml(
    file: Annotated[Path, typer.Argument(help="An SBML file (core, level 2 or 3).")],
    out: Annotated[
        Path | None, typer.Option(help="The model file to write; default: the SBML file's name with .py.")
    ] = None,
) -> None:
    """Write a model file that `cartsim simulate`, `fit` and `models` read; units are yours to put in."""
    from cartsim.data.write import replace_text
    from cartsim.errors import CartsimError
    from cartsim.interop.model_file import model_file_text
    from cartsim.models import load_model

    path = out or file.with_suffix(".py")
    if path.exists():
        raise CartsimError("the model file exists already", value=str(path), remedy="name another with --out")
    replace_text(path, model_file_text(file))
    model = load_model(path)
    typer.echo(
        f"wrote {path}: {len(model.own_states)} states, {len(model.parameters)} parameters, outputs "
        f"{', '.join(model.output_names)}"
    )
