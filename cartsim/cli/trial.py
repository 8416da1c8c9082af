"""`cartsim trial`: a virtual trial from its file: how many of n patients, in which arm, how sure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def trial(
    path: Annotated[
        Path, typer.Argument(metavar="TRIAL.toml", help="Arms, sizes and endpoints; see examples/.")
    ],
    out: Annotated[Path | None, typer.Option(help="Where to write; default runs/NAME of the file.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Threads of the solver; results do not depend on it.")
    ] = None,
) -> None:
    """Simulate a trial many times at its real size, beside a large cohort; tables, figures and a page."""
    from rich.console import Console
    from rich.progress import Progress

    from cartsim.study.pool import default_workers
    from cartsim.study.trial import run_trial

    out = out or Path("runs") / path.stem
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        row = bar.add_task("virtual patients")
        result = run_trial(
            path,
            out,
            workers=workers or default_workers(),
            say=typer.echo,
            progress=lambda done, total: bar.update(row, completed=done, total=total),
        )
    typer.echo(f"wrote {out}: report.html, CSV tables, figures, manifest.json")
    if not result.population_trusted:
        raise typer.Exit(1)
