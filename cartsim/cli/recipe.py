"""`cartsim recipe`: make the simulated patient table of a fit folder from its recorded recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def recipe(
    folder: Annotated[Path, typer.Argument(help="A fit folder with a recipe.toml.")],
    out: Annotated[Path | None, typer.Option(help="Where to write; default data.csv in the folder.")] = None,
) -> None:
    """Simulate the patient table that a fit folder's recipe describes."""
    from cartsim.data.write import replace_text
    from cartsim.study.recipe import read_recipe
    from cartsim.study.recipe_tables import outcomes_csv, simulated_table, truth_table

    target, made = out or folder / "data.csv", read_recipe(folder)
    replace_text(target, simulated_table(made))
    typer.echo(f"wrote {target} (SIMULATED)")
    if made.population is not None or made.virtual is not None:
        truth = target.with_name("truth.csv")
        replace_text(truth, truth_table(made))
        typer.echo(f"wrote {truth} (true values of the drawn patients)")
    if made.virtual is not None:
        outcomes = target.with_name("outcomes.csv")
        replace_text(outcomes, outcomes_csv(made))
        typer.echo(f"wrote {outcomes} (SIMULATED outcomes)")
