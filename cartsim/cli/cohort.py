"""`cartsim cohort`: outcomes of up to millions of virtual patients, in chunks on disk, resumable."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def cohort(
    product: Annotated[str, typer.Argument(help="Product of the file of products: fast, slow or local.")],
    patients: Annotated[int, typer.Option(min=1, help="How many virtual patients.")] = 10_000,
    out: Annotated[Path | None, typer.Option(help="Where to write; default runs/cohort_PRODUCT.")] = None,
    seed: Annotated[int, typer.Option(help="Another seed draws other patients.")] = 1,
    chunk: Annotated[
        int, typer.Option(min=1, help="Patients in a file; results do not depend on it.")
    ] = 10_000,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; results do not depend on it.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler that does the work instead.")
    ] = None,
) -> None:
    """Simulate virtual patients to outcomes (Parquet) and count them; a stopped run goes on where it was."""
    from rich.console import Console
    from rich.progress import Progress

    from cartsim.cohort.stream import Cohort, on_cores, on_dask, stream_outcomes
    from cartsim.cohort.stream_summary import cohort_rates
    from cartsim.data.write import replace_text
    from cartsim.study.pool import default_workers

    folder = out or Path("runs") / f"cohort_{product}"
    asked = Cohort(product, patients, seed)
    console = Console(stderr=True)
    work = on_cores(workers or default_workers()) if scheduler is None else on_dask(scheduler)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        row = bar.add_task("virtual patients")
        try:
            stream_outcomes(
                asked,
                folder,
                chunk=chunk,
                workers=work,
                progress=lambda done, total: bar.update(row, completed=done, total=total),
            )
        except KeyboardInterrupt:
            typer.echo(f"stopped; the same command goes on in {folder}", err=True)
            raise typer.Exit(130) from None
    rates = cohort_rates(folder)
    replace_text(folder / "rates.csv", rates.to_csv(index=False, lineterminator="\n", float_format="%.6g"))
    for line in rates.itertuples():
        typer.echo(
            f"{line.endpoint}: {line.count:,} of {line.patients:,} ({100 * line.share:.1f}%, "
            f"{100 * line.lower:.1f} to {100 * line.upper:.1f})"
        )
    typer.echo(f"wrote {folder}: outcomes-*.parquet, rates.csv, manifest.json")
