"""`cartsim fit`: run a fit folder from its patient table to the finished report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def fit(
    folder: Annotated[
        Path, typer.Argument(help="A fit folder: fit.toml and, unless a loader is named, data.csv.")
    ],
    out: Annotated[Path | None, typer.Option(help="Where to write; default runs/NAME-TIME.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Read this table instead, such as a release as its authors gave it.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Instead of the seed in fit.toml.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Patients at a time; results do not depend on it.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the stopped run in --out.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Compare with the committed result.json within Monte Carlo error.")
    ] = False,
    record: Annotated[
        bool, typer.Option("--record", help="Write result.json and draws into the fit folder.")
    ] = False,
    report: Annotated[bool, typer.Option(help="Draw the report; the tables are written anyway.")] = True,
    diagnose: Annotated[
        bool, typer.Option("--diagnose", help="Add identifiability and prior checks (without profiles).")
    ] = False,
) -> None:
    """Fit every patient of a folder; write tables, draws and a self-contained report."""
    from cartsim.study.run import RunOptions, run_fit

    options = RunOptions(out, data, seed, workers, resume, check, record, report, diagnose)
    try:
        outcome = run_fit(folder, options, say=typer.echo)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    if not outcome.passed:
        raise typer.Exit(1)
