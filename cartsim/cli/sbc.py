"""`cartsim sbc`: are the intervals of this fit right? Simulated from its priors, refitted, ranked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def sbc(
    folder: Annotated[Path, typer.Argument(help="A fit folder whose priors, designs and errors are used.")],
    replicates: Annotated[int, typer.Option(min=2, help="Simulated patients, each fitted.")] = 400,
    out: Annotated[
        Path | None, typer.Option(help="Where to write; default runs/NAME-sbc. What is there is kept.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Replicates at a time; results do not depend on it.")
    ] = None,
) -> None:
    """Calibrate a fit by simulation; run it again to go on after a stop, or with more replicates."""
    from cartsim.study.sbc import run_sbc

    out = out or Path("runs") / f"{folder.resolve().name}-sbc"
    try:
        found = run_sbc(folder, replicates=replicates, out=out, workers=workers, say=typer.echo)
    except KeyboardInterrupt:
        typer.echo(f"stopped; finished replicates are kept. Continue with the same command and --out {out}")
        raise typer.Exit(130) from None
    if not found.calibrated:
        raise typer.Exit(1)
