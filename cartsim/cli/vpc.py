"""`cartsim vpc`: does a finished population fit reproduce its data, values below the limit included?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def vpc(
    path: Annotated[
        Path, typer.Argument(help="The output folder of a population run, or a fit folder with draws.csv.")
    ],
    fit: Annotated[
        Path | None, typer.Option(help="The fit folder of the run, where the run does not name it.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Read this table instead, as for `cartsim fit`.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write; default vpc/ in the run.")] = None,
    stratify: Annotated[
        str | None, typer.Option(help="A covariate of the data, each level in a column of its own.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the simulated trials.")] = 0,
) -> None:
    """Check a population fit: VPC, plain and prediction-corrected, NPDE, shrinkage, LOO by patient."""
    from cartsim.study.vpc import VpcOptions, run_vpc

    run_vpc(path, VpcOptions(fit, data, out, stratify, seed), say=typer.echo)
