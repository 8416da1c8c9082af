"""`cartsim export`: a model as SBML for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    model: Annotated[str, typer.Argument(help="A model's name (see `cartsim models`) or a model file.")],
    sbml: Annotated[Path, typer.Option(help="The SBML file to write (level 3 version 1).")],
    scenario: Annotated[str | None, typer.Option(help="A published parameter set of the model.")] = None,
    dose: Annotated[float | None, typer.Option(help="Another dose, by the published course.")] = None,
) -> None:
    """Write a model as SBML: states, parameters, outputs (`out_NAME`), the published dosing as events."""
    from cartsim.data.write import replace_text
    from cartsim.interop.sbml_write import sbml_text
    from cartsim.models import load_model

    loaded = load_model(model)
    replace_text(sbml, sbml_text(loaded, scenario=scenario, dose=dose))
    typer.echo(f"wrote {sbml}: {loaded.name}" + (f", scenario {scenario}" if scenario else ""))
    rules = "Rules that react to the patient and measured inputs are not in SBML core."
    typer.echo(rules)
