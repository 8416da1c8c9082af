"""`cartsim diagnose`: what the data of a finished fit can tell, what its priors decide, what to distrust."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def diagnose(
    path: Annotated[
        Path, typer.Argument(help="The output folder of a finished run, or a fit folder with its draws.csv.")
    ],
    fit: Annotated[
        Path | None, typer.Option(help="The fit folder of the run, where the run does not name it.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Read this table instead, as for `cartsim fit`.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where to write; default diagnostics/ in the run, or in a new run.")
    ] = None,
    patients: Annotated[str, typer.Option(help="Only these, separated by commas.")] = "",
    without: Annotated[
        str,
        typer.Option(
            help="Leave out, separated by commas: information, profiles, contraction, power, priors, loo, "
            "residuals. Profiles take most of the time."
        ),
    ] = "",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Patients at a time; results do not depend on it.")
    ] = None,
) -> None:
    """Diagnose a finished fit: sloppy directions, profiles, priors, influence, residuals.

    Of a population fit its own quantities are diagnosed (information, contraction, power, priors).
    """
    from cartsim.study.diagnose import DiagnoseOptions, run_diagnose

    options = DiagnoseOptions(fit, data, out, _listed(patients), _listed(without), workers)
    try:
        run_diagnose(path, options, say=typer.echo)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _listed(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(",") if item.strip())
