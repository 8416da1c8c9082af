"""`cartsim bench`: how fast models solve on this machine, beside SciPy."""

from __future__ import annotations

from typing import Annotated

import typer

DEFAULT = ("stein2019_tisagenlecleucel", "singh2021_bb2121")


def bench(
    names: Annotated[
        list[str] | None, typer.Argument(help="Model names or files; one small and one stiff if left out.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer patients and repeats: under a minute.")
    ] = False,
    patients: Annotated[
        int | None, typer.Option(min=8, help="Virtual patients; SciPy solves a few of them.")
    ] = None,
    repeats: Annotated[int | None, typer.Option(min=1, help="Timed rounds; the median counts.")] = None,
) -> None:
    """Time cartsim's solvers and SciPy's in turn on the same patients, and compare at equal error."""
    from dataclasses import replace

    from rich.console import Console
    from rich.table import Table

    from cartsim.models import load_model
    from cartsim.study.scipy_race import QUICK, TARGETS, Effort, comparison_rows, scipy_race

    effort = QUICK if quick else Effort()
    changes = {"patients": patients, "repeats": repeats}
    effort = replace(effort, **{name: value for name, value in changes.items() if value is not None})
    console = Console(width=120)
    for name in names or DEFAULT:
        model = load_model(name)
        found = scipy_race(model, effort, told=lambda line: typer.echo(line, err=True))
        shown = Table(title=f"{model.name}: {len(model.states)} states, one year, one core")
        columns = ["solver", "patients", "µs a patient*", "error*", *(f"at error {t:g}" for t in TARGETS)]
        for column in columns:
            shown.add_column(column, justify="left" if column == "solver" else "right")
        for row in comparison_rows(found):
            shown.add_row(*row)
        console.print(shown)
        for solver, rtol, reason in found.out:
            typer.echo(f"not measured: {solver} at rtol {rtol:g}: {reason}")
    typer.echo(
        "* at rtol 1e-4: CPU time; the largest relative error of the median patient. Last columns: time over "
        "the faster cartsim method's at that error. Other packages: benchmarks/ in the repository."
    )
