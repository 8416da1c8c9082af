"""`cartsim predict`: what a new patient's first days say about the months to come, from a population fit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def predict(
    path: Annotated[
        Path, typer.Argument(metavar="FIT", help="A population fit: its folder, or a run's output folder.")
    ],
    data: Annotated[Path, typer.Option(help="The new patients' table, as for `cartsim fit`.")],
    until: Annotated[float, typer.Option(min=0.0, help="Last day whose samples are used.")] = 14.0,
    out: Annotated[
        Path | None, typer.Option(help="Where to write; default prediction/ in the run, or in a new run.")
    ] = None,
    fit: Annotated[
        Path | None, typer.Option(help="The fit folder of the run, where the run does not name it.")
    ] = None,
    horizon: Annotated[float, typer.Option(min=28.0, help="Day to which counts are predicted.")] = 180.0,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Predict new patients from their first days: kinetics, CRS, response and progression where modelled."""
    from cartsim.study.predict import PredictOptions, run_predict

    run_predict(path, PredictOptions(data, until, out, fit, horizon, seed), say=typer.echo)
